"""What each role may do. One table; everything not in it is refused."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from consumers.review_desk.people.staff import Person, Role
from consumers.review_desk.regions import Region
from consumers.review_desk.task import NotAllowedError


class Permission(StrEnum):
    """One right.

    `ENTER`: have the desk open at all. `WORK`: have tasks, decide, work orders of own cases. `SEE_CASE`: one case with
    its address and figures; each look is audited. `EXPORT`: take anything out of the desk as a file; nobody has it by
    another right. `MARK`: act as QA on samples. The others say it themselves.
    """

    ENTER = "ENTER"
    WORK = "WORK"
    APPROVE = "APPROVE"
    SEE_CASE = "SEE_CASE"
    SEARCH = "SEARCH"
    SEE_POOL = "SEE_POOL"
    WORK_ORDERS = "WORK_ORDERS"
    HANDLE_WORK_ORDERS = "HANDLE_WORK_ORDERS"
    SUPERVISE = "SUPERVISE"
    SEE_WALLBOARD = "SEE_WALLBOARD"
    MARK = "MARK"
    SEE_QUALITY = "SEE_QUALITY"
    READ_GUIDELINES = "READ_GUIDELINES"
    WRITE_GUIDELINES = "WRITE_GUIDELINES"
    SEE_ROSTER = "SEE_ROSTER"
    PLAN_ROSTER = "PLAN_ROSTER"
    SEE_STAFF = "SEE_STAFF"
    EDIT_CONFLICTS = "EDIT_CONFLICTS"
    EDIT_STAFF = "EDIT_STAFF"
    SEE_AUDIT = "SEE_AUDIT"
    EXPORT = "EXPORT"


_P = Permission
_ALL: Final = frozenset({_P.ENTER, _P.READ_GUIDELINES})
_REVIEWER: Final = _ALL | {_P.WORK, _P.SEE_CASE, _P.SEARCH, _P.SEE_POOL, _P.WORK_ORDERS, _P.SEE_ROSTER}

RIGHTS: Final[Mapping[Role, frozenset[Permission]]] = MappingProxyType(
    {
        Role.REVIEWER: _REVIEWER,
        Role.SENIOR: _REVIEWER | {_P.APPROVE, _P.HANDLE_WORK_ORDERS},
        Role.SUPERVISOR: _ALL
        | {
            _P.SEE_CASE,
            _P.SEARCH,
            _P.SEE_POOL,
            _P.WORK_ORDERS,
            _P.HANDLE_WORK_ORDERS,
            _P.SUPERVISE,
            _P.SEE_WALLBOARD,
            _P.SEE_QUALITY,
            _P.WRITE_GUIDELINES,
            _P.SEE_ROSTER,
            _P.PLAN_ROSTER,
            _P.SEE_STAFF,
            _P.EDIT_CONFLICTS,
            _P.SEE_AUDIT,
        },
        Role.QA: _ALL | {_P.SEE_CASE, _P.SEARCH, _P.WORK_ORDERS, _P.HANDLE_WORK_ORDERS, _P.MARK, _P.SEE_QUALITY},
        Role.AUDITOR: _ALL | {_P.SEE_CASE, _P.SEARCH, _P.SEE_QUALITY, _P.SEE_STAFF, _P.SEE_AUDIT, _P.EXPORT},
        Role.ADMIN: _ALL | {_P.SEE_STAFF, _P.EDIT_CONFLICTS, _P.EDIT_STAFF},
    }
)

_SAID: Final[Mapping[Permission, str]] = MappingProxyType(
    {
        _P.ENTER: "进入复核台",
        _P.WORK: "处理估值任务",
        _P.APPROVE: "复核他人结论",
        _P.SEE_CASE: "查看案件",
        _P.SEARCH: "查询案件",
        _P.SEE_POOL: "查看公共池",
        _P.WORK_ORDERS: "查看工单",
        _P.HANDLE_WORK_ORDERS: "办理工单",
        _P.SUPERVISE: "使用班长台",
        _P.SEE_WALLBOARD: "查看大屏",
        _P.MARK: "开展质检",
        _P.SEE_QUALITY: "查看质检结果",
        _P.READ_GUIDELINES: "查看指引",
        _P.WRITE_GUIDELINES: "发布指引",
        _P.SEE_ROSTER: "查看排班",
        _P.PLAN_ROSTER: "编排班次",
        _P.SEE_STAFF: "查看人员",
        _P.EDIT_CONFLICTS: "维护回避关系",
        _P.EDIT_STAFF: "维护人员与权限",
        _P.SEE_AUDIT: "查看审计记录",
        _P.EXPORT: "导出资料",
    }
)


def may(person: Person, permission: Permission, region: Region | None = None) -> bool:
    """Whether one of the person's roles gives the right, and the region, if one is meant, is theirs."""
    has_right = any(permission in RIGHTS[role] for role in person.roles)
    return has_right and person.is_active and (region is None or region in person.regions)


def require(person: Person, permission: Permission, region: Region | None = None) -> None:
    """Refuse who may not.

    Raises:
        NotAllowedError: The right is missing, or the region is another's. The caller audits it.
    """
    if not may(person, permission):
        raise NotAllowedError(f"没有“{_SAID[permission]}”的权限")
    if not may(person, permission, region):
        raise NotAllowedError("该案件不在您负责的区域")

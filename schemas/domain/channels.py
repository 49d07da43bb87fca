"""The channel registry: every way a request may come in, as data. A new channel is a row here and an adapter."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from schemas.codes import ServiceType


class Profile(StrEnum):
    """What a channel may see: all but internal notes and reviewers; the value with its range; the range alone."""

    STAFF = "STAFF"
    CUSTOMER = "CUSTOMER"
    PUBLIC = "PUBLIC"
    INTERNAL = "INTERNAL"


class ReplyMode(StrEnum):
    """How the answer travels back."""

    SYNCHRONOUS = "SYNCHRONOUS"  # inside the call where it fits, else pushed
    POLLING = "POLLING"
    TEMPLATE_MESSAGE = "TEMPLATE_MESSAGE"
    MANIFEST = "MANIFEST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """渠道: one row of the registry. `quota` is the agreed text; the gateway enforces it. Aliases are older names."""

    code: str
    name: str
    profile: Profile
    services: frozenset[ServiceType]
    reply: ReplyMode
    quota: str
    aliases: tuple[str, ...] = ()
    has_manual_lane: bool = True
    may_be_batch: bool = False
    may_force_manual: bool = False


class UnknownChannelCodeError(LookupError):
    """No such channel is registered."""

    def __init__(self) -> None:
        super().__init__(f"channel is not registered; registered are {', '.join(sorted(CHANNELS))}")


_ALL_SERVICES = frozenset(ServiceType)
_EVERYDAY_CUSTOMER = "每日 30 笔/客户标识"

_REGISTRY = (
    Channel(
        code="CREDIT_MGMT",
        name="授信管理系统",
        profile=Profile.STAFF,
        services=_ALL_SERVICES,
        reply=ReplyMode.SYNCHRONOUS,
        quota="每秒 50 笔",
        aliases=("CREDIT_SYS",),  # 信贷系统: the tender uses both names for one system
        may_be_batch=True,
        may_force_manual=True,
    ),
    Channel(
        code="NET_BANK",
        name="网上银行",
        profile=Profile.CUSTOMER,
        services=_ALL_SERVICES,
        reply=ReplyMode.SYNCHRONOUS,
        quota=_EVERYDAY_CUSTOMER,
    ),
    Channel(
        code="MOBILE_BANK",
        name="手机银行",
        profile=Profile.CUSTOMER,
        services=_ALL_SERVICES,
        reply=ReplyMode.SYNCHRONOUS,
        quota=_EVERYDAY_CUSTOMER,
    ),
    Channel(
        code="DIRECT_BANK",
        name="直销银行",
        profile=Profile.CUSTOMER,
        services=_ALL_SERVICES,
        reply=ReplyMode.SYNCHRONOUS,
        quota=_EVERYDAY_CUSTOMER,
    ),
    Channel(
        code="APP",
        name="手机应用",
        profile=Profile.CUSTOMER,
        services=_ALL_SERVICES,
        reply=ReplyMode.SYNCHRONOUS,
        quota=_EVERYDAY_CUSTOMER,
    ),
    Channel(
        code="WEBSITE",
        name="官网主页",
        profile=Profile.PUBLIC,
        services=frozenset({ServiceType.VALUATE}),
        reply=ReplyMode.POLLING,
        quota="每小时 10 笔/令牌",
        has_manual_lane=False,
    ),
    Channel(
        code="WECHAT_OA",
        name="微信公众号",
        profile=Profile.CUSTOMER,
        services=_ALL_SERVICES,
        reply=ReplyMode.TEMPLATE_MESSAGE,
        quota="每日 20 笔/客户标识",
    ),
    Channel(
        code="BATCH_FILE",
        name="批量文件",
        profile=Profile.STAFF,
        services=_ALL_SERVICES,
        reply=ReplyMode.MANIFEST,
        quota="同时 2 个作业",
        may_be_batch=True,
        may_force_manual=True,
    ),
    Channel(
        code="PROBE",
        name="拨测",
        profile=Profile.INTERNAL,
        services=_ALL_SERVICES,
        reply=ReplyMode.SYNCHRONOUS,
        quota="不限",
    ),
)

CHANNELS: Mapping[str, Channel] = MappingProxyType({channel.code: channel for channel in _REGISTRY})

_BY_ANY_NAME = {name: channel for channel in _REGISTRY for name in (channel.code, *channel.aliases)}


def find(code: str) -> Channel | None:
    """The channel of a code or an alias, exactly as written; `None` when there is none."""
    return _BY_ANY_NAME.get(code)


def channel(code: str) -> Channel:
    """The channel of a code or an alias; raises `UnknownChannelCodeError`, which never repeats what was sent."""
    found = find(code)
    if found is None:
        raise UnknownChannelCodeError
    return found

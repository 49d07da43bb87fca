"""Which right each path of the desk asks for. A path that is not here is refused to everybody."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from starlette.routing import compile_path

from consumers.review_desk.people.access import Permission as P  # noqa: N817 - a table of them

# Without a session: the way in, and whether the process lives.
OPEN: Final = frozenset(
    {
        ("GET", "/health"),
        ("GET", "/login"),
        ("POST", "/login"),
        ("GET", "/logout"),
        ("POST", "/api/login"),
        ("POST", "/api/logout"),
        ("GET", "/oidc/login"),
        ("GET", "/oidc/callback"),
    }
)
RIGHTS: Final[Mapping[tuple[str, str], P]] = MappingProxyType(
    {
        ("GET", "/"): P.ENTER,
        ("GET", "/api/session"): P.ENTER,
        ("GET", "/tasks/{task_id}"): P.SEE_CASE,
        ("GET", "/pool"): P.SEE_POOL,
        ("GET", "/approvals"): P.APPROVE,
        ("GET", "/panel"): P.WORK,
        ("GET", "/search"): P.SEARCH,
        ("GET", "/disputes"): P.WORK_ORDERS,
        ("GET", "/work-orders"): P.WORK_ORDERS,
        ("GET", "/supervisor"): P.SUPERVISE,
        ("GET", "/wallboard"): P.SEE_WALLBOARD,
        ("GET", "/quality"): P.SEE_QUALITY,
        ("GET", "/guidelines"): P.READ_GUIDELINES,
        ("GET", "/audit"): P.SEE_AUDIT,
        ("GET", "/roster"): P.SEE_ROSTER,
        ("GET", "/staff"): P.SEE_STAFF,
        ("GET", "/api/tasks"): P.SEE_POOL,
        ("POST", "/api/tasks/claim"): P.WORK,
        ("GET", "/api/tasks/{task_id}"): P.SEE_CASE,
        **{
            ("POST", f"/api/tasks/{{task_id}}/{act}"): P.WORK
            for act in (
                "accept",
                "refuse",
                "heartbeat",
                "release",
                "renew",
                "hold",
                "resume",
                "transfer",
                "decision",
                "opinion",
                "survey",
            )
        },
        ("POST", "/api/tasks/{task_id}/approve"): P.APPROVE,
        ("POST", "/api/tasks/{task_id}/send-back"): P.APPROVE,
        ("POST", "/api/tasks/{task_id}/survey/report"): P.WORK_ORDERS,
        ("POST", "/api/presence"): P.WORK,
        ("GET", "/api/approvals"): P.APPROVE,
        ("GET", "/api/panels"): P.WORK,
        ("GET", "/api/search"): P.SEARCH,
        ("GET", "/api/surveys"): P.WORK_ORDERS,
        ("GET", "/watch/{watch_id}"): P.SUPERVISE,
        **{
            ("POST", f"/api/supervision/{command}"): P.SUPERVISE
            for command in (
                "tasks/{task_id}/seize",
                "tasks/{task_id}/reassign",
                "tasks/{task_id}/release",
                "tasks/{task_id}/priority",
                "tasks/{task_id}/panel",
                "tasks/{task_id}/reseat",
                "tasks/{task_id}/chair",
                "hand-over",
                "pauses",
                "pauses/end",
                "people/{username}/state",
                "holds",
            )
        },
        ("GET", "/api/supervision/pauses"): P.SUPERVISE,
        ("GET", "/api/supervision/wallboard"): P.SEE_WALLBOARD,
        ("GET", "/api/notices"): P.ENTER,
        ("POST", "/api/notices"): P.SUPERVISE,
        ("POST", "/api/notices/{notice_id}/seen"): P.ENTER,
        ("GET", "/api/roster"): P.SEE_ROSTER,
        ("POST", "/api/roster"): P.PLAN_ROSTER,
        ("GET", "/api/audit"): P.SEE_AUDIT,
        ("GET", "/api/audit/verification"): P.SEE_AUDIT,
        ("GET", "/api/audit/{subject}"): P.SEE_AUDIT,
        ("GET", "/api/export/audit/{subject}"): P.EXPORT,
        ("GET", "/api/guidelines"): P.READ_GUIDELINES,
        ("GET", "/api/guidelines/{guideline_id}/versions"): P.READ_GUIDELINES,
        ("POST", "/api/guidelines"): P.WRITE_GUIDELINES,
        ("GET", "/api/bulletins"): P.READ_GUIDELINES,
        ("POST", "/api/bulletins"): P.WRITE_GUIDELINES,
        ("POST", "/api/bulletins/{bulletin_id}/read"): P.READ_GUIDELINES,
        ("GET", "/api/quality/agreement"): P.SEE_QUALITY,
        ("GET", "/api/quality/pairs"): P.SEE_QUALITY,
        ("GET", "/api/quality/draws"): P.SEE_QUALITY,
        ("GET", "/api/quality/seeds"): P.MARK,
        ("POST", "/api/quality/seeds"): P.MARK,
        ("GET", "/api/quality/patterns"): P.SEE_QUALITY,
        ("POST", "/api/quality/patterns/{pattern_id}/close"): P.SUPERVISE,
        ("GET", "/api/disputes"): P.WORK_ORDERS,
        ("GET", "/api/work-orders"): P.WORK_ORDERS,
        **{
            ("POST", f"/api/work-orders/{{work_order_id}}/{command}"): P.HANDLE_WORK_ORDERS
            for command in ("accept", "answer", "approve", "send-back")
        },
        ("POST", "/api/work-orders/{work_order_id}/reassign"): P.SUPERVISE,
        ("POST", "/api/work-orders/hand-over"): P.SUPERVISE,
        ("GET", "/api/staff"): P.SEE_STAFF,
        ("GET", "/api/staff/{username}"): P.SEE_STAFF,
        ("PUT", "/api/staff/{username}"): P.EDIT_STAFF,
        ("PUT", "/api/staff/{username}/conflicts"): P.EDIT_CONFLICTS,
        ("POST", "/api/staff/{username}/retire"): P.EDIT_STAFF,
    }
)
# What the pages are made of, and the socket they talk over; of use to nobody without a page.
_PARTS_OF_PAGES: Final = ("/_nicegui/", "/_nicegui_ws/")


@dataclass(frozen=True, slots=True)
class Rule:
    """What a path asks for; `permission` is `None` where no session is needed."""

    template: str
    permission: P | None


def rule_of(method: str, path: str) -> Rule | None:
    """Return what a request needs; `None`: nobody may send it."""
    if path.startswith(_PARTS_OF_PAGES):
        return Rule("/_nicegui", P.ENTER)
    verb = "GET" if method == "HEAD" else method
    if (verb, path) in OPEN:
        return Rule(path, None)
    if (verb, path) in RIGHTS:
        return Rule(path, RIGHTS[verb, path])
    for key, pattern in _PATTERNS:
        if key[0] == verb and pattern.match(path):
            return Rule(key[1], RIGHTS[key])
    return None


_PATTERNS: Final = tuple((key, compile_path(key[1])[0]) for key in RIGHTS if "{" in key[1])

"""What a channel is: the words of the registry."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from schemas.codes import Lane, ServiceType
from schemas.domain.contract import ONLINE_ANSWER

UNSERVED_MEDIA: Final = frozenset({"FAX", "MMS", "VIDEO"})
"""Ways in that the tender names elsewhere and this service does not have: 传真, 彩信, 视频."""


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


class Scope(StrEnum):
    """What a credential may be good for."""

    VALUATIONS_WRITE = "valuations:write"
    VALUATIONS_READ = "valuations:read"
    REPORTS_READ = "reports:read"
    TIMELINE_READ = "timeline:read"
    DISPUTES_WRITE = "disputes:write"
    WORK_ORDERS_WRITE = "work-orders:write"
    BATCHES_WRITE = "batches:write"
    RECEIPTS_WRITE = "receipts:write"
    PAGE_TOKENS_WRITE = "page-tokens:write"


class Period(StrEnum):
    """What a quota is counted over, by the calendar and clock of Shanghai."""

    HOUR = "HOUR"
    DAY = "DAY"


class Counted(StrEnum):
    """Whose valuations a quota counts: each customer's (`subject_token`), or all of the channel."""

    TOKEN = "TOKEN"  # noqa: S105 - a word, no secret
    CHANNEL = "CHANNEL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """At most `count` valuations in a period."""

    count: int
    per: Period
    of: Counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """渠道: one row of the registry; the fields are explained there. Aliases are older names. `None`: no such limit."""

    code: str
    name: str
    profile: Profile
    services: frozenset[ServiceType]
    reply: ReplyMode
    lanes: frozenset[Lane]
    scopes: frozenset[Scope]
    per_second: float
    burst: int
    waits_s: float | None = None
    quotas: tuple[Quota, ...] = ()
    open_jobs: int | None = None
    aliases: tuple[str, ...] = ()
    has_manual_lane: bool = True
    may_force_manual: bool = False

    @property
    def answer_within_s(self) -> float:
        """How long a call waits for its answer, in seconds."""
        return self.waits_s or ONLINE_ANSWER.value.total_seconds()

    @property
    def may_be_batch(self) -> bool:
        """Whether it may send batch jobs."""
        return Lane.BATCH in self.lanes


class ChannelFileError(ValueError):
    """A registry of channels is wrong; every fault is named with its channel and field."""

    def __init__(self, faults: Iterable[str]) -> None:
        super().__init__("the channel registry cannot be used: " + "; ".join(faults))

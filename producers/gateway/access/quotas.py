"""How many valuations a channel's customer may ask for, counted by the calendar and clock of Shanghai.

What is refused for it is told on the results topic as well: nothing is dropped in silence.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from producers.gateway.access.caller import Caller, pseudonym
from schemas.codes import Lane, Reason, Status
from schemas.domain.channels import Channel, Counted, Period, Quota
from schemas.domain.masking import masked_personal_data
from schemas.domain.texts import REASON_TEXTS
from schemas.domain.worktime import SHANGHAI
from schemas.events import Problem, Requested, Resulted

REPEATED_WITHIN: Final = timedelta(hours=24)  # as long as a request number means the same request
_REFUSED: Final = 0  # a refusal is no asking: it must not overwrite the answer of one under the same number
_PER: Final = {Period.HOUR: "每小时", Period.DAY: "每日"}
_OF: Final = {Counted.TOKEN: "每位客户", Counted.CHANNEL: "该渠道"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One valuation about to be counted. `subject` is a pseudonym; empty where the whole channel is counted."""

    channel: str
    subject: str
    quota: Quota
    starts_at: datetime
    ends_at: datetime
    valuation_id: UUID

    def retry_after_s(self, now: datetime) -> int:
        """Whole seconds until the next window begins, at least 1."""
        return max(1, math.ceil((self.ends_at - now).total_seconds()))


def use_of(caller: Caller, requested: Requested, now: datetime) -> Use | None:
    """What a request counts for; `None` without a quota, and for one by customer that names no customer.

    A bank system that leaves the customer out is held by its channel's rate alone.
    """
    quota = caller.channel.quota
    if quota is None:
        return None
    subject = caller.subject or requested.subject_token
    if quota.of is Counted.TOKEN and not subject:
        return None
    code = caller.channel.code
    starts_at, ends_at = window(quota.per, now)
    return Use(
        channel=code,
        subject=pseudonym(code, subject) if quota.of is Counted.TOKEN and subject else "",
        quota=quota,
        starts_at=starts_at,
        ends_at=ends_at,
        valuation_id=UUID(requested.valuation_id),
    )


def window(per: Period, now: datetime) -> tuple[datetime, datetime]:
    """Beginning and end of the hour or day of Shanghai that `now` lies in."""
    hour = now.astimezone(SHANGHAI).replace(minute=0, second=0, microsecond=0)
    starts_at, lasts = (hour, timedelta(hours=1)) if per is Period.HOUR else (hour.replace(hour=0), timedelta(days=1))
    return starts_at.astimezone(UTC), (starts_at + lasts).astimezone(UTC)


def quota_refusal(requested: Requested, channel: Channel, *, now: datetime) -> Resulted:
    """REJECTED_INVALID, QUOTA_EXCEEDED: what the results topic is told of a request that was one too many."""
    return Resulted(
        valuation_id=requested.valuation_id,
        status=Status.REJECTED_INVALID,
        revision=_REFUSED,
        channel=channel.code,
        client_request_id=requested.client_request_id,
        lane=Lane.ONLINE,
        service_type=requested.service_type,
        address_entered=masked_personal_data(requested.address),
        received_at=requested.requested_at,
        resulted_at=now,
        reasons=(Reason.QUOTA_EXCEEDED,),
        reason_text=REASON_TEXTS[Reason.QUOTA_EXCEEDED],
        business_ref=requested.business_ref,
        branch_code=requested.branch_code,
        problems=(quota_problem(channel),),
    )


def quota_problem(channel: Channel) -> Problem:
    """Which limit was reached."""
    quota = channel.quota
    limit = f"{_OF[quota.of]}{_PER[quota.per]}最多 {quota.count} 笔" if quota else "限额"
    field = "subject_token" if quota and quota.of is Counted.TOKEN else "channel"
    return Problem(field=field, code=Reason.QUOTA_EXCEEDED, message=f"{limit}，已用完，请在下一周期再试。")


@dataclass(slots=True)
class LocalCounts:
    """Counts of this instance: what is left when the database is away. Holds `capacity` windows, oldest given up."""

    capacity: int = 100_000
    _windows: OrderedDict[tuple[str, str, datetime], set[UUID]] = field(default_factory=OrderedDict)

    def admit(self, use: Use) -> bool:
        """Count a valuation, unless its quota is used up; a repeat is admitted and not counted again."""
        key = (use.channel, use.subject, use.starts_at)
        counted = self._windows.setdefault(key, set())
        if len(self._windows) > self.capacity:
            self._windows.popitem(last=False)
        if use.valuation_id in counted:
            return True
        if len(counted) >= use.quota.count:
            return False
        counted.add(use.valuation_id)
        return True

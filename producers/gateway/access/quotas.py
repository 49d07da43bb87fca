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
from schemas.codes import Lane, Reason
from schemas.domain.channels import Channel, Counted, Period, Quota
from schemas.domain.refusal import refused
from schemas.domain.worktime import SHANGHAI
from schemas.events import Problem, Requested, Resulted

REPEATED_WITHIN: Final = timedelta(hours=24)  # as long as intake remembers a request by its number
_PER: Final = {Period.HOUR: "每小时", Period.DAY: "每日"}
_OF: Final = {Counted.TOKEN: "每位客户", Counted.CHANNEL: "该渠道"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One window of a quota. `subject` is a pseudonym; empty where the whole channel is counted."""

    channel: str
    subject: str
    quota: Quota
    starts_at: datetime
    ends_at: datetime

    def retry_after_s(self, now: datetime) -> int:
        """Whole seconds until the next window begins, at least 1."""
        return max(1, math.ceil((self.ends_at - now).total_seconds()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A valuation about to be counted, at `at`, in every window it must be within."""

    valuation_id: UUID
    at: datetime
    uses: tuple[Use, ...]

    @property
    def repeats_since(self) -> datetime:
        """Counted after this moment, it is a repeat and costs nothing."""
        return self.at - REPEATED_WITHIN


def asking(caller: Caller, requested: Requested, now: datetime) -> Asking:
    """What a request counts for: nothing without quotas, nor by customer where it names none.

    A bank system that leaves the customer out is held by its channel's quota and rate alone.
    """
    subject = caller.subject or requested.subject_token
    uses = [
        _use(caller.channel.code, quota, subject, now)
        for quota in caller.channel.quotas
        if quota.of is Counted.CHANNEL or subject
    ]
    return Asking(valuation_id=UUID(requested.valuation_id), at=now, uses=tuple(uses))


def _use(code: str, quota: Quota, subject: str | None, now: datetime) -> Use:
    starts_at, ends_at = window(quota.per, now)
    counted = pseudonym(code, subject) if quota.of is Counted.TOKEN and subject else ""
    return Use(channel=code, subject=counted, quota=quota, starts_at=starts_at, ends_at=ends_at)


def window(per: Period, now: datetime) -> tuple[datetime, datetime]:
    """Beginning and end of the hour or day of Shanghai that `now` lies in."""
    hour = now.astimezone(SHANGHAI).replace(minute=0, second=0, microsecond=0)
    starts_at, lasts = (hour, timedelta(hours=1)) if per is Period.HOUR else (hour.replace(hour=0), timedelta(days=1))
    return starts_at.astimezone(UTC), (starts_at + lasts).astimezone(UTC)


def quota_refusal(requested: Requested, channel: Channel, *, now: datetime) -> Resulted:
    """REJECTED_INVALID, QUOTA_EXCEEDED: what the results topic is told of a request that was one too many."""
    return refused(
        requested,
        [quota_problem(*channel.quotas)],
        lane=Lane.ONLINE,
        received_at=requested.requested_at,
        resulted_at=now,
    )


def quota_problem(*quotas: Quota) -> Problem:
    """Which limit was reached, or which there are."""
    limits = "、".join(f"{_OF[quota.of]}{_PER[quota.per]}最多 {quota.count} 笔" for quota in quotas)
    is_customers = any(quota.of is Counted.TOKEN for quota in quotas)
    return Problem(
        field="subject_token" if is_customers else "channel",
        code=Reason.QUOTA_EXCEEDED,
        message=f"{limits or '限额'}，已用完，请在下一周期再试。",
    )


@dataclass(slots=True)
class LocalCounts:
    """Counts of this instance: what is left when the database is away.

    Holds `capacity` windows and as many valuations; the oldest are given up.
    """

    capacity: int = 100_000
    _windows: OrderedDict[tuple[str, str, Period, datetime], int] = field(default_factory=OrderedDict)
    _counted_at: OrderedDict[UUID, datetime] = field(default_factory=OrderedDict)

    def admit(self, asked: Asking) -> tuple[Use, ...]:
        """Count a valuation, unless a quota is used up: those that are. A repeat is admitted and not counted again."""
        counted_at = self._counted_at.get(asked.valuation_id)
        if not asked.uses or (counted_at is not None and counted_at > asked.repeats_since):
            return ()
        full = tuple(use for use in asked.uses if self._windows.get(_key(use), 0) >= use.quota.count)
        if full:
            return full
        for use in asked.uses:
            self._windows[_key(use)] = self._windows.get(_key(use), 0) + 1
        self._counted_at[asked.valuation_id] = asked.at
        self._counted_at.move_to_end(asked.valuation_id)
        for kept in (self._windows, self._counted_at):
            if len(kept) > self.capacity:
                kept.popitem(last=False)
        return ()


def _key(use: Use) -> tuple[str, str, Period, datetime]:
    return use.channel, use.subject, use.quota.per, use.starts_at

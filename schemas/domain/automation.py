"""自动估值比率 (C-01) and its alarms: how much is answered without a person, over rolling windows."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from schemas.codes import ServiceType, Status
from schemas.domain.contract import AUTOMATIC_RATIO, AUTOMATIC_RATIO_WARNING, LEAST_SAMPLE

# Out of the denominator: never valued for a reason that lies outside, or still with the channel.
NOT_COUNTED: Final = frozenset(
    {
        Status.OUT_OF_COVERAGE,
        Status.NOT_ELIGIBLE,
        Status.REJECTED_INVALID,
        Status.CANCELLED,
        Status.EXPIRED,
        Status.NEEDS_CLARIFICATION,
    }
)
WINDOWS: Final = (timedelta(hours=1), timedelta(days=1), timedelta(days=7))


class Alert(StrEnum):
    """How bad a ratio is."""

    WARNING = "WARNING"
    ALARM = "ALARM"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One valuation: when it was received, where it stands, and what class of property it is (empty: not known).

    `is_forced`: the bank wanted people for it.
    """

    received_at: datetime
    status: Status
    human_touched: bool
    property_class: str = ""
    service_type: str = ServiceType.VALUATE
    is_reused: bool = False
    is_forced: bool = False

    @property
    def is_counted(self) -> bool:
        """Whether it belongs to the denominator."""
        return counts(self.status, self.service_type, is_reused=self.is_reused, is_forced=self.is_forced)

    @property
    def is_automatic(self) -> bool:
        """Whether it was answered without a person's decision."""
        return self.status is Status.COMPLETED_AUTO and not self.human_touched


def counts(status: str, service_type: str, *, is_reused: bool, is_forced: bool) -> bool:
    """Whether a valuation that stands at `status` (empty: no answer yet) belongs to the denominator of C-01.

    A verification alone is no valuation, an answer that was issued again counted the first time, and whoever wanted
    people did not ask the model.
    """
    is_valued = service_type != ServiceType.VERIFY and not is_reused
    return is_valued and not is_forced and status not in NOT_COUNTED


@dataclass(frozen=True, slots=True, kw_only=True)
class AutomationRatio:
    """The ratio of one class (empty: of all) among what was received in the last `window`. `None` for nothing."""

    window: timedelta
    property_class: str
    counted: int
    automatic: int

    @property
    def ratio(self) -> float | None:
        """Share answered without a person."""
        return self.automatic / self.counted if self.counted else None

    @property
    def alert(self) -> Alert | None:
        """WARNING under 92 %, ALARM under 90 %; none where too little was asked to tell."""
        if self.counted < LEAST_SAMPLE.value or self.automatic >= AUTOMATIC_RATIO_WARNING.value * self.counted:
            return None
        return Alert.ALARM if self.automatic < AUTOMATIC_RATIO.value * self.counted else Alert.WARNING


def automation(
    answered: Iterable[Answered],
    now: datetime,
    *,
    apart: frozenset[str] = frozenset(),
    windows: Iterable[timedelta] = WINDOWS,
) -> tuple[AutomationRatio, ...]:
    """The ratio over each window: of all classes together but those counted `apart`, then of each class by itself."""
    counted = [one for one in answered if one.is_counted]
    classes = sorted({one.property_class for one in counted} - {""})
    ratios: list[AutomationRatio] = []
    for window in windows:
        recent = [one for one in counted if now - window <= one.received_at <= now]
        ratios.append(_ratio(window, "", [one for one in recent if one.property_class not in apart]))
        ratios += [_ratio(window, kind, [one for one in recent if one.property_class == kind]) for kind in classes]
    return tuple(ratios)


def _ratio(window: timedelta, property_class: str, counted: list[Answered]) -> AutomationRatio:
    return AutomationRatio(
        window=window,
        property_class=property_class,
        counted=len(counted),
        automatic=sum(one.is_automatic for one in counted),
    )

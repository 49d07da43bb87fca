"""Times, limits and shares of the desk. Those marked *assumed* in the requirements wait for the bank's own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

from consumers.review_desk.people.staff import Grade
from schemas.domain.contract import DEVIATION

_MILLION = 1_000_000


class Assignment(StrEnum):
    """Who of several that may have a task gets it. Tasks themselves always go out in their order."""

    LONGEST_IDLE = "LONGEST_IDLE"
    LEAST_LOAD = "LEAST_LOAD"
    BEST_SKILL = "BEST_SKILL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """What a grade may decide alone: totals up to `value` yuan, moved from the model by up to `move` (a share)."""

    value: int
    move: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskPolicy:
    """Everything the desk's rules ask for. Times are wall time unless said to be desk time.

    `heartbeat`: how often a browser shows a sign of life; after `silent` without one a person is OFFLINE, and after
    `grace` more the task in work goes back to the queue. `lease`: how long a task may be worked on, extended once by
    as much. `overflow_*`: desk time after which a wider group may take a waiting task (back-up grade, neighbouring
    region, experts). `at_risk`: shares of the clock at which people are warned; the last is the breach.
    `blind_share`: ordinary tasks that show no model value either, so that a blind one gives no sample away.
    `assignment`: by queue, who of several gets a task; `LONGEST_IDLE` where a queue is not named. `duty_pool`: people
    work outside opening hours too, so nothing is parked.
    """

    heartbeat: timedelta = timedelta(seconds=15)
    silent: timedelta = timedelta(seconds=45)
    grace: timedelta = timedelta(minutes=5)
    offer: timedelta = timedelta(seconds=60)
    offers_missed_until_break: int = 3
    wrap_up: timedelta = timedelta(minutes=2)
    lease: timedelta = timedelta(minutes=30)
    most_renewals: int = 1
    most_held: int = 3
    most_transfers: int = 3
    session: timedelta = timedelta(hours=12)
    idle_session: timedelta = timedelta(minutes=60)

    overflow_backup: timedelta = timedelta(minutes=5)
    overflow_neighbour: timedelta = timedelta(minutes=15)
    overflow_experts: timedelta = timedelta(minutes=30)
    overflow_experts_left: timedelta = timedelta(hours=2)  # 75 % of the eight hours are gone
    at_risk: tuple[Decimal, ...] = (Decimal("0.50"), Decimal("0.75"), Decimal("0.90"), Decimal("1.00"))
    same_reviewer_within: timedelta = timedelta(minutes=30)
    same_community_within: timedelta = timedelta(days=7)
    assignment: Mapping[str, Assignment] = field(default_factory=lambda: MappingProxyType({}))
    duty_pool: bool = False

    ceilings: Mapping[Grade, Ceiling] = field(
        default_factory=lambda: MappingProxyType(
            {
                Grade.G1: Ceiling(value=0, move=Decimal(0)),
                Grade.G2: Ceiling(value=5 * _MILLION, move=Decimal("0.10")),
                Grade.G3: Ceiling(value=20 * _MILLION, move=Decimal("0.20")),
                Grade.G4: Ceiling(value=50 * _MILLION, move=Decimal("0.30")),
            }
        )
    )
    panel_spread: Decimal = Decimal("0.10")
    deviation_needs_reason: Decimal = DEVIATION.value
    blind_share: Decimal = Decimal("0.15")
    second_reading_share: Decimal = Decimal("0.05")
    tell_watched: bool = True  # the reviewer is told that a supervisor watches (requirement RD15)
    escalate_after: tuple[timedelta, ...] = (timedelta(minutes=5), timedelta(minutes=10), timedelta(minutes=60))
    told_again_after: timedelta = timedelta(minutes=30)  # desk time by which an expected time has moved
    pace_over: timedelta = timedelta(hours=24)  # decisions that tell how fast a queue moves
    usual_pace: int = 4  # tasks of a queue in a desk hour, where too few were decided to tell

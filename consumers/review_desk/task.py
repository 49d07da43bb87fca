"""A review task: what it is, where it stands and who has it. How it moves: `moves.py`; where it is kept: `store.py`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from consumers.review_desk.regions import Region


class Kind(StrEnum):
    """What a task is for. All look alike to the reviewer, but for the dispute, which says so.

    `AUDIT`: a sample of automatic answers, drawn by routing. `SECOND_READING`: a sample of people's decisions, drawn
    here. `SEEDED`: a known-answer case. `OPINION`: one of the three of a panel.
    """

    VALUATION = "VALUATION"
    DISPUTE = "DISPUTE"
    AUDIT = "AUDIT"
    SECOND_READING = "SECOND_READING"
    SEEDED = "SEEDED"
    OPINION = "OPINION"


class TaskState(StrEnum):
    """The states of requirements 4.7. The last three are ends."""

    PARKED = "PARKED"
    QUEUED = "QUEUED"
    OFFERED = "OFFERED"
    WORKING = "WORKING"
    ON_HOLD = "ON_HOLD"
    WAIT_REPLY = "WAIT_REPLY"
    WAIT_SURVEY = "WAIT_SURVEY"
    PENDING_APPROVAL = "PENDING_APPROVAL"
    PANEL = "PANEL"
    DECIDED = "DECIDED"
    RETURNED_TO_AUTO = "RETURNED_TO_AUTO"
    CANCELLED = "CANCELLED"

    @property
    def is_open(self) -> bool:
        """Whether something is still to be done."""
        return self not in _ENDS


_ENDS = frozenset({TaskState.DECIDED, TaskState.RETURNED_TO_AUTO, TaskState.CANCELLED})
_WITH_SOMEBODY = frozenset({TaskState.OFFERED, TaskState.WORKING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One piece of work. `version` grows with every move; a command that saw an older one is refused.

    `skill` is the property class that routing named. `model_value` is what the model said, in yuan, if anything.
    `blind`: the model's value, earlier results and opinions are not shown. `internal`: its decision stays at the desk.
    `reviewer` has it, or is offered it (OFFERED), or wrote what waits for approval. `lease_until` ends an offer or a
    claim that shows no sign of life; `lease_ends_at` ends it in any case. `group` is the pool it was given to.
    `preferred` gets it first until `preferred_until`; `excluded` never get it. `paused` is how long the clock has stood
    still for the channel so far, `paused_since` since when it stands still now. `origin` is the task it came from.
    `candidates` are the communities that the address may mean, where it left that open. `draft` is `drafted_by`'s.
    """

    task_id: str
    valuation_id: str
    revision: int
    kind: Kind = Kind.VALUATION
    region: Region
    city: str
    property_type: str
    skill: str = ""
    community_id: str | None = None
    candidates: tuple[str, ...] = ()
    address: str
    area_m2: Decimal
    reasons: tuple[str, ...]
    model_value: int | None = None
    priority: int
    received_at: datetime
    requested_at: datetime
    due_at: datetime
    blind: bool = False
    internal: bool = False

    state: TaskState = TaskState.QUEUED
    queued_at: datetime
    parked_until: datetime | None = None
    reviewer: str | None = None
    claimed_at: datetime | None = None
    lease_until: datetime | None = None
    lease_ends_at: datetime | None = None
    renewals: int = 0
    held_until: datetime | None = None
    group: str | None = None
    preferred: str | None = None
    preferred_until: datetime | None = None
    excluded: tuple[str, ...] = ()
    transfers: int = 0
    clarified: bool = False
    paused: timedelta = timedelta(0)
    paused_since: datetime | None = None
    origin: str | None = None
    draft: Mapping[str, Any] = field(default_factory=dict)
    drafted_by: str | None = None
    version: int = 1

    @property
    def queue(self) -> str:
        """`YANGTZE_DELTA/RESIDENTIAL`: the region's desk and the property class."""
        return f"{self.region}/{self.skill}"

    @property
    def communities(self) -> frozenset[str]:
        """Where the house lies, or may lie."""
        return frozenset(self.candidates if self.community_id is None else (*self.candidates, self.community_id))

    def is_held(self, now: datetime) -> bool:
        """Whether somebody has it, or has the offer of it, at this moment."""
        return self.state in _WITH_SOMEBODY and self.lease_until is not None and self.lease_until > now

    def worked_on_by(self, username: str, now: datetime) -> bool:
        """Whether this person may act on it: claimed, with a lease that has not run out."""
        return self.state is TaskState.WORKING and self.reviewer == username and self.is_held(now)


def about_the_same_case(origin: Task, *, task_id: str, kind: Kind, at: datetime) -> Task:
    """A new task on the case of another, free since `at`: blind, and its decision stays at the desk."""
    return Task(
        task_id=task_id,
        valuation_id=origin.valuation_id,
        revision=origin.revision,
        kind=kind,
        region=origin.region,
        city=origin.city,
        property_type=origin.property_type,
        skill=origin.skill,
        community_id=origin.community_id,
        candidates=origin.candidates,
        address=origin.address,
        area_m2=origin.area_m2,
        reasons=origin.reasons,
        model_value=origin.model_value,
        priority=origin.priority,
        received_at=origin.received_at,
        requested_at=at,
        due_at=origin.due_at,
        blind=True,
        internal=True,
        queued_at=at,
        origin=origin.task_id,
    )


class TaskUnavailableError(Exception):
    """The task cannot be had or changed by this person now. `why` is Chinese; `current` the task as it is."""

    def __init__(self, why: str, current: Task | None) -> None:
        self.why, self.current = why, current
        super().__init__(why)


class IncompleteCommandError(TaskUnavailableError):
    """Something is still to be said or done by the person, and no task is at fault. `why` (Chinese) says what."""

    def __init__(self, why: str) -> None:
        super().__init__(why, None)


class NotAllowedError(Exception):
    """This person may not do that: role, grade, region, certificate or conflict. `why` is Chinese. Always audited."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)

"""Where a valuation stands, as the fold of its events.

`merged` is commutative, associative and idempotent: records of different topics arrive in any order and any number of
times, and the outcome is the same (shown by a property test). What it keeps:

- a final status never changes: of several finals the one appended first stands, unless another, which came of a
  dispute, says that it supersedes it. All finals of a valuation lie in one partition, so that everybody who reads it
  finds the same one first;
- before that the answer of the highest revision stands, within a revision the one nearest to an end;
- a refusal (revision 0) stands only while nothing was accepted under that number: it answers its sender;
- what was asked is told by the most trustworthy event: the accepted request before a raw one, of raw ones the first.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final
from uuid import UUID

from schemas.codes import Status

_INTERIM_RANK: Final = {
    Status.RECEIVED: 1,
    Status.PROCESSING: 2,
    Status.PENDING_MANUAL: 3,
    Status.NEEDS_CLARIFICATION: 4,  # of an asking that people have it is their last word; a reply is the next asking
}
FINAL_RANK: Final = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What was asked, and how far that can be trusted: the higher `identity_rank`, then the earlier `identity_at`."""

    identity_rank: int
    identity_at: datetime
    channel: str | None = None
    client_request_id: str | None = None
    lane: str | None = None
    service_type: str | None = None
    address_entered: str | None = None
    product: str | None = None
    loan_stage: str | None = None
    business_ref: str | None = None
    branch_code: str | None = None
    embed_target: str | None = None
    traceparent: str | None = None
    received_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Milestones:
    """Instants; `None` where it has not happened. `answered_at` is the first answer that is more than a receipt.

    `decided_at`: the first decision of a person that ends the case, not one that asks or sends back. `forced_at`: the
    first asking that the bank wanted people for.
    """

    deadline_at: datetime | None = None
    review_at: datetime | None = None
    decided_at: datetime | None = None
    answered_at: datetime | None = None
    late_at: datetime | None = None
    forced_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer that stands. `status` is `None` while there is none. `answer_place`: its offset on its topic."""

    status: str | None = None
    status_rank: int = 0
    revision: int = 0
    answer_id: UUID | None = None
    answer_at: datetime | None = None
    reasons: tuple[str, ...] = ()
    due_at: datetime | None = None
    valid_until: date | None = None
    value: int | None = None
    unit_price: int | None = None
    lower: int | None = None
    upper: int | None = None
    human_touched: bool = False
    supersedes: str | None = None
    answer_place: int = 0
    reused_from: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """The first end of an accepted request, whatever came of a dispute later: what times and ratios are about."""

    concluded_at: datetime | None = None
    concluded_status: str | None = None
    concluded_touched: bool = False
    concluded_place: int = 0
    concluded_revision: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Everything known of one valuation."""

    valuation_id: UUID
    identity: Identity
    milestones: Milestones
    answer: Answer
    conclusion: Conclusion = field(default_factory=Conclusion)

    @property
    def final_at(self) -> datetime | None:
        """When the first final answer was appended; `None` while there is none."""
        if self.conclusion.concluded_at is not None:
            return self.conclusion.concluded_at
        return self.answer.answer_at if self.answer.status_rank == FINAL_RANK else None


def rank_of(status: Status) -> int:
    """How near to an end a status is; within one revision a higher one never gives way to a lower."""
    return _INTERIM_RANK.get(status, FINAL_RANK)


def merged(one: Standing, other: Standing) -> Standing:
    """What two partial views of the same valuation say together.

    Raises:
        ValueError: They speak of different valuations.
    """
    if one.valuation_id != other.valuation_id:
        raise ValueError(f"{one.valuation_id} and {other.valuation_id} are different valuations")
    return Standing(
        valuation_id=one.valuation_id,
        identity=_more_trusted(one.identity, other.identity),
        milestones=_merged_milestones(one.milestones, other.milestones),
        answer=max(one.answer, other.answer, key=_weight),
        conclusion=min(one.conclusion, other.conclusion, key=_order),
    )


def _more_trusted(one: Identity, other: Identity) -> Identity:
    ours, theirs = (-one.identity_rank, one.identity_at), (-other.identity_rank, other.identity_at)
    if ours != theirs:
        return one if ours < theirs else other
    return min(one, other, key=repr)  # any order will do, as long as it is the same whoever comes first


def _weight(answer: Answer) -> tuple[int, int, int, float, int, str]:
    """Order of answers: none, refusals, interims, finals. Among interims the latest wins.

    Among finals the earliest does, but one that supersedes another goes before it: of those the last asked for.
    """
    at = answer.answer_at.timestamp() if answer.answer_at else 0.0
    if answer.status is None:
        return 0, 0, 0, 0.0, 0, ""
    if answer.revision == 0:
        return 1, 0, 0, -at, -answer.answer_place, str(answer.answer_id)
    if answer.status_rank == FINAL_RANK:
        asking = answer.revision if answer.supersedes else 0
        return 3, asking, 0, -at, -answer.answer_place, str(answer.answer_id)
    return 2, answer.revision, answer.status_rank, at, answer.answer_place, str(answer.answer_id)


def _order(conclusion: Conclusion) -> tuple[bool, float, int, str, bool, int]:
    at, place = conclusion.concluded_at, conclusion.concluded_place
    status, is_touched = conclusion.concluded_status or "", conclusion.concluded_touched
    return at is None, at.timestamp() if at else 0.0, place, status, is_touched, conclusion.concluded_revision


def _merged_milestones(one: Milestones, other: Milestones) -> Milestones:
    """The first time each happened; of deadlines the latest, since a clarified request gets a new one."""
    deadlines = [at for at in (one.deadline_at, other.deadline_at) if at is not None]
    return Milestones(
        deadline_at=max(deadlines, default=None),
        review_at=_first(one.review_at, other.review_at),
        decided_at=_first(one.decided_at, other.decided_at),
        answered_at=_first(one.answered_at, other.answered_at),
        late_at=_first(one.late_at, other.late_at),
        forced_at=_first(one.forced_at, other.forced_at),
    )


def _first(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return one or other
    return min(one, other)

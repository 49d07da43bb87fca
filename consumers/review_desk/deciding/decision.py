"""What a complete decision is, and the event it becomes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from consumers.review_desk.deciding.comparison import EditedComparable, slips
from consumers.review_desk.people.staff import Grade
from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.task import Kind, Task
from schemas.codes import LimitingFactor, Reason, ReviewOutcome
from schemas.domain.rounding import total
from schemas.events import Decided, ReviewRequested, Signatory

FEWEST_COMPARABLES: Final = 3
SHORTEST_RATIONALE: Final = 10
_HIGHEST_UNIT_PRICE: Final = 10_000_000  # yuan per m²; above it somebody typed the total

# What the channel is told as the reason of an outcome; the reviewer's own words never leave the desk.
_REASON_OF: Final[Mapping[ReviewOutcome, Reason]] = {
    ReviewOutcome.VALUE: Reason.REVIEWED,
    ReviewOutcome.UNABLE: Reason.INSUFFICIENT_EVIDENCE,
    ReviewOutcome.NOT_ELIGIBLE: Reason.NOT_TRADABLE,
    ReviewOutcome.OUT_OF_COVERAGE: Reason.AREA_NOT_COVERED,
    ReviewOutcome.CLARIFY: Reason.ADDR_AMBIGUOUS,
    ReviewOutcome.RETURN_TO_AUTO: Reason.REVIEWED,
}
OUTCOMES: Final = tuple(_REASON_OF)
_FINAL: Final = (
    ReviewOutcome.VALUE,
    ReviewOutcome.UNABLE,
    ReviewOutcome.NOT_ELIGIBLE,
    ReviewOutcome.OUT_OF_COVERAGE,
)


class DeviationReason(StrEnum):
    """Why a reviewer's price is far from the model's. Kept at the desk, for training and quality control."""

    RECENT_DEALS = "RECENT_DEALS"
    CONDITION = "CONDITION"
    POSITION = "POSITION"
    ADDRESS_CORRECTED = "ADDRESS_CORRECTED"
    MODEL_DATA_POOR = "MODEL_DATA_POOR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """What a reviewer enters. Money in whole yuan; `lower` and `upper` are totals. The total itself is computed.

    `confirmed_community_id`: which of the candidates the address means, where it did not say so clearly. Kept at the
    desk alone: `rationale` and the other words, `limiting_factors` (what weakens the value), `comparison` (the
    comparables as the reviewer adjusted and weighed them).
    """

    outcome: ReviewOutcome
    rationale: str
    unit_price: int | None = None
    lower: int | None = None
    upper: int | None = None
    comparable_ids: tuple[str, ...] = ()
    few_comparables_because: str | None = None
    deviation_because: DeviationReason | None = None
    confirmed_community_id: str | None = None
    limiting_factors: tuple[LimitingFactor, ...] = ()
    comparison: tuple[EditedComparable, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A conclusion with who stands for it. `approver`: the second person, where there was one."""

    conclusion: Conclusion
    reviewer: str
    grade: Grade
    claimed_at: datetime
    decided_at: datetime
    guideline_version: str
    approver: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A field that is missing or wrong, and in Chinese what to do."""

    field: str
    message: str


class IncompleteDecisionError(Exception):
    """A decision is not complete. `violations` name every field."""

    def __init__(self, violations: tuple[Violation, ...]) -> None:
        self.violations = violations
        super().__init__("; ".join(f"{violation.field}: {violation.message}" for violation in violations))


def outcomes_of(task: Task, review: ReviewRequested, *, returned: bool = False) -> tuple[ReviewOutcome, ...]:
    """The outcomes a task may end with, in the order of the form.

    The channel is asked once, and only to choose among candidates. The model is asked again once (`returned`: it was),
    and only where there is a candidate to confirm. A dispute and a panel's opinion end with a person's answer. What is
    only compared is offered the same as any other task, or it would be known by that; whatever is chosen ends it.
    """
    if task.kind in {Kind.DISPUTE, Kind.OPINION} or not review.scored.address.candidates:
        return _FINAL
    ask = () if task.clarified else (ReviewOutcome.CLARIFY,)
    again = () if returned else (ReviewOutcome.RETURN_TO_AUTO,)
    return (*_FINAL, *ask, *again)


def needs_deviation_reason(unit_price: int, review: ReviewRequested, policy: DeskPolicy) -> bool:
    """Whether a unit price lies so far from the model's that it needs a reason. At the limit it does not."""
    valuation = review.scored.valuation
    if valuation is None:
        return False
    return abs(unit_price - valuation.unit_price) > policy.deviation_needs_reason * valuation.unit_price


def violations(
    conclusion: Conclusion, review: ReviewRequested, policy: DeskPolicy, *, task: Task, returned: bool = False
) -> tuple[Violation, ...]:
    """Return everything that is wrong with a decision; empty when it may go out. `returned`: see `outcomes_of`."""
    found = [*_of_rationale(conclusion), *_of_community(conclusion, review)]
    if conclusion.outcome not in outcomes_of(task, review, returned=returned):
        found.append(Violation(field="outcome", message=_why_not(conclusion.outcome, task, returned=returned)))
    elif conclusion.outcome is ReviewOutcome.RETURN_TO_AUTO and conclusion.confirmed_community_id is None:
        found.append(Violation(field="confirmed_community_id", message="请先确认小区，再退回自动估值"))
    if conclusion.outcome is ReviewOutcome.VALUE:
        found += [*_of_price(conclusion, review), *_of_comparables(conclusion, review)]
        if not task.blind:  # nobody gives a reason for leaving a value that was not shown
            found += _of_deviation(conclusion, review, policy)
    elif conclusion.unit_price is not None:
        found.append(Violation(field="unit_price", message="只有“给出估值”才填写单价"))
    return tuple(found)


def _of_rationale(conclusion: Conclusion) -> list[Violation]:
    if len(conclusion.rationale.strip()) >= SHORTEST_RATIONALE:
        return []
    return [Violation(field="rationale", message=f"请写明判断依据，不少于{SHORTEST_RATIONALE}个字")]


def _of_community(conclusion: Conclusion, review: ReviewRequested) -> list[Violation]:
    offered = {candidate.community_id for candidate in review.scored.address.candidates}
    if conclusion.confirmed_community_id is None or conclusion.confirmed_community_id in offered:
        return []
    return [Violation(field="confirmed_community_id", message="所确认的小区不在本案候选中")]


def _why_not(outcome: ReviewOutcome, task: Task, *, returned: bool) -> str:
    if task.kind is not Kind.VALUATION:
        return "本案须直接作出结论"
    if outcome is ReviewOutcome.CLARIFY and task.clarified:
        return "本案已请渠道确认过一次，请直接作出结论"
    if outcome is ReviewOutcome.RETURN_TO_AUTO and returned:
        return "本案已退回自动估值过一次，请直接作出结论"
    return "本案没有候选小区，请直接作出结论"


def _of_price(conclusion: Conclusion, review: ReviewRequested) -> list[Violation]:
    price = conclusion.unit_price
    if price is None or price <= 0:
        return [Violation(field="unit_price", message="请填写大于0的单价（元/㎡）")]
    if price > _HIGHEST_UNIT_PRICE:
        return [Violation(field="unit_price", message="单价过高，请核对是否误填了总价")]
    return _of_range(conclusion, total(price, review.scored.request.area_m2))


def _of_deviation(conclusion: Conclusion, review: ReviewRequested, policy: DeskPolicy) -> list[Violation]:
    price = conclusion.unit_price
    if price is None or not 0 < price <= _HIGHEST_UNIT_PRICE or conclusion.deviation_because is not None:
        return []
    if not needs_deviation_reason(price, review, policy):
        return []
    limit = f"{policy.deviation_needs_reason:.0%}"
    return [Violation(field="deviation_because", message=f"与模型单价相差超过{limit}，请选择偏离原因")]


def _of_range(conclusion: Conclusion, value: int) -> list[Violation]:
    lower, upper = conclusion.lower, conclusion.upper
    if lower is None and upper is None:
        return []
    if lower is None or upper is None:
        return [Violation(field="lower" if lower is None else "upper", message="区间上下限须同时填写")]
    if not 0 < lower <= value <= upper:
        return [Violation(field="lower", message="区间须包含总价，且下限大于0")]
    return []


def _of_comparables(conclusion: Conclusion, review: ReviewRequested) -> list[Violation]:
    known = {c.deal_id for c in review.scored.valuation.comparables} if review.scored.valuation else set()
    if set(conclusion.comparable_ids) - known:
        return [Violation(field="comparable_ids", message="所选可比实例不在本案资料中")]
    edited = [edit.deal_id for edit in conclusion.comparison]
    if set(edited) - known or len(set(edited)) < len(edited) or slips(conclusion.comparison):
        return [Violation(field="comparison", message="修正系数须在±90%以内、权重不小于0，且只能修正本案的可比实例")]
    because = (conclusion.few_comparables_because or "").strip()
    if len(set(conclusion.comparable_ids)) >= FEWEST_COMPARABLES or because:
        return []
    message = f"请选取至少{FEWEST_COMPARABLES}个可比实例，或说明不足的原因"
    return [Violation(field="few_comparables_because", message=message)]


def decided_event(
    review: ReviewRequested, signed: Signed, *, task: Task, signatories: tuple[Signatory, ...] = ()
) -> Decided:
    """Return the event of a complete decision. Nothing the reviewer wrote in words is in it.

    `signatories`: who stands for a value, by signing number; nobody signs where there is none.
    """
    conclusion = signed.conclusion
    valued = conclusion.outcome is ReviewOutcome.VALUE
    return Decided(
        valuation_id=review.valuation_id,
        review=review,
        outcome=conclusion.outcome,
        reasons=(_REASON_OF[conclusion.outcome],),
        reviewer=signed.reviewer,
        reviewer_grade=signed.grade,
        claimed_at=signed.claimed_at,
        decided_at=signed.decided_at,
        guideline_version=signed.guideline_version,
        unit_price=conclusion.unit_price if valued else None,
        lower=conclusion.lower if valued else None,
        upper=conclusion.upper if valued else None,
        comparable_ids=conclusion.comparable_ids if valued else (),
        approver=signed.approver,
        confirmed_community_id=conclusion.confirmed_community_id,
        blind=task.blind,
        desk=task.region,
        signatories=signatories if valued else (),
    )

"""Settling: what a reviewer decided becomes the answer to the channel; what waited for a model is valued again."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from schemas.catalogue import ALIASES, RESULTS
from schemas.codes import AliasSource, Reason, ReviewOutcome, Status
from schemas.domain.aliases import confirmed_alias
from schemas.domain.rounding import total
from schemas.errors import PermanentError
from schemas.events import Decided, Degraded, HumanDecision, ModelReleased, Resulted
from schemas.ids import pseudonym
from streams.routing import sentences
from streams.routing.answer import Money, answer, model_money, valid_until
from streams.routing.degraded import Outages, resumed
from streams.routing.policy import Policy
from streams.runtime.stage import Outcome, Output

_WITHOUT_VALUE = {
    ReviewOutcome.UNABLE: Status.UNABLE_TO_VALUE,
    ReviewOutcome.NOT_ELIGIBLE: Status.NOT_ELIGIBLE,
    ReviewOutcome.OUT_OF_COVERAGE: Status.OUT_OF_COVERAGE,
    ReviewOutcome.CLARIFY: Status.NEEDS_CLARIFICATION,
}


class MissingUnitPriceError(PermanentError):
    """A decision says VALUE and brings no unit price; the desk must never let such a decision out."""

    def __init__(self, valuation_id: str) -> None:
        super().__init__(
            f"the decision on valuation {valuation_id} is VALUE but has no unit_price; correct it at the desk"
        )


class SettleStage:
    """`Decided` → the final result, on the lane of the request.

    The decision on an automatic answer drawn for quality control changes nothing for the channel: a final status never
    changes, so it is silence here, and the ledger compares the two values. A community that the reviewer confirmed for
    a name becomes an alias. `policy` gives the validity of a value. `ModelReleased` and `Degraded` → what waited for a
    model goes through scoring again (`outages`, followed between batches).
    """

    name = "settle"

    def __init__(
        self, policy: Callable[[], Policy], clock: Callable[[], datetime], outages: Outages | None = None
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._outages = Outages() if outages is None else outages

    def handle(self, batch: Sequence[Decided | ModelReleased | Degraded]) -> list[Outcome]:
        """One outcome for each event, in their order; the first also brings what else waits and is overdue.

        Decisions come first: one that is refused brings the whole batch here again, event by event, and what an outage
        had sent by then would count as sent though nobody published it.
        """
        if not batch:
            return []
        policy, now = self._policy(), self._clock()
        settled = {place: _settled(one, policy, now) for place, one in enumerate(batch) if isinstance(one, Decided)}
        outcomes = [
            settled[place] if isinstance(one, Decided) else self._again(one, now) for place, one in enumerate(batch)
        ]
        return [_with(outcomes[0], resumed(self._outages.overdue(now), now)), *outcomes[1:]]

    def _again(self, event: ModelReleased | Degraded, now: datetime) -> Outcome:
        outages = self._outages
        found = outages.on_release(event) if isinstance(event, ModelReleased) else outages.on_record(event)
        return Outcome(outputs=resumed(found, now), silence=None if found else "nothing waits for this model")


def _with(outcome: Outcome, outputs: tuple[Output, ...]) -> Outcome:
    return replace(outcome, outputs=(*outcome.outputs, *outputs)) if outputs else outcome


def _settled(decided: Decided, policy: Policy, now: datetime) -> Outcome:
    learned = _learned(decided)
    if decided.review.reasons == (Reason.QA_SAMPLE,):
        return Outcome(outputs=learned, silence="quality sample: the answer stands")
    result = settle(decided, policy, now=now)
    return Outcome(outputs=(Output(topic=RESULTS, lane=decided.review.scored.request.lane, event=result), *learned))


def _learned(decided: Decided) -> tuple[Output, ...]:
    """What the confirmation of a community teaches every later address, whatever was decided about the value."""
    if decided.confirmed_community_id is None:
        return ()
    alias = confirmed_alias(
        decided.review.scored.address,
        decided.confirmed_community_id,
        source=AliasSource.REVIEWER,
        confirmed_by=pseudonym("reviewer", decided.reviewer),
        confirmed_at=decided.decided_at,
        valuation_id=decided.valuation_id,
    )
    return () if alias is None else (Output(topic=ALIASES, event=alias),)


def settle(decided: Decided, policy: Policy, *, now: datetime) -> Resulted:
    """The answer a decision leads to. Raises `MissingUnitPriceError` for a value without a unit price."""
    scored = decided.review.scored
    status, money = _conclusion(decided)
    return answer(
        scored,
        status,
        policy=decided.review.policy,
        at=now,
        reasons=decided.reasons or (Reason.REVIEWED,),
        reason_text=sentences.decided(decided.outcome),
        money=money,
        valid_until=valid_until(scored, decided.decided_at, policy) if money else None,
        human=_without_names(decided, money if status is Status.COMPLETED_MANUAL else None),
        human_touched=True,
    )


def _conclusion(decided: Decided) -> tuple[Status, Money | None]:
    valuation = decided.review.scored.valuation
    match decided.outcome:
        case ReviewOutcome.VALUE:
            return Status.COMPLETED_MANUAL, _reviewers_money(decided)
        case ReviewOutcome.RETURN_TO_AUTO if valuation is not None:
            return Status.COMPLETED_AUTO, model_money(valuation)
        case ReviewOutcome.RETURN_TO_AUTO:  # to a model that has no value: the channel must be answered all the same
            return Status.UNABLE_TO_VALUE, None
        case outcome:
            return _WITHOUT_VALUE[outcome], None


def _reviewers_money(decided: Decided) -> Money:
    """The total follows from the unit price, whatever total the reviewer had in mind. Bounds are totals in yuan."""
    if decided.unit_price is None:
        raise MissingUnitPriceError(decided.valuation_id)
    value = total(decided.unit_price, decided.review.scored.request.area_m2)
    return Money(value, decided.unit_price, decided.lower, decided.upper)


def _without_names(decided: Decided, money: Money | None) -> HumanDecision:
    model = decided.review.scored.valuation
    return HumanDecision(
        outcome=decided.outcome,
        reviewer_grade=decided.reviewer_grade,
        four_eyes=decided.approver is not None,
        claimed_at=decided.claimed_at,
        decided_at=decided.decided_at,
        value=money and money.value,
        unit_price=money and money.unit_price,
        lower=money and money.lower,
        upper=money and money.upper,
        model_value=None if model is None else model.value,
    )

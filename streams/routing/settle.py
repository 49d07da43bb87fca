"""Settling: what the desk says becomes the answer to the channel; what waited for a model is valued again.

| from                                | comes                                                                       |
| ----------------------------------- | --------------------------------------------------------------------------- |
| a decision                          | the final answer, naming the one it replaces if it was disputed             |
| a decision CLARIFY                  | NEEDS_CLARIFICATION with the candidates                                     |
| a decision RETURN_TO_AUTO           | the next revision, accepted, with the community; PROCESSING                 |
| progress of a review                | PENDING_MANUAL with position and expected time                              |
| either, about what was withdrawn    | silence                                                                     |
| an opened dispute                   | a review with the reason DISPUTE, PENDING_MANUAL                            |
| a released model, a parked case     | what waited goes through scoring again                                      |
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from schemas.catalogue import ALIASES, RESULTS
from schemas.codes import AliasSource, Reason, ReviewOutcome, Status
from schemas.domain.aliases import confirmed_alias
from schemas.domain.rounding import total
from schemas.errors import PermanentError
from schemas.events import (
    Decided,
    Degraded,
    DisputeOpened,
    HumanDecision,
    ModelReleased,
    Resulted,
    ReviewProgressed,
)
from schemas.ids import pseudonym
from streams.routing import sentences
from streams.routing.answer import Money, answer, valid_until
from streams.routing.asking import disputed, progressed
from streams.routing.degraded import Outages, resumed
from streams.routing.policy import Policy
from streams.routing.sent_back import asked_back, returned
from streams.runtime.stage import Outcome, Output
from streams.runtime.withdrawals import WITHDRAWN, Withdrawals

_WITHOUT_VALUE = {
    ReviewOutcome.UNABLE: Status.UNABLE_TO_VALUE,
    ReviewOutcome.NOT_ELIGIBLE: Status.NOT_ELIGIBLE,
    ReviewOutcome.OUT_OF_COVERAGE: Status.OUT_OF_COVERAGE,
}


class MissingUnitPriceError(PermanentError):
    """A decision says VALUE and brings no unit price; the desk must never let such a decision out."""

    def __init__(self, valuation_id: str) -> None:
        super().__init__(
            f"the decision on valuation {valuation_id} is VALUE but has no unit_price; correct it at the desk"
        )


Said = Decided | ReviewProgressed | DisputeOpened | ModelReleased | Degraded


class SettleStage:
    """What the desk, the ledger and a released model say about valuations people have → answers, on the request's lane.

    The decision on an automatic answer drawn for quality control changes nothing for the channel: a final status never
    changes, so it is silence here, and the ledger compares the two values. A community that the reviewer confirmed for
    a name becomes an alias. `policy` gives the validity of a value. `ModelReleased` and `Degraded` → what waited for a
    model goes through scoring again (`outages`, followed between batches).
    """

    name = "settle"

    def __init__(
        self,
        policy: Callable[[], Policy],
        clock: Callable[[], datetime],
        outages: Outages | None = None,
        withdrawals: Withdrawals | None = None,
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._outages = Outages() if outages is None else outages
        self._withdrawals = Withdrawals() if withdrawals is None else withdrawals

    def handle(self, batch: Sequence[Said]) -> list[Outcome]:
        """One outcome for each event, in their order; the first also brings what else waits and is overdue.

        What the desk says comes first: a decision that is refused brings the whole batch here again, event by event,
        and what an outage had sent by then would count as sent though nobody published it.
        """
        if not batch:
            return []
        policy, now = self._policy(), self._clock()
        settled = [self._withdrawn(one) or _said(one, policy, now) for one in batch]
        outcomes = [
            self._again(one, now) if isinstance(one, ModelReleased | Degraded) else outcome
            for one, outcome in zip(batch, settled, strict=True)
        ]
        return [_with(outcomes[0], resumed(self._outages.overdue(now), now)), *outcomes[1:]]

    def _withdrawn(self, event: Said) -> Outcome | None:
        """Silence about what its channel has withdrawn; what was learned of a name by then stays learned."""
        if not isinstance(event, Decided | ReviewProgressed):
            return None
        review = event.review
        revision = review.scored.request.revision
        if not self._withdrawals.cover(event.valuation_id, revision, supersedes=review.supersedes):
            return None
        return Outcome(outputs=_learned(event) if isinstance(event, Decided) else (), silence=WITHDRAWN)

    def _again(self, event: ModelReleased | Degraded, now: datetime) -> Outcome:
        outages = self._outages
        found = outages.on_release(event) if isinstance(event, ModelReleased) else outages.on_record(event)
        return Outcome(outputs=resumed(found, now), silence=None if found else "nothing waits for this model")


def _with(outcome: Outcome, outputs: tuple[Output, ...]) -> Outcome:
    return replace(outcome, outputs=(*outcome.outputs, *outputs)) if outputs else outcome


def _said(event: Said, policy: Policy, now: datetime) -> Outcome:
    match event:
        case Decided():
            return _settled(event, policy, now)
        case ReviewProgressed():
            return Outcome(outputs=(progressed(event, now),))
        case DisputeOpened():
            return Outcome(outputs=disputed(event, policy, now))
        case ModelReleased() | Degraded():
            return Outcome(silence="asked of the outages")


def _settled(decided: Decided, policy: Policy, now: datetime) -> Outcome:
    learned = _learned(decided)
    if decided.review.reasons == (Reason.QA_SAMPLE,):
        return Outcome(outputs=learned, silence="quality sample: the answer stands")
    if decided.outcome is ReviewOutcome.RETURN_TO_AUTO:
        return Outcome(outputs=(*returned(decided, now=now), *learned))
    is_question = decided.outcome is ReviewOutcome.CLARIFY
    result = asked_back(decided, now=now) if is_question else settle(decided, policy, now=now)
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
    """The final answer a decision leads to. Raises `MissingUnitPriceError` for a value without a unit price."""
    scored = decided.review.scored
    status, money = _conclusion(decided)
    result = answer(
        scored,
        status,
        policy=decided.review.policy,
        at=now,
        reasons=decided.reasons or (Reason.REVIEWED,),
        reason_text=sentences.decided(decided.outcome),
        money=money,
        valid_until=valid_until(scored, decided.decided_at, policy) if money else None,
        human=_without_names(decided, money),
        human_touched=True,
    )
    return replace(result, supersedes=decided.review.supersedes)


def _conclusion(decided: Decided) -> tuple[Status, Money | None]:
    if decided.outcome is ReviewOutcome.VALUE:
        return Status.COMPLETED_MANUAL, _reviewers_money(decided)
    return _WITHOUT_VALUE[decided.outcome], None


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
        signatories=decided.signatories,
    )

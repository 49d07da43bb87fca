"""Routing: let the model's answer stand, or ask a person, giving every reason and not only the first."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final

from schemas.catalogue import RESULTS, REVIEWS
from schemas.codes import Lane, Reason, SegmentState, ServiceType, Status, VerificationOutcome
from schemas.events import Resulted, Scored
from streams.routing import sentences
from streams.routing.answer import answer, evidence, has_manual_lane, model_money, profile_of, valid_until
from streams.routing.asking import asked, review_of
from streams.routing.degraded import DegradedDesk, compared, noted_for_people, park
from streams.routing.policy import Policy
from streams.routing.reuse import ReusableAnswers, earlier_answer, reissued
from streams.routing.rules import is_audited, is_degraded_alone, reasons_for_review
from streams.routing.standings import Standings
from streams.runtime.stage import Outcome, Output
from streams.runtime.withdrawals import WITHDRAWN, Withdrawals

AUTO = "AUTO"  # the rule named in a decision that no rule objected to
_VERIFIED: Final[Mapping[VerificationOutcome, tuple[str, ...]]] = MappingProxyType(
    {
        VerificationOutcome.MISMATCH: (Reason.VERIFY_MISMATCH,),
        VerificationOutcome.NOT_FOUND: (Reason.VERIFY_NOT_FOUND,),
    }
)


class RoutingStage:
    """`Scored` → an automatic result, or a review task with an interim result; silence for what was withdrawn.

    Everything but the instants of the answers follows from the event, the policy and the standing of the segment, and
    each decision names what decided it. Without a usable model it follows from the room at the desk too. `policy` is
    asked once a batch: one batch is routed by one version. `standings`, `desk`, `withdrawals` and `answers` (what may
    be issued again; none without them) are followed between batches.
    """

    name = "routing"

    def __init__(  # noqa: PLR0913 - each thing that it follows
        self,
        policy: Callable[[], Policy],
        clock: Callable[[], datetime],
        lane: Lane,
        *,
        standings: Standings,
        desk: DegradedDesk,
        withdrawals: Withdrawals | None = None,
        answers: ReusableAnswers | None = None,
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._lane = lane
        self._standings = standings
        self._desk = desk
        self._withdrawals = Withdrawals() if withdrawals is None else withdrawals
        self._answers = answers

    def handle(self, batch: Sequence[Scored]) -> list[Outcome]:
        """One outcome for each event, in their order."""
        policy, now = self._policy(), self._clock()
        return [self._routed(scored, policy, now) for scored in batch]

    def _routed(self, scored: Scored, policy: Policy, now: datetime) -> Outcome:
        if self._is_withdrawn(scored):
            return Outcome(silence=WITHDRAWN)
        if scored.request.service_type is ServiceType.VERIFY:
            return verified(scored, policy, lane=self._lane, now=now)
        segment = self._standings.state_of(scored, policy)
        again = self._reissued(scored, policy, segment, now)
        if again is not None:
            return Outcome(outputs=(Output(topic=RESULTS, lane=self._lane, event=again),))
        return route(scored, policy, segment, self._desk, lane=self._lane, now=now)

    def _is_withdrawn(self, scored: Scored) -> bool:
        """What is valued only to be compared answers nobody anyway."""
        if Reason.COMPARISON_ONLY in scored.concerns:
            return False
        return self._withdrawals.cover(scored.valuation_id, scored.request.revision)

    def _reissued(self, scored: Scored, policy: Policy, segment: SegmentState, now: datetime) -> Resulted | None:
        if self._answers is None:
            return None
        former = earlier_answer(scored, self._answers, within_days=policy.reuse_days)
        return None if former is None else reissued(scored, former, policy, segment, now=now)


def route(
    scored: Scored, policy: Policy, segment: SegmentState, desk: DegradedDesk, *, lane: Lane, now: datetime
) -> Outcome:
    """The outcome for one scored valuation. `desk` learns of a person that is asked because there is no model."""
    if Reason.COMPARISON_ONLY in scored.concerns:
        return compared(scored, now)
    reasons = reasons_for_review(scored, policy, profile_of(scored.request.channel), segment)
    if not reasons:
        return _let_stand(scored, policy, lane, now)
    if not has_manual_lane(scored.request.channel):
        return _unable(scored, reasons, policy, lane, now)
    if not is_degraded_alone(reasons):
        return Outcome(outputs=asked(scored, reasons, policy, now))
    if not desk.takes(scored.valuation_id, policy.degraded_desk_capacity):
        return park(scored, reasons, policy, now)
    desk.sent(scored.valuation_id)
    return Outcome(outputs=(*asked(scored, reasons, policy, now), noted_for_people(scored, now)))


def verified(scored: Scored, policy: Policy, *, lane: Lane, now: datetime) -> Outcome:
    """The verification alone as the answer, without a value. People value houses: none is asked, whatever it found."""
    verification = scored.verification
    if verification is None:
        raise AssertionError("enrichment verifies every house that is asked about")
    result = answer(
        scored,
        Status.COMPLETED_AUTO,
        policy=policy.reference(AUTO),
        at=now,
        reasons=_VERIFIED.get(verification.outcome, ()),
        reason_text=verification.text,
    )
    return Outcome(outputs=(Output(topic=RESULTS, lane=lane, event=result),))


def _let_stand(scored: Scored, policy: Policy, lane: Lane, now: datetime) -> Outcome:
    valuation = evidence(scored)
    if valuation is None:
        raise AssertionError("a valuation without a value always has a reason for review")
    result = answer(
        scored,
        Status.COMPLETED_AUTO,
        policy=policy.reference(AUTO),
        at=now,
        reason_text=sentences.automatic(valuation.limiting_factors, profile_of(scored.request.channel)),
        money=model_money(valuation),
        valid_until=valid_until(scored, scored.scored_at, policy),
    )
    outputs = [Output(topic=RESULTS, lane=lane, event=result)]
    if has_manual_lane(scored.request.channel) and is_audited(scored.valuation_id, policy):
        audit = review_of(scored, (Reason.QA_SAMPLE,), policy, now, goes_first_by=0)
        outputs.append(Output(topic=REVIEWS, event=audit))
    return Outcome(outputs=tuple(outputs))


def _unable(scored: Scored, reasons: tuple[str, ...], policy: Policy, lane: Lane, now: datetime) -> Outcome:
    result = answer(
        scored,
        Status.UNABLE_TO_VALUE,
        policy=policy.reference(reasons[0]),
        at=now,
        reasons=reasons,
        reason_text=sentences.UNABLE_PUBLIC,
    )
    return Outcome(outputs=(Output(topic=RESULTS, lane=lane, event=result),))

"""Asking a person: the review for the desk, and the interim answer for the channel."""

from dataclasses import replace
from datetime import datetime

from schemas.catalogue import RESULTS, REVIEWS
from schemas.codes import Reason, Status
from schemas.domain.contract import MANUAL_ANSWER
from schemas.domain.worktime import due_at
from schemas.events import DisputeOpened, Resulted, ReviewProgressed, ReviewRequested, Scored
from streams.routing import sentences
from streams.routing.answer import answer, profile_of
from streams.routing.policy import Policy
from streams.routing.rules import priority
from streams.runtime.stage import Output


def asked(
    scored: Scored, reasons: tuple[str, ...], policy: Policy, now: datetime, *, supersedes: str | None = None
) -> tuple[Output, Output]:
    """The review and the interim answer that a person is at it, on the lane of the request."""
    goes_first_by = priority(scored, profile_of(scored.request.channel))
    review = replace(review_of(scored, reasons, policy, now, goes_first_by=goes_first_by), supersedes=supersedes)
    interim = pending(review, review.due_at, at=now)
    return Output(topic=REVIEWS, event=review), Output(topic=RESULTS, lane=scored.request.lane, event=interim)


def review_of(
    scored: Scored, reasons: tuple[str, ...], policy: Policy, now: datetime, *, goes_first_by: int
) -> ReviewRequested:
    """What the desk is asked. Due one working day after receipt, or when the request says."""
    return ReviewRequested(
        valuation_id=scored.valuation_id,
        scored=scored,
        reasons=reasons,
        priority=goes_first_by,
        due_at=scored.request.due_at or due_at(scored.request.received_at, MANUAL_ANSWER.value),
        policy=policy.reference(reasons[0]),
        requested_at=now,
        skill=policy.class_of(scored.attributes.property_type) or "",
    )


def pending(review: ReviewRequested, due: datetime, *, at: datetime) -> Resulted:
    """PENDING_MANUAL: a person has it, and until when it will be answered."""
    profile = profile_of(review.scored.request.channel)
    return answer(
        review.scored,
        Status.PENDING_MANUAL,
        policy=review.policy,
        at=at,
        reasons=review.reasons,
        reason_text=sentences.pending(due, review.reasons, profile),
        due_at=due,
    )


def progressed(progress: ReviewProgressed, now: datetime) -> Output:
    """PENDING_MANUAL once more, with the place in the queue and the time at which an answer is expected."""
    review = progress.review
    interim = pending(review, progress.due_at, at=now)
    more = sentences.progressed(progress.position, progress.expected_at, on_survey=progress.on_survey)
    result = replace(
        interim,
        reason_text=f"{interim.reason_text}{more}",
        queue_position=progress.position,
        expected_at=progress.expected_at,
        update=progress.number,
    )
    return Output(topic=RESULTS, lane=review.scored.request.lane, event=result)


def disputed(opened: DisputeOpened, policy: Policy, now: datetime) -> tuple[Output, Output]:
    """复估: people value the house again, within a working day of the dispute, whatever the rules say of the value."""
    request = replace(opened.scored.request, due_at=due_at(opened.raised_at, MANUAL_ANSWER.value))
    scored = replace(opened.scored, request=request)
    return asked(scored, (Reason.DISPUTE,), policy, now, supersedes=opened.supersedes)

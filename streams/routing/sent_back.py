"""Decisions that end nothing: a question to the channel, and the way back to the model.

That either happens once for a valuation is held by the desk, which knows its history. Streams keep no tables: what is
refused here is what the case itself shows, a second time in a row. A question, a return and a question pass.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from schemas.catalogue import ACCEPTED, RESULTS
from schemas.codes import Occasion, Reason, Status
from schemas.domain.clarification import CLARIFICATION, question_text
from schemas.errors import PermanentError
from schemas.events import Accepted, Candidate, Decided, Resulted
from streams.routing import sentences
from streams.routing.answer import answer, profile_of
from streams.runtime.stage import Output

MOST_CHOICES: Final = 5


class CannotBeSentBackError(PermanentError):
    """A decision asks for what cannot be done with its case; the desk must never let such a decision out."""

    def __init__(self, decided: Decided, why: str) -> None:
        super().__init__(
            f"the decision {decided.outcome} on valuation {decided.valuation_id} {why}; correct it at the desk"
        )


def asked_back(decided: Decided, *, now: datetime) -> Resulted:
    """NEEDS_CLARIFICATION with the case's candidates. The ledger's clock of questions reminds and closes it.

    Raises `CannotBeSentBackError` where there is no choice, the case came of the desk's question, or of a dispute.
    """
    scored = decided.review.scored
    choices = scored.address.candidates[:MOST_CHOICES]
    if not choices:
        raise CannotBeSentBackError(decided, "has no candidate to choose from")
    _refuse(decided, {Occasion.DESK_REPLY: "was asked once already", Occasion.DISPUTED: "is about a dispute"})
    return replace(
        answer(
            scored,
            Status.NEEDS_CLARIFICATION,
            policy=decided.review.policy,
            at=now,
            reasons=(Reason.ADDR_AMBIGUOUS,),
            reason_text=question_text(_named(choices)),
            due_at=CLARIFICATION.reply_by(now, profile_of(scored.request.channel)),
            human_touched=True,
        ),
        address=replace(scored.address, candidates=choices),
    )


def returned(decided: Decided, *, now: datetime) -> tuple[Output, ...]:
    """The next revision, valued by the model with the community that the reviewer knows to be meant.

    Receipt and due time stay: if people have to look again, they have the time that is left. Raises
    `CannotBeSentBackError` without a community, and where the case came of a return or a dispute.
    """
    request = decided.review.scored.request
    if decided.confirmed_community_id is None:
        raise CannotBeSentBackError(decided, "has no confirmed_community_id, so the model would say the same again")
    _refuse(decided, {Occasion.RETURNED: "was returned once already", Occasion.DISPUTED: "is about a dispute"})
    again = replace(
        decided.review.scored,
        request=replace(
            request,
            revision=request.revision + 1,
            chosen_community_id=decided.confirmed_community_id,
            occasion=Occasion.RETURNED,
        ),
    )
    accepted = Accepted(valuation_id=decided.valuation_id, request=again.request, digest="", accepted_at=now)
    interim = answer(again, Status.PROCESSING, policy=decided.review.policy, at=now, reason_text=sentences.RETURNED)
    return (
        Output(topic=ACCEPTED, lane=request.lane, event=accepted),
        Output(topic=RESULTS, lane=request.lane, event=interim),
    )


def _refuse(decided: Decided, unfit: dict[Occasion, str]) -> None:
    """Looks at the last occasion alone: earlier ones do not travel with the case."""
    if (why := unfit.get(decided.review.scored.request.occasion)) is not None:
        raise CannotBeSentBackError(decided, why)


def _named(choices: Sequence[Candidate]) -> list[str]:
    return [f"{one.city}{one.district}{one.name}" for one in choices]

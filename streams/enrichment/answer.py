"""Answers that enrichment gives itself: outside the service, not eligible, a question, or an impossible reply."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from schemas.catalogue import RESULTS
from schemas.codes import Reason, Status
from schemas.domain.echo import echo
from schemas.events import Accepted, Problem, ResolvedAddress, Verification
from streams.runtime.stage import Outcome, Output


def answer(  # noqa: PLR0913 - an answer is made of these
    accepted: Accepted,
    status: Status,
    reasons: Sequence[Reason],
    text: str,
    *,
    now: datetime,
    address: ResolvedAddress | None = None,
    problems: Sequence[Problem] = (),
    due_at: datetime | None = None,
    verification: Verification | None = None,
) -> Outcome:
    """The result for the channel: the request echoed, a status, why, the Chinese words for it, and until when."""
    request = accepted.request
    resulted = replace(
        echo(accepted.valuation_id, request, status, resulted_at=now),
        reasons=tuple(reasons),
        reason_text=text,
        address=address,
        problems=tuple(problems),
        due_at=due_at,
        verification=verification,
    )
    return Outcome(outputs=(Output(topic=RESULTS, lane=request.lane, event=resulted),))

"""Answers that enrichment gives itself: outside the service, not eligible, a question, or an impossible reply."""

from collections.abc import Sequence
from datetime import datetime

from schemas.catalogue import RESULTS
from schemas.codes import Reason, Status
from schemas.events import Accepted, Problem, ResolvedAddress, Resulted
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
) -> Outcome:
    """The result for the channel: the request echoed, a status, why, and the Chinese words for it."""
    request = accepted.request
    resulted = Resulted(
        valuation_id=accepted.valuation_id,
        status=status,
        revision=request.revision,
        channel=request.channel,
        client_request_id=request.client_request_id,
        lane=request.lane,
        service_type=request.service_type,
        address_entered=request.address,
        received_at=request.received_at,
        resulted_at=now,
        reasons=tuple(reasons),
        reason_text=text,
        area_m2=request.area_m2,
        value_date=request.value_date,
        deadline_at=request.deadline_at,
        product=request.product,
        loan_stage=request.loan_stage,
        business_ref=request.business_ref,
        branch_code=request.branch_code,
        embed_target=request.embed_target,
        address=address,
        problems=tuple(problems),
    )
    return Outcome(outputs=(Output(topic=RESULTS, lane=request.lane, event=resulted),))

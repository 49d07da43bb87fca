"""What every answer repeats of its request, so that a channel can match it without keeping anything itself."""

from datetime import datetime

from schemas.codes import Status
from schemas.events import Request, Resulted


def echo(valuation_id: str, request: Request, status: Status, *, resulted_at: datetime) -> Resulted:
    """The bare answer to an accepted request: all that is echoed, and nothing said yet but the status.

    Whoever answers adds to it with `dataclasses.replace`.
    """
    return Resulted(
        valuation_id=valuation_id,
        status=status,
        revision=request.revision,
        channel=request.channel,
        client_request_id=request.client_request_id,
        lane=request.lane,
        service_type=request.service_type,
        address_entered=request.address,
        received_at=request.received_at,
        resulted_at=resulted_at,
        area_m2=request.area_m2,
        value_date=request.value_date,
        deadline_at=request.deadline_at,
        product=request.product,
        loan_stage=request.loan_stage,
        business_ref=request.business_ref,
        branch_code=request.branch_code,
        embed_target=request.embed_target,
    )

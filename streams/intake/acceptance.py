"""From what a channel sent to what the house works with: the accepted request, and the answers to the channel."""

import hashlib
import json
from dataclasses import replace
from datetime import datetime, timedelta

from schemas.codes import Lane, Occasion, Status
from schemas.domain.channels import channel
from schemas.domain.echo import echo
from schemas.domain.masking import masked_personal_data
from schemas.domain.request_rules import accepted_area, cleaned_address, property_type_code
from schemas.domain.worktime import SHANGHAI
from schemas.events import Accepted, ClarificationTimedOut, Request, Requested, Resulted
from streams.intake.asked_by_desk import DeskQuestion

FIRST_REVISION = 1
REPLY_REVISION = 2  # to the question of enrichment, which asks once; a question of the desk is of any revision


def request_of(
    requested: Requested,
    *,
    lane: Lane,
    received_at: datetime,
    deadline_at: datetime,
    revision: int,
    question: DeskQuestion | None = None,
) -> Request:
    """The cleaned request. `requested` must be without problems; its note and subject token go no further.

    A reply to a question of the desk goes back to people, with the time they had left when they asked.
    """
    stated_type = property_type_code(requested.property_type) if requested.property_type is not None else None
    return Request(
        channel=channel(requested.channel).code,
        client_request_id=requested.client_request_id,
        lane=lane,
        service_type=requested.service_type,
        address=masked_personal_data(requested.address.strip()),
        area_m2=accepted_area(requested.area),
        value_date=requested.value_date or received_at.astimezone(SHANGHAI).date(),
        received_at=received_at,
        deadline_at=deadline_at,
        revision=revision,
        product=requested.product,
        loan_stage=requested.loan_stage,
        business_ref=requested.business_ref,
        branch_code=requested.branch_code,
        embed_target=requested.embed_target,
        force_manual=requested.force_manual,
        property_type=stated_type,
        floor=requested.floor,
        total_floors=requested.total_floors,
        built_year=requested.built_year,
        rooms=requested.rooms,
        chosen_community_id=requested.chosen_community_id,
        occasion=Occasion.ASKED if question is None else Occasion.DESK_REPLY,
        due_at=None if question is None else question.due_after(received_at),
        community=_stated(requested.community),
        building=_stated(requested.building),
        usage=_stated(requested.usage),
    )


def digest(requested: Requested) -> str:
    """Hex sha256 over what makes two requests the same: everything that is asked, in its normal form.

    In: channel, service, address (NFKC, blanks collapsed, masked), area, value date as stated, product, stage, the
    bank's references, force_manual and the stated attributes. Out: when it was sent, how the unit was spelt, the note,
    and the answer to a clarification, which repeats the request it belongs to. What is stated to be verified counts
    where it is stated, so that requests without it keep the digests they had.
    """
    stated_type = property_type_code(requested.property_type) if requested.property_type is not None else None
    asked = (
        channel(requested.channel).code,
        requested.service_type,
        masked_personal_data(cleaned_address(requested.address)),
        str(accepted_area(requested.area)),
        requested.value_date.isoformat() if requested.value_date is not None else None,
        requested.product,
        requested.loan_stage,
        requested.business_ref,
        requested.branch_code,
        requested.subject_token,
        requested.embed_target,
        requested.force_manual,
        stated_type,
        requested.floor,
        requested.total_floors,
        requested.built_year,
        requested.rooms,
    )
    to_verify = (_stated(requested.community), _stated(requested.building), _stated(requested.usage))
    whole = (*asked, *to_verify) if any(to_verify) else asked
    return hashlib.sha256(json.dumps(whole, ensure_ascii=False).encode()).hexdigest()


def without_a_reply(
    timed_out: ClarificationTimedOut,
    *,
    allowance: timedelta,
    accepted_at: datetime,
    question: DeskQuestion | None = None,
) -> Accepted:
    """The next asking of a valuation whose question nobody answered: without a choice. `question`: if the desk asked.

    Its clock starts anew when the time to reply has run out, as that of a reply does at the reply.
    """
    request = replace(
        timed_out.request,
        revision=timed_out.request.revision + 1,
        received_at=timed_out.timed_out_at,
        deadline_at=timed_out.timed_out_at + allowance,
        chosen_community_id=None,
        occasion=Occasion.ASKED if question is None else Occasion.DESK_REPLY,
        due_at=None if question is None else question.due_after(timed_out.timed_out_at),
    )
    return Accepted(
        valuation_id=timed_out.valuation_id, request=request, digest=timed_out.digest, accepted_at=accepted_at
    )


def acknowledged(accepted: Accepted, *, resulted_at: datetime) -> Resulted:
    """受理回执: the request is accepted, and by when it will be answered."""
    return echo(accepted.valuation_id, accepted.request, Status.RECEIVED, resulted_at=resulted_at)


def _stated(text: str | None) -> str | None:
    """What is stated to be verified, in its normal form."""
    return None if text is None else masked_personal_data(cleaned_address(text))

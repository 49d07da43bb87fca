"""The answer to a message that is not taken: REJECTED_INVALID, the same from whoever refuses.

It is about one message. Its `revision` is 0, so it shares the id of the valuation it was sent for and never overwrites
what is known of that one, whose revisions begin at 1.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from schemas.codes import Lane, Reason, ServiceType, Status
from schemas.domain.channels import channel
from schemas.domain.masking import masked_personal_data
from schemas.domain.request_rules import COMMANDS, MAX_ADDRESS
from schemas.domain.texts import REASON_TEXTS
from schemas.events import Problem, Requested, Resulted

REFUSAL_REVISION: Final = 0


def refused(
    requested: Requested, problems: Sequence[Problem], *, lane: Lane, received_at: datetime, resulted_at: datetime
) -> Resulted:
    """A request or command refused with every problem. What was sent is echoed only as far as it can do no harm.

    Commands may be many for one valuation, so each refusal of one has its own `update`. Raises
    `UnknownChannelCodeError`.
    """
    reasons = tuple(dict.fromkeys(problem.code for problem in problems))
    return Resulted(
        valuation_id=requested.valuation_id,
        status=Status.REJECTED_INVALID,
        revision=REFUSAL_REVISION,
        channel=channel(requested.channel).code,
        client_request_id=_harmless(requested.client_request_id),
        lane=lane,
        service_type=requested.service_type,
        address_entered=_harmless(requested.address),
        received_at=received_at,
        resulted_at=resulted_at,
        reasons=reasons,
        reason_text="；".join(REASON_TEXTS[Reason(code)] for code in reasons),
        business_ref=_harmless(requested.business_ref) if requested.business_ref is not None else None,
        branch_code=_harmless(requested.branch_code) if requested.branch_code is not None else None,
        problems=tuple(problems),
        update=_which_command(requested) if requested.action in COMMANDS else 0,
    )


def refused_later(  # noqa: PLR0913 - the message itself is gone by then: what is known of it
    *,
    valuation_id: str,
    channel: str,
    client_request_id: str,
    lane: Lane,
    service_type: ServiceType,
    received_at: datetime,
    resulted_at: datetime,
    reason: Reason,
    problem: Problem,
    update: int,
) -> Resulted:
    """A command or dispute refused by what has become of its valuation; `problem` says why, in Chinese.

    `received_at` is the message's own moment, by which whoever waits for it knows it.
    """
    return Resulted(
        valuation_id=valuation_id,
        status=Status.REJECTED_INVALID,
        revision=REFUSAL_REVISION,
        channel=channel,
        client_request_id=client_request_id,
        lane=lane,
        service_type=service_type,
        address_entered="",
        received_at=received_at,
        resulted_at=resulted_at,
        reasons=(reason,),
        reason_text=problem.message,
        problems=(problem,),
        update=update,
    )


def _which_command(requested: Requested) -> int:
    """A number from 1 on, the same whenever the message is read."""
    said = f"{requested.action}|{requested.requested_at.isoformat()}|{requested.note}"
    return int.from_bytes(hashlib.sha256(said.encode(errors="replace")).digest()[:4]) // 2 + 1


def _harmless(text: str) -> str:
    """Short, printable, without personal numbers: what was refused may be anything at all."""
    short = text.strip()[: 2 * MAX_ADDRESS]  # masked before the final cut: half a number must not slip through
    visible = "".join(character if character.isprintable() else " " for character in short)
    return masked_personal_data(visible)[:MAX_ADDRESS]

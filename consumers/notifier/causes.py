"""What is worth a notice: events turned into causes. Pure.

Facts are codes, dates and numbers of the event; a text that a person wrote is never among them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from schemas.codes import Audience, BatchState, Lane, NoticeTrigger, Reason, Status
from schemas.domain import channels
from schemas.domain.channels import Profile, ReplyMode
from schemas.domain.texts import REASON_TEXTS, STATUS_TEXTS
from schemas.domain.worktime import SHANGHAI
from schemas.events import BatchProgressed, ReportRevoked, Resulted, ReviewAtRisk, ValueMoved

_BATCH_ENDS: Final = frozenset({BatchState.DELIVERED, BatchState.COMPLETED, BatchState.CANCELLED})
_AUDIENCES: Final[Mapping[Profile, Audience]] = {
    Profile.STAFF: Audience.CUSTOMER_MANAGER,
    Profile.CUSTOMER: Audience.CUSTOMER,
}
_OPERATIONS_CHANNEL: Final = "CREDIT_MGMT"  # where the bank's operations are reached
_LATE: Final = "LATE"
_DUE_SOON: Final = "DUE_SOON"
_SOON: Final = 0.9  # of the time: what is left is enough to tell the customer before it is late


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Something to tell an audience. `key` names it for ever: the same cause again is the same notice.

    `variant` chooses among the templates of a trigger: a status, or a kind of event.
    """

    trigger: NoticeTrigger
    variant: str
    audience: Audience
    subject_id: str
    key: str
    facts: Mapping[str, str] = field(default_factory=dict)
    channel: str | None = None
    client_request_id: str | None = None
    business_ref: str | None = None
    branch_code: str | None = None
    needs_receipt: bool = False


def causes(event: Any) -> Iterator[Cause]:
    """What an event gives cause to tell; nothing for most events."""
    match event:
        case Resulted():
            yield from _of_result(event)
        case ReviewAtRisk():
            yield from _of_clock(event)
        case ReportRevoked():
            yield from _of_revocation(event)
        case BatchProgressed():
            yield from _of_batch(event)
        case ValueMoved():
            yield from _of_moved(event)
        case _:
            return


def _of_result(result: Resulted) -> Iterator[Cause]:
    """A row of a batch is told of with its job; what was said inside the call, or did not change, is no news."""
    audience = _audience(result.channel)
    if audience is None or result.lane is Lane.BATCH or result.update or result.status is Status.REJECTED_INVALID:
        return
    if result.status is Status.RECEIVED and not _hears_by_message(result.channel):
        return
    yield Cause(
        trigger=_trigger(result.status),
        variant=result.status,
        audience=audience,
        subject_id=result.valuation_id,
        key=f"{result.valuation_id}|{result.revision}|{result.status}|{_reminder(result)}",
        facts={
            "status": STATUS_TEXTS[result.status],
            "reason": _reason(result.reasons),
            "due": _instant(result.due_at),
            "valid_until": _day(result.valid_until),
            "number": result.business_ref or result.client_request_id,
        },
        channel=result.channel,
        client_request_id=result.client_request_id,
        business_ref=result.business_ref,
        branch_code=result.branch_code,
    )


def _trigger(status: Status) -> NoticeTrigger:
    if status is Status.RECEIVED:
        return NoticeTrigger.ACKNOWLEDGED
    return NoticeTrigger.RESULTED if status.is_final else NoticeTrigger.INTERIM


def _reminder(result: Resulted) -> str:
    return Reason.CLARIFICATION_REMINDER if Reason.CLARIFICATION_REMINDER in result.reasons else ""


def _of_clock(risk: ReviewAtRisk) -> Iterator[Cause]:
    """The bank's operations hear of a review that is late, or about to be; who sits at the desk knows by itself."""
    if risk.escalated_to or not (risk.is_breach or risk.share >= _SOON):  # the desk escalates among its own people
        return
    yield Cause(
        trigger=NoticeTrigger.DUE_SOON,
        variant=_LATE if risk.is_breach else _DUE_SOON,
        audience=Audience.OPERATIONS,
        subject_id=risk.valuation_id,
        key=f"{risk.valuation_id}|{risk.revision}|{risk.number}",
        facts={"due": _instant(risk.due_at), "number": risk.valuation_id},
        channel=_OPERATIONS_CHANNEL,
    )


def _of_revocation(revoked: ReportRevoked) -> Iterator[Cause]:
    audience = _audience(revoked.channel)
    if audience is None:
        return
    yield Cause(
        trigger=NoticeTrigger.SUPERSEDED,
        variant="REPLACED" if revoked.replaced_by else "REVOKED",
        audience=audience,
        subject_id=revoked.valuation_id,
        key=f"{revoked.report_no}|{revoked.replaced_by or ''}",
        facts={
            "report_no": revoked.report_no,
            "replaced_by": revoked.replaced_by or "",
            "number": revoked.business_ref or revoked.report_no,
        },
        channel=revoked.channel,
        business_ref=revoked.business_ref,
    )


def _of_batch(progress: BatchProgressed) -> Iterator[Cause]:
    if progress.state not in _BATCH_ENDS:
        return
    yield Cause(
        trigger=NoticeTrigger.BATCH_DONE,
        variant=progress.state,
        audience=Audience.CUSTOMER_MANAGER,
        subject_id=progress.job_id,
        key=f"{progress.job_id}|{progress.state}",
        facts={
            "number": progress.job_id,
            "rows": f"{progress.rows:,}",
            "answered": f"{progress.answered:,}",
            "refused": f"{progress.refused:,}",
        },
        channel=progress.channel,
    )


def _of_moved(moved: ValueMoved) -> Iterator[Cause]:
    yield Cause(
        trigger=NoticeTrigger.REVALUATION_ALERT,
        variant="FALLEN" if moved.change < 0 else "RISEN",
        audience=Audience.CUSTOMER_MANAGER,
        subject_id=moved.valuation_id,
        key=f"{moved.job_id}|{moved.valuation_id}",
        facts={
            "number": moved.business_ref or moved.valuation_id,
            "change": f"{abs(moved.change):.1%}",
            "since": _day(moved.former_on),
        },
        channel=moved.channel,
        business_ref=moved.business_ref,
        branch_code=moved.branch_code,
    )


def announcement(trigger: NoticeTrigger, subject_id: str, variant: str, facts: Mapping[str, str]) -> Cause:
    """A maintenance window or an incident, told to the bank's operations, who must acknowledge it."""
    return Cause(
        trigger=trigger,
        variant=variant,
        audience=Audience.OPERATIONS,
        subject_id=subject_id,
        key=f"{subject_id}|{variant}",
        facts=facts,
        channel=_OPERATIONS_CHANNEL,
        needs_receipt=True,
    )


def _hears_by_message(channel: str) -> bool:
    """Whether a receipt has to be brought: who calls and waits has it already."""
    found = channels.find(channel)
    return found is not None and found.reply is ReplyMode.TEMPLATE_MESSAGE


def _audience(channel: str) -> Audience | None:
    found = channels.find(channel)
    return _AUDIENCES.get(found.profile) if found is not None else None


def _reason(codes: tuple[str, ...]) -> str:
    """The catalogue's words for the first reason: `reason_text` of a result may hold a reviewer's question."""
    known = [REASON_TEXTS[Reason(code)] for code in codes if code in Reason.__members__]
    return known[0] if known else ""


def _day(on: date | None) -> str:
    return on.isoformat() if on else ""


def _instant(at: datetime | None) -> str:
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}" if at else ""

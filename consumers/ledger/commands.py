"""Requirement IN9: what becomes of a command about an earlier request, as far as it follows from how that one stands.

| of a valuation that is…       | CANCEL                 | FORCE_MANUAL                   | STATUS_QUERY       |
| ----------------------------- | ---------------------- | ------------------------------ | ------------------ |
| unknown, or not the channel's | refused, NOT_FOUND     | refused, NOT_FOUND             | refused, NOT_FOUND |
| asked for, not yet accepted   | waits                  | waits                          | waits              |
| with the model                | CANCELLED              | waits until the deadline       | its latest answer  |
| waiting for a model           | CANCELLED              | goes to people                 | its latest answer  |
| waiting for a reply           | CANCELLED              | goes to people, if none came   | its latest answer  |
| with the model after a reply  | CANCELLED              | waits until the deadline       | its latest answer  |
| with people                   | CANCELLED              | its latest answer              | its latest answer  |
| final                         | refused, ALREADY_FINAL | refused, ALREADY_FINAL         | its latest answer  |
| final by that very command    | its latest answer      | its latest answer              | its latest answer  |

A verification alone has no value that people could give: FORCE_MANUAL of one is refused, ACTION_NOT_ALLOWED.

The ledger decides because it alone knows where every valuation stands. It is not alone in answering, though: a value
or a reviewer's decision may be on its way to the topic of results while CANCELLED is. All answers of a valuation lie in
one partition there, so which came first is settled by the broker, and everybody holds to the same rule: the first final
answer stands. The ledger reads back which that was (`outcome_of`) and tells who lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum, auto
from typing import Any, Final
from uuid import UUID

from schemas.codes import Action, Lane, Reason, ServiceType, Status
from schemas.domain.echo import echo
from schemas.domain.refusal import refused_later
from schemas.domain.texts import REASON_TEXTS
from schemas.events import Accepted, ClarificationTimedOut, Problem, Resulted, Withdrawn
from schemas.json_events import event_from_json

_NUMBERS: Final = 1 << 31  # refusals are told apart by the command they answer


class Outcome(StrEnum):
    """What is done about a command."""

    WAIT = auto()
    RESEND = auto()
    CANCEL = auto()
    CLOSE_QUESTION = auto()  # to people, by the way of a question that nobody answered
    ASK_AGAIN = auto()  # to people, as another asking
    NOT_FOUND = auto()
    ALREADY_FINAL = auto()
    NO_VALUE_ASKED = auto()  # a verification alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A command, and how its valuation stands. `asked_by` is `None` where that is not known.

    `answer_id`: the CANCELLED that was sent for it; `is_read_back`: it has come back over the topic. `accepted`: the
    latest asking, `status`, `revision` and `reasons` the answer that stands, `concluded_status` the first end.
    `is_forced`: people have it by an earlier FORCE_MANUAL. `lane`: where the command came.
    """

    event_id: UUID
    valuation_id: UUID
    action: Action
    channel: str
    client_request_id: str
    lane: str
    asked_at: datetime
    appended_at: datetime
    traceparent: str | None
    answer_id: UUID | None
    is_read_back: bool
    asked_by: str | None
    asked_as: str | None
    traced: str | None
    status: str | None
    revision: int
    reasons: Sequence[str]
    concluded_status: str | None
    deadline_at: datetime | None
    accepted: dict[str, Any] | None
    is_forced: bool

    @property
    def asking(self) -> Accepted:
        """The latest asking. Raises `LookupError` while none was accepted."""
        if self.accepted is None:
            raise LookupError(f"valuation {self.valuation_id} was not accepted")
        return event_from_json(Accepted, self.accepted)


def outcome_of(case: Case, now: datetime) -> Outcome:
    """What is to be done about a command now. Of one that was answered by CANCELLED: whether that came first."""
    if case.asked_by != case.channel or case.asked_as != case.client_request_id:
        return Outcome.NOT_FOUND
    if case.answer_id is not None:
        return _raced(case)
    status = None if case.status is None else Status(case.status)
    if status is not None and status.is_final:
        return Outcome.RESEND if _is_its_own(case) else Outcome.ALREADY_FINAL
    return Outcome.WAIT if status is None or case.accepted is None else _under_way(case, status, now)


def _under_way(case: Case, status: Status, now: datetime) -> Outcome:
    match case.action:
        case Action.CANCEL:
            return Outcome.CANCEL
        case Action.FORCE_MANUAL:
            return _forced(case, status, now)
        case _:
            return Outcome.RESEND


def _raced(case: Case) -> Outcome:
    if not case.is_read_back:
        return Outcome.WAIT
    return Outcome.CANCEL if case.concluded_status == Status.CANCELLED else Outcome.ALREADY_FINAL


def _is_its_own(case: Case) -> bool:
    """Whether the end is what the command wants, or no obstacle to it: a command sent again is no mistake."""
    match case.action:
        case Action.CANCEL:
            return case.status == Status.CANCELLED
        case Action.FORCE_MANUAL:
            return case.is_forced
        case _:
            return True


def _forced(case: Case, status: Status, now: datetime) -> Outcome:
    """The model has until the deadline: what it is at work on is final, or with people, within the second.

    A question that was replied to, or whose time ran out, still stands while the model is at work on what came of it.
    """
    if case.asking.request.service_type is ServiceType.VERIFY:
        return Outcome.NO_VALUE_ASKED
    if status is Status.PENDING_MANUAL or case.is_forced:
        return Outcome.RESEND
    if status is Status.NEEDS_CLARIFICATION and case.asking.request.revision == case.revision:
        return Outcome.CLOSE_QUESTION
    is_late = case.deadline_at is not None and now > case.deadline_at
    return Outcome.ASK_AGAIN if is_late or Reason.SYSTEM_DEGRADED in case.reasons else Outcome.WAIT


# ---- what is said ---------------------------------------------------------------------------------------------------


def cancelled(case: Case, now: datetime) -> Resulted:
    """The end of a valuation that its channel has withdrawn."""
    asking = case.asking
    return replace(
        echo(asking.valuation_id, asking.request, Status.CANCELLED, resulted_at=now),
        reasons=(Reason.CANCELLED_BY_CHANNEL,),
        reason_text=REASON_TEXTS[Reason.CANCELLED_BY_CHANNEL],
    )


def withdrawn(case: Case, now: datetime) -> Withdrawn:
    """From now on what is said of the valuation's askings so far answers nobody."""
    asking = case.asking
    return Withdrawn(
        valuation_id=asking.valuation_id,
        action=case.action,
        revision=asking.request.revision,
        withdrawn_at=now,
    )


def question_closed(case: Case, now: datetime) -> ClarificationTimedOut:
    """The question ends here: intake lets it go on without a reply, to people, unless a reply was first."""
    asking = case.asking
    return ClarificationTimedOut(
        valuation_id=asking.valuation_id,
        request=replace(asking.request, force_manual=True),
        digest=asking.digest,
        reply_by=now,
        timed_out_at=now,
    )


def asked_again(case: Case, now: datetime) -> Accepted:
    """The next asking of a valuation, for people."""
    asking = case.asking
    request = replace(asking.request, revision=asking.request.revision + 1, force_manual=True)
    return Accepted(valuation_id=asking.valuation_id, request=request, digest=asking.digest, accepted_at=now)


def refused(case: Case, why: Outcome, now: datetime) -> Resulted:
    """The answer to a command that is not carried out. It leaves the valuation as it is."""
    reason, text = _refusal(case, why)
    return refused_later(
        valuation_id=str(case.valuation_id),
        channel=case.channel,
        client_request_id=case.client_request_id,
        lane=lane_of(case),
        service_type=ServiceType.VALUATE if case.accepted is None else case.asking.request.service_type,
        received_at=case.asked_at,
        resulted_at=now,
        reason=reason,
        problem=Problem(field="client_request_id", code=reason, message=text),
        update=number_of(case.event_id),
    )


def _refusal(case: Case, why: Outcome) -> tuple[Reason, str]:
    if why is Outcome.NOT_FOUND:
        return Reason.NOT_FOUND, _UNKNOWN
    if why is Outcome.NO_VALUE_ASKED:
        return Reason.ACTION_NOT_ALLOWED, _VERIFICATION_ALONE
    return Reason.ALREADY_FINAL, _CANCELLED if case.status == Status.CANCELLED else _TEXTS[case.action]


def number_of(command: UUID) -> int:
    """The `update` of the refusal of a command, from 1 on: each is another fact about its valuation."""
    return command.int % _NUMBERS + 1


def lane_of(case: Case) -> Lane:
    """The lane on which the answers of the valuation lie; of one that is not known, the lane of the command."""
    return Lane(case.lane if case.accepted is None else case.asking.request.lane)


_UNKNOWN: Final = "没有这笔估值，或不属于本渠道，请核对请求编号"
_VERIFICATION_ALONE: Final = "该笔申请仅为房屋信息验证，不涉及估值，不能转人工估值；如需估值，请重新提交估值申请"
_CANCELLED: Final = "该笔估值已撤销，不能再办理；如需估值，请使用新的请求编号重新提交"
_TEXTS: Final = {
    Action.CANCEL: "该笔估值已办结，不能撤销；如对结果有异议，请提出复估",
    Action.FORCE_MANUAL: "该笔估值已办结，不能再转人工估值；如对结果有异议，请提出复估",
    Action.STATUS_QUERY: "该笔估值已办结",
}

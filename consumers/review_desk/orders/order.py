"""A work order and how it moves. Pure.

raised → accepted by somebody within one working day → answered within the days of its kind, once. The answer of a
complaint or a report (举报) goes out only when a second person agrees.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Final

from consumers.review_desk.oversight.supervisor_moves import CommandError, checked_reason
from consumers.review_desk.people.staff import Person
from consumers.review_desk.task import NotAllowedError
from schemas.codes import WorkOrderKind, WorkOrderState
from schemas.domain.masking import masked_personal_data
from schemas.domain.worktime import due_at
from schemas.events import WorkOrderProgressed, WorkOrderRaised

ACCEPT_WITHIN: Final = 1
"""Working days (K-13)."""
ANSWER_WITHIN: Final[Mapping[WorkOrderKind, int]] = MappingProxyType(
    {
        WorkOrderKind.CONSULTATION: 5,
        WorkOrderKind.DATA_CORRECTION: 5,  # K-13 names no figure of its own: as a consultation
        WorkOrderKind.VERIFY_MISMATCH: 5,
        WorkOrderKind.FAULT: 3,
        WorkOrderKind.COMPLAINT: 15,
        WorkOrderKind.REPORT: 30,
        WorkOrderKind.DISPUTE: 1,
    }
)
"""Working days from its arrival to its answer (K-13)."""
NEEDS_TWO: Final = frozenset({WorkOrderKind.COMPLAINT, WorkOrderKind.REPORT})
FEWEST_CHARACTERS: Final = 5
LONGEST_TEXT: Final = 2000
USE_DISPUTES: Final = "对估值结果有异议，请在原估值业务中提出复估申请，将由其他人员重新估值。"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrder:
    """A work order. `answer` is proposed by `answered_by` and out once the state is ANSWERED or REJECTED.

    `steps` counts what the channel was told. `escalated`: a clock ran out, or the channel said that it presses;
    `late` is the last state whose clock was told to have run out. `returned_because`: why a second person did not agree
    to the answer, which is then a draft to go on from.
    """

    work_order_id: str
    kind: WorkOrderKind
    channel: str
    client_request_id: str
    text: str
    raised_at: datetime
    accept_by: datetime
    due_at: datetime
    state: WorkOrderState = WorkOrderState.RAISED
    valuation_id: str = ""
    business_ref: str | None = None
    handler: str | None = None
    answer: str | None = None
    answered_by: str | None = None
    approved_by: str | None = None
    returned_because: str | None = None
    closed_at: datetime | None = None
    escalated: bool = False
    late: str = ""
    steps: int = 0

    @property
    def is_open(self) -> bool:
        """Whether its answer is still owed."""
        return self.state in {WorkOrderState.RAISED, WorkOrderState.ACCEPTED}

    @property
    def waits_for_second(self) -> bool:
        """Whether an answer is written that a second person has to agree to."""
        is_written = self.answer is not None and self.returned_because is None
        return self.state is WorkOrderState.ACCEPTED and is_written

    @property
    def next_due(self) -> datetime:
        """When the next step is owed."""
        return self.accept_by if self.state is WorkOrderState.RAISED else self.due_at


class OrderClosedError(CommandError):
    """The order has moved on, or is not there. `why` says in Chinese what it has become."""

    def __init__(self, why: str) -> None:
        super().__init__("state", why)


def opened(raised: WorkOrderRaised) -> WorkOrder:
    """The order a channel has raised, personal data in its text hidden. A dispute is sent to where disputes go."""
    order = WorkOrder(
        work_order_id=raised.work_order_id,
        kind=raised.kind,
        channel=raised.channel,
        client_request_id=raised.client_request_id,
        text=masked_personal_data(raised.text)[:LONGEST_TEXT],
        raised_at=raised.raised_at,
        accept_by=due_at(raised.raised_at, ACCEPT_WITHIN),
        due_at=due_at(raised.raised_at, ANSWER_WITHIN[raised.kind]),
        valuation_id=raised.valuation_id,
        business_ref=raised.business_ref,
        escalated=raised.escalated,
    )
    if raised.kind is WorkOrderKind.DISPUTE:
        order = replace(order, state=WorkOrderState.REJECTED, answer=USE_DISPUTES, closed_at=raised.raised_at)
    return replace(order, steps=1)


def accept(order: WorkOrder, person: Person) -> WorkOrder:
    """Somebody takes it on. Taking on what one has is no error. Raises `OrderClosedError`."""
    if order.state is WorkOrderState.ACCEPTED and order.handler == person.username:
        return order
    if order.state is not WorkOrderState.RAISED:
        raise OrderClosedError(f"该工单已由 {order.handler} 受理" if order.is_open else "该工单已办结")
    return replace(order, state=WorkOrderState.ACCEPTED, handler=person.username, steps=order.steps + 1)


def answer(order: WorkOrder, person: Person, text: str, now: datetime) -> WorkOrder:
    """The one answer: out at once, or waiting for a second person.

    Raises:
        OrderClosedError: It is answered, or nobody has taken it on.
        NotAllowedError: Another one has taken it on.
        CommandError: There is no answer in the text.
    """
    _must_be_open(order)
    if order.state is WorkOrderState.RAISED:
        raise OrderClosedError("请先受理该工单")
    if order.handler != person.username:
        raise NotAllowedError("该工单由他人受理")
    said = masked_personal_data(text.strip())
    if not FEWEST_CHARACTERS <= len(said) <= LONGEST_TEXT:
        raise CommandError("text", f"答复须为 {FEWEST_CHARACTERS} 至 {LONGEST_TEXT} 字")
    written = replace(order, answer=said, answered_by=person.username, returned_because=None)
    return written if order.kind in NEEDS_TWO else _closed(written, now)


def approve(order: WorkOrder, person: Person, seen: str, now: datetime) -> WorkOrder:
    """A second person agrees to the text they have `seen`; it goes out.

    Raises:
        OrderClosedError: Nothing waits, or the text is another one by now.
        NotAllowedError: It is their own.
    """
    _must_wait_for_another(order, person)
    if seen != order.answer:
        raise OrderClosedError("答复内容已更改，请重新阅读后复核")
    return _closed(replace(order, approved_by=person.username), now)


def send_back(order: WorkOrder, person: Person, reason: str) -> WorkOrder:
    """A second person does not agree and says why; the draft stays. Raises as `approve`; `CommandError`: no reason."""
    _must_wait_for_another(order, person)
    return replace(order, returned_because=checked_reason(reason))


def reassign(order: WorkOrder, to: str) -> WorkOrder:
    """Somebody else goes on with it, from the draft there is. Raises `OrderClosedError`."""
    _must_be_open(order)
    if order.state is WorkOrderState.RAISED:
        raise OrderClosedError("该工单尚未受理，可直接受理")
    return replace(order, handler=to)


def pressed(order: WorkOrder, now: datetime) -> WorkOrder | None:
    """The order with its flag up, where its next step has become overdue; `None` where nothing is to do."""
    if not order.is_open or order.late == order.state or now <= order.next_due:
        return None
    return replace(order, escalated=True, late=order.state, steps=order.steps + 1)


def progressed(order: WorkOrder, at: datetime) -> WorkOrderProgressed:
    """What the channel is told. An answer that waits for a second person is not among it."""
    return WorkOrderProgressed(
        work_order_id=order.work_order_id,
        number=order.steps,
        state=order.state,
        kind=order.kind,
        channel=order.channel,
        client_request_id=order.client_request_id,
        at=at,
        due_at=order.next_due if order.is_open else None,
        answer=None if order.is_open else order.answer,
        valuation_id=order.valuation_id,
        business_ref=order.business_ref,
        escalated=order.escalated,
    )


def _closed(order: WorkOrder, now: datetime) -> WorkOrder:
    return replace(order, state=WorkOrderState.ANSWERED, closed_at=now, steps=order.steps + 1)


def _must_be_open(order: WorkOrder) -> None:
    if not order.is_open:
        raise OrderClosedError("该工单已办结，答复只有一次")


def _must_wait_for_another(order: WorkOrder, person: Person) -> None:
    if not order.waits_for_second:
        raise OrderClosedError("该工单没有待复核的答复")
    if person.username == order.answered_by:
        raise NotAllowedError("本人起草的答复须由他人复核")

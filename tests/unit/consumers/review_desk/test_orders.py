from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from consumers.review_desk.orders import order as moves
from consumers.review_desk.orders.order import OrderClosedError
from consumers.review_desk.oversight.supervisor_moves import CommandError
from consumers.review_desk.pages.orders import ACCEPT, ANSWER, APPROVE, KIND, STATE, next_step
from consumers.review_desk.task import NotAllowedError
from schemas.codes import WorkOrderKind, WorkOrderState
from schemas.domain.worktime import SHANGHAI
from schemas.events import WorkOrderRaised
from schemas.ids import work_order_id
from tests.fakes.desk import MONDAY_NOON, person

LIN, WU = person("lin"), person("wu")


def raised(kind=WorkOrderKind.CONSULTATION, **changes):
    given = WorkOrderRaised(
        work_order_id=work_order_id("CREDIT_MGMT", "w-1"),
        kind=kind,
        channel="CREDIT_MGMT",
        client_request_id="w-1",
        text="该小区的建成年代似乎有误，请核实",
        raised_at=MONDAY_NOON,
    )
    return replace(given, **changes)


def accepted(kind=WorkOrderKind.CONSULTATION):
    return moves.accept(moves.opened(raised(kind)), LIN)


@pytest.mark.requirement("DI1")
@pytest.mark.parametrize(
    ("kind", "due"),
    [
        (WorkOrderKind.CONSULTATION, datetime(2026, 3, 9, 12, 0, tzinfo=SHANGHAI)),
        (WorkOrderKind.COMPLAINT, datetime(2026, 3, 23, 12, 0, tzinfo=SHANGHAI)),
        (WorkOrderKind.REPORT, datetime(2026, 4, 14, 12, 0, tzinfo=SHANGHAI)),  # 清明 lies between
        (WorkOrderKind.FAULT, datetime(2026, 3, 5, 12, 0, tzinfo=SHANGHAI)),
    ],
)
def test_it_is_to_be_taken_on_within_a_day_and_answered_within_the_days_of_its_kind(kind, due):
    order = moves.opened(raised(kind))
    assert order.accept_by == datetime(2026, 3, 3, 12, 0, tzinfo=SHANGHAI)
    assert order.due_at == due
    assert moves.progressed(order, MONDAY_NOON).due_at == order.accept_by
    assert moves.progressed(moves.accept(order, LIN), MONDAY_NOON).due_at == order.due_at


@pytest.mark.requirement("DI1")
def test_it_is_answered_once_by_whoever_took_it_on():
    order = accepted()
    with pytest.raises(OrderClosedError, match="已由 lin 受理"):
        moves.accept(order, WU)
    assert moves.accept(order, LIN) == order
    with pytest.raises(NotAllowedError):
        moves.answer(order, WU, "经核实，建成年代应为 2004 年。", MONDAY_NOON)
    done = moves.answer(order, LIN, " 经核实，建成年代应为 2004 年。 ", MONDAY_NOON)
    told = moves.progressed(done, MONDAY_NOON)
    assert (told.state, told.answer, told.due_at) == (WorkOrderState.ANSWERED, "经核实，建成年代应为 2004 年。", None)
    with pytest.raises(OrderClosedError, match="只有一次"):
        moves.answer(done, LIN, "另外还有一点补充说明。", MONDAY_NOON)


def test_nobody_answers_what_nobody_has_taken_on_nor_with_nothing():
    with pytest.raises(OrderClosedError, match="请先受理"):
        moves.answer(moves.opened(raised()), LIN, "经核实，没有错误。", MONDAY_NOON)
    with pytest.raises(CommandError, match="5 至 2000 字"):
        moves.answer(accepted(), LIN, " 好 ", MONDAY_NOON)


@pytest.mark.requirement("DI1")
@pytest.mark.parametrize("kind", [WorkOrderKind.COMPLAINT, WorkOrderKind.REPORT])
def test_the_answer_of_a_complaint_goes_out_when_a_second_person_agrees(kind):
    written = moves.answer(accepted(kind), LIN, "经调查，估值过程符合规定。", MONDAY_NOON)
    assert moves.progressed(written, MONDAY_NOON).answer is None
    with pytest.raises(NotAllowedError, match="他人复核"):
        moves.approve(written, LIN, written.answer, MONDAY_NOON)
    with pytest.raises(CommandError, match="请填写原因"):
        moves.send_back(written, WU, " ")
    again = moves.send_back(written, WU, "请写明依据")
    assert (again.answer, again.is_open, again.waits_for_second) == (written.answer, True, False)
    with pytest.raises(OrderClosedError, match="没有待复核"):
        moves.approve(again, WU, written.answer, MONDAY_NOON)
    rewritten = moves.answer(again, LIN, "经调查，估值过程符合规定，依据见附件。", MONDAY_NOON)
    assert rewritten.waits_for_second
    with pytest.raises(OrderClosedError, match="已更改"):
        moves.approve(rewritten, WU, written.answer, MONDAY_NOON)
    done = moves.approve(written, WU, written.answer, MONDAY_NOON)
    assert moves.progressed(done, MONDAY_NOON).answer == "经调查，估值过程符合规定。"
    assert done.approved_by == "wu"


@pytest.mark.requirement("DI1", "BA4")
def test_somebody_else_goes_on_from_the_draft_there_is():
    written = moves.answer(accepted(WorkOrderKind.COMPLAINT), LIN, "经调查，估值过程符合规定。", MONDAY_NOON)
    given = moves.reassign(written, "wu")
    assert (given.handler, given.answer) == ("wu", written.answer)
    with pytest.raises(OrderClosedError, match="直接受理"):
        moves.reassign(moves.opened(raised()), "wu")
    with pytest.raises(OrderClosedError, match="只有一次"):
        moves.reassign(moves.approve(written, WU, written.answer, MONDAY_NOON), "wu")


@pytest.mark.requirement("DI1")
def test_the_flag_goes_up_once_when_the_next_step_is_overdue():
    order = moves.opened(raised())
    assert moves.pressed(order, order.accept_by) is None  # the boundary is in time
    late = moves.pressed(order, order.accept_by + timedelta(seconds=1))
    assert (late.escalated, late.steps) == (True, order.steps + 1)
    assert moves.pressed(late, order.due_at + timedelta(days=9)) is None
    taken_late = moves.accept(late, LIN)
    assert moves.pressed(taken_late, order.due_at) is None
    again = moves.pressed(taken_late, order.due_at + timedelta(seconds=1))
    assert again.steps == taken_late.steps + 1  # another clock has run out
    assert moves.pressed(again, order.due_at + timedelta(days=9)) is None
    pressing = moves.opened(raised(escalated=True))
    assert moves.pressed(pressing, order.accept_by + timedelta(seconds=1)).steps == pressing.steps + 1
    in_hand = accepted()
    assert moves.pressed(in_hand, in_hand.accept_by + timedelta(days=1)) is None
    assert moves.pressed(in_hand, in_hand.due_at + timedelta(seconds=1)).escalated
    done = moves.answer(in_hand, LIN, "经核实，没有错误。", MONDAY_NOON)
    assert moves.pressed(done, in_hand.due_at + timedelta(days=9)) is None


@pytest.mark.requirement("DI1", "DI2")
def test_a_dispute_is_sent_to_where_others_value_anew():
    order = moves.opened(raised(WorkOrderKind.DISPUTE))
    told = moves.progressed(order, MONDAY_NOON)
    assert told.state is WorkOrderState.REJECTED
    assert "复估" in told.answer


@pytest.mark.requirement("SE1")
def test_personal_data_are_hidden_on_the_way_in_and_out():
    order = moves.accept(moves.opened(raised(text="客户电话 13812345678，证号 330106199001011234")), LIN)
    assert "13812345678" not in order.text
    assert "330106199001011234" not in order.text
    done = moves.answer(order, LIN, "已致电 13812345678 说明情况。", MONDAY_NOON)
    assert "13812345678" not in done.answer


def test_each_step_that_is_told_has_a_number_of_its_own():
    order = moves.opened(raised(WorkOrderKind.COMPLAINT))
    steps = [order, moves.accept(order, LIN)]
    written = moves.answer(steps[-1], LIN, "经调查，估值过程符合规定。", MONDAY_NOON)
    steps.append(moves.approve(written, WU, written.answer, MONDAY_NOON))
    assert [one.steps for one in steps] == [1, 2, 3]
    assert written.steps == 2  # nobody outside hears of a draft


def test_the_page_offers_each_person_the_step_that_is_theirs():
    order = moves.opened(raised(WorkOrderKind.COMPLAINT))
    in_hand = moves.accept(order, LIN)
    written = moves.answer(in_hand, LIN, "经调查，估值过程符合规定。", MONDAY_NOON)
    done = moves.approve(written, WU, written.answer, MONDAY_NOON)
    offered = [(next_step(one, LIN), next_step(one, WU)) for one in (order, in_hand, written, done)]
    assert offered == [(ACCEPT, ACCEPT), (ANSWER, None), (ANSWER, APPROVE), (None, None)]


def test_every_kind_and_state_has_its_words_and_every_kind_its_days():
    assert set(KIND) == set(moves.ANSWER_WITHIN) == set(WorkOrderKind)
    assert set(STATE) == set(WorkOrderState)
    assert MONDAY_NOON.tzinfo is UTC

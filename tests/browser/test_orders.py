"""Work orders in a real browser: nothing goes out by a slip of the hand, and two people stand for a complaint."""

import random
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from consumers.review_desk.orders.orders import OrderVoice, WorkOrders, take_in
from consumers.review_desk.people.staff import Role
from schemas.codes import WorkOrderKind, WorkOrderState
from tests.fakes.desk import person
from tests.fakes.valuations import CODEC
from tests.unit.consumers.review_desk.test_orders import raised

pytestmark = [pytest.mark.browser, pytest.mark.postgres, pytest.mark.asyncio(loop_scope="session")]

VOICE = OrderVoice(codec=CODEC, randomness=random.Random(3))
READER = person("reader", roles=frozenset({Role.QA}))
ANSWER = "经调查，估值过程符合规定。"


def of(name: str) -> str:
    return f"[data-testid={name}]"


def order_of(desk, work_order_id: str):
    """The order as it is."""
    now = datetime.now(UTC)
    listed = WorkOrders(desk.pool, VOICE, clock=lambda: now).listed(READER, now - timedelta(hours=1))
    return next((one for one in listed if one.work_order_id == work_order_id), None)


def raise_complaint(desk) -> str:
    """A channel's complaint, due first."""
    now = datetime.now(UTC)
    event = raised(WorkOrderKind.COMPLAINT, work_order_id=str(uuid4()), raised_at=now)
    with desk.pool.connection() as connection:
        connection.execute("delete from work_order")
        take_in(connection, event, VOICE, now)
    return event.work_order_id


async def at_orders(page, desk) -> None:
    await page.goto(f"{desk.address}/work-orders")
    await page.locator(of("orders")).filter(has_text="投诉").first.wait_for()


async def says(page, name: str, text: str) -> None:
    await page.locator(of(name)).filter(has_text=text).first.wait_for()


@pytest.mark.requirement("DI1", "RD4")
async def test_a_complaint_is_taken_on_answered_read_and_approved_by_keyboard(desk, page_of):
    number = raise_complaint(desk)
    wu, chen = await page_of("wu"), await page_of("chen")
    await at_orders(wu, desk)
    await wu.click(f"{of('orders')} tbody tr")  # choosing is not doing
    await says(wu, "order", "建成年代似乎有误")
    assert order_of(desk, number).state is WorkOrderState.RAISED

    await wu.keyboard.press("Enter")
    await says(wu, "orders", "办理中")
    await wu.keyboard.press("Enter")
    await wu.fill(f"{of('ask')} textarea", ANSWER)
    await wu.click(of("ask-confirm"))
    await says(wu, "orders", "待复核")

    await at_orders(chen, desk)
    await chen.keyboard.press("Enter")
    await chen.wait_for_selector(f"{of('ask')} textarea")
    assert await chen.input_value(f"{of('ask')} textarea") == ANSWER
    assert order_of(desk, number).is_open  # the text is shown first
    await chen.click(of("ask-confirm"))
    await says(chen, "orders", "已答复")
    done = order_of(desk, number)
    assert not done.is_open
    assert (done.answered_by, done.approved_by, done.answer) == ("wu", "chen", ANSWER)

"""Work orders at the desk, on a real database: what channels raise, what they are told, who may answer."""

import random
from datetime import timedelta
from uuid import UUID

import pytest

from consumers.review_desk.orders.order import OrderClosedError
from consumers.review_desk.orders.orders import OrderVoice, WorkOrders, take_in
from consumers.review_desk.oversight.supervisor_moves import CommandError
from consumers.review_desk.people.staff import Role
from consumers.review_desk.task import NotAllowedError
from infra.postgres import pool
from infra.postgres.migrate import migrate
from schemas.codes import WorkOrderKind, WorkOrderState
from schemas.events import WorkOrderProgressed
from tests.fakes.desk import MONDAY_NOON, person
from tests.fakes.desk_room import Clock
from tests.fakes.valuations import CODEC
from tests.unit.consumers.review_desk.test_orders import raised

pytestmark = pytest.mark.postgres

REVIEWER = person("ren")
SUPERVISOR = person("sun", roles=frozenset({Role.SUPERVISOR}))
SENIOR, OTHER = (person(name, roles=frozenset({Role.SENIOR})) for name in ("lin", "wu"))
VOICE = OrderVoice(codec=CODEC, randomness=random.Random(3))


@pytest.fixture
def room(postgres):
    migrate(postgres, room="review_desk")
    with pool.open_pool(postgres, room="review_desk") as connections:
        yield connections


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def orders(room, clock):
    return WorkOrders(room, VOICE, clock=clock)


def put(room, *events):
    with room.connection() as connection:
        for event in events:
            take_in(connection, event, VOICE, MONDAY_NOON)


def told(room):
    with room.connection() as connection:
        rows = connection.execute("select value from outbox order by id").fetchall()
    return [CODEC.decode(value, WorkOrderProgressed) for (value,) in rows]


@pytest.mark.requirement("DI1")
def test_a_work_order_goes_its_way_and_the_channel_hears_each_step(room, orders, clock):
    event = raised()
    put(room, event, event)
    (waiting,) = orders.listed(SENIOR, MONDAY_NOON)
    assert waiting.state is WorkOrderState.RAISED
    orders.accept(event.work_order_id, SENIOR)
    orders.answer(event.work_order_id, SENIOR, "经核实，建成年代应为 2004 年。")
    steps = [(one.number, one.state, one.answer) for one in told(room)]
    assert steps == [
        (1, WorkOrderState.RAISED, None),
        (2, WorkOrderState.ACCEPTED, None),
        (3, WorkOrderState.ANSWERED, "经核实，建成年代应为 2004 年。"),
    ]
    clock.forward(days=40)
    assert orders.listed(SENIOR, clock() - timedelta(days=30)) == ()


@pytest.mark.requirement("DI1")
def test_what_is_overdue_is_told_once(room, orders, clock):
    put(room, raised(), raised(WorkOrderKind.REPORT, work_order_id=str(UUID(int=7))))
    clock.forward(days=1)
    orders.tick(clock())
    assert not any(one.escalated for one in told(room))
    clock.forward(seconds=1)
    orders.tick(clock())
    orders.tick(clock())
    assert sum(one.escalated for one in told(room)) == 2


@pytest.mark.requirement("DI1", "RD4")
def test_who_may_not_answer_is_refused_and_it_is_audited(room, orders):
    event = raised(WorkOrderKind.COMPLAINT)
    put(room, event)
    with pytest.raises(NotAllowedError, match="办理工单"):
        orders.accept(event.work_order_id, REVIEWER)
    orders.accept(event.work_order_id, SENIOR)
    orders.answer(event.work_order_id, SENIOR, "经调查，估值过程符合规定。")
    with pytest.raises(NotAllowedError, match="他人复核"):
        orders.approve(event.work_order_id, SENIOR, "经调查，估值过程符合规定。")
    orders.approve(event.work_order_id, OTHER, "经调查，估值过程符合规定。")
    with room.connection() as connection:
        query = "select actor, action from audit_line where subject = %s order by sequence"
        acts = connection.execute(query, [event.work_order_id]).fetchall()
    assert acts == [
        ("intake", "ORDER_RAISED"),
        ("ren", "REFUSED"),
        ("lin", "ORDER_ACCEPT"),
        ("lin", "ORDER_ANSWER"),
        ("lin", "REFUSED"),
        ("wu", "ORDER_APPROVE"),
    ]


@pytest.mark.requirement("DI1", "BA4")
def test_the_open_orders_of_one_who_leaves_go_to_somebody_who_may_handle_them(room, orders):
    two = (raised(), raised(WorkOrderKind.REPORT, work_order_id=str(UUID(int=7))))
    put(room, *two, raised(work_order_id=str(UUID(int=8))))
    for event in two:
        orders.accept(event.work_order_id, SENIOR)
    with pytest.raises(NotAllowedError, match="班长台"):
        orders.hand_over(OTHER, "lin", OTHER)
    with pytest.raises(CommandError, match="没有办理工单的权限"):
        orders.hand_over(SUPERVISOR, "lin", REVIEWER)
    assert orders.hand_over(SUPERVISOR, "lin", OTHER) == 2
    assert orders.hand_over(SUPERVISOR, "lin", OTHER) == 0
    handlers = [one.handler for one in orders.listed(OTHER, MONDAY_NOON)]
    assert sorted(handlers, key=str) == [None, "wu", "wu"]
    orders.answer(two[0].work_order_id, OTHER, "经核实，建成年代应为 2004 年。")


@pytest.mark.parametrize("number", ["no id at all", str(UUID(int=9))])
def test_an_order_that_is_not_there_is_said_to_be_so(orders, number):
    with pytest.raises(OrderClosedError, match="没有这张工单"):
        orders.accept(number, SENIOR)

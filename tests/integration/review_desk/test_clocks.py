"""The clocks on a real database: what is told once stays told, whoever looks, and goes out through the outbox."""

import random
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from psycopg.errors import CheckViolation

from consumers.review_desk.clock.clocks import Clocks
from consumers.review_desk.oversight import notices
from consumers.review_desk.people.staff import Role
from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.store import TaskStore, insert
from consumers.review_desk.task import Kind, TaskState
from infra.postgres.audit import Act
from infra.postgres.migrate import migrate
from infra.postgres.pool import open_pool
from schemas.domain.worktime import add_desk_time
from schemas.events import ReviewAtRisk, ReviewProgressed
from tests.fakes import valuations as made
from tests.fakes.valuations import CODEC
from tests.unit.consumers.review_desk.test_supervision import NOW, SUN, a_task, queued

pytestmark = pytest.mark.postgres

DUE = add_desk_time(NOW, timedelta(hours=8))


@pytest.fixture
def pool(postgres):
    migrate(postgres, room="review_desk")
    with open_pool(postgres, room="review_desk") as pool:
        yield pool


@pytest.fixture
def clocks(pool):
    """`clocks()`: the clocks of one more process."""

    def make():
        return Clocks(TaskStore(pool, CODEC, randomness=random.Random(1)), policy=DeskPolicy(), clock=lambda: NOW)

    return make


def kept(pool, task):
    task = replace(task, task_id=str(uuid.uuid4()), valuation_id=str(uuid.uuid4()), received_at=NOW, due_at=DUE)
    with pool.connection() as connection:
        insert(connection, task, CODEC.encode(made.review("r-1")), None, Act(actor="t", action="ROUTED", at=NOW))
    return task


def said(pool, kind):
    """The events of a kind in the outbox, in their order."""
    with pool.connection() as connection:
        rows = connection.execute("select topic, value from outbox order by id").fetchall()
    topic = {ReviewAtRisk: "valuation.review-clocks", ReviewProgressed: "valuation.review-progress"}[kind]
    return [CODEC.decode(bytes(value), kind) for name, value in rows if name == topic]


def texts(pool, person, now):
    with pool.connection() as connection:
        return [notice.text for notice in notices.shown_to(connection, person, now)]


@pytest.mark.requirement("RD1", "RD18")
def test_a_task_that_nobody_ends_warns_at_every_mark_and_is_escalated_each_once(pool, clocks):
    task = kept(pool, queued())
    here, there = clocks(), clocks()
    hours = [0, 4, 4.1, 6, 7.2, 8]
    for now in [
        *(add_desk_time(NOW, timedelta(hours=h)) for h in hours),
        *(DUE + timedelta(minutes=m) for m in (1, 6, 61)),
    ]:
        here.tick(now)
        there.tick(now)
    events = said(pool, ReviewAtRisk)
    marks = [(one.share, one.is_breach) for one in events if not one.escalated_to]
    assert marks == [(0.5, False), (0.75, False), (0.9, False), (1.0, True)]
    overdue = [one.escalated_to for one in events if one.escalated_to and one.is_breach]
    assert overdue == ["SUPERVISOR", "OPERATIONS", "MANAGEMENT"]
    assert len({one.number for one in events}) == len(events)
    assert {(one.valuation_id, one.desk) for one in events} == {(task.valuation_id, str(task.region))}


@pytest.mark.requirement("RD1", "DI2")
@pytest.mark.parametrize(("kind", "told"), [(Kind.DISPUTE, "DISPUTE"), (Kind.VALUATION, ""), (Kind.SEEDED, "")])
def test_a_warning_says_that_it_is_about_a_dispute_and_never_that_it_is_about_a_sample(pool, clocks, kind, told):
    kept(pool, replace(queued(), kind=kind))
    kept(pool, queued())  # behind it stands a queue that is blocked, too
    one = clocks()
    for hours in (0, 4.1):
        one.tick(add_desk_time(NOW, timedelta(hours=hours)))
    assert {event.kind for event in said(pool, ReviewAtRisk)} == {"", told}


@pytest.mark.requirement("RD1")
def test_supervisors_of_the_region_are_told_and_other_roles_are_not(pool, clocks):
    task = kept(pool, queued())
    now = add_desk_time(NOW, timedelta(hours=7.5))
    clocks().tick(now)
    supervisor = replace(SUN, roles=frozenset({Role.SUPERVISOR}), regions=frozenset({task.region}))
    assert any("90%" in text for text in texts(pool, supervisor, now))
    assert texts(pool, replace(supervisor, roles=frozenset({Role.QA})), now) == []


@pytest.mark.requirement("RD1")
def test_a_queue_that_nobody_serves_is_escalated_until_somebody_does(pool, clocks):
    first, one = kept(pool, queued()), clocks()
    for minutes in (0, 6, 7, 11):
        one.tick(NOW + timedelta(minutes=minutes))
    blocked = [event for event in said(pool, ReviewAtRisk) if event.escalated_to]
    assert [event.escalated_to for event in blocked] == ["SUPERVISOR", "OPERATIONS"]
    assert not any(event.is_breach for event in blocked)
    shown = texts(pool, SUN, NOW + timedelta(minutes=11))
    assert any("长三角·住宅有待办任务但无人处理，已持续10分钟" in text for text in shown)
    assert {event.valuation_id for event in blocked} == {first.valuation_id}
    taken = replace(first, state=TaskState.WORKING, reviewer="lin", lease_until=DUE)
    with TaskStore(pool, CODEC, randomness=random.Random(2)).locked(first.task_id) as held:
        held.save(taken, Act(actor="lin", action="CLAIM", at=NOW))
    one.tick(NOW + timedelta(minutes=90))
    assert len([event for event in said(pool, ReviewAtRisk) if event.escalated_to]) == 2


@pytest.mark.requirement("RD1")
def test_a_queue_blocked_a_second_time_before_the_same_task_is_told_anew(pool, clocks):
    first, one = kept(pool, queued()), clocks()
    for minutes in (0, 6):
        one.tick(NOW + timedelta(minutes=minutes))
    taken = replace(first, state=TaskState.WORKING, reviewer="lin", lease_until=DUE)
    for then, minutes in ((taken, 7), (first, 8), (first, 14)):
        with TaskStore(pool, CODEC, randomness=random.Random(2)).locked(first.task_id) as held:
            held.save(then, Act(actor="lin", action="MOVE", at=NOW))
        one.tick(NOW + timedelta(minutes=minutes))
    numbers = [event.number for event in said(pool, ReviewAtRisk) if event.escalated_to == "SUPERVISOR"]
    assert len(numbers) == len(set(numbers)) == 2


@pytest.mark.requirement("RD1")
def test_a_notice_that_could_not_be_written_is_written_at_the_next_pass(pool, clocks):
    kept(pool, queued())
    kept(pool, queued())
    one, now = clocks(), add_desk_time(NOW, timedelta(hours=7.5))
    with pool.connection() as connection:
        connection.execute("alter table notice add constraint nobody_writes check (false) not valid")
    with pytest.raises(CheckViolation):
        one.tick(now)
    with pool.connection() as connection:
        connection.execute("alter table notice drop constraint nobody_writes")
    one.tick(now + timedelta(minutes=1))
    one.tick(now + timedelta(minutes=2))
    said_so = [text for text in texts(pool, SUN, now + timedelta(minutes=2)) if "90%" in text]
    assert said_so == ["2项任务办结时限已用90%，请班长立即安排"]


@pytest.mark.requirement("RT4", "RD18")
def test_channels_hear_their_place_once_and_again_when_it_takes_much_longer(pool, clocks):
    tasks = [kept(pool, replace(queued(), priority=n)) for n in (300, 200)]
    one = clocks()
    one.tick(NOW)
    one.tick(NOW + timedelta(minutes=5))
    first = said(pool, ReviewProgressed)
    assert [(event.valuation_id, event.position) for event in first] == [
        (tasks[0].valuation_id, 1),
        (tasks[1].valuation_id, 2),
    ]
    assert [event.expected_at - NOW for event in first] == [timedelta(minutes=15), timedelta(minutes=30)]
    assert {event.desk for event in first} == {str(tasks[0].region)}
    one.tick(NOW + timedelta(minutes=31))
    assert [event.position for event in said(pool, ReviewProgressed)] == [1, 2, 1, 2]


def test_what_somebody_works_on_and_the_desk_s_own_work_is_told_to_no_channel(pool, clocks):
    kept(pool, replace(a_task(), lease_until=DUE))
    kept(pool, replace(queued(), internal=True))
    clocks().tick(NOW)
    assert said(pool, ReviewProgressed) == []

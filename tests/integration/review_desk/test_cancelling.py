"""What a channel has withdrawn, on a real database: its tasks end, their people are told, and none comes after."""

from dataclasses import replace
from datetime import timedelta

import pytest

from consumers.review_desk.oversight import notices
from consumers.review_desk.queue import moves
from consumers.review_desk.queue.cancelling import cancel_tasks
from consumers.review_desk.task import TaskState, TaskUnavailableError
from infra.postgres.migrate import migrate
from infra.postgres.pool import open_pool
from schemas.codes import Action, Reason
from schemas.events import Withdrawn
from tests.fakes import valuations as made
from tests.fakes.desk import MONDAY_NOON
from tests.fakes.desk_room import LIN, WU, DeskRoom

pytestmark = pytest.mark.postgres

SUBJECT = made.review().valuation_id


@pytest.fixture
def room(postgres):
    migrate(postgres, room="review_desk")
    with open_pool(postgres, room="review_desk", size=4) as pool:
        yield DeskRoom(pool)


def asked(revision=1, **changes):
    scored = replace(made.scored(), request=made.request(revision=revision))
    return made.review(scored=scored, requested_at=MONDAY_NOON, skill="RESIDENTIAL", **changes)


def withdraw(room, action=Action.CANCEL):
    withdrawn = Withdrawn(
        valuation_id=SUBJECT, action=action, revision=1, withdrawn_at=MONDAY_NOON + timedelta(minutes=1)
    )
    with room.pool.connection() as connection:
        cancel_tasks(connection, room.store, withdrawn)


def told(room, person):
    with room.pool.connection() as connection:
        return [notice.text for notice in notices.shown_to(connection, person, room.clock())]


@pytest.mark.requirement("IN9")
def test_the_task_in_somebodys_hands_is_closed_they_are_told_and_can_decide_nothing_any_more(room):
    room.take_in(asked())
    claimed = room.desk().claim_next(LIN)
    withdraw(room)
    withdraw(room)
    task = room.task(SUBJECT)
    assert task.state is TaskState.CANCELLED
    (notice,) = told(room, LIN)
    assert "撤销" in notice
    assert told(room, WU) == []
    with pytest.raises(TaskUnavailableError):
        moves.submit(task, LIN, room.clock(), TaskState.DECIDED)
    with pytest.raises(TaskUnavailableError), room.store.locked(SUBJECT, version=claimed.version):
        pass
    assert [action for _, action in room.acts(SUBJECT)] == ["ROUTED", "CLAIM", "CANCELLED_BY_CHANNEL"]


@pytest.mark.requirement("IN9")
def test_a_request_that_comes_after_its_withdrawal_becomes_no_task(room):
    withdraw(room)
    room.take_in(asked(), asked(revision=2))
    with room.pool.connection() as connection:
        assert connection.execute("select count(*) from task").fetchone() == (0,)


@pytest.mark.requirement("IN9")
def test_a_later_asking_of_what_was_withdrawn_opens_nothing_and_a_task_from_the_model_goes_on(room):
    room.take_in(asked())
    withdraw(room, Action.FORCE_MANUAL)
    assert room.task(SUBJECT).state is TaskState.QUEUED
    withdraw(room)
    room.take_in(asked(revision=2))
    with room.pool.connection() as connection:
        assert connection.execute("select state from task").fetchall() == [("CANCELLED",)]


def test_what_people_have_decided_stays_decided(room):
    room.take_in(asked(), asked(reasons=(Reason.DISPUTE,), revision=2))
    with room.pool.connection() as connection:
        connection.execute("update task set state = 'DECIDED' where kind = 'VALUATION'")
    withdraw(room)
    with room.pool.connection() as connection:
        states = connection.execute("select kind, state from task order by kind").fetchall()
    assert states == [("DISPUTE", "QUEUED"), ("VALUATION", "DECIDED")]

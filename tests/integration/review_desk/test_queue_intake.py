"""Requests into the queue on a real database: what is new, what goes on, what was seen before."""

from dataclasses import replace
from datetime import timedelta

import pytest

from consumers.review_desk.people.staff import Role
from consumers.review_desk.queue import moves
from consumers.review_desk.task import Kind, TaskState, TaskUnavailableError
from infra.postgres.audit import Act
from infra.postgres.migrate import migrate
from infra.postgres.pool import open_pool
from schemas.events import ReviewRequested
from tests.fakes import valuations as made
from tests.fakes.desk import MONDAY_NOON, person
from tests.fakes.desk_room import LIN, WU, DeskRoom

pytestmark = pytest.mark.postgres

NOON = MONDAY_NOON
SUN = person("sun", roles=frozenset({Role.SUPERVISOR}))
SKILL = "RESIDENTIAL"
DECISION = """
    insert into decision (task_id, valuation_id, revision, kind, outcome, reasons, comparable_ids, rationale,
        guideline_version, reviewer, grade, approver, claimed_at, decided_at)
    select task_id, valuation_id, revision, kind, 'VALUE', '{}', '{}', 'x', '1', %s, 'G2', %s, %s, %s from task
    where task_id = %s
"""


@pytest.fixture
def room(postgres):
    migrate(postgres, room="review_desk")
    with open_pool(postgres, room="review_desk", size=4) as pool:
        yield DeskRoom(pool)


def asked(number: str = "r-1", *, revision: int = 1, minutes: int = 0, **changes) -> ReviewRequested:
    scored = replace(made.scored(number), request=made.request(number, revision=revision))
    return made.review(number, scored=scored, requested_at=NOON + timedelta(minutes=minutes), skill=SKILL, **changes)


def decided(room, task_id: str, reviewer: str, approver: str | None = None) -> None:
    """As after a decision: the task at its end, and its row."""
    with room.store.locked(task_id) as held:
        done = replace(held.task, state=TaskState.DECIDED, lease_until=None)
        held.save(done, Act(actor=reviewer, action="DECIDED", at=room.clock()))
        held.connection.execute(DECISION, [reviewer, approver, room.clock(), room.clock(), task_id])


def tasks(room) -> list[tuple[str, str]]:
    with room.pool.connection() as connection:
        return connection.execute("select kind, state from task order by kind, state").fetchall()


@pytest.mark.requirement("RD5")
def test_a_request_delivered_twice_is_one_task_before_and_after_its_end(room):
    room.take_in(asked(), asked())
    assert tasks(room) == [("VALUATION", "QUEUED")]
    decided(room, asked().valuation_id, "lin")
    room.take_in(asked())
    assert tasks(room) == [("VALUATION", "DECIDED")]


@pytest.mark.requirement("RD6")
def test_a_reply_brings_the_task_back_to_its_reviewer_first(room):
    desk, task_id = room.desk(), asked().valuation_id
    room.take_in(asked())
    desk.claim_next(LIN)
    desk.heartbeat(LIN, task_id, {"x": 1})
    with room.store.locked(task_id) as held:
        waits = moves.wait_for_reply(held.task, LIN, NOON)
        held.save(waits, Act(actor="lin", action="CLARIFY", at=NOON))
    room.take_in(asked())  # redelivered meanwhile
    assert room.task(task_id).state is TaskState.WAIT_REPLY
    promised = asked().due_at + timedelta(minutes=59)  # told to the channel at the reply's receipt
    reply = replace(asked(revision=2, minutes=60, reasons=("HIGH_VALUE",)), due_at=promised)
    room.take_in(reply, reply)
    back, review = room.store.find(task_id)
    assert (back.state, back.due_at, review) == (TaskState.QUEUED, promised, reply)
    room.clock.forward(minutes=60)
    assert desk.claim_next(WU) is None
    assert desk.claim_next(LIN).draft == {"x": 1}
    assert [action for _, action in room.acts(task_id)] == ["ROUTED", "CLAIM", "CLARIFY", "REPLY_IN", "CLAIM"]


@pytest.mark.requirement("RD6")
def test_after_half_an_hour_the_reply_is_anybodys(room):
    desk, task_id = room.desk(), asked().valuation_id
    room.take_in(asked())
    desk.claim_next(LIN)
    with room.store.locked(task_id) as held:
        held.save(moves.wait_for_reply(held.task, LIN, NOON), Act(actor="lin", action="CLARIFY", at=NOON))
    room.take_in(asked(revision=2))
    room.clock.forward(minutes=30)
    assert desk.claim_next(WU).task_id == task_id


def test_new_evidence_for_a_task_in_work_makes_what_was_seen_stale(room):
    desk, task_id = room.desk(), asked().valuation_id
    room.take_in(asked())
    seen = desk.claim_next(LIN)
    room.take_in(asked(revision=2, minutes=1, reasons=("HIGH_VALUE",)))
    assert desk.my_work(LIN).working.reasons == ("HIGH_VALUE",)
    with pytest.raises(TaskUnavailableError) as refused, room.store.locked(task_id, version=seen.version):
        pass
    assert refused.value.current.version == seen.version + 1


@pytest.mark.requirement("DI2", "GV6")
def test_a_dispute_is_a_new_blind_task_that_nobody_of_the_first_can_have(room):
    desk = room.desk()
    room.take_in(asked())
    decided(room, asked().valuation_id, "lin", approver="wu")
    room.take_in(asked(revision=2, minutes=60, reasons=("DISPUTE",)))
    (dispute,) = desk.pool(replace(LIN, username="he"))
    assert (dispute.kind, dispute.blind, dispute.excluded) == (Kind.DISPUTE, True, ("lin", "wu"))
    assert dispute.valuation_id == asked().valuation_id != dispute.task_id
    assert (desk.pool(LIN), desk.pool(WU)) == ((), ())


def test_what_the_model_could_not_do_after_all_is_a_new_task(room):
    desk, task_id = room.desk(), asked().valuation_id
    room.take_in(asked())
    desk.claim_next(LIN)
    with room.store.locked(task_id) as held:
        held.save(moves.return_to_auto(held.task, LIN, NOON), Act(actor="lin", action="RETURN", at=NOON))
    again = asked(revision=2, minutes=1)
    room.take_in(again, again)
    assert tasks(room) == [("VALUATION", "QUEUED"), ("VALUATION", "RETURNED_TO_AUTO")]


@pytest.mark.requirement("RD6")
def test_who_decided_in_the_community_within_a_week_gets_the_next_there_first(room):
    desk = room.desk()
    room.take_in(asked("r-1"))
    decided(room, asked("r-1").valuation_id, "wu")
    room.take_in(asked("r-2", minutes=5))
    assert room.task(asked("r-2").valuation_id).preferred == "wu"
    room.clock.forward(minutes=5)
    assert desk.claim_next(LIN) is None
    assert desk.claim_next(WU).valuation_id == asked("r-2").valuation_id
    room.take_in(asked("r-3", minutes=7 * 24 * 60 + 1))
    assert room.task(asked("r-3").valuation_id).preferred is None


@pytest.mark.requirement("RD6", "GV4")
def test_samples_are_kept_for_nobody(room):
    room.take_in(asked("r-1"))
    decided(room, asked("r-1").valuation_id, "wu")
    room.take_in(asked("r-2", minutes=5, reasons=("QA_SAMPLE",)))
    (sample,) = (task for task in room.desk().waiting(SUN) if task.kind is Kind.AUDIT)
    assert (sample.preferred, sample.internal, sample.blind) == (None, True, True)

"""What people of the desk write in words stays there: it is in no record that the desk sends, nor in an answer."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from consumers.review_desk.deciding.decision import DeviationReason
from consumers.review_desk.queue.desk import Desk
from consumers.review_desk.store import TaskStore
from infra.postgres.outbox import Relay
from infra.postgres.pool import connect
from schemas.catalogue import DECISIONS
from schemas.codes import ReviewOutcome
from schemas.events import Decided
from streams.routing.policy import parse
from streams.routing.policy_file import DEFAULT_POLICY
from streams.routing.settle import settle
from tests.fakes import valuations as made
from tests.fakes.deciding import GOOD, UNABLE
from tests.fakes.decision_room import LIN, POLICY, WU, decision_rooms
from tests.fakes.valuations import CODEC, NOON

pytestmark = pytest.mark.postgres

WORDS = {
    name: f"{name}：内部字句{number}号，子丑寅卯辰巳午未"
    for number, name in enumerate(
        ("备注", "咨询", "答复", "暂挂", "草稿", "依据", "实例不足", "退回", "勘察要求", "勘察情况", "无法估值", "转办")
    )
}
FAR = replace(
    GOOD,
    unit_price=46_000,
    deviation_because=DeviationReason.RECENT_DEALS,
    rationale=WORDS["依据"],
    comparable_ids=GOOD.comparable_ids[:1],
    few_comparables_because=WORDS["实例不足"],
)


class Wire:
    """Takes what the relay sends, as the broker would."""

    def __init__(self) -> None:
        self.records = []

    def publish(self, records) -> None:
        self.records += records


@pytest.fixture(scope="module")
def rooms(postgres_server):
    with decision_rooms(postgres_server) as room:
        yield room


@pytest.fixture
def room(rooms):
    return rooms()


def a_case_with_everything_written(room):
    store = TaskStore(room.pool, CODEC, randomness=random.Random(2))
    desk = Desk(store, lambda: [LIN, WU], policy=POLICY, clock=lambda: room.now)
    task = room.in_hand(LIN)
    desk.add_note(task.task_id, LIN, WORDS["备注"])
    desk.heartbeat(LIN, task.task_id, {"rationale": WORDS["草稿"]})
    number = desk.consult(task.task_id, LIN, "wu", WORDS["咨询"])
    desk.answer_consultation(number, WU, WORDS["答复"])
    desk.hold(task.task_id, LIN, WORDS["暂挂"], NOON + timedelta(hours=1))
    desk.resume(task.task_id, LIN)
    room.decide(room.task(task.task_id), LIN, FAR)
    room.decisions.send_back(task.task_id, WU, WORDS["退回"], version=room.task(task.task_id).version)
    desk.transfer(task.task_id, LIN, "wu", WORDS["转办"])
    room.decide(room.claimed(task.task_id, WU), WU, FAR)
    return desk


def a_case_with_a_survey(room):
    task = room.in_hand(LIN, made.review("r-2"))
    due = NOON + timedelta(days=1)
    room.surveys.order(task.task_id, LIN, WORDS["勘察要求"], due, version=task.version)
    room.surveys.report(task.task_id, LIN, WORDS["勘察情况"], ("P-1",))
    conclusion = replace(UNABLE, rationale=WORDS["无法估值"])
    room.decide(room.claimed(task.task_id, LIN), LIN, conclusion)


def sent_by(room, dsn_of_pool):
    wire = Wire()
    with connect(dsn_of_pool, room="review_desk", autocommit=True) as connection:
        relay = Relay(connect=lambda: connection, publisher=wire, clock=lambda: NOON)
        while relay.send_waiting(connection):
            pass
    return wire.records


def is_kept(room, words):
    tables = room.rows("select tablename from pg_tables where schemaname = 'review_desk' and tablename <> 'outbox'")
    return any(room.rows(f"select 1 from {table} t where t::text like '%{words}%' limit 1") for (table,) in tables)


@pytest.mark.requirement("RD12", "NT2", "SE2")
def test_no_word_written_at_the_desk_is_on_the_wire_nor_in_an_answer(room):
    a_case_with_everything_written(room)
    a_case_with_a_survey(room)
    missing = [name for name, words in WORDS.items() if not is_kept(room, words)]
    assert missing in ([], ["草稿"])  # the draft makes way for the conclusion; all else is kept, or nothing was shown
    records = sent_by(room, room.pool.conninfo)
    decided = [CODEC.decode(r.value, Decided) for r in records if r.topic == DECISIONS.named()]
    assert {event.outcome for event in decided} == {ReviewOutcome.VALUE, ReviewOutcome.UNABLE}
    policy = parse(DEFAULT_POLICY.read_bytes())
    answers = [CODEC.encode(settle(event, policy, now=NOON)) for event in decided]
    said = [*answers, *(part for r in records for part in (r.key, r.value, *(value for _, value in r.headers)))]
    for name, words in WORDS.items():
        for written in (words, words[:12]):
            leaked = [text for text in said if written.encode() in text]
            assert not leaked, name

"""Answers that may be issued again, on a real PostgreSQL: told once they stand, taken back once they are in doubt."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from consumers.ledger.loop import ROOM
from consumers.ledger.outgoing import Voice
from consumers.ledger.postgres import LedgerWriter
from consumers.ledger.queries import LedgerQueries, automatic_ratio
from consumers.ledger.reusable import ReuseWatch
from infra.postgres.ingest import Received
from infra.postgres.migrate import migrate
from infra.postgres.pool import open_pool
from schemas.catalogue import DISPUTES_OPENED, RESULTS
from schemas.codes import Lane, LoanStage, Status
from schemas.events import DisputeOpened, ReusableAnswer
from tests.fakes import valuations as made
from tests.fakes.valuations import CODEC, NOON

pytestmark = pytest.mark.postgres


@pytest.fixture
def pool(postgres):
    migrate(postgres, room=ROOM)
    with open_pool(postgres, room=ROOM) as pool:
        yield pool


@pytest.fixture
def write(pool):
    def batch(*events):
        with pool.connection() as connection:
            records = [_received(event, place) for place, event in enumerate(events)]
            LedgerWriter(answer_within=timedelta(seconds=10))(connection, records)

    return batch


@pytest.fixture
def told(pool):
    """Let a new process look; returns all that was told so far, with its keys."""

    def look():
        with pool.connection() as connection:
            ReuseWatch(voice=Voice(codec=CODEC, randomness=random.Random(1)))(connection, NOON)
            rows = connection.execute("select key, value from outbox order by id").fetchall()
        return [(bytes(key).decode(), CODEC.decode(bytes(value), ReusableAnswer)) for key, value in rows]

    return look


def valued(number="r-1", **changes):
    """An automatic answer of its day."""
    asked, scored = made.request(number), made.scored(number)
    answer = replace(
        made.resulted(number),
        area_m2=asked.area_m2,
        value_date=asked.value_date,
        valid_until=asked.value_date + timedelta(days=90),
        address=made.ADDRESS,
        attributes=scored.attributes,
        valuation=scored.valuation,
    )
    return replace(answer, **changes)


def _received(event, place):
    topic = RESULTS if hasattr(event, "status") else DISPUTES_OPENED
    lane = Lane.ONLINE if topic.lanes else None
    record = made.record_of(topic, event, lane=lane)
    return Received(
        topic=topic,
        lane=lane,
        partition=0,
        offset=place,
        appended_at=NOON,
        event=event,
        headers=record.headers,
        value=record.value,
    )


@pytest.mark.requirement("IN10")
def test_an_automatic_answer_is_told_once_and_taken_back_when_it_is_disputed(write, told):
    answer = valued()
    write(answer)
    write(answer)
    ((key, reusable),) = told()
    assert key == reusable.reuse_key == "c-1|3|2|501/89.50/VALUATE"
    assert (reusable.valuation, reusable.valid_until) == (answer.valuation, answer.valid_until)
    opened = DisputeOpened(
        valuation_id=answer.valuation_id,
        scored=made.scored(),
        reason_code="TOO_LOW",
        raised_at=NOON,
        opened_at=NOON,
        supersedes="HV-r-1",
    )
    write(opened, opened)
    assert [one.valuation is None for _, one in told()] == [False, True]
    assert len(told()) == 2


@pytest.mark.requirement("IN10")
@pytest.mark.parametrize(
    "changes",
    [
        {"status": Status.COMPLETED_MANUAL},
        {"human_touched": True},
        {"lane": Lane.BATCH},
        {"loan_stage": LoanStage.OTHER},
        {"reused_from": "11111111-1111-5111-8111-111111111111"},
        {"value_date": made.request().value_date - timedelta(days=1)},
        {"address": replace(made.ADDRESS, room=None)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_is_no_automatic_answer_of_its_day_for_a_whole_unit_is_never_told(write, told, changes):
    write(valued(**changes))
    assert told() == []


@pytest.mark.requirement("IN10", "IN9")
def test_an_answer_that_came_behind_a_cancellation_is_not_told(write, told):
    cancelled = valued(status=Status.CANCELLED, value=None, valuation=None)
    write(cancelled, valued())
    assert told() == []


@pytest.mark.requirement("IN10")
def test_what_is_issued_again_is_counted_apart_and_never_for_the_ratio(pool, write):
    write(valued("r-1"), valued("r-2", reused_from=valued("r-1").valuation_id))
    write(valued("r-3", status=Status.COMPLETED_MANUAL))
    counts = LedgerQueries(pool).counts(NOON - timedelta(days=1), NOON + timedelta(days=1))
    assert sorted((count.status, count.reused, count.valuations) for count in counts) == [
        ("COMPLETED_AUTO", False, 1),
        ("COMPLETED_AUTO", True, 1),
        ("COMPLETED_MANUAL", False, 1),
    ]
    assert automatic_ratio(counts) == 0.5

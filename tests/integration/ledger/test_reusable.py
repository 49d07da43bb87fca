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
from infra.postgres import offsets
from infra.postgres.ingest import Received
from infra.postgres.migrate import migrate
from infra.postgres.pool import open_pool
from schemas.catalogue import ACCEPTED, DISPUTES_OPENED, RESULTS, REVOCATIONS
from schemas.codes import Lane, LoanStage, ServiceType, Status
from schemas.events import Accepted, DisputeOpened, ReportRevoked, Resulted, ReusableAnswer
from tests.fakes import valuations as made
from tests.fakes.valuations import CODEC, NOON

pytestmark = pytest.mark.postgres

_TOPICS = {Accepted: ACCEPTED, Resulted: RESULTS, DisputeOpened: DISPUTES_OPENED, ReportRevoked: REVOCATIONS}


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
            names = [(name, 0) for topic in (RESULTS, DISPUTES_OPENED, REVOCATIONS) for name in topic.names]
            offsets.mark_caught_up(connection, ROOM, offsets.claim(connection, ROOM, names), NOON)
            ReuseWatch(consumer=ROOM, voice=Voice(codec=CODEC, randomness=random.Random(1)))(connection, NOON)
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


def disputed(number="r-1"):
    return DisputeOpened(
        valuation_id=made.resulted(number).valuation_id,
        scored=made.scored(number),
        reason_code="TOO_LOW",
        raised_at=NOON,
        opened_at=NOON,
        supersedes=f"HV-{number}",
    )


def revoked(number="r-1"):
    return ReportRevoked(
        valuation_id=made.resulted(number).valuation_id,
        report_no=f"HV-{number}",
        channel="CREDIT_MGMT",
        reason="面积有误",
        revoked_at=NOON,
    )


def _received(event, place):
    topic = _TOPICS[type(event)]
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
    write(disputed(), disputed())
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


@pytest.mark.requirement("IN10", "DI2")
@pytest.mark.parametrize("doubt", [disputed, revoked], ids=["disputed", "revoked"])
@pytest.mark.parametrize("doubt_first", [True, False])
def test_a_doubt_about_what_was_issued_again_takes_back_the_answer_that_it_was(write, told, doubt, doubt_first):
    first = valued("r-1")
    again = valued("r-2", reused_from=first.valuation_id)
    third = valued("r-3", reused_from=again.valuation_id)  # a chain there never is, and would end all the same
    write(first)
    assert [reusable.valuation is None for _, reusable in told()] == [False]
    for event in (doubt("r-3"), third, again) if doubt_first else (again, third, doubt("r-3")):
        write(event)
    assert [(reusable.valuation_id, reusable.valuation is None) for _, reusable in told()] == [
        (first.valuation_id, False),
        (first.valuation_id, True),
    ]


@pytest.mark.requirement("IN10", "DI2")
@pytest.mark.parametrize("doubt", [disputed, revoked], ids=["disputed", "revoked"])
def test_a_ledger_that_is_filled_anew_tells_no_answer_that_was_in_doubt_whichever_it_reads_first(write, told, doubt):
    write(doubt())
    write(valued())
    assert [reusable.valuation for _, reusable in told()] == [None]


@pytest.mark.requirement("IN10", "DI2")
def test_an_answer_is_told_only_when_the_doubts_up_to_its_moment_were_read(pool, write):
    write(valued())
    with pool.connection() as connection:
        names = [(name, 0) for topic in (RESULTS, DISPUTES_OPENED, REVOCATIONS) for name in topic.names]
        claimed = offsets.claim(connection, ROOM, names)
        read = {key: value for key, value in claimed.items() if key[0] not in DISPUTES_OPENED.names}
        offsets.mark_caught_up(connection, ROOM, read, NOON)
        ReuseWatch(consumer=ROOM, voice=Voice(codec=CODEC, randomness=random.Random(1)))(connection, NOON)
        assert connection.execute("select count(*) from outbox").fetchone() == (0,)


@pytest.mark.requirement("IN10")
def test_one_look_tells_more_than_is_answered_in_a_second_in_the_order_of_the_answers(write, told):
    write(*(valued(f"r-{number}") for number in range(600)))
    assert [one.valuation_id for _, one in told()] == [valued(f"r-{number}").valuation_id for number in range(600)]


@pytest.mark.requirement("RT3")
def test_the_ratio_counts_neither_verifications_nor_what_the_bank_wanted_people_for(pool, write):
    write(valued("r-1"), valued("r-2", status=Status.COMPLETED_MANUAL, human_touched=True))
    write(valued("v-1", service_type=ServiceType.VERIFY, value=None, valuation=None))
    write(made.accepted("f-1", force_manual=True), valued("f-1", status=Status.COMPLETED_MANUAL, human_touched=True))
    counts = LedgerQueries(pool).counts(NOON - timedelta(days=1), NOON + timedelta(days=1))
    assert sum(count.valuations for count in counts) == 4
    assert automatic_ratio(counts) == 0.5


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

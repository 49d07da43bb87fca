"""The ledger's tables on a real PostgreSQL, without a broker: what records mean, whatever order they come in."""

import itertools
import random
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from consumers.ledger.late import LatePolicy, LateWatch
from consumers.ledger.loop import ROOM
from consumers.ledger.outgoing import Voice
from consumers.ledger.postgres import LedgerWriter
from consumers.ledger.queries import LedgerQueries
from infra.postgres import offsets
from infra.postgres.ingest import Received
from infra.postgres.migrate import migrate
from infra.postgres.pool import open_pool
from schemas.catalogue import (
    ACCEPTED,
    DECISIONS,
    ENRICHED,
    REPORTS,
    REQUESTS,
    RESULTS,
    REVIEWS,
    SCORED,
)
from schemas.codes import Lane, Reason, ReviewOutcome, Status
from schemas.events import Resulted
from tests.fakes import valuations as made
from tests.fakes.valuations import CODEC, NOON

pytestmark = pytest.mark.postgres

_TOPIC_OF = {
    topic.event: topic for topic in (REQUESTS, ACCEPTED, ENRICHED, SCORED, REVIEWS, DECISIONS, RESULTS, REPORTS)
}


@pytest.fixture
def pool(postgres):
    migrate(postgres, room=ROOM)
    with open_pool(postgres, room=ROOM) as pool:
        yield pool


@pytest.fixture
def queries(pool):
    return LedgerQueries(pool)


def received(event, *, after_s: float = 0.0) -> Received:
    topic = _TOPIC_OF[type(event)]
    lane = Lane.ONLINE if topic.lanes else None
    record = made.record_of(topic, event, lane=lane)
    return Received(
        topic=topic,
        lane=lane,
        partition=0,
        offset=0,
        appended_at=NOON + timedelta(seconds=after_s),
        event=event,
        headers=record.headers,
        value=record.value,
    )


def write(pool, *batch: Received) -> None:
    with pool.connection() as connection:
        LedgerWriter(answer_within=timedelta(seconds=10))(connection, batch)


def a_whole_life() -> list[Received]:
    return [
        received(made.requested()),
        received(made.accepted(), after_s=0.010),
        received(made.resulted(status=Status.RECEIVED), after_s=0.011),
        received(made.enriched(), after_s=0.030),
        received(made.scored(), after_s=0.070),
        received(made.review(), after_s=0.080),
        received(made.resulted(status=Status.PENDING_MANUAL, due_at=NOON + timedelta(days=1)), after_s=0.081),
        received(made.decided(), after_s=60.080),
        received(made.resulted(status=Status.COMPLETED_MANUAL, human_touched=True), after_s=60.100),
        received(made.reported(), after_s=60.400),
    ]


@pytest.mark.requirement("OP4", "RS1")
def test_a_life_is_told_in_order_with_the_time_of_each_stage(pool, queries):
    life = a_whole_life()
    write(pool, *life)
    state = queries.by_client_request("CREDIT_MGMT", "r-1")
    assert (state.status, state.human_touched, state.trace_id) == ("COMPLETED_MANUAL", True, "a" * 32)
    assert queries.by_business_ref("BR-SECRET-77") == (state,)
    timeline = queries.timeline(state.valuation_id)
    assert [entry.kind for entry in timeline] == [type(one.event).__name__ for one in life]
    assert {entry.trace_id for entry in timeline} == {"a" * 32}
    took = {stage.stage: round(stage.milliseconds) for stage in queries.stage_times(state.valuation_id)}
    assert took == {
        "intake": 10,
        "enrichment": 20,
        "scoring": 40,
        "routing": 10,
        "review": 60_000,
        "settle": 20,
        "reporting": 300,
        "to_answer": 81,
    }
    assert CODEC.decode(queries.answer_bytes(state.valuation_id), Resulted).status is Status.COMPLETED_MANUAL
    assert queries.report("HV-r-1").valuation_id == state.valuation_id


def test_the_order_of_arrival_and_repetition_change_nothing(pool, queries):
    life = a_whole_life()
    write(pool, *life)
    expected = queries.by_client_request("CREDIT_MGMT", "r-1")
    order = random.Random(7)
    for _ in range(20):
        with pool.connection() as connection:
            connection.execute("truncate ledger_event, valuation, report, breach")
        shuffled = order.sample(life, len(life)) + order.sample(life, 4)
        for one in shuffled:
            write(pool, one)
        assert queries.by_client_request("CREDIT_MGMT", "r-1") == expected
        assert len(queries.timeline(expected.valuation_id)) == len(life)
        assert len(queries.reports_of(expected.valuation_id)) == 1


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_final_status_is_never_overwritten(pool, queries, order):
    answers = [
        received(made.resulted(status=Status.PENDING_MANUAL), after_s=5),
        received(made.resulted(status=Status.COMPLETED_AUTO), after_s=1),
        received(made.resulted(status=Status.FAILED, revision=2), after_s=9),
    ]
    for index in order:
        write(pool, answers[index])
    state = queries.by_client_request("CREDIT_MGMT", "r-1")
    assert (state.status, state.value) == ("COMPLETED_AUTO", 3_669_500)
    assert state.final_at == NOON + timedelta(seconds=1)


@pytest.mark.requirement("IN3")
def test_a_conflicting_second_request_does_not_touch_the_first_valuation(pool, queries):
    conflict = made.resulted(status=Status.REJECTED_INVALID, revision=0, reasons=(Reason.DUPLICATE_CONFLICT,))
    write(pool, received(made.requested()), received(made.accepted()))
    write(pool, received(made.requested(business_ref="ANOTHER"), after_s=2), received(conflict, after_s=3))
    state = queries.by_client_request("CREDIT_MGMT", "r-1")
    assert (state.status, state.final_at, state.business_ref) == (None, None, "BR-SECRET-77")
    assert [entry.status for entry in queries.timeline(state.valuation_id)] == [None, None, None, "REJECTED_INVALID"]


def test_a_refusal_stands_until_a_corrected_request_is_accepted(pool, queries):
    refusal = made.resulted(status=Status.REJECTED_INVALID, revision=0, reasons=(Reason.FIELD_INVALID,))
    write(pool, received(made.requested()), received(refusal, after_s=1))
    assert queries.by_client_request("CREDIT_MGMT", "r-1").status == "REJECTED_INVALID"
    write(pool, received(made.resulted(status=Status.RECEIVED), after_s=60))
    state = queries.by_client_request("CREDIT_MGMT", "r-1")
    assert (state.status, state.final_at) == ("RECEIVED", None)


@pytest.mark.requirement("SE1")
def test_identity_and_telephone_numbers_typed_into_an_address_are_not_stored(pool):
    write(pool, received(made.requested(address="文三路1号 13912345678 330106199001011234", note="电话13912345678")))
    with pool.connection() as connection:
        stored = connection.execute("select payload::text from ledger_event").fetchone()[0]
        standing = connection.execute("select valuation::text from valuation").fetchone()[0]
    for number in ("13912345678", "330106199001011234"):
        assert number not in stored
        assert number not in standing


def test_characters_that_postgresql_cannot_store_do_not_stop_the_ledger(pool, queries):
    write(pool, received(made.requested("nul\x00id", address="文三路\x001号", valuation_id="no uuid at all")))
    assert queries.by_client_request("CREDIT_MGMT", "nul\ufffdid").channel == "CREDIT_MGMT"


def test_reconciliation_names_what_has_no_end_and_nobody_to_act(pool, queries):
    write(
        pool,
        *(received(made.accepted(number)) for number in ("gone", "done", "with-a-person", "with-the-channel")),
        received(made.resulted("done")),
        received(made.review("with-a-person")),
        received(made.resulted("with-the-channel", Status.NEEDS_CLARIFICATION)),
        received(made.requested("never-accepted")),
        received(made.requested("unknown-channel", "NOBODY")),
    )
    start = NOON - timedelta(minutes=1)
    assert queries.lost(start, NOON + timedelta(seconds=9)) == ()
    lost = queries.lost(start, NOON + timedelta(seconds=30))
    assert {one.client_request_id for one in lost} == {"gone", "never-accepted"}
    write(pool, received(made.decided("with-a-person"), after_s=20))
    lost = queries.lost(start, NOON + timedelta(seconds=60), grace=timedelta(seconds=10))
    assert "with-a-person" in {one.client_request_id for one in lost}


@pytest.mark.requirement("RT6")
def test_what_waits_for_a_model_is_not_lost_however_late_and_what_is_merely_late_is(pool, queries):
    parked = made.resulted("parked", Status.PROCESSING, reasons=(Reason.SYSTEM_DEGRADED,))
    late = made.resulted("late", Status.PROCESSING, reasons=(Reason.LATE,))
    write(pool, *(received(made.accepted(number)) for number in ("parked", "late")))
    write(pool, received(parked, after_s=1), received(late, after_s=1))
    (lost,) = queries.lost(NOON - timedelta(minutes=1), NOON + timedelta(hours=3))
    assert lost.client_request_id == "late"


@pytest.mark.requirement("AD2")
def test_a_question_is_with_the_channel_until_its_time_has_run_out_and_lost_when_nothing_becomes_of_it_then(
    pool, queries
):
    until = NOON + timedelta(hours=4)
    question = made.resulted("asked", Status.NEEDS_CLARIFICATION, due_at=until)
    write(pool, received(made.accepted("asked")), received(question, after_s=1))
    start = NOON - timedelta(minutes=1)
    assert queries.lost(start, until) == ()
    (lost,) = queries.lost(start, until + timedelta(minutes=2))
    assert lost.client_request_id == "asked"


@pytest.mark.requirement("RS1", "RD10")
def test_a_review_keeps_only_the_asking_that_stands_from_being_lost(pool, queries):
    asked_back, sent_back = made.decided("replied", outcome=ReviewOutcome.CLARIFY), made.decided("returned")
    sent_back = replace(sent_back, outcome=ReviewOutcome.RETURN_TO_AUTO)
    question = made.resulted("replied", Status.NEEDS_CLARIFICATION, due_at=NOON + timedelta(hours=4))
    for number, decision in (("replied", asked_back), ("returned", sent_back)):
        write(pool, received(made.accepted(number)), received(made.review(number), after_s=1))
        write(pool, received(made.resulted(number, Status.PENDING_MANUAL), after_s=1), received(decision, after_s=20))
    write(pool, received(question, after_s=21))
    start = NOON - timedelta(minutes=1)
    write(pool, received(made.accepted("replied", revision=2), after_s=30))
    write(pool, received(made.resulted("replied", Status.RECEIVED, revision=2), after_s=30))
    write(pool, received(made.accepted("returned", revision=2), after_s=30))
    write(pool, received(made.resulted("returned", Status.PROCESSING, revision=2), after_s=30))
    assert queries.lost(start, NOON + timedelta(seconds=39)) == ()
    lost = queries.lost(start, NOON + timedelta(seconds=60))
    assert {one.client_request_id for one in lost} == {"replied", "returned"}
    again = replace(made.review("returned"), scored=made.scored("returned", revision=2))
    write(pool, received(again, after_s=61))
    (lost,) = queries.lost(start, NOON + timedelta(seconds=90))
    assert lost.client_request_id == "replied"


def test_no_stage_took_less_than_no_time(pool, queries):
    """A raw reply does not say which question it answers: here the one about what is revision 2 already."""
    reply = made.requested(chosen_community_id="c-1")
    write(
        pool, received(made.resulted(status=Status.PENDING_MANUAL, revision=2), after_s=1), received(reply, after_s=9)
    )
    assert queries.stage_times(UUID(reply.valuation_id)) == ()


def test_the_summary_counts_by_channel_and_status_and_gives_the_automatic_ratio(pool, queries):
    write(
        pool,
        *(received(made.requested(str(n))) for n in range(5)),
        *(received(made.resulted(str(n)), after_s=0.1 * (n + 1)) for n in range(3)),
        received(made.resulted("3", Status.OUT_OF_COVERAGE), after_s=0.1),
    )
    summary = queries.summary(NOON - timedelta(hours=1), NOON + timedelta(hours=1))
    assert {count.status: count.valuations for count in summary.counts} == {
        "COMPLETED_AUTO": 3,
        "OUT_OF_COVERAGE": 1,
        "": 1,
    }
    assert summary.automatic_ratio == 0.75
    automatic = {stage.stage: stage for stage in summary.stages}["automatic"]
    assert (automatic.measured, round(automatic.p50), round(automatic.longest)) == (3, 200, 300)


# ---- late ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def tick(pool):
    randomness = random.Random(1)
    voice = Voice(codec=CODEC, randomness=randomness)
    watch = LateWatch(consumer=ROOM, results=RESULTS, policy=LatePolicy(), voice=voice)

    def at(seconds: float, *, read_up_to_s: float | None = None) -> None:
        now = NOON + timedelta(seconds=seconds)
        seen = now if read_up_to_s is None else NOON + timedelta(seconds=read_up_to_s)
        with pool.connection() as connection:
            owned = offsets.claim(connection, ROOM, [(RESULTS.named(Lane.ONLINE), 0)])
            offsets.mark_caught_up(connection, ROOM, owned, seen)
            watch(connection, now)

    return at


def said(pool) -> list[Resulted]:
    with pool.connection() as connection:
        return [CODEC.decode(row[0], Resulted) for row in connection.execute("select value from outbox order by id")]


def breaches(pool) -> int:
    with pool.connection() as connection:
        return connection.execute("select count(*) from breach").fetchone()[0]


@pytest.mark.requirement("RT2")
def test_a_caller_without_an_answer_after_eight_seconds_is_told_once(pool, tick):
    write(pool, received(made.accepted("late")), received(made.accepted("done")), received(made.resulted("done")))
    tick(7.9)
    assert said(pool) == []
    tick(8.0)
    tick(9.0)
    (interim,) = said(pool)
    assert (interim.client_request_id, interim.status, interim.reasons) == ("late", Status.PROCESSING, ("LATE",))
    assert breaches(pool) == 0


@pytest.mark.requirement("RT2")
def test_every_request_without_an_answer_in_ten_seconds_is_written_down_once(pool, tick):
    write(pool, received(made.accepted("never")), received(made.accepted("too-late")))
    tick(10.0)
    assert breaches(pool) == 0
    tick(10.1)
    write(pool, received(made.resulted("too-late"), after_s=10.5))
    tick(11.0)
    assert breaches(pool) == 2


@pytest.mark.requirement("RT2")
def test_an_answer_that_came_too_late_between_two_looks_is_a_breach_too(pool):
    write(pool, received(made.accepted("on-time")), received(made.resulted("on-time"), after_s=10.0))
    write(pool, received(made.accepted("too-late")), received(made.resulted("too-late"), after_s=10.1))
    assert breaches(pool) == 1


@pytest.mark.requirement("RT2")
def test_nobody_is_called_late_because_the_ledger_itself_is_behind(pool, tick):
    write(pool, received(made.accepted()))
    tick(60.0, read_up_to_s=7.0)
    assert (said(pool), breaches(pool)) == ([], 0)


def test_batch_requests_are_never_called_late(pool, tick):
    write(pool, received(made.accepted(lane=Lane.BATCH)))
    tick(60.0)
    assert said(pool) == []

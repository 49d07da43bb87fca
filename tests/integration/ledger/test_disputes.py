"""Disputes on a real PostgreSQL: opened for a value that stands, else refused, each once."""

import random
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from consumers.ledger.disputes import DisputeDesk
from consumers.ledger.loop import ROOM
from consumers.ledger.outgoing import Voice
from consumers.ledger.postgres import LedgerWriter
from consumers.ledger.queries import LedgerQueries, automatic_ratio
from infra.postgres import offsets
from infra.postgres.ingest import Received
from infra.postgres.migrate import migrate
from infra.postgres.pool import open_pool
from schemas.catalogue import (
    ACCEPTED,
    DISPUTES,
    DISPUTES_OPENED,
    REPORTS,
    RESULTS,
    REVIEW_CLOCKS,
    SCORED,
)
from schemas.codes import Lane, Occasion, Reason, Status
from schemas.events import Disputed, DisputeOpened, Resulted, ReviewAtRisk
from schemas.ids import valuation_id
from tests.fakes import valuations as made
from tests.fakes.valuations import CODEC, NOON

pytestmark = pytest.mark.postgres

SUBJECT = valuation_id("CREDIT_MGMT", "r-1")
LATER = NOON + timedelta(hours=1)


@pytest.fixture
def pool(postgres):
    migrate(postgres, room=ROOM)
    with open_pool(postgres, room=ROOM) as pool:
        yield pool


def received(event, topic, *, at=NOON):
    lane = Lane.ONLINE if topic.lanes else None
    record = made.record_of(topic, event, lane=lane)
    return Received(
        topic=topic, lane=lane, partition=0, offset=0, appended_at=at, event=event, headers=record.headers,
        value=record.value,
    )  # fmt: skip


@pytest.fixture
def write(pool):
    def batch(*events):
        with pool.connection() as connection:
            LedgerWriter(answer_within=timedelta(seconds=10))(connection, events)

    return batch


@pytest.fixture
def look(pool):
    """Let the ledger look at an instant, by a new process each time; returns all it has said so far."""
    kinds = {RESULTS.named(Lane.ONLINE): Resulted, DISPUTES_OPENED.name: DisputeOpened}

    def at(now=LATER + timedelta(seconds=1), *, awaited=(*RESULTS.names, *SCORED.names, DISPUTES_OPENED.name)):
        voice = Voice(codec=CODEC, randomness=random.Random(1))
        desk = DisputeDesk(consumer=ROOM, results=RESULTS, disputes_opened=DISPUTES_OPENED, voice=voice)
        with pool.connection() as connection:
            owned = offsets.claim(connection, ROOM, [(name, 0) for name in awaited])
            offsets.mark_caught_up(connection, ROOM, owned, now)
            desk(connection, now)
            rows = connection.execute("select topic, value from outbox order by id").fetchall()
        return [CODEC.decode(bytes(value), kinds[topic]) for topic, value in rows]

    return at


def a_dispute(**changes):
    event = Disputed(
        valuation_id=SUBJECT,
        channel="CREDIT_MGMT",
        client_request_id="r-1",
        reason_code="TOO_LOW",
        raised_at=LATER,
        text="客户电话13800138000，认为偏低",
    )
    return received(replace(event, **changes), DISPUTES, at=LATER)


VALUED = (
    received(made.accepted(), ACCEPTED),
    received(made.scored(), SCORED),
    received(made.resulted(), RESULTS, at=NOON + timedelta(seconds=2)),
    received(made.reported(), REPORTS, at=NOON + timedelta(seconds=3)),
)


@pytest.mark.requirement("DI2", "RP6")
def test_a_disputed_value_becomes_its_next_revision_naming_the_report_it_may_replace(write, look):
    write(*VALUED, a_dispute())
    (opened,) = look()
    assert isinstance(opened, DisputeOpened)
    assert opened.scored == replace(
        made.scored(), request=replace(made.request(), revision=2, occasion=Occasion.DISPUTED)
    )
    assert (opened.supersedes, opened.raised_at, opened.reason_code) == ("HV-r-1", LATER, "TOO_LOW")
    assert len(look()) == 1
    write(a_dispute())
    assert len(look()) == 1


@pytest.mark.requirement("DI2", "IN10")
def test_what_is_disputed_of_an_answer_that_was_issued_again_is_the_value_that_the_channel_got(write, look):
    given = replace(made.VALUATION, value=3_500_000, unit_price=39_106)
    again = made.resulted(value=given.value, valuation=given, reused_from=valuation_id("NET_BANK", "r-0"))
    write(*VALUED[:2], received(again, RESULTS, at=NOON + timedelta(seconds=2)), a_dispute())
    (opened,) = look()
    assert opened.scored.valuation == given  # what the desk shows, and what people's value is held against
    assert opened.scored.request.occasion is Occasion.DISPUTED


@pytest.mark.requirement("DI2", "IN9")
def test_a_dispute_is_another_asking_than_one_that_lost_to_the_answer(write, look):
    late = made.resulted(status=Status.COMPLETED_MANUAL, revision=2, human_touched=True)
    write(*VALUED, received(late, RESULTS, at=NOON + timedelta(minutes=5)), a_dispute())
    (opened,) = look()
    assert opened.scored.request.revision == 3


@pytest.mark.requirement("DI2")
@pytest.mark.parametrize(
    ("known", "changes", "code"),
    [
        ((), {}, "UNKNOWN"),
        (VALUED, {"channel": "NET_BANK"}, "UNKNOWN"),
        (VALUED[:2], {}, "NOT_FINAL"),
        ((*VALUED[:2], received(made.resulted(status=Status.UNABLE_TO_VALUE), RESULTS)), {}, "NO_VALUE"),
    ],
)
def test_what_cannot_be_disputed_is_refused_with_what_to_do_and_changes_nothing(
    pool, write, look, known, changes, code
):
    write(*known, a_dispute(**changes))
    (refusal,) = look()
    write(received(refusal, RESULTS, at=LATER))
    assert (refusal.status, refusal.revision, refusal.reasons) == (Status.REJECTED_INVALID, 0, (Reason.DISPUTE,))
    assert [(problem.field, problem.code) for problem in refusal.problems] == [("valuation_id", code)]
    assert "请" in refusal.reason_text
    state = LedgerQueries(pool).by_client_request("CREDIT_MGMT", "r-1")
    assert state is None or state.status != Status.REJECTED_INVALID


@pytest.mark.requirement("DI2")
def test_a_second_dispute_is_refused_while_one_is_open_and_taken_up_after_its_answer(write, look):
    write(*VALUED, a_dispute(), a_dispute(reason_code="TOO_HIGH"))
    look()
    _, refusal = look()
    assert refusal.problems[0].code == "ALREADY_OPEN"
    answer = made.resulted(status=Status.COMPLETED_MANUAL, revision=2, supersedes="HV-r-1", human_touched=True)
    write(received(answer, RESULTS, at=LATER + timedelta(hours=2)))
    write(a_dispute(reason_code="WRONG_AREA"))
    *_, again = look(LATER + timedelta(hours=3))
    assert again.scored.request.revision == 3


@pytest.mark.requirement("DI2", "VM4")
def test_the_answer_to_a_dispute_stands_and_the_automatic_ratio_is_what_it_was(pool, write):
    write(*VALUED)
    pending = made.resulted(status=Status.PENDING_MANUAL, revision=2)
    answer = made.resulted(status=Status.COMPLETED_MANUAL, revision=2, supersedes="HV-r-1", human_touched=True)
    queries = LedgerQueries(pool)
    write(received(pending, RESULTS, at=LATER))
    assert queries.by_client_request("CREDIT_MGMT", "r-1").status == Status.COMPLETED_AUTO
    write(received(answer, RESULTS, at=LATER + timedelta(hours=2)))
    state = queries.by_client_request("CREDIT_MGMT", "r-1")
    assert (state.status, state.revision) == (Status.COMPLETED_MANUAL, 2)
    assert state.final_at == NOON + timedelta(seconds=2)
    assert automatic_ratio(queries.counts(NOON - timedelta(days=1), LATER)) == 1.0


@pytest.mark.requirement("SE1")
def test_what_a_channel_writes_about_a_dispute_is_masked_before_it_is_kept(pool, write):
    write(*VALUED, a_dispute())
    (line,) = [entry for entry in LedgerQueries(pool).timeline(UUID(SUBJECT)) if entry.kind == "Disputed"]
    assert "13800138000" not in line.payload["text"]
    assert line.payload["text"].endswith("认为偏低")


@pytest.mark.requirement("DI2")
@pytest.mark.parametrize("lagging", [*SCORED.names, DISPUTES_OPENED.name])
def test_a_dispute_waits_until_the_case_and_what_was_opened_before_are_read(pool, write, look, lagging):
    with pool.connection() as connection:
        owned = offsets.claim(connection, ROOM, [(lagging, 0)])
        offsets.mark_caught_up(connection, ROOM, owned, NOON)
    write(*VALUED, a_dispute())
    others = {*RESULTS.names, *SCORED.names, DISPUTES_OPENED.name} - {lagging}
    assert look(awaited=sorted(others)) == []
    assert len(look()) == 1


ANSWERED = received(
    made.resulted(status=Status.COMPLETED_MANUAL, revision=2, supersedes="HV-r-1", human_touched=True),
    RESULTS,
    at=LATER + timedelta(hours=2),
)


@pytest.mark.requirement("DI2")
@pytest.mark.parametrize("kept", ["what was opened", "the answer", "both"])
def test_a_ledger_that_is_filled_anew_opens_no_settled_dispute_again(write, look, kept):
    opened = DisputeOpened(
        valuation_id=SUBJECT,
        scored=replace(made.scored(), request=replace(made.request(), revision=2, occasion=Occasion.DISPUTED)),
        reason_code="TOO_LOW",
        raised_at=LATER,
        opened_at=LATER + timedelta(seconds=1),
        supersedes="HV-r-1",
    )
    word = received(opened, DISPUTES_OPENED, at=LATER + timedelta(seconds=1))
    history = {"what was opened": [word], "the answer": [ANSWERED], "both": [word, ANSWERED]}[kept]
    write(*VALUED, *history, a_dispute())
    later = LATER + timedelta(hours=3)
    assert look(later) == []
    write(received(a_dispute(reason_code="TOO_HIGH", raised_at=later).event, DISPUTES, at=later))
    answers = look(later + timedelta(seconds=1))
    if ANSWERED in history:
        assert [one.scored.request.revision for one in answers] == [3]
    else:
        assert [one.problems[0].code for one in answers] == ["ALREADY_OPEN"]


@pytest.mark.requirement("DI2")
def test_a_ledger_that_is_filled_anew_refuses_nothing_again(pool, write, look):
    write(*VALUED[:2], a_dispute())
    (refusal,) = look()
    with pool.connection() as connection:
        connection.execute("delete from dispute")
        connection.execute("delete from outbox")
    write(a_dispute(), received(refusal, RESULTS, at=LATER), *VALUED[2:])
    assert look() == []
    with pool.connection() as connection:
        assert connection.execute("select refused from dispute").fetchall() == [("NOT_FINAL",)]


@pytest.mark.requirement("RD1", "DI2")
def test_a_dispute_that_is_not_answered_in_its_day_is_a_breach_beside_that_of_the_first_answer(pool, write):
    first = ReviewAtRisk(
        valuation_id=SUBJECT,
        revision=1,
        number=1100,
        share=1.0,
        due_at=LATER,
        noted_at=LATER,
        state="QUEUED",
        is_breach=True,
    )
    disputed = replace(first, revision=2, number=2100, kind="DISPUTE", due_at=LATER + timedelta(days=1))
    write(received(first, REVIEW_CLOCKS, at=LATER), received(disputed, REVIEW_CLOCKS, at=LATER + timedelta(days=1)))
    with pool.connection() as connection:
        found = connection.execute("select promise, found_at from breach order by found_at").fetchall()
    assert found == [("MANUAL_ANSWER", LATER), ("DISPUTE_ANSWER", LATER + timedelta(days=1))]


@pytest.mark.requirement("RD1")
def test_a_breach_of_the_working_day_is_a_row_for_ever_and_every_warning_a_line(pool, write):
    marks = [
        ReviewAtRisk(
            valuation_id=SUBJECT,
            revision=1,
            number=number,
            share=share,
            due_at=LATER,
            noted_at=LATER,
            state="QUEUED",
            is_breach=share == 1.0,
        )
        for number, share in [(1050, 0.5), (1100, 1.0)]
    ]
    write(*VALUED, *(received(mark, REVIEW_CLOCKS, at=LATER) for mark in (*marks, marks[1])))
    with pool.connection() as connection:
        assert connection.execute("select promise, found_at from breach").fetchall() == [("MANUAL_ANSWER", LATER)]
    kinds = [entry.kind for entry in LedgerQueries(pool).timeline(UUID(SUBJECT))]
    assert kinds.count("ReviewAtRisk") == 2

"""Commands on a real PostgreSQL: carried out or refused, each once, and one end whatever comes at the same moment."""

import json
import random
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from consumers.ledger.command_desk import CommandDesk
from consumers.ledger.loop import ROOM
from consumers.ledger.outgoing import Voice
from consumers.ledger.postgres import LedgerWriter
from consumers.ledger.queries import LedgerQueries
from infra.postgres import offsets
from infra.postgres.ingest import Received
from infra.postgres.migrate import migrate
from infra.postgres.pool import open_pool
from schemas.catalogue import ACCEPTED, CLARIFICATIONS, REPORTS, REQUESTS, RESULTS, WITHDRAWALS
from schemas.codes import Action, Lane, Reason, Status
from schemas.events import Accepted, ClarificationTimedOut, Resulted, Withdrawn
from schemas.headers import CE_ID, header
from tests.fakes import valuations as made
from tests.fakes.valuations import CODEC, NOON

pytestmark = pytest.mark.postgres

SUBJECT = made.accepted().valuation_id
LATER = NOON + timedelta(hours=1)
_KINDS = {
    RESULTS.named(Lane.ONLINE): Resulted,
    WITHDRAWALS.named(): Withdrawn,
    CLARIFICATIONS.named(Lane.ONLINE): ClarificationTimedOut,
    ACCEPTED.named(Lane.ONLINE): Accepted,
}


@pytest.fixture
def pool(postgres):
    migrate(postgres, room=ROOM)
    with open_pool(postgres, room=ROOM) as pool:
        yield pool


def received(event, topic, *, at=NOON, offset=0):
    record = made.record_of(topic, event, lane=Lane.ONLINE)
    return Received(
        topic=topic,
        lane=Lane.ONLINE,
        partition=0,
        offset=offset,
        appended_at=at,
        event=event,
        headers=record.headers,
        value=record.value,
    )


@pytest.fixture
def write(pool):
    def batch(*events):
        with pool.connection() as connection:
            LedgerWriter(answer_within=timedelta(seconds=10))(connection, events)

    return batch


@pytest.fixture
def look(pool):
    """Let a new process look at an instant; returns what is said then, each with the id it is known by."""
    told = []

    def at(now=LATER + timedelta(seconds=1)):
        desk = CommandDesk(consumer=ROOM, voice=Voice(codec=CODEC, randomness=random.Random(1)))
        names = [(name, 0) for topic in (REQUESTS, ACCEPTED, RESULTS) for name in topic.names]
        with pool.connection() as connection:
            offsets.mark_caught_up(connection, ROOM, offsets.claim(connection, ROOM, names), now)
            desk(connection, now)
            rows = connection.execute("select topic, value, headers from outbox order by id").fetchall()
        said = [(CODEC.decode(bytes(value), _KINDS[topic]), dict(headers)[CE_ID]) for topic, value, headers in rows]
        at.headers = [[(name, text.encode()) for name, text in headers] for _, _, headers in rows]
        new = said[len(told) :]
        told.extend(new)
        return new

    return at


def a_command(action, *, at=LATER, **changes):
    event = made.requested(requested_at=at, action=action, address="", area=Decimal(0), note="客户放弃贷款")
    return received(replace(event, **changes), REQUESTS, at=at)


def _with_people():
    waiting = made.resulted(status=Status.PENDING_MANUAL)
    return (
        received(made.requested(), REQUESTS),
        received(made.accepted(), ACCEPTED),
        received(waiting, RESULTS, at=NOON + timedelta(seconds=2)),
    )


@pytest.mark.requirement("IN9")
def test_a_cancelled_valuation_is_withdrawn_once_its_cancellation_has_come_back_first(pool, write, look):
    write(*_with_people(), a_command(Action.CANCEL), a_command(Action.CANCEL))
    ((cancelled, known_by),) = look()
    assert (cancelled.status, cancelled.reasons) == (Status.CANCELLED, (Reason.CANCELLED_BY_CHANNEL,))
    assert look(LATER + timedelta(seconds=5)) == []  # not yet known to be first

    write(received(cancelled, RESULTS, at=LATER + timedelta(seconds=2), offset=7))
    ((withdrawn, _),) = look(LATER + timedelta(minutes=1))
    assert withdrawn == Withdrawn(
        valuation_id=SUBJECT, action=Action.CANCEL, revision=1, withdrawn_at=LATER + timedelta(minutes=1)
    )
    write(
        a_command(Action.CANCEL), a_command(Action.CANCEL, at=LATER + timedelta(minutes=2))
    )  # redelivered; sent again
    ((again, same),) = look(LATER + timedelta(minutes=3))
    assert (again, same) == (cancelled, known_by)
    assert LedgerQueries(pool).state(UUID(SUBJECT)).status == Status.CANCELLED


@pytest.mark.requirement("IN9")
@pytest.mark.parametrize("decided_first", [True, False])
@pytest.mark.parametrize("gap", [timedelta(0), timedelta(milliseconds=1)])
def test_a_decision_of_the_same_moment_and_a_cancellation_end_in_one_answer(pool, write, look, decided_first, gap):
    write(*_with_people(), a_command(Action.CANCEL))
    ((cancelled, _),) = look()
    decided = made.resulted(status=Status.COMPLETED_MANUAL, human_touched=True)
    ends = (decided, cancelled) if decided_first else (cancelled, decided)
    first, second = (
        received(end, RESULTS, at=LATER + timedelta(seconds=2) + gap * place, offset=place)
        for place, end in enumerate(ends)
    )
    write(first, second)
    write(second, first)  # both once more, the other way round
    ((said, _),) = look(LATER + timedelta(minutes=1))
    if decided_first:
        assert (said.status, said.revision, said.reasons) == (Status.REJECTED_INVALID, 0, (Reason.ALREADY_FINAL,))
        assert said.received_at == LATER  # the moment of the command, by which its sender knows the answer
        write(received(said, RESULTS, at=LATER + timedelta(minutes=1)))
    else:
        assert isinstance(said, Withdrawn)
    assert LedgerQueries(pool).state(UUID(SUBJECT)).status == ends[0].status
    assert look(LATER + timedelta(minutes=5)) == []


@pytest.mark.requirement("IN9")
def test_what_is_final_cannot_be_cancelled_and_stays_as_it_is(pool, write, look):
    final = made.resulted()
    write(*_with_people(), received(final, RESULTS, at=NOON + timedelta(seconds=3)), a_command(Action.CANCEL))
    ((refusal, _),) = look()
    write(received(refusal, RESULTS, at=LATER + timedelta(seconds=2)))
    assert (refusal.status, refusal.revision) == (Status.REJECTED_INVALID, 0)
    assert [problem.code for problem in refusal.problems] == [Reason.ALREADY_FINAL]
    assert LedgerQueries(pool).state(UUID(SUBJECT)).status == final.status


@pytest.mark.requirement("IN9")
def test_an_unknown_number_is_refused_only_when_everything_before_the_command_was_read(pool, write, look):
    write(a_command(Action.CANCEL))
    assert look(LATER - timedelta(seconds=1)) == []
    ((refusal, _),) = look()
    assert refusal.reasons == (Reason.NOT_FOUND,)
    assert LedgerQueries(pool).state(UUID(SUBJECT)) is None


@pytest.mark.requirement("IN9")
def test_a_status_query_gets_the_very_answer_that_stands_with_its_own_id(pool, write, look):
    answer = received(made.resulted(), RESULTS, at=NOON + timedelta(seconds=3))
    write(*_with_people(), answer, a_command(Action.STATUS_QUERY))
    ((again, known_by),) = look()
    assert (again, known_by) == (answer.event, header(answer.headers, CE_ID))
    before = LedgerQueries(pool).state(UUID(SUBJECT))
    write(received(again, RESULTS, at=LATER + timedelta(seconds=2)))
    assert LedgerQueries(pool).state(UUID(SUBJECT)) == before


@pytest.mark.requirement("IN9")
def test_what_waits_for_a_model_is_asked_again_for_people_and_its_first_asking_answers_nobody(write, look):
    parked = made.resulted(status=Status.PROCESSING, reasons=(Reason.SYSTEM_DEGRADED,))
    write(received(made.accepted(), ACCEPTED), received(parked, RESULTS), a_command(Action.FORCE_MANUAL))
    (withdrawn, _), (accepted, _) = look()
    assert (withdrawn.action, withdrawn.revision) == (Action.FORCE_MANUAL, 1)
    assert accepted.request == replace(made.request(), revision=2, force_manual=True)
    write(received(accepted, ACCEPTED, at=LATER))
    assert look(LATER + timedelta(minutes=5)) == []


@pytest.mark.requirement("IN9")
def test_a_question_is_closed_for_people_and_a_reply_that_was_first_is_followed_to_its_end(write, look):
    asked = made.resulted(status=Status.NEEDS_CLARIFICATION)
    write(received(made.accepted(), ACCEPTED), received(asked, RESULTS), a_command(Action.FORCE_MANUAL))
    ((closed, _),) = look()
    assert isinstance(closed, ClarificationTimedOut)
    assert closed.request.force_manual

    replied = replace(made.accepted(), request=replace(made.request(), revision=2, chosen_community_id="c-1"))
    valued = made.resulted(revision=2)
    write(received(replied, ACCEPTED, at=LATER), received(valued, RESULTS, at=LATER + timedelta(seconds=2)))
    ((refusal, _),) = look(LATER + timedelta(minutes=5))
    assert refusal.reasons == (Reason.ALREADY_FINAL,)
    assert "复估" in refusal.reason_text


def test_what_the_ledger_keeps_of_a_command_has_its_reason_without_personal_numbers(pool, write):
    write(*_with_people(), a_command(Action.FORCE_MANUAL, note="客户电话13800138000要求人工"))
    timeline = LedgerQueries(pool).timeline(UUID(SUBJECT))
    notes = [entry.payload.get("note") for entry in timeline if entry.kind == "Requested"]
    assert "13800138000" not in json.dumps(notes)
    assert any(note and "要求人工" in note for note in notes)


@pytest.mark.requirement("IN9", "RP6")
@pytest.mark.parametrize("report_first", [True, False])
def test_a_report_of_a_value_that_came_behind_a_cancellation_is_revoked(pool, write, report_first):
    ends = (
        received(made.resulted(status=Status.CANCELLED), RESULTS, at=NOON, offset=1),
        received(made.resulted(), RESULTS, at=NOON, offset=2),
    )
    report = received(made.reported(), REPORTS, at=NOON + timedelta(seconds=1))
    for one in (report, *ends) if report_first else (*ends, report):
        write(one)
    (kept,) = LedgerQueries(pool).reports_of(UUID(SUBJECT))
    assert "撤销" in kept.revoked["reason"]


@pytest.mark.requirement("IN9")
def test_the_report_of_a_value_that_came_before_a_cancellation_counts(pool, write):
    write(
        received(made.resulted(), RESULTS, at=NOON, offset=1),
        received(made.resulted(status=Status.CANCELLED), RESULTS, at=NOON, offset=2),
        received(made.reported(), REPORTS, at=NOON),
    )
    (kept,) = LedgerQueries(pool).reports_of(UUID(SUBJECT))
    assert kept.revoked is None


@pytest.mark.requirement("IN9", "RP6")
@pytest.mark.parametrize("report_first", [True, False])
def test_of_two_values_the_report_of_the_one_that_came_second_is_revoked(pool, write, report_first):
    ends = (
        received(made.resulted(), RESULTS, at=NOON, offset=1),
        received(made.resulted(status=Status.COMPLETED_MANUAL, revision=2), RESULTS, at=NOON, offset=2),
    )
    reports = (
        received(made.reported(), REPORTS, at=NOON),
        received(made.reported(revision=2, report_no="HV-2"), REPORTS, at=NOON + timedelta(seconds=1)),
    )
    for one in (*reports, *ends) if report_first else (*ends, *reports):
        write(one)
    counts, other = LedgerQueries(pool).reports_of(UUID(SUBJECT))
    assert (counts.report_no, counts.revoked) == ("HV-r-1", None)
    assert (other.report_no, "此前" in other.revoked["reason"]) == ("HV-2", True)


@pytest.mark.requirement("DI2", "RP6")
def test_the_report_of_what_people_decided_anew_is_not_behind_the_first_end(pool, write):
    anew = made.resulted(status=Status.COMPLETED_MANUAL, revision=2, supersedes="HV-r-1")
    write(
        received(made.resulted(), RESULTS, offset=1),
        received(made.reported(), REPORTS),
        received(made.reported(revision=2, report_no="HV-2", supersedes_report_no="HV-r-1"), REPORTS),
        received(anew, RESULTS, offset=2),
    )
    revoked = {report.report_no: report.revoked for report in LedgerQueries(pool).reports_of(UUID(SUBJECT))}
    assert revoked["HV-2"] is None
    assert revoked["HV-r-1"]["replaced_by"] == "HV-2"


@pytest.mark.requirement("IN9")
def test_a_wish_for_people_that_waits_holds_up_no_cancellation_and_is_ended_by_it(write, look):
    with_the_model = made.accepted(deadline_at=LATER + timedelta(hours=8))
    write(
        received(with_the_model, ACCEPTED),
        received(made.resulted(status=Status.RECEIVED), RESULTS),
        a_command(Action.FORCE_MANUAL),
        a_command(Action.STATUS_QUERY, at=LATER + timedelta(milliseconds=1)),
        a_command(Action.CANCEL, at=LATER + timedelta(milliseconds=2)),
    )
    said = [event for seconds in range(1, 7) for event, _ in look(LATER + timedelta(seconds=seconds))]
    assert [event.status for event in said] == [Status.RECEIVED, Status.CANCELLED]
    write(received(said[-1], RESULTS, at=LATER + timedelta(seconds=7), offset=7))
    ends = [event for seconds in range(8, 16) for event, _ in look(LATER + timedelta(seconds=seconds))]
    assert isinstance(ends[0], Withdrawn)
    assert [(end.reasons, "已撤销" in end.reason_text) for end in ends[1:]] == [((Reason.ALREADY_FINAL,), True)]


@pytest.mark.requirement("IN9")
@pytest.mark.parametrize("commands_first", [True, False])
def test_a_ledger_that_is_filled_anew_answers_no_command_a_second_time(pool, write, look, commands_first):
    commands = (a_command(Action.STATUS_QUERY), a_command(Action.FORCE_MANUAL, at=LATER + timedelta(milliseconds=1)))
    write(*_with_people(), *commands)
    answers = [event for seconds in (1, 3) for event, _ in look(LATER + timedelta(seconds=seconds))]
    assert [answer.status for answer in answers] == [Status.PENDING_MANUAL] * 2
    told = [
        replace(received(answer, RESULTS, at=LATER + timedelta(seconds=4), offset=9 + place), headers=headers)
        for place, (answer, headers) in enumerate(zip(answers, look.headers, strict=True))
    ]
    with pool.connection() as connection:
        connection.execute("truncate command, command_answered, ledger_event, valuation")
    decided = received(made.resulted(status=Status.COMPLETED_MANUAL), RESULTS, at=LATER + timedelta(hours=1), offset=20)
    write(*_with_people(), decided)
    for batch in (commands, told) if commands_first else (told, commands):
        write(*batch)
    assert look(LATER + timedelta(hours=2)) == []
    assert look(LATER + timedelta(hours=3)) == []


@pytest.mark.requirement("IN9")
def test_a_wish_for_people_while_the_model_is_at_work_on_a_reply_opens_no_second_asking(write, look):
    replied = made.accepted(revision=2, deadline_at=LATER + timedelta(hours=8))
    write(
        received(made.accepted(), ACCEPTED),
        received(made.resulted(status=Status.NEEDS_CLARIFICATION), RESULTS),
        received(replied, ACCEPTED, at=NOON + timedelta(seconds=2)),
        a_command(Action.FORCE_MANUAL),
    )
    assert look() == []

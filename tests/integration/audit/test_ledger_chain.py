"""The broker's part of the audit: each event once in the chain of its valuation, by the digest of its bytes."""

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest

from consumers.ledger.loop import ROOM
from consumers.ledger.postgres import LedgerWriter
from consumers.ledger.replayed import replay
from infra.postgres.audit_check import lines_of, verify
from infra.postgres.ingest import Received
from infra.postgres.migrate import migrate
from infra.postgres.pool import connect
from schemas.catalogue import ACCEPTED, AUDIT, DECISIONS, REQUESTS, RESULTS
from schemas.codes import Lane, Status
from schemas.events import Audited
from tests.fakes import valuations as made
from tests.fakes.valuations import CODEC, NOON

pytestmark = pytest.mark.postgres

_TOPIC_OF = {topic.event: topic for topic in (REQUESTS, ACCEPTED, DECISIONS, RESULTS, AUDIT)}


@pytest.fixture
def connection(postgres):
    migrate(postgres, room=ROOM)
    with connect(postgres, room=ROOM) as connection:
        yield connection


def received(event, offset):
    topic = _TOPIC_OF[type(event)]
    return Received(
        topic=topic,
        lane=Lane.ONLINE if topic.lanes else None,
        partition=3,
        offset=offset,
        appended_at=NOON + timedelta(seconds=offset),
        event=event,
        headers=[],
        value=CODEC.encode(event),
    )


def write(connection, *batch):
    LedgerWriter(answer_within=timedelta(seconds=10))(connection, batch)
    connection.commit()


@pytest.mark.requirement("SE4")
def test_each_event_has_one_line_however_often_it_comes(connection):
    life = [received(made.requested(), 1), received(made.accepted(), 2), received(made.resulted(), 3)]
    write(connection, *life, life[1])
    write(connection, received(made.resulted(), 9), *life)
    lines = lines_of(connection, made.resulted().valuation_id)
    assert [line.action for line in lines] == ["Requested", "Accepted", "Resulted"]
    assert [hashlib.sha256(one.value).hexdigest() in line.details for one, line in zip(life, lines, strict=True)] == [
        True
    ] * 3
    connection.commit()
    assert verify(connection).is_sound


@pytest.mark.requirement("SE4")
def test_the_chain_tells_no_address_and_no_value(connection):
    answer = made.resulted(status=Status.COMPLETED_MANUAL)
    write(connection, received(made.requested(), 1), received(made.decided(), 2), received(answer, 3))
    told = "".join(line.details for line in lines_of(connection, answer.valuation_id))
    assert made.requested().address not in told
    assert str(answer.value) not in told


@pytest.mark.requirement("SE4")
def test_the_gateways_acts_stand_in_the_chain_of_their_valuation_or_in_the_gateways_own(connection):
    subject = made.requested().valuation_id
    said = [
        Audited(valuation_id=subject, actor="CREDIT_MGMT/1f0c", action="ASK", http_status=200, at=NOON),
        Audited(valuation_id="", actor="-", action="ASK", http_status=401, at=NOON, repeated=7),
    ]
    write(connection, received(made.requested(), 1), *(received(one, 2 + n) for n, one in enumerate(said)))
    assert [(line.actor, line.action) for line in lines_of(connection, subject)] == [
        ("channel", "Requested"),
        ("CREDIT_MGMT/1f0c", "ASK"),
    ]
    (refused,) = lines_of(connection, "gateway")
    assert '"http_status":401' in refused.details
    assert '"repeated":7' in refused.details


@pytest.mark.requirement("SE4")
def test_an_event_that_comes_again_and_says_something_else_has_a_line_and_moves_nothing(connection):
    first, other = made.resulted(value=3_669_500), made.resulted(value=1)
    write(connection, received(first, 1), received(other, 2))
    for offset in (3, 4):
        write(connection, received(other, offset), received(first, offset))
    write(connection, received(made.resulted(value=2), 5))
    lines = lines_of(connection, first.valuation_id)
    assert [line.action for line in lines] == ["Resulted", "SAID_AGAIN", "SAID_AGAIN"]
    assert hashlib.sha256(CODEC.encode(other)).hexdigest() in lines[1].details
    assert connection.execute("select value, answer_at from valuation").fetchall() == [
        (3_669_500, NOON + timedelta(seconds=1))
    ]
    connection.commit()
    assert verify(connection).is_sound
    assert replay(connection, first.valuation_id, CODEC).differences == ()


@pytest.mark.requirement("SE4")
def test_an_interim_answer_written_again_after_a_crash_does_not_move_its_instant(connection):
    said = made.resulted(status=Status.PENDING_MANUAL)
    write(connection, received(said, 1))
    write(connection, received(replace(said, resulted_at=NOON + timedelta(minutes=1)), 60))
    assert connection.execute("select answer_at from valuation").fetchone() == (NOON + timedelta(seconds=1),)

"""The broker's part of the audit: each event once in the chain of its valuation, by the digest of its bytes."""

import hashlib
from datetime import timedelta

import pytest

from consumers.ledger.loop import ROOM
from consumers.ledger.postgres import LedgerWriter
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

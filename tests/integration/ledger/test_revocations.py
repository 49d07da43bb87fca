"""Reports that no longer count, on a real PostgreSQL: replaced by a successor or revoked by two people, told once."""

import random
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from consumers.ledger import api
from consumers.ledger.loop import ROOM
from consumers.ledger.outgoing import Voice
from consumers.ledger.postgres import LedgerWriter
from consumers.ledger.queries import LedgerQueries
from consumers.ledger.revocations import REPLACED, RevocationError, RevocationWatch, revoke
from infra.postgres.ingest import Received
from infra.postgres.migrate import migrate
from infra.postgres.pool import open_pool
from schemas.catalogue import REPORTS, REVOCATIONS
from schemas.codes import Lane
from schemas.events import ReportRevoked
from schemas.headers import CE_ID, header
from tests.fakes import valuations as made
from tests.fakes.valuations import CODEC, NOON

pytestmark = [pytest.mark.postgres, pytest.mark.requirement("RP6")]

LATER = NOON + timedelta(hours=1)
FIRST = made.reported()
SECOND = made.reported(revision=2, report_no="HV-r-1-2", supersedes_report_no="HV-r-1", issued_at=LATER)


@pytest.fixture
def pool(postgres):
    migrate(postgres, room=ROOM)
    with open_pool(postgres, room=ROOM) as pool:
        yield pool


@pytest.fixture
def ledger(pool):
    return Ledger(pool)


class Ledger:
    def __init__(self, pool) -> None:
        self._pool = pool

    def reads(self, *events, topic=REPORTS) -> None:
        lane = Lane.ONLINE if topic.lanes else None
        records = [(event, made.record_of(topic, event, lane=lane)) for event in events]
        batch = [
            Received(
                topic=topic,
                lane=lane,
                partition=0,
                offset=0,
                appended_at=LATER,
                event=event,
                headers=record.headers,
                value=record.value,
            )
            for event, record in records
        ]
        with self._pool.connection() as connection:
            LedgerWriter(answer_within=timedelta(seconds=10))(connection, batch)

    def looks(self, at=LATER) -> list:
        """What it says when it looks around: headers and event."""
        voice = Voice(codec=CODEC, randomness=random.Random(7))
        with self._pool.connection() as connection:
            before = connection.execute("select coalesce(max(id), 0) from outbox").fetchone()[0]
            RevocationWatch(revocations=REVOCATIONS, voice=voice)(connection, at)
            rows = connection.execute(
                "select topic, headers, value from outbox where id > %s order by id", [before]
            ).fetchall()
        assert all(topic == "valuation.revocations" for topic, _, _ in rows)
        return [
            ([(name, value.encode()) for name, value in headers], CODEC.decode(bytes(value), ReportRevoked))
            for _, headers, value in rows
        ]

    def revokes(self, report_no="HV-r-1", *, reason="面积录入有误", by="e1001", second="E1002"):
        with self._pool.connection() as connection:
            return revoke(connection, report_no, reason=reason, by=by, second=second, at=LATER)


def test_a_report_that_names_the_one_it_supersedes_revokes_that_one_and_no_other(ledger):
    ledger.reads(FIRST, SECOND)
    ((_, revoked),) = ledger.looks()
    assert revoked == ReportRevoked(
        valuation_id=FIRST.valuation_id,
        report_no="HV-r-1",
        channel="CREDIT_MGMT",
        reason=REPLACED,
        revoked_at=LATER,
        replaced_by="HV-r-1-2",
    )
    assert ledger.looks() == []


def test_the_old_report_is_still_there_and_says_that_it_no_longer_counts(pool, ledger):
    ledger.reads(FIRST, SECOND)
    with TestClient(api.build(LedgerQueries(pool), lambda: LATER)) as client:
        old, new = (client.get(f"/reports/{number}").json() for number in ("HV-r-1", "HV-r-1-2"))
    assert old["payload"]["sha256"] == FIRST.sha256
    assert (old["revoked"]["reason"], old["revoked"]["replaced_by"]) == (REPLACED, "HV-r-1-2")
    assert new["revoked"] is None


def test_a_ledger_filled_anew_says_the_same_event_again_under_the_same_id(pool, ledger):
    ledger.reads(FIRST, SECOND)
    ((headers, revoked),) = ledger.looks()
    with pool.connection() as connection:
        connection.execute("truncate revocation, report, ledger_event")
    ledger.reads(FIRST, SECOND)
    ((headers_again, again),) = ledger.looks(LATER + timedelta(days=1))
    assert again == revoked
    assert header(headers_again, CE_ID) == header(headers, CE_ID)


def test_a_revocation_read_from_its_topic_is_kept_and_not_told_again(pool, ledger):
    ledger.reads(FIRST)
    told = ledger.revokes()
    ((_, event),) = ledger.looks()
    with pool.connection() as connection:
        connection.execute("truncate revocation, report, ledger_event")
    ledger.reads(event, topic=REVOCATIONS)
    ledger.reads(FIRST)
    assert event == told
    assert ledger.looks() == []
    assert LedgerQueries(pool).report("HV-r-1").revoked["by"] == "E1001"
    kinds = {entry.kind for entry in LedgerQueries(pool).timeline(LedgerQueries(pool).report("HV-r-1").valuation_id)}
    assert kinds == {"Reported", "ReportRevoked"}


def test_an_answer_without_a_report_that_is_superseded_revokes_nothing(ledger):
    ledger.reads(made.reported(revision=2, report_no="HV-r-1-2", supersedes_report_no=made.reported().valuation_id))
    assert ledger.looks() == []


def test_two_people_revoke_a_wrong_report_and_the_audit_names_both(pool, ledger):
    ledger.reads(FIRST)
    ledger.revokes()
    ((_, revoked),) = ledger.looks()
    assert (revoked.report_no, revoked.reason, revoked.by, revoked.replaced_by) == (
        "HV-r-1",
        "面积录入有误",
        "E1001",
        None,
    )
    with pool.connection() as connection:
        query = "select actor, details from audit_line where action = 'REPORT_REVOKED'"
        ((actor, details),) = connection.execute(query).fetchall()
    assert (actor, details["second"], details["report_no"]) == ("E1001", "E1002", "HV-r-1")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"second": "Ｅ１００１"}, "revoked by two people; E1001 was given for both"),
        ({"by": "王小明"}, "is no staff number"),
        ({"reason": "错"}, "say why, in 4 to 200 characters"),
        ({"report_no": "HV-none"}, "there is no report HV-none"),
    ],
)
def test_a_revocation_that_must_not_be_is_refused_and_changes_nothing(ledger, changes, complaint):
    ledger.reads(FIRST)
    with pytest.raises(RevocationError, match=complaint):
        ledger.revokes(**changes)
    assert ledger.looks() == []


def test_a_report_is_revoked_once(ledger):
    ledger.reads(FIRST)
    ledger.revokes()
    with pytest.raises(RevocationError, match=r"HV-r-1 was revoked at .*面积录入有误"):
        ledger.revokes(reason="另一个理由")

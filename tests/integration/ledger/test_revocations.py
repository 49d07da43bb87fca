"""Reports that no longer count, on a real PostgreSQL: replaced by a successor or revoked by two people, told once."""

import random
from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest
from fastapi.testclient import TestClient

from consumers.ledger import api
from consumers.ledger.loop import ROOM
from consumers.ledger.outgoing import Voice
from consumers.ledger.postgres import LedgerWriter, ReportNumberTakenError
from consumers.ledger.queries import LedgerQueries
from consumers.ledger.revocations import REPLACED, RevocationWatch
from consumers.ledger.revoking import RevocationError, confirm, open_proposals, propose
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

    def proposes(self, report_no="HV-r-1", *, reason="面积录入有误", by="e1001", at=LATER, operator="login:avm"):
        with self._pool.connection() as connection:
            return propose(connection, report_no, reason=reason, by=by, operator=operator, at=at)

    def confirms(self, report_no="HV-r-1", *, by="E1002", at=LATER, operator="login:avm"):
        with self._pool.connection() as connection:
            return confirm(connection, report_no, by=by, operator=operator, at=at)

    def revokes(self):
        self.proposes()
        return self.confirms()

    def waiting(self, now=LATER):
        with self._pool.connection() as connection:
            return open_proposals(connection, now=now)


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


@pytest.mark.parametrize("at_once", [True, False], ids=["in one batch", "one after the other"])
def test_a_successor_that_is_read_before_the_report_it_replaces_revokes_it_all_the_same(ledger, at_once):
    for events in [(SECOND, FIRST)] if at_once else [(SECOND,), (FIRST,)]:
        ledger.reads(*events)
    ((_, revoked),) = ledger.looks()
    assert (revoked.report_no, revoked.replaced_by, revoked.revoked_at) == ("HV-r-1", "HV-r-1-2", LATER)
    assert ledger.looks() == []


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_a_successor_that_names_the_event_replaces_whatever_the_valuation_was_told_before(ledger, order):
    """The dispute was opened before the report was known, so that it names the answer by the id of its event."""
    answer_id = "0c9b2c7e-55e2-5d0a-9a55-3f1b6a0d7c21"
    other = made.reported("r-2")
    events = (FIRST, replace(SECOND, supersedes_report_no=answer_id), other)
    for place in order:
        ledger.reads(events[place])
    ((_, revoked),) = ledger.looks()
    assert (revoked.report_no, revoked.replaced_by) == ("HV-r-1", "HV-r-1-2")


def test_a_report_of_the_number_of_another_valuation_is_an_error_and_not_silence(pool, ledger):
    ledger.reads(FIRST)
    with pytest.raises(ReportNumberTakenError, match=r"report HV-r-1 of valuation .* has the number of a report of"):
        ledger.reads(made.reported("r-2", report_no="HV-r-1"))
    ledger.reads(FIRST)  # told again is no conflict
    with pytest.raises(ReportNumberTakenError):  # nor may two come in one batch
        ledger.reads(made.reported("r-3", report_no="HV-3"), made.reported("r-4", report_no="HV-3"))
    assert LedgerQueries(pool).report("HV-r-1").payload["valuation_id"] == FIRST.valuation_id


def test_two_people_revoke_a_wrong_report_in_two_acts_and_the_audit_has_both(pool, ledger):
    ledger.reads(FIRST)
    ledger.proposes(operator="operator:lin")
    assert ledger.looks() == []  # it counts until another person confirms
    assert [(one.report_no, one.proposed_by, one.reason) for one in ledger.waiting()] == [
        ("HV-r-1", "E1001", "面积录入有误")
    ]
    ledger.confirms(operator="operator:wu")
    ((_, revoked),) = ledger.looks()
    told = (revoked.report_no, revoked.reason, revoked.by, revoked.replaced_by)
    assert told == ("HV-r-1", "面积录入有误", "E1001", None)
    assert ledger.waiting() == []
    with pool.connection() as connection:
        query = "select action, actor, details from audit_line where action like 'REPORT_%%' order by sequence"
        lines = connection.execute(query).fetchall()
    assert [(action, actor, details["operator"]) for action, actor, details in lines] == [
        ("REPORT_REVOCATION_PROPOSED", "E1001", "operator:lin"),
        ("REPORT_REVOKED", "E1002", "operator:wu"),
    ]
    assert lines[1][2]["proposed_by"] == "E1001"


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"by": "王小明"}, "is no staff number"),
        ({"reason": "错"}, "say why, in 4 to 200 characters"),
        ({"report_no": "HV-none"}, "there is no report HV-none"),
    ],
)
def test_a_proposal_that_must_not_be_is_refused_and_nothing_waits(ledger, changes, complaint):
    ledger.reads(FIRST)
    with pytest.raises(RevocationError, match=complaint):
        ledger.proposes(**changes)
    assert ledger.waiting() == []


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"by": "E1001"}, "revoked by two people; E1001 proposed it and cannot confirm it, too"),
        ({"by": " ｅ１００１ "}, "revoked by two people; E1001 proposed it"),
        ({"operator": "operator:lin"}, "revoked by two people; operator:lin was logged in at both acts"),
        ({"at": LATER + timedelta(hours=24)}, "the proposal to revoke report HV-r-1 lapsed"),
        ({"report_no": "HV-r-2"}, "nobody proposed to revoke report HV-r-2"),
        ({"report_no": "HV-none"}, "there is no report HV-none"),
    ],
)
def test_a_confirmation_that_must_not_be_is_refused_and_changes_nothing(ledger, changes, complaint):
    ledger.reads(FIRST, made.reported("r-2"))
    ledger.proposes(operator="operator:lin")
    with pytest.raises(RevocationError, match=complaint):
        ledger.confirms(**changes)
    assert ledger.looks() == []


def test_a_proposal_stands_for_a_day_and_can_then_be_made_anew(ledger):
    ledger.reads(FIRST)
    ledger.proposes()
    with pytest.raises(RevocationError, match=r"E1001 proposed at .* to revoke report HV-r-1: 面积录入有误"):
        ledger.proposes(by="E1002", reason="另一个理由")
    next_day = LATER + timedelta(hours=24)
    assert ledger.waiting(next_day) == []
    ledger.proposes(by="E1002", reason="另一个理由", at=next_day)
    assert ledger.confirms(by="E1001", at=next_day).reason == "另一个理由"


def test_the_reason_that_the_bank_reads_holds_no_personal_data(ledger):
    ledger.reads(FIRST)
    ledger.proposes(reason="客户 13800138000 更正了面积")
    assert ledger.confirms().reason == "客户 *** 更正了面积"


def test_a_report_is_revoked_once(ledger):
    ledger.reads(FIRST)
    ledger.revokes()
    for again in (ledger.proposes, ledger.confirms):
        with pytest.raises(RevocationError, match=r"HV-r-1 was revoked at .*面积录入有误"):
            again()

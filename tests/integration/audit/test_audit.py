"""The audit on a real PostgreSQL: what can be done to it shows, and most cannot be done at all."""

import json
import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from infra.postgres import audit
from infra.postgres.audit import Act
from infra.postgres.audit_check import Fault, lines_of, verify
from infra.postgres.audit_file import export, verify_file
from infra.postgres.migrate import migrate
from infra.postgres.pool import connect

pytestmark = pytest.mark.postgres

ROOM = "ledger"
NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
DETAILS = {"说明": "地址已核对 \x00 \ud800", "share": 0.1, "big": 1e23, "tiny": 1e-7, "whole": 1.0, "list": [1, None]}


@pytest.fixture
def connection(postgres):
    migrate(postgres, room=ROOM)
    with connect(postgres, room=ROOM) as connection:
        yield connection


@pytest.fixture
def written(connection):
    """Two chains of four lines each, sealed; a third with one line, which no seal covers yet."""
    for n in range(4):
        for subject in ("a", "b"):
            act = Act(actor="lin", action=f"STEP_{n}", at=NOON + timedelta(seconds=n), details={**DETAILS, "n": n})
            audit.append(connection, subject, act)
    audit.seal(connection, NOON)
    audit.append(connection, "c", Act(actor="wu", action="LOGIN", at=NOON))
    connection.commit()
    return connection


def tampered(connection, *statements):
    """Do what only the owner of the tables can: take the triggers off, change rows, put the triggers back."""
    tables = ("audit_line", "audit_seal", "audit_sealed")
    for table in tables:
        connection.execute(f"alter table {table} disable trigger user")
    for statement in statements:
        connection.execute(statement)
    for table in tables:
        connection.execute(f"alter table {table} enable trigger user")
    connection.commit()


def faults(connection, **given):
    verdict = verify(connection, **given)
    return {(d.subject, d.sequence, d.fault) for d in verdict.defects}


@pytest.mark.requirement("SE4")
def test_what_was_written_is_sound_whatever_the_details_are(written):
    verdict = verify(written)
    assert verdict.is_sound, [str(defect) for defect in verdict.defects]
    assert (verdict.lines, verdict.chains, verdict.seals, verdict.unsealed) == (9, 3, 1, 1)


@pytest.mark.requirement("SE4")
@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("update audit_line set actor = 'wu' where subject = 'a' and sequence = 2", ("a", 2, Fault.CHANGED)),
        ("update audit_line set at = at + '1 second' where subject = 'a' and sequence = 2", ("a", 2, Fault.CHANGED)),
        (
            "update audit_line set details = '{\"n\":9}' where subject = 'a' and sequence = 4",
            ("a", 4, Fault.CHANGED),
        ),
        ("delete from audit_line where subject = 'a' and sequence = 2", ("a", 3, Fault.GAP)),
        ("delete from audit_line where subject = 'a' and sequence = 1", ("a", 2, Fault.GAP)),
        (
            """insert into audit_line select 'a', 5, at, actor, action, details, hash, repeat('1', 64)
            from audit_line where subject = 'a' and sequence = 4""",
            ("a", 5, Fault.BEYOND_END),
        ),
        (
            "update audit_line set subject = 'a', sequence = 5 where subject = 'b' and sequence = 4",
            ("a", 5, Fault.BROKEN_LINK),
        ),
        ("delete from audit_line where subject = 'a' and sequence = 4", ("a", 4, Fault.SEALED_LINE_MISSING)),
        ("delete from audit_line where subject = 'a'", ("a", 4, Fault.SEALED_LINE_MISSING)),
        ("delete from audit_line where subject = 'c'", ("c", 1, Fault.CUT)),
        ("update audit_seal set at = at + '1 second'", ("seal", 1, Fault.SEAL_CHANGED)),
        ("delete from audit_sealed where subject = 'b'", ("seal", 1, Fault.SEAL_CHANGED)),
    ],
    ids=[
        "another actor",
        "another time",
        "other details",
        "a line removed from the middle",
        "the first line removed",
        "a line put in behind the end",
        "a line moved to another chain",
        "the last line cut off",
        "a whole chain dropped",
        "a whole chain dropped that no seal covers",
        "another time of a seal",
        "a chain taken out of a seal",
    ],
)
def test_tampering_shows_at_its_place(written, statement, found):
    tampered(written, statement)
    assert found in faults(written)


@pytest.mark.requirement("SE4")
def test_two_lines_exchanged_show(written):
    swap = "update audit_line set sequence = {} where subject = 'a' and sequence = {}"
    tampered(written, swap.format(9, 2), swap.format(2, 3), swap.format(3, 9))
    assert ("a", 2, Fault.BROKEN_LINK) in faults(written)


@pytest.mark.requirement("SE4")
def test_a_cut_tail_shows_even_where_the_noted_end_was_changed_with_it(written):
    tampered(
        written,
        "delete from audit_line where subject = 'a' and sequence = 4",
        "update audit_head h set sequence = 3, sealed = 3, hash = l.hash from audit_line l"
        " where h.subject = 'a' and l.subject = 'a' and l.sequence = 3",
    )
    assert ("a", 4, Fault.SEALED_LINE_MISSING) in faults(written)
    assert ("a", 4, Fault.SEALED_LINE_MISSING) in faults(written, subject="a")


@pytest.mark.requirement("SE4")
def test_a_chain_written_anew_with_fitting_hashes_shows_by_its_seal(written):
    line = lines_of(written, "a")[3]
    forged = audit.line_hash("a", 4, line.at, "mallory", line.action, line.details, line.previous)
    tampered(
        written,
        f"update audit_line set actor = 'mallory', hash = '{forged}' where subject = 'a' and sequence = 4",
        f"update audit_head set hash = '{forged}' where subject = 'a'",
    )
    assert faults(written) == {("a", 4, Fault.SEALED_LINE_DIFFERS)}


@pytest.mark.requirement("SE4")
def test_seals_that_are_gone_show_by_an_anchor_and_by_the_noted_ends(written):
    anchor = verify(written).last_seal
    assert verify(written, anchor=anchor).is_sound
    tampered(written, "delete from audit_sealed", "delete from audit_seal")
    assert ("a", 4, Fault.SEAL_MISSING) in faults(written)
    tampered(written, "update audit_head set sealed = 0")
    assert faults(written) == set()
    assert faults(written, anchor=anchor) == {("seal", 0, Fault.SEAL_MISSING)}


@pytest.mark.requirement("SE4")
@pytest.mark.parametrize("table", ["audit_line", "audit_seal", "audit_sealed"])
@pytest.mark.parametrize("statement", ["update {} set hash = ''", "delete from {}", "truncate {} cascade"])
@pytest.mark.parametrize("session", ["origin", "replica"])
def test_no_statement_changes_or_removes_lines_whatever_the_session_is_set_to(written, table, statement, session):
    if table == "audit_seal":
        statement = statement.replace("set hash = ''", "set heads = 0")
    written.execute(f"set session_replication_role = {session}")
    with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        written.execute(statement.format(table))
    written.rollback()
    assert verify(written).is_sound


@pytest.mark.requirement("SE4")
def test_writers_of_one_chain_at_once_never_fork_it(postgres, connection):
    connection.commit()

    def write(name):
        with connect(postgres, room=ROOM) as own:
            for n in range(10):
                audit.append_all(own, {s: [Act(actor=name, action=f"S{n}", at=NOON)] for s in ("x", "y", "z")})
                own.commit()

    writers = [threading.Thread(target=write, args=[name]) for name in ("a", "b", "c")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    verdict = verify(connection)
    assert (verdict.lines, verdict.chains, verdict.is_sound) == (90, 3, True)


@pytest.mark.requirement("SE4")
def test_an_act_that_is_rolled_back_leaves_no_line(written):
    audit.append(written, "a", Act(actor="lin", action="CLAIM", at=NOON))
    written.rollback()
    assert len(lines_of(written, "a")) == 4
    written.rollback()
    assert verify(written).is_sound


def test_seals_come_once_a_minute_and_only_for_what_moved(written):
    assert audit.seal_when_due(written, NOON + timedelta(seconds=59)) is None
    second = audit.seal_when_due(written, NOON + timedelta(seconds=60))
    assert (second.number, second.heads) == (2, 1)
    assert audit.seal_when_due(written, NOON + timedelta(minutes=5)) is None
    written.commit()
    verdict = verify(written)
    assert (verdict.seals, verdict.unsealed, verdict.is_sound) == (2, 0, True)


@pytest.mark.requirement("SE4")
def test_an_export_can_be_checked_without_the_database(written, tmp_path):
    path = tmp_path / "audit.jsonl"
    manifest = export(written, path, room=ROOM, at=NOON)
    verdict = verify_file(path)
    assert verdict.is_sound, [str(defect) for defect in verdict.defects]
    assert (verdict.lines, verdict.seals, verdict.last_seal) == (9, 1, manifest["last_seal"])


@pytest.mark.requirement("SE4")
@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda lines: [line.replace('"lin"', '"wu"', 1) for line in lines], Fault.CHANGED),
        (lambda lines: lines[:1] + lines[2:], Fault.GAP),
        (lambda lines: lines[:3] + lines[4:], Fault.SEALED_LINE_MISSING),
        (lambda lines: [line for line in lines if '"subject":"b"' not in line], Fault.SEALED_LINE_MISSING),
        (lambda lines: [line for line in lines if '"subject":"c"' not in line], Fault.FILE_CHANGED),
        (lambda lines: [line for line in lines if '"sealed":"b"' not in line], Fault.SEAL_CHANGED),
    ],
    ids=["changed", "removed", "cut", "a chain dropped", "an unsealed chain dropped", "a seal thinned out"],
)
def test_tampering_with_an_export_shows(written, tmp_path, change, fault):
    path = tmp_path / "audit.jsonl"
    export(written, path, room=ROOM, at=NOON)
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(change(lines)), encoding="utf-8")
    assert fault in {defect.fault for defect in verify_file(path).defects}


def test_a_file_that_is_no_export_is_refused_with_the_line(tmp_path):
    path = tmp_path / "other.jsonl"
    path.write_text(json.dumps({"subject": "a"}) + "\nnot json\n", encoding="utf-8")
    with pytest.raises(ValueError, match="line 2"):
        verify_file(path)

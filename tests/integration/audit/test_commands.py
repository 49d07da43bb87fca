"""`avm audit` on a valuation that a person decided."""

import json
import random
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from consumers.ledger.postgres import LedgerWriter
from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.queue.intake import task_of
from consumers.review_desk.store import TaskStore, insert
from consumers.review_desk.task import Kind, TaskState
from infra.cli import audit as commands
from infra.cli import main
from infra.postgres import audit
from infra.postgres.audit import Act
from infra.postgres.ingest import Received
from infra.postgres.migrate import migrate
from infra.postgres.pool import connect, open_pool
from infra.settings import Settings
from schemas.catalogue import ACCEPTED, DECISIONS, REQUESTS, RESULTS
from schemas.codes import Lane, ReviewOutcome, Status
from tests.fakes import valuations as made
from tests.fakes.valuations import CODEC, NOON

pytestmark = pytest.mark.postgres

_TOPIC_OF = {topic.event: topic for topic in (REQUESTS, ACCEPTED, DECISIONS, RESULTS)}
ANSWER = made.resulted(status=Status.COMPLETED_MANUAL, human_touched=True)
DECIDED = made.decided(unit_price=ANSWER.unit_price)
SUBJECT = ANSWER.valuation_id


def received(event, offset):
    topic = _TOPIC_OF[type(event)]
    return Received(
        topic=topic,
        lane=Lane.ONLINE if topic.lanes else None,
        partition=0,
        offset=offset,
        appended_at=NOON + timedelta(seconds=offset),
        event=event,
        headers=made.record_of(topic, event, lane=Lane.ONLINE if topic.lanes else None).headers,
        value=CODEC.encode(event),
    )


@pytest.fixture
def ledger(postgres, monkeypatch):
    for room in ("ledger", "review_desk"):
        migrate(postgres, room=room)
    settings = Settings()
    settings = settings.model_copy(
        update={"postgres": settings.postgres.model_copy(update={"dsn": SecretStr(postgres)})}
    )
    monkeypatch.setattr(commands, "settings_in_force", lambda: settings)
    with open_pool(postgres, room="review_desk") as pool:
        the_desk_decides(pool)
    with connect(postgres, room="ledger") as connection:
        the_ledger_reads(connection, made.requested(), made.accepted(), DECIDED, ANSWER)
        audit.seal(connection, NOON)
        connection.commit()
        yield connection


def the_desk_decides(pool, event=DECIDED, **changes):
    """A task is decided at the desk, and the event goes out as it does there."""
    store = TaskStore(pool, CODEC, randomness=random.Random(1))
    task = replace(task_of(event.review, DeskPolicy()), **changes)
    details = {
        "outcome": str(event.outcome),
        "unit_price": event.unit_price,
        "guideline_version": event.guideline_version,
    }
    act = Act(actor="lin", action="DECIDE", at=NOON, details=details)
    with pool.connection() as connection:
        insert(connection, task, CODEC.encode(event.review), None, Act(actor="t", action="ROUTED", at=NOON))
        held = store.lock(connection, task.task_id)
        held.save(replace(task, state=TaskState.DECIDED), act)
        if event.outcome is ReviewOutcome.VALUE:
            held.publish(DECISIONS, event, act)


def the_ledger_reads(connection, *events, begin=0):
    batch = [received(event, begin + n) for n, event in enumerate(events)]
    LedgerWriter(answer_within=timedelta(seconds=10))(connection, batch)
    connection.commit()


def avm(*arguments):
    result = CliRunner().invoke(commands.app, list(arguments))
    return result.exit_code, result.stdout


def tampered(connection, statement):
    connection.execute("alter table audit_line disable trigger user")
    connection.execute(statement)
    connection.execute("alter table audit_line enable trigger user")
    connection.commit()


@pytest.mark.requirement("SE4")
def test_a_replay_rebuilds_the_published_answer_from_the_chains(ledger):
    code, said = avm("replay", SUBJECT, "--json")
    told = json.loads(said)
    assert (code, told["differences"]) == (0, [])
    assert (told["answer"]["status"], told["answer"]["value"]) == ("COMPLETED_MANUAL", ANSWER.value)
    assert (told["steps"], told["desk_steps"]) == (4, 3)


@pytest.mark.requirement("SE4")
@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("update valuation set value = value + 1", "value: the replay gives"),
        ("update ledger_event set wire = wire || '\\x00' where kind = 'Resulted'", "the bytes kept are not those"),
        ("delete from ledger_event where kind = 'Accepted'", "the event is not in the ledger any more"),
        (
            "update ledger_event set payload = jsonb_set(payload, '{unit_price}', '1') where kind = 'Decided'",
            "Decided.unit_price: the desk's chain says",
        ),
        (
            """insert into ledger_event select gen_random_uuid(), valuation_id, 'Reported', status, stage, lane,
            revision, occurred_at, appended_at, trace_id, payload, null from ledger_event where kind = 'Accepted'""",
            "Reported is in the ledger and not in the chain",
        ),
    ],
    ids=["the answer", "a result's bytes", "an event removed", "the decision", "an event put in"],
)
def test_a_replay_shows_what_was_changed_behind_the_chain(ledger, statement, found):
    ledger.execute(statement)
    ledger.commit()
    code, said = avm("replay", SUBJECT)
    assert code == 1
    assert found in said


@pytest.mark.requirement("SE4", "GV4")
@pytest.mark.parametrize("outcome", [ReviewOutcome.VALUE, ReviewOutcome.RETURN_TO_AUTO])
def test_the_decision_on_a_sample_is_replayed_like_any_other_and_is_no_answer(ledger, postgres, outcome):
    sample = made.decided("r-3", outcome=outcome, unit_price=39_000)
    life = [made.requested("r-3"), made.accepted("r-3"), made.resulted("r-3"), sample]
    with open_pool(postgres, room="review_desk") as pool:
        the_desk_decides(pool, sample, kind=Kind.AUDIT, internal=True)
    the_ledger_reads(ledger, *(life if outcome is ReviewOutcome.VALUE else life[:3]), begin=9)
    code, said = avm("replay", sample.valuation_id, "--json")
    assert (code, json.loads(said)["differences"]) == (0, [])


@pytest.mark.requirement("SE4")
def test_a_decision_in_other_bytes_than_the_desk_sent_is_shown(ledger, postgres):
    forged = made.decided("r-2", unit_price=ANSWER.unit_price)
    with open_pool(postgres, room="review_desk") as pool:
        the_desk_decides(pool, replace(forged, reviewer="wu"))
    the_ledger_reads(ledger, made.requested("r-2"), made.accepted("r-2"), forged, begin=9)
    code, said = avm("replay", forged.valuation_id)
    assert code == 1
    assert "the ledger has not read the bytes that the desk sent" in said
    assert "are none that the desk sent" in said


@pytest.mark.requirement("SE4")
def test_a_decision_that_comes_again_in_other_bytes_is_shown(ledger):
    the_ledger_reads(ledger, replace(DECIDED, reviewer="wu"), begin=9)
    code, said = avm("replay", SUBJECT)
    assert code == 1
    assert "are none that the desk sent" in said


@pytest.mark.requirement("SE4")
def test_a_conclusion_of_which_no_event_went_out_is_shown(ledger, postgres):
    with connect(postgres, room="review_desk") as desk:
        details = {"kind": "DISPUTE", "task_id": str(uuid.uuid4()), "version": 4, "outcome": "VALUE"}
        audit.append(desk, SUBJECT, Act(actor="lin", action="DECIDE", at=NOON, details=details))
    code, said = avm("replay", SUBJECT)
    assert code == 1
    assert "DECIDE: the desk's chain has no event of it" in said


@pytest.mark.requirement("SE4")
def test_verify_ends_with_1_and_names_the_first_broken_line(ledger):
    assert avm("verify")[0] == 0
    tampered(ledger, f"update audit_line set actor = 'x' where subject = '{SUBJECT}' and sequence = 2")
    code, said = avm("verify", "--room", "ledger")
    assert code == 1
    assert f"{SUBJECT} #2: what the line says was changed" in said
    assert avm("verify", "--room", "desk")[0] == 0
    told = json.loads(avm("verify", "--json")[1])
    assert (told["ledger"]["sound"], told["desk"]["sound"]) == (False, True)


@pytest.mark.requirement("SE4")
def test_an_export_is_checked_offline_and_anchors_what_was_sealed(ledger, tmp_path):
    path = tmp_path / "ledger.jsonl"
    code, said = avm("export", str(path), "--room", "ledger")
    assert code == 0
    anchor = json.loads(said)["last_seal"]
    assert avm("verify", "--file", str(path))[0] == 0
    assert avm("verify", "--room", "ledger", "--anchor", anchor)[0] == 0
    assert avm("verify", "--room", "ledger", "--anchor", "0" * 64)[0] == 1
    assert avm("verify", "--file", str(path), "--anchor", anchor)[0] == 0
    assert avm("verify", "--file", str(path), "--anchor", "0" * 64)[0] == 1
    path.write_text(path.read_text(encoding="utf-8").replace("Accepted", "Rejected"), encoding="utf-8")
    assert avm("verify", "--file", str(path))[0] == 1


def test_a_mistyped_room_or_subject_is_told_with_what_there_is(ledger, capsys):
    with pytest.raises(SystemExit):
        main(["audit", "verify", "--room", "kitchen"])
    assert "audited are desk and ledger" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["audit", "verify", "--subject", "nobody"])
    assert "there is no chain of 'nobody'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["audit", "verify", "--subject", SUBJECT, "--anchor", "0" * 64])
    assert "leave out --subject, or --anchor" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["audit", "verify", "--anchor", "0" * 64])
    assert "say which by --room" in capsys.readouterr().err


@pytest.mark.requirement("SE4")
def test_no_setting_has_to_do_with_the_audit():
    assert "audit" not in json.dumps(Settings.model_json_schema()).lower()

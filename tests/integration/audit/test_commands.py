"""`avm audit` on a valuation that a person decided."""

import json
from datetime import timedelta

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from consumers.ledger.postgres import LedgerWriter
from infra.cli import audit as commands
from infra.cli import main
from infra.postgres import audit
from infra.postgres.audit import Act
from infra.postgres.ingest import Received
from infra.postgres.migrate import migrate
from infra.postgres.pool import connect
from infra.settings import Settings
from schemas.catalogue import ACCEPTED, DECISIONS, REQUESTS, RESULTS
from schemas.codes import Lane, Status
from tests.fakes import valuations as made
from tests.fakes.valuations import CODEC, NOON

pytestmark = pytest.mark.postgres

_TOPIC_OF = {topic.event: topic for topic in (REQUESTS, ACCEPTED, DECISIONS, RESULTS)}
DECIDED = made.decided()
ANSWER = made.resulted(status=Status.COMPLETED_MANUAL, human_touched=True)
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
    with connect(postgres, room="review_desk") as desk:
        details = {
            "kind": "VALUATION",
            "outcome": str(DECIDED.outcome),
            "unit_price": ANSWER.unit_price,
            "guideline_version": DECIDED.guideline_version,
        }
        audit.append(desk, SUBJECT, Act(actor="lin", action="DECIDE", at=NOON, details=details))
    with connect(postgres, room="ledger") as connection:
        batch = [made.requested(), made.accepted(), made.decided(unit_price=ANSWER.unit_price), ANSWER]
        LedgerWriter(answer_within=timedelta(seconds=10))(
            connection, [received(event, n) for n, event in enumerate(batch)]
        )
        audit.seal(connection, NOON)
        connection.commit()
        yield connection


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
    assert (told["steps"], told["desk_steps"]) == (4, 1)


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
    path.write_text(path.read_text(encoding="utf-8").replace("Accepted", "Rejected"), encoding="utf-8")
    assert avm("verify", "--file", str(path))[0] == 1


def test_a_mistyped_room_or_subject_is_told_with_what_there_is(ledger, capsys):
    with pytest.raises(SystemExit):
        main(["audit", "verify", "--room", "kitchen"])
    assert "audited are desk and ledger" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["audit", "verify", "--subject", "nobody"])
    assert "there is no chain of 'nobody'" in capsys.readouterr().err


@pytest.mark.requirement("SE4")
def test_no_setting_has_to_do_with_the_audit():
    assert "audit" not in json.dumps(Settings.model_json_schema()).lower()

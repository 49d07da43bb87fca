"""`avm appraisals` as an operator gives it, on a real broker, a real database and the ledger's own pages."""

import csv
import json
import threading
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO

import pytest
import uvicorn
from confluent_kafka.admin import AdminClient, NewTopic
from typer.testing import CliRunner

from consumers.ledger import api, appraisal_api, loop
from consumers.ledger.outcomes import OutcomeQueries
from consumers.ledger.postgres import LedgerWriter
from consumers.ledger.queries import LedgerQueries
from consumers.ledger.training_rows import TrainingRows
from infra.cli import CommandError
from infra.cli import appraisals as command
from infra.kafka.admin import wait_visible
from infra.kafka.security import client_conf
from infra.postgres.ingest import Received
from infra.postgres.migrate import migrate
from infra.postgres.pool import open_pool
from infra.reference.live import publish, records_of
from infra.reference.mapping import Target, own_names
from infra.reference.rows import read_rows
from schemas.catalogue import ALIASES, COMMUNITIES, FEEDBACK, RESULTS
from schemas.codes import Lane
from schemas.domain.provenance import is_judgement
from schemas.events import Community
from tests.fakes import valuations as made
from tests.fakes.loops import eventually, publishing, running
from tests.fakes.valuations import ADDRESS, CODEC, NOON

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

_HEADER = "appraisal_id,valuation_id,address,area_m2,value,on_date\n"


@pytest.fixture
def topics_there(bootstrap):
    """The catalogue's own topics: the command knows no others."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    there = admin.list_topics(timeout=30).topics
    wanted = [topic for topic in (COMMUNITIES, ALIASES, FEEDBACK) if topic.name not in there]
    new = [
        NewTopic(topic.name, 2, 1, config={"cleanup.policy": "compact"} if topic.compacted else {}) for topic in wanted
    ]
    for made_topic in admin.create_topics(new).values() if new else ():
        made_topic.result(30)
    wait_visible(admin, [topic.name for topic in (COMMUNITIES, ALIASES, FEEDBACK)])


@contextmanager
def served(app):
    """The base URL of an application that runs on a thread."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        eventually(lambda: server.started)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)


@pytest.fixture
def ledger(bootstrap, postgres, topics_there, topics, monkeypatch):
    """A running ledger that the commands reach; yields its pool."""
    migrate(postgres, room=loop.ROOM)

    def run(stop):
        loop.run(
            dsn=postgres,
            kafka=client_conf(bootstrap),
            publisher=publisher,
            codec=CODEC,
            clock=lambda: datetime.now(UTC),
            stop=stop,
            topics=[FEEDBACK],
            breaches=topics.like(loop.BREACHES),
            dead_letters=topics("dead-letters"),
        )

    with open_pool(postgres, room=loop.ROOM) as pool, publishing(bootstrap) as publisher:
        pages = appraisal_api.routes(OutcomeQueries(pool), TrainingRows(pool), lambda: datetime.now(UTC))
        with served(api.build(LedgerQueries(pool), lambda: NOON, appraisals=pages)) as url:
            monkeypatch.setenv("AVM_KAFKA__BOOTSTRAP", bootstrap)
            monkeypatch.setenv("AVM_GATEWAY__LEDGER_URL", url)
            with running(run):
                yield pool


def keep(pool, *results):
    batch = [
        Received(
            topic=RESULTS,
            lane=Lane.ONLINE,
            partition=0,
            offset=0,
            appended_at=NOON,
            event=event,
            headers=(),
            value=CODEC.encode(event),
        )
        for event in results
    ]
    with pool.connection() as connection:
        LedgerWriter(answer_within=timedelta(seconds=10))(connection, batch)


def invoke(*arguments):
    result = CliRunner().invoke(command.app, [*map(str, arguments)])
    if isinstance(result.exception, CommandError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def shown_by(*arguments):
    """What a person sees: tables on standard error, wide enough to be read whole."""
    result = CliRunner().invoke(command.app, arguments, env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return result.stderr


def asked(*arguments):
    return json.loads(invoke(*arguments, "--json").strip().splitlines()[-1])


@pytest.mark.requirement("VM4", "VM6", "VM10")
def test_a_file_of_appraisals_leads_to_the_rate_and_to_rows_for_training(ledger, bootstrap, tmp_path):
    here = Community(
        community_id=ADDRESS.community_id, name="翠苑三区", province="浙江省", city="杭州市", district="西湖区"
    )
    publish(client_conf(bootstrap), records_of([here], COMMUNITIES, CODEC, NOON))
    told = {
        "address": ADDRESS,
        "attributes": made.ATTRIBUTES,
        "valuation": made.VALUATION,
        "area_m2": Decimal("89.50"),
        "value_date": date(2026, 3, 2),
    }
    keep(
        ledger,
        made.resulted("early", loan_stage="PRE_LOAN_INVESTIGATION", **told),
        made.resulted("late", loan_stage="IN_LOAN_APPROVAL", **told | {"value": 3_600_000}),
    )
    file = tmp_path / "appraisals.csv"
    file.write_text(
        f"{_HEADER}A-1,,杭州市西湖区翠苑三区3号楼2单元501,89.5,3600000,2026-03-20\n"
        "A-2,CREDIT_MGMT:late,,89.5,3000000,2026-03-20\nA-3,,杭州市西湖区翠苑三区,89.5,3600000,2026-03-20\n"
        "A-4,,,89.5,3600000,2026-03-20\n",
        encoding="utf-8",
    )
    loaded = asked("load", file, "--source", "office")
    assert (loaded["loaded"], loaded["rejected"], loaded["unresolved"]) == (3, 1, 1)
    assert "the house is not named" in (tmp_path / "appraisals.csv.rejects.csv").read_text(encoding="utf-8-sig")
    eventually(lambda: asked("rate")["automatic"]["n"] == 3 and asked("rate")["unmatched"])
    rate = asked("rate")
    assert (rate["automatic"]["within"], rate["manual"]["n"], rate["excluded"]) == (2, 0, {})
    assert [(one["number"], one["reason"]) for one in rate["unmatched"]] == [("A-3", "ADDRESS_NOT_RESOLVED")]
    assert asked("monitor")["segments"][0]["windows"][0]["n"] == 3
    assert asked("loan-stages")["pairs"][0]["drift"] == 3_600_000 / 3_669_500 - 1

    shown = {name: shown_by(name) for name in ("rate", "monitor", "loan-stages")}
    assert "unmatched: A-3: ADDRESS_NOT_RESOLVED" in shown["rate"]
    assert "OFFLINE_APPRAISAL" in shown["monitor"]
    assert "1 pairs, median drift -1.9 %" in shown["loan-stages"]

    index = tmp_path / "index.csv"
    index.write_text("city,on_date,log_level\n杭州市,2026-03-01,0.0\n杭州市,2026-03-15,0.1\n", encoding="utf-8")
    (case,) = [one for one in json.loads(invoke("cases", "--index", index))["cases"] if one["number"] == "A-2"]
    assert case["deviation"] == pytest.approx(0.2)
    assert case["deviation_adjusted"] == pytest.approx(
        1.2 * 1.105170918 - 1
    )  # the appraisal moved back to the value date

    out = tmp_path / "rows.csv"
    assert asked("export", "--out", out)["rows"] == 2
    rows = list(csv.DictReader(StringIO(out.read_text(encoding="utf-8-sig"))))
    assert {(row["source"], row["is_comparable"], row["is_blind"]) for row in rows} == {
        ("appraisal:office", "False", "True")
    }
    read = list(read_rows(out, own_names(Target.DEALS, rows[0].keys()), today=datetime.now(UTC).date()))
    assert len(read) == 2
    assert all(is_judgement(row.source) and row.known_on > row.deal_date for row in read)


@pytest.mark.requirement("VM4")
def test_a_dry_run_needs_no_broker_and_a_wrong_file_is_named(tmp_path):
    file = tmp_path / "appraisals.csv"
    file.write_text(f"{_HEADER}A-1,v,,89.5,3600000,2026-03-20\n", encoding="utf-8")
    assert asked("load", file, "--source", "office", "--dry-run")["loaded"] == 1
    with pytest.raises(CommandError, match="field 'source' is not filled"):
        asked("load", file, "--dry-run")
    with pytest.raises(CommandError, match="there is no file"):
        asked("load", tmp_path / "none.csv", "--source", "office", "--dry-run")

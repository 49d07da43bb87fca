"""`avm report fetch` and `revoke` as an operator gives them, on a real PostgreSQL and a real report store."""

import hashlib
import io
import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from pypdf import PdfReader
from typer.testing import CliRunner

from consumers.ledger.loop import ROOM
from consumers.ledger.postgres import LedgerWriter
from infra.cli import CommandError
from infra.cli import report as command
from infra.postgres.ingest import Received
from infra.postgres.migrate import migrate
from infra.postgres.pool import open_pool
from infra.settings import PostgresSettings, Settings, StorageSettings
from infra.storage.reports import ReportStore
from schemas.catalogue import REPORTS, RESULTS
from schemas.codes import Lane
from streams.reporting import sample
from streams.reporting.check import checked_package, terms_of
from streams.reporting.content import slip
from streams.reporting.fonts import font_folder
from streams.reporting.package import SHIPPED
from streams.reporting.stage import ReportingStage
from tests.fakes import valuations as made

pytestmark = [pytest.mark.postgres, pytest.mark.requirement("RP6")]


@pytest.fixture
def house(postgres, tmp_path, monkeypatch):
    """A ledger that knows one issued report, which lies in the store: its number and its bytes."""
    migrate(postgres, room=ROOM)
    settings = Settings(
        state=tmp_path / "state",
        postgres=PostgresSettings(dsn=SecretStr(postgres)),
        storage=StorageSettings(reports=str(tmp_path / "reports")),
    )
    monkeypatch.setattr(command, "settings_in_force", lambda: settings)
    monkeypatch.chdir(tmp_path)
    package, renderer = checked_package(SHIPPED, font_folder())
    stage = ReportingStage(renderer, ReportStore(settings.reports_url), terms_of(package), Lane.ONLINE)
    answer = sample.automatic()
    reported = stage.handle([answer])[0].outputs[0].event
    with open_pool(postgres, room=ROOM) as pool, pool.connection() as connection:
        LedgerWriter(answer_within=timedelta(seconds=10))(
            connection, [received(RESULTS, answer, 0), received(REPORTS, reported, 1)]
        )
    return reported.report_no, reported.sha256


def received(topic, event, offset) -> Received:
    record = made.record_of(topic, event, lane=Lane.ONLINE)
    return Received(
        topic=topic,
        lane=Lane.ONLINE,
        partition=0,
        offset=offset,
        appended_at=made.NOON,
        event=event,
        headers=record.headers,
        value=record.value,
    )


def run(*arguments: str) -> str:
    result = CliRunner().invoke(command.app, list(arguments))
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def text_of(pdf: bytes) -> str:
    pages = PdfReader(io.BytesIO(pdf)).pages
    return re.sub(r"[\s\u200b]", "", "".join(page.extract_text() for page in pages))


def test_a_wrong_report_is_revoked_and_fetched_as_a_marked_copy_while_its_original_stays(house, monkeypatch):
    number, sha256 = house
    monkeypatch.setenv("AVM_OPERATOR", "lin")
    assert "in force" in run("fetch", number)
    assert hashlib.sha256(Path(f"{number}.pdf").read_bytes()).hexdigest() == sha256
    proposed = json.loads(run("revoke", number, "--reason", "面积录入有误", "--by", "E1001", "--json"))
    assert (proposed["state"], proposed["operator"]) == ("PROPOSED", "operator:lin")
    assert "in force" in run("fetch", number)
    assert f"avm report revoke {number} --confirm --by NUMBER" in run("revocations")
    monkeypatch.setenv("AVM_OPERATOR", "wu")
    told = json.loads(run("revoke", number, "--confirm", "--by", "E1002", "--json"))
    assert (told["report_no"], told["state"]) == (number, "REVOKED")
    assert "no revocation waits for a second person" in run("revocations")
    assert "revoked: 面积录入有误" in run("fetch", number, "--out", "copy.pdf")
    run("fetch", number, "--out", "original.pdf", "--original")
    assert "作废原因：面积录入有误" in text_of(Path("copy.pdf").read_bytes())
    assert hashlib.sha256(Path("original.pdf").read_bytes()).hexdigest() == sha256


def test_one_person_alone_revokes_nothing(house):
    number, _ = house
    run("revoke", number, "--reason", "面积录入有误", "--by", "E1001")
    error = CliRunner().invoke(command.app, ["revoke", number, "--confirm", "--by", "e1001"]).exception
    assert isinstance(error, CommandError)
    assert "revoked by two people" in str(error)
    for neither in ([], ["--confirm", "--reason", "面积录入有误"]):
        error = CliRunner().invoke(command.app, ["revoke", number, "--by", "E1002", *neither]).exception
        assert "give --reason to propose a revocation, or --confirm" in str(error)
    assert "in force" in run("fetch", number)


@pytest.mark.requirement("RP2")
def test_the_answer_of_a_valuation_is_previewed_from_the_ledger_as_it_was_issued(house):
    answer = sample.automatic()
    output = run("preview", "--valuation", answer.valuation_id, "--out", "again.pdf")
    assert f"report {house[0]}, 1 page(s)" in output
    page = text_of(Path("again.pdf").read_bytes())
    whole = slip(replace(answer), terms_of(checked_package(SHIPPED, font_folder())[0])).content
    assert whole["value"]["total"] in page

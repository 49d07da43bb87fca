"""What the example of a credit system stores, on a database in memory."""

import importlib.util
import json
import sqlite3
from contextlib import closing
from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest

from consumers.callbacks.reconciliation import Entry, manifest
from schemas.codes import DeliveryKind

EXAMPLE = Path(__file__).resolve().parents[4] / "docs" / "examples" / "credit_system" / "credit_system.py"
REPORT = {"report_no": "R-1", "valuation_id": "v-1", "sha256": "x", "verification_code": "k"}
REVOKED = {"report_no": "R-1", "valuation_id": "v-1"}
REPLACED = {**REPORT, "report_no": "R-2", "supersedes_report_no": "R-1"}


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("credit_system", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def database(example):
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(example.TABLES)
        yield database


def delivery(number, kind, data, at="2026-03-02T04:00:01Z"):
    told = {"type": kind, "delivery_id": str(number), "channel": "CREDIT_MGMT", "occurred_at": at, "data": data}
    body = json.dumps(told)
    return {"delivery_id": str(number), "body": body, "sha256": sha256(body.encode()).hexdigest()}


def answer(number, value, at):
    told = {"valuation_id": "v-1", "status": "COMPLETED_AUTO", "final": True, "revision": 1, "value": value}
    return delivery(number, "valuation.result", told, at)


@pytest.mark.requirement("RS1", "RP6")
@pytest.mark.parametrize(
    "first", [("valuation.report-revoked", REVOKED), ("valuation.report", REPLACED)], ids=["revoked", "superseded"]
)
def test_a_report_that_could_not_be_fetched_before_it_was_void_is_stored_as_void(example, database, first):
    def away(_told):
        raise example.NotStoredError("REPORT_NOT_FETCHED")

    report = delivery(1, "valuation.report", REPORT)
    with pytest.raises(example.NotStoredError):
        example.take(database, report, away)
    example.take(database, delivery(2, *first), lambda _told: b"pdf")
    example.take(database, report, lambda _told: b"pdf")
    assert database.execute("select is_void from report where report_no = 'R-1'").fetchall() == [(1,)]


def test_of_two_answers_the_later_instant_counts_however_it_is_written(example, database):
    for number, value, at in ((1, 100, "2026-03-02T04:00:01Z"), (2, 200, "2026-03-02T04:00:01.500000Z")):
        example.take(database, answer(number, value, at), lambda _told: b"")
    assert database.execute("select value from valuation").fetchall() == [(200,)]


@pytest.mark.requirement("RS3")
def test_the_hash_of_a_day_is_the_same_from_the_bodies_that_the_bank_holds(example, database):
    times = ("2026-03-01T15:59:59.9Z", "2026-03-01T16:00:00Z", "2026-03-02T15:59:59Z", "2026-03-02T16:00:00Z")
    made = [answer(number, 100, at) for number, at in enumerate(times)]
    for one in made:
        example.take(database, one, lambda _told: b"")
    ours = [
        Entry(delivery_id=one["delivery_id"], kind=DeliveryKind.RESULT, subject_id="v-1", sha256=one["sha256"],
              status="SENT")
        for one in made[1:3]
    ]  # fmt: skip
    summary = manifest("CREDIT_MGMT", date(2026, 3, 2), ours)
    assert example.day_hash(database, "2026-03-02") == (summary["deliveries"], summary["hash"])

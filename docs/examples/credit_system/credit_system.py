"""A credit system that takes results in by itself: confluent-kafka, fastavro, the .avsc files, and SQLite.

    python credit_system.py --bootstrap localhost:9092 --database credit.db --gateway http://localhost:8080 --api-key …

For each delivery on `bank.answers.credit-mgmt` it

1. compares the sha256 of the body with the one announced,
2. stores the answer under `valuation_id` and `business_ref`, once however often it comes, and never an older one over a
   newer one,
3. for a report: fetches the PDF, compares its sha256, and puts it at `embed_target` of that business,
4. says on `bank.receipts` what came of it, and only then moves on.

`--day 2026-03-02` prints that day's count and hash of what is stored, for the daily reconciliation, and ends.

Killed at any moment it goes on where it was: the database is written before the receipt, the receipt before the offset.
"""

import argparse
import json
import sqlite3
import struct
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from confluent_kafka import Consumer, Message, Producer
from fastavro import schemaless_reader, schemaless_writer
from fastavro.schema import load_schema

SCHEMAS = Path(__file__).resolve().parents[3] / "schemas" / "avro"
NAMESPACE = UUID("6f2a7a52-6a4e-5c0b-9d5e-1d0f3c1b7a10")
PREFIX = struct.Struct(">bI")  # Confluent wire format: a zero byte, the schema's id, then Avro
MOST_PDF_BYTES = 20_000_000
TABLES = """
    create table if not exists delivery (
        delivery_id text primary key, stored_at text not null, sha256 text not null, day text not null
    );
    create index if not exists delivery_day on delivery (day);
    create table if not exists valuation (
        valuation_id text primary key, business_ref text, status text not null, is_final integer not null,
        revision integer not null, occurred_at text not null, value integer, lower integer, upper integer,
        unit_price integer, answer text not null
    );
    create index if not exists valuation_business on valuation (business_ref);
    create table if not exists report (
        report_no text primary key, valuation_id text not null, business_ref text, embed_target text,
        sha256 text not null, content blob not null, is_void integer not null default 0
    );
    create table if not exists void_report (report_no text primary key);
"""
# An interim answer never replaces a final one, nor an earlier revision a later one: a re-sent delivery may be old.
STORE_ANSWER = """
    insert into valuation values (:valuation_id, :business_ref, :status, :is_final, :revision, :occurred_at, :value,
        :lower, :upper, :unit_price, :answer)
    on conflict (valuation_id) do update set business_ref = excluded.business_ref, status = excluded.status,
        is_final = excluded.is_final, revision = excluded.revision, occurred_at = excluded.occurred_at,
        value = excluded.value, lower = excluded.lower, upper = excluded.upper, unit_price = excluded.unit_price,
        answer = excluded.answer
    where (excluded.revision, excluded.is_final, excluded.occurred_at)
        >= (valuation.revision, valuation.is_final, valuation.occurred_at)
"""
STORE_REPORT = """
    insert into report (report_no, valuation_id, business_ref, embed_target, sha256, content, is_void)
    values (:report_no, :valuation_id, :business_ref, :embed_target, :sha256, :content,
        exists (select 1 from void_report where report_no = :report_no))
    on conflict (report_no) do nothing
"""
# Kept by number: a report that failed at first and comes after its revocation is void from the start.
VOID = "insert into void_report values (?) on conflict do nothing"
MARK_VOID = "update report set is_void = 1 where report_no = ?"
SHANGHAI = timezone(timedelta(hours=8))

Fetch = Callable[[dict[str, Any]], bytes]


class NotStoredError(Exception):
    """A delivery could not be stored; the message becomes the receipt's `fault`, and it is sent again later."""


def take(database: sqlite3.Connection, delivered: dict[str, Any], fetch: Fetch) -> str | None:
    """Store one delivery in one transaction; gives where a report now stands. A second time changes nothing.

    Raises `NotStoredError`.
    """
    if sha256(delivered["body"].encode()).hexdigest() != delivered["sha256"]:
        raise NotStoredError("BODY_SHA256_DIFFERS")
    body = json.loads(delivered["body"])
    content = fetch(body["data"]) if body["type"] == "valuation.report" else b""
    with database:
        is_new = database.execute(
            "insert into delivery values (?, ?, ?, ?) on conflict do nothing",
            [delivered["delivery_id"], datetime.now(UTC).isoformat(), delivered["sha256"], day_of(body["occurred_at"])],
        ).rowcount
        if is_new:
            _store(database, body, content)
    return _place(body["data"]) if body["type"] == "valuation.report" else None


def _store(database: sqlite3.Connection, body: dict[str, Any], content: bytes) -> None:
    told = body["data"]
    match body["type"]:
        case "valuation.result" if told["status"] != "REJECTED_INVALID" or told.get("revision"):
            answer = {name: told.get(name) for name in ("business_ref", "value", "lower", "upper", "unit_price")}
            database.execute(
                STORE_ANSWER,
                answer
                | {
                    "valuation_id": told["valuation_id"],
                    "status": told["status"],
                    "is_final": int(told["final"]),
                    "revision": told.get("revision", 0),
                    "occurred_at": instant(body["occurred_at"]),
                    "answer": json.dumps(told, ensure_ascii=False),
                },
            )
        case "valuation.report":
            if told.get("supersedes_report_no"):
                _void(database, told["supersedes_report_no"])
            names = ("report_no", "valuation_id", "business_ref", "embed_target", "sha256")
            database.execute(STORE_REPORT, {name: told.get(name) for name in names} | {"content": content})
        case "valuation.report-revoked":
            _void(database, told["report_no"])


def _void(database: sqlite3.Connection, report_no: str) -> None:
    for statement in (VOID, MARK_VOID):
        database.execute(statement, [report_no])


def instant(text: str) -> str:
    """An instant in UTC, always with microseconds, so that texts compare as their instants do."""
    return datetime.fromisoformat(text).astimezone(UTC).isoformat(timespec="microseconds")


def day_of(text: str) -> str:
    """The day of Shanghai in which an instant lies: the day that a delivery belongs to in the reconciliation."""
    return datetime.fromisoformat(text).astimezone(SHANGHAI).date().isoformat()


def day_hash(database: sqlite3.Connection, day: str) -> tuple[int, str]:
    """How many deliveries of a day are stored, and the hash to compare: of its sorted lines `delivery_id,sha256`."""
    rows = database.execute("select delivery_id, sha256 from delivery where day = ?", [day]).fetchall()
    lines = sorted(f"{delivery_id},{digest}\n" for delivery_id, digest in rows)
    return len(lines), sha256("".join(lines).encode()).hexdigest()


def _place(told: dict[str, Any]) -> str:
    return f"{told.get('business_ref') or told['valuation_id']}/{told.get('embed_target') or 'report'}"


def fetcher(gateway: str, api_key: str) -> Fetch:
    """Fetches a report by its number and code, and looks at its digest."""

    def fetch(told: dict[str, Any]) -> bytes:
        number = urllib.parse.quote(told["report_no"])
        query = urllib.parse.urlencode({"code": told["verification_code"]})
        request = urllib.request.Request(  # noqa: S310 - the operator's own gateway
            f"{gateway}/v1/reports/{number}?{query}", headers={"X-API-Key": api_key}
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
                content: bytes = response.read(MOST_PDF_BYTES)
        except (urllib.error.URLError, TimeoutError) as error:
            raise NotStoredError(f"REPORT_NOT_FETCHED {type(error).__name__}") from error
        if sha256(content).hexdigest() != told["sha256"]:
            raise NotStoredError("REPORT_SHA256_DIFFERS")
        return content

    return fetch


def receipt(delivered: dict[str, Any], *, fault: str | None, place: str | None, now: datetime) -> dict[str, Any]:
    """A record of Receipted: what we hold, by the digest of what arrived here."""
    return {
        "delivery_id": delivered["delivery_id"],
        "channel": delivered["channel"],
        "received_at": now,
        "sha256": sha256(delivered["body"].encode()).hexdigest(),
        "stored": fault is None,
        "fault": fault,
        "embedded_at_target": place,
    }


def decoded(value: bytes) -> dict[str, Any]:
    """A record of Delivered. With a registry, take the writer's schema by the id in the prefix instead."""
    schema = load_schema(SCHEMAS / "cn.housevaluation.Delivered.avsc")
    record = schemaless_reader(BytesIO(value[PREFIX.size :]), schema)
    if not isinstance(record, dict):
        raise TypeError("the record is no Delivered")
    return record


def encoded(record: dict[str, Any], schema_id: int) -> bytes:
    """The value of a receipt's message."""
    out = BytesIO()
    out.write(PREFIX.pack(0, schema_id))
    schemaless_writer(out, load_schema(SCHEMAS / "cn.housevaluation.Receipted.avsc"), record)
    return out.getvalue()


def send(producer: Producer, topic: str, record: dict[str, Any], schema_id: int) -> None:
    """Return when the broker has the receipt; raise otherwise: the delivery is then read again."""
    failures: list[str] = []
    identity = uuid5(NAMESPACE, f"receipt|{record['delivery_id']}|{record['received_at'].isoformat()}")
    producer.produce(
        topic,
        key=record["delivery_id"],
        value=encoded(record, schema_id),
        headers=[
            ("ce_specversion", b"1.0"),
            ("ce_id", str(identity).encode()),
            ("ce_type", b"cn.housevaluation.Receipted"),
            ("ce_source", b"bank/credit-system"),
            ("ce_time", record["received_at"].isoformat().encode()),
            ("content-type", b"application/avro"),
        ],
        on_delivery=lambda error, _: failures.append(str(error)) if error else None,
    )
    if producer.flush(30) or failures:
        raise SystemExit(f"the broker did not confirm the receipt: {failures or 'no answer in 30 s'}")


def main() -> int:
    """Take deliveries in until told to stop."""
    options = arguments()
    if options.day:
        with closing(sqlite3.connect(options.database)) as database:
            database.executescript(TABLES)
            count, digest = day_hash(database, options.day)
            print(json.dumps({"day": options.day, "deliveries": count, "hash": digest}))
            return 0
    fetch = fetcher(options.gateway, options.api_key)
    settings = {"bootstrap.servers": options.bootstrap}
    producer = Producer({**settings, "enable.idempotence": True, "partitioner": "murmur2_random"})
    consumer = Consumer(
        {**settings, "group.id": options.group, "enable.auto.commit": False, "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([options.topic])
    handled = 0
    with closing(sqlite3.connect(options.database)) as database:
        database.executescript(TABLES)
        try:
            while options.stop_after is None or handled < options.stop_after:
                message = consumer.poll(0.5)
                if message is None or message.error():
                    continue
                one(database, message, fetch, producer, options)
                consumer.commit(message, asynchronous=False)
                handled += 1
        finally:
            consumer.close()
    return 0


def one(
    database: sqlite3.Connection, message: Message, fetch: Fetch, producer: Producer, options: argparse.Namespace
) -> None:
    """Store one message's delivery and say what came of it."""
    delivered = decoded(message.value() or b"")
    fault, place = None, None
    try:
        place = take(database, delivered, fetch)
    except NotStoredError as error:
        fault = str(error)
    record = receipt(delivered, fault=fault, place=place, now=datetime.now(UTC))
    send(producer, options.receipts_topic, record, options.receipt_schema_id)
    print(json.dumps({"delivery_id": delivered["delivery_id"], "stored": fault is None, "fault": fault}), flush=True)


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--database", required=True, help="SQLite file; made if it is not there")
    parser.add_argument("--gateway", required=True, help="base URL reports are fetched from")
    parser.add_argument("--api-key", required=True)
    parser.add_argument("--topic", default="bank.answers.credit-mgmt")
    parser.add_argument("--receipts-topic", default="bank.receipts")
    parser.add_argument("--receipt-schema-id", type=int, default=33, help="of Receipted in your registry; 33 without")
    parser.add_argument("--group", default="credit-system")
    parser.add_argument("--day", default="", help="print the hash of a day in Shanghai, YYYY-MM-DD, and end")
    parser.add_argument("--stop-after", type=int, default=None, help="end after so many deliveries; never without")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

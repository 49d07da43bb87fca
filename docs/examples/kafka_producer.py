"""Ask for a valuation from a bank's own program, with confluent-kafka, fastavro and the .avsc files alone.

    python kafka_producer.py --bootstrap localhost:9092 --channel CREDIT_MGMT --request-number 2026-000123 \
        --address 杭州市西湖区文三路1号某某小区3幢2单元501室 --area 89.50

Prints every answer as one JSON line and ends with the first that is more than a receipt: exit code 0 for a final
answer, 3 when a person has to act (PENDING_MANUAL, NEEDS_CLARIFICATION), 4 when nothing came in time.
"""

import argparse
import json
import struct
import sys
import time
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from uuid import UUID, uuid5

from confluent_kafka import Consumer, Producer, TopicPartition
from fastavro import schemaless_reader, schemaless_writer
from fastavro.schema import load_schema

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas" / "avro"
NAMESPACE = UUID("6f2a7a52-6a4e-5c0b-9d5e-1d0f3c1b7a10")  # of all valuation ids; never changes
PREFIX = struct.Struct(">bI")  # Confluent wire format: a zero byte, the schema's id, then Avro
RECEIPTS = {"RECEIVED", "PROCESSING"}
WITH_PEOPLE = {"PENDING_MANUAL", "NEEDS_CLARIFICATION"}


def valuation_id(channel: str, request_number: str) -> str:
    """Key of every record about this request. The same number again is the same valuation, never a second one."""
    return str(uuid5(NAMESPACE, f"{channel}|{request_number}"))


def request_record(options: argparse.Namespace, now: datetime) -> dict[str, object]:
    """A record of Requested. What is not named takes the schema's default; only address and area are needed."""
    return {
        "valuation_id": valuation_id(options.channel, options.request_number),
        "channel": options.channel,
        "client_request_id": options.request_number,
        "requested_at": now,
        "address": options.address,
        "area": Decimal(options.area),
        "service_type": "VALUATE",
        "business_ref": options.business_ref,
    }


def encoded(record: dict[str, object], schema_id: int) -> bytes:
    """The message's value."""
    out = BytesIO()
    out.write(PREFIX.pack(0, schema_id))
    schemaless_writer(out, load_schema(SCHEMAS / "cn.housevaluation.Requested.avsc"), record)
    return out.getvalue()


def decoded(value: bytes) -> dict[str, object]:
    """A record of Resulted. With a registry, take the writer's schema by the id in the prefix instead."""
    schema = load_schema(SCHEMAS / "cn.housevaluation.Resulted.avsc")
    return dict(schemaless_reader(BytesIO(value[PREFIX.size :]), schema))


def headers(number: str, now: datetime) -> list[tuple[str, bytes]]:
    """CloudEvents in binary mode. Add `traceparent` to go on with a trace of your own."""
    event_id = uuid5(NAMESPACE, f"{number}|cn.housevaluation.Requested|1")
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", str(event_id).encode()),
        ("ce_type", b"cn.housevaluation.Requested"),
        ("ce_source", b"bank/credit-system"),
        ("ce_time", now.isoformat().encode()),
        ("content-type", b"application/avro"),
    ]


def listening(bootstrap: str, topic: str) -> Consumer:
    """Reads a results topic from now on. Begin before you ask, or the answer may pass you by.

    A system that stores results uses a consumer group of its own instead, and commits after storing.
    """
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "example", "enable.auto.commit": False})
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    all_of_it = [TopicPartition(topic, number) for number in partitions]
    for partition in all_of_it:
        _, partition.offset = consumer.get_watermark_offsets(partition, timeout=10)
    consumer.assign(all_of_it)
    return consumer


def send(bootstrap: str, topic: str, key: str, value: bytes, now: datetime) -> None:
    """Return when the broker has the record safely; raise otherwise. Then the same request may be sent again."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "acks": "all",
            "enable.idempotence": True,
            "partitioner": "murmur2_random",  # as Java does it: the key must lead everybody to the same partition
            "delivery.timeout.ms": 10_000,
        }
    )
    failures: list[str] = []
    producer.produce(
        topic,
        key=key,
        value=value,
        headers=headers(key, now),
        on_delivery=lambda error, _: failures.append(str(error)) if error else None,
    )
    if producer.flush(15) or failures:
        raise SystemExit(f"the broker did not confirm the request: {failures or 'no answer in 15 s'}")


def main() -> int:
    """Ask, and wait for the answer."""
    options = arguments()
    now = datetime.now(UTC)
    number = valuation_id(options.channel, options.request_number)
    consumer = listening(options.bootstrap, options.results_topic)
    send(
        options.bootstrap, options.requests_topic, number, encoded(request_record(options, now), options.schema_id), now
    )
    deadline = time.monotonic() + options.wait
    try:
        while time.monotonic() < deadline:
            message = consumer.poll(0.5)
            if message is None or message.error() or message.key() != number.encode():
                continue
            answer = decoded(message.value())
            shown = ("valuation_id", "status", "value", "unit_price", "lower", "upper", "reason_text")
            print(json.dumps({name: answer[name] for name in shown}, ensure_ascii=False), flush=True)
            if answer["status"] not in RECEIPTS:
                return 3 if answer["status"] in WITH_PEOPLE else 0
    finally:
        consumer.close()
    return 4


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--channel", default="CREDIT_MGMT")
    parser.add_argument("--request-number", required=True)
    parser.add_argument("--address", required=True)
    parser.add_argument("--area", required=True, help="in ㎡, at most two places")
    parser.add_argument("--business-ref", default=None)
    parser.add_argument("--schema-id", type=int, default=1, help="id of Requested in your registry; 1 without one")
    parser.add_argument("--requests-topic", default="valuation.requests.online")
    parser.add_argument("--results-topic", default="valuation.results.online")
    parser.add_argument("--wait", type=float, default=10.0, help="seconds")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

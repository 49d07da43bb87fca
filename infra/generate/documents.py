"""The catalogue, told to others: each function returns the text of one generated file."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import yaml

from infra.generate.acl import acls
from schemas.avro_files import self_contained
from schemas.catalogue import TOPICS

_NOTICE = "Generated from schemas/catalogue.py by `make generate`; do not edit."


def asyncapi() -> str:
    """AsyncAPI 3.0: a channel per Kafka topic, an operation per reader and writer."""
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for topic in TOPICS:
        for name in topic.names:
            message = topic.event.__name__ if topic.event else "DeadLetter"
            channels[name] = {
                "address": name,
                "description": topic.says,
                "messages": {message: {"$ref": f"#/components/messages/{message}"}},
                "bindings": {"kafka": {"topic": name, "partitions": topic.partitions}},
            }
            for action, rooms in (("send", topic.writers), ("receive", topic.readers)):
                for room in rooms:
                    operations[f"{room}.{action}.{name}"] = {
                        "action": action,
                        "channel": {"$ref": f"#/channels/{name}"},
                    }
    document = {
        "asyncapi": "3.0.0",
        "info": {"title": "House valuation", "version": "1.0.0", "description": _NOTICE},
        "defaultContentType": "application/avro",
        "channels": channels,
        "operations": operations,
        "components": {"messages": dict(_messages())},
    }
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=120)


def _messages() -> Iterator[tuple[str, Any]]:
    for topic in TOPICS:
        if topic.event is None:
            yield "DeadLetter", {"description": topic.says, "payload": {"type": "string", "format": "binary"}}
            continue
        schema = {
            "schemaFormat": "application/vnd.apache.avro;version=1.12.0",
            "schema": self_contained(topic.event.__name__),
        }
        key = {"type": "string", "description": topic.key}
        yield topic.event.__name__, {"payload": schema, "bindings": {"kafka": {"key": key}}}


def access_list() -> str:
    """Who may read and write which topic, as CSV: one principal per room, nobody else."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["principal", "operation", "resource", "name", "pattern"])
    writer.writerows([f"User:{one.principal}", one.operation, one.resource, one.name, one.pattern] for one in acls())
    return out.getvalue()


def topic_table() -> str:
    """The topic table of the documentation, as Markdown."""
    lines = [
        "# Topics",
        "",
        f"<!-- {_NOTICE} -->",
        "",
        "| topic | key | event | says | written by | read by | partitions | kept |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for topic in TOPICS:
        lanes = f".{{{','.join(topic.lanes)}}}" if topic.lanes else ""
        kept = "compacted" if topic.compacted else f"{topic.retention.days} days" if topic.retention else "for ever"
        event = f"`{topic.event.__name__}`" if topic.event else "original bytes"
        lines.append(
            f"| `{topic.name}{lanes}` | {topic.key} | {event} | {topic.says} | {', '.join(topic.writers)} | "
            f"{', '.join(topic.readers)} | {topic.partitions} | {kept} |"
        )
    return "\n".join(lines) + "\n"


def json_schemas() -> str:
    """Every topic's self-contained Avro schema in one file, for readers without our code."""
    schemas = {topic.subject: self_contained(topic.event.__name__) for topic in TOPICS if topic.event}
    return json.dumps(schemas, ensure_ascii=False, indent=1) + "\n"


FILES = {
    "docs/generated/asyncapi.yaml": asyncapi,
    "docs/generated/acl.csv": access_list,
    "docs/generated/topics.md": topic_table,
    "docs/generated/schemas.json": json_schemas,
}

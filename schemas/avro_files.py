"""Reads the `.avsc` files. A record refers to another by its full name, which is that record's file name."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from fastavro.schema import load_schema, parse_schema

FOLDER = Path(__file__).parent / "avro"
NAMESPACE = "cn.housevaluation"


@cache
def parsed(name: str) -> Any:
    """The parsed schema of the record `name`, with the records it refers to."""
    return load_schema(str(FOLDER / f"{NAMESPACE}.{name}.avsc"))


def self_contained(name: str) -> dict[str, Any]:
    """The record's schema as one JSON document, each inner record written out where it first occurs."""
    seen: set[str] = set()

    def inline(node: Any) -> Any:
        if isinstance(node, list):
            return [inline(item) for item in node]
        if isinstance(node, str) and node.startswith(f"{NAMESPACE}."):
            return node if node in seen else inline(_read(node))
        if not isinstance(node, dict):
            return node
        if node.get("type") in ("record", "enum"):
            seen.add(f"{NAMESPACE}.{node['name']}")
        return {
            key: inline(value) if key in {"type", "items", "values", "fields"} else value for key, value in node.items()
        }

    schema: dict[str, Any] = inline(_read(f"{NAMESPACE}.{name}"))
    return schema


def parse(schema: Any) -> Any:
    """Parse a self-contained schema, as a registry gives it."""
    return parse_schema(schema)


def _read(full_name: str) -> Any:
    return json.loads((FOLDER / f"{full_name}.avsc").read_text(encoding="utf-8"))

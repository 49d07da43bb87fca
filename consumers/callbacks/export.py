"""Everything of a span of days in an open format: deliveries and receipts, complete, with counts and digests."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow, dict_row

_ROWS_AT_ONCE: Final = 1_000
MANIFEST: Final = "manifest.json"

DELIVERIES: Final = """
    select delivery_id::text, sequence, channel, kind, subject_id, event_id, body, sha256, delivered_at, occurred_at,
        business_ref, embed_target, is_batch, is_final, value, status, attempts, last_fault, acknowledged_at,
        acknowledged_by, embedded_at
    from delivery where delivered_at >= %s and delivered_at < %s order by sequence
"""
RECEIPTS: Final = """
    select delivery_id, channel, received_at, sha256, stored, fault, embedded_at, verdict, seen_at
    from receipt where seen_at >= %s and seen_at < %s order by seen_at, delivery_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One file of an export. `sha256` in hexadecimal."""

    name: str
    rows: int
    sha256: str
    size_bytes: int


@contextmanager
def rows_of(
    connection: Connection[TupleRow], query: str, start: datetime, end: datetime
) -> Iterator[Iterator[dict[str, Any]]]:
    """The rows of a query over [`start`, `end`), a thousand at a time, whatever their number."""
    with connection.cursor(name="export", row_factory=dict_row) as cursor:
        cursor.itersize = _ROWS_AT_ONCE
        cursor.execute(query.encode(), [start, end])
        yield iter(cursor)


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> Written:
    """JSON Lines: one object for each row, in UTF-8, instants in ISO 8601."""
    digest, count, size = sha256(), 0, 0
    with path.open("wb") as out:
        for row in rows:
            line = json.dumps(row, ensure_ascii=False, default=_plain).encode() + b"\n"
            out.write(line)
            digest.update(line)
            count, size = count + 1, size + len(line)
    return Written(name=path.name, rows=count, sha256=digest.hexdigest(), size_bytes=size)


def digest_of(path: Path, rows: int) -> Written:
    """The same of a file that is there."""
    with path.open("rb") as file:
        digest = sha256()
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return Written(name=path.name, rows=rows, sha256=digest.hexdigest(), size_bytes=path.stat().st_size)


def write_manifest(
    folder: Path, files: Iterable[Written], *, start: datetime, end: datetime, at: datetime, says: Mapping[str, str]
) -> dict[str, Any]:
    """What is in the folder, last of all: an export without a manifest was not finished."""
    manifest = {
        "from": start.isoformat(),
        "to": end.isoformat(),
        "made_at": at.isoformat(),
        "files": [
            {
                "name": file.name,
                "rows": file.rows,
                "sha256": file.sha256,
                "size_bytes": file.size_bytes,
                "says": says.get(file.name.partition(".")[0], ""),
            }
            for file in files
        ],
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return manifest


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in JSON")

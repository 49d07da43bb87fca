"""The complete export: the ledger's events, deliveries and receipts, and the schemas that explain them."""

import json
from contextlib import closing
from datetime import date, datetime
from pathlib import Path
from shutil import copyfile
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import TupleRow

from consumers.callbacks import export
from consumers.callbacks.days import bounds
from consumers.callbacks.export import Written
from consumers.callbacks.loop import ROOM
from infra.postgres.migrate import migrate
from infra.postgres.pool import connect
from schemas.avro_files import FOLDER as SCHEMAS

LEDGER: Final = "ledger"
_EVENTS: Final = """
    select event_id::text, valuation_id::text, kind, status, stage, lane, revision, occurred_at, appended_at, trace_id,
        payload
    from ledger_event where appended_at >= %s and appended_at < %s order by appended_at, event_id
"""
_REPORTS: Final = """
    select report_no, valuation_id::text, revision, issued_at, payload from report
    where issued_at >= %s and issued_at < %s order by issued_at, report_no
"""
SAYS: Final = {
    "events": "every event of every valuation, by the broker's stamp; payload as in the schemas",
    "reports": "every report issued; its file lies in the report store under `uri`",
    "deliveries": "what each bank system was told, body and state",
    "receipts": "what each bank system said of it",
}
_PARTS: Final = (
    (LEDGER, "events", _EVENTS),
    (LEDGER, "reports", _REPORTS),
    (ROOM, "deliveries", export.DELIVERIES),
    (ROOM, "receipts", export.RECEIPTS),
)


def export_span(dsn: str, out: Path, *, first: date, last: date, at: datetime, parquet: bool) -> dict[str, Any]:
    """Write the days [`first`, `last`] of Shanghai into `out` and give the manifest, which is written last."""
    start, end = bounds(first)[0], bounds(last)[1]
    written: list[Written] = []
    for room, name, query in _PARTS:
        migrate(dsn, room=room)
        with closing(connect(dsn, room=room)) as connection:
            written.append(_lines(connection, query, out / f"{name}.jsonl", start, end))
        if parquet:
            written.append(_parquet(out / f"{name}.jsonl", written[-1].rows))
    folder = out / "schemas"
    folder.mkdir()
    for schema in sorted(SCHEMAS.glob("*.avsc")):
        copyfile(schema, folder / schema.name)
    return export.write_manifest(out, written, start=start, end=end, at=at, says=SAYS)


def _lines(connection: Connection[TupleRow], query: str, path: Path, start: datetime, end: datetime) -> Written:
    with export.rows_of(connection, query, start, end) as rows:
        return export.write_lines(path, rows)


def _parquet(lines: Path, rows: int) -> Written:
    """The same rows as Parquet; nested payloads as JSON text, so that the file has one schema and loses nothing."""
    import polars as pl

    path, flat = lines.with_suffix(".parquet"), lines.with_suffix(".flat")
    with lines.open(encoding="utf-8") as source, flat.open("w", encoding="utf-8") as target:
        target.writelines(json.dumps(_flat(json.loads(line)), ensure_ascii=False) + "\n" for line in source)
    if rows:
        pl.scan_ndjson(flat, infer_schema_length=None).sink_parquet(path)
    else:
        pl.DataFrame().write_parquet(path)
    flat.unlink()
    return export.digest_of(path, rows)


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: json.dumps(cell, ensure_ascii=False) if isinstance(cell, dict | list) else cell
        for name, cell in row.items()
    }

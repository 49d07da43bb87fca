"""The audit as a file: JSON Lines with a manifest beside them, which can be checked without a database.

A line's `details` are the very text that was hashed. Checking streams; memory grows with the number of sealed ends
alone, some 200 bytes each.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import TupleRow

from infra.postgres.audit import Head, Line, Seal, instant
from infra.postgres.audit_check import (
    EVERY_LINE,
    EVERY_SEAL,
    Defect,
    Fault,
    Verdict,
    check_chains,
    faults_of_seals,
    line_of,
    streamed,
)

_FORMAT: Final = "avm-audit-1"


def export(connection: Connection[TupleRow], path: Path, *, room: str, at: datetime) -> dict[str, Any]:
    """Write all lines and seals as JSON Lines, and beside it `<name>.manifest.json`, which is returned.

    The manifest's `last_seal` is an anchor: what was sealed by then can be asked for ever after (`verify(anchor=…)`).
    """
    digest = hashlib.sha256()
    counts = {"lines": 0, "seals": 0}
    last_seal = ""
    with path.open("wb") as file, connection.transaction():
        connection.execute("set transaction isolation level repeatable read, read only")
        connection.execute("set local statement_timeout = 0")

        def put(record: dict[str, Any]) -> None:
            text = (json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n").encode()
            digest.update(text)
            file.write(text)

        for row in streamed(connection, EVERY_LINE, {"subject": None}):
            counts["lines"] += 1
            put(_line_record(line_of(row)))
        for key, rows in groupby(streamed(connection, EVERY_SEAL, None), key=lambda row: row[:5]):
            counts["seals"] += 1
            last_seal = key[4]
            put({"seal": key[0], "at": instant(key[1]), "heads": key[2], "previous": key[3], "hash": key[4]})
            for *_, name, sequence, hash_, _now in rows:
                if name is not None:
                    put({"sealed": name, "sequence": sequence, "hash": hash_})
    manifest = {"format": _FORMAT, "room": room, "exported_at": instant(at), "file": path.name, **counts}
    manifest |= {"last_seal": last_seal, "sha256": digest.hexdigest()}
    _manifest_path(path).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return manifest


def _line_record(line: Line) -> dict[str, Any]:
    return asdict(line) | {"at": instant(line.at)}


def verify_file(path: Path, *, anchor: str | None = None) -> Verdict:
    """Check an export, without a database; against its manifest too where that lies beside it.

    `anchor`: hash of a seal noted elsewhere, which must be among the file's.

    Raises:
        ValueError: A line is no line of an export; the message gives its number.
    """
    verdict = Verdict(defects=[])
    ends: dict[tuple[str, int], str] = {
        (record["sealed"], record["sequence"]): record["hash"] for record in _records(path, lambda r: "sealed" in r)
    }
    wanted = dict(ends)

    def lines() -> Iterator[Line]:
        for record in _records(path, lambda r: "subject" in r):
            line = _line_from(record)
            sealed = wanted.pop((line.subject, line.sequence), None)
            if sealed is not None and sealed != line.hash:
                verdict.blame([Defect(subject=line.subject, sequence=line.sequence, fault=Fault.SEALED_LINE_DIFFERS)])
            yield line

    check_chains(verdict, lines())
    verdict.blame(Defect(subject=s, sequence=n, fault=Fault.SEALED_LINE_MISSING) for s, n in sorted(wanted))
    verdict.blame(_faults_of_file_seals(path, verdict, anchor))
    manifest = _manifest_path(path)
    if manifest.exists() and not _fits(path, json.loads(manifest.read_text(encoding="utf-8")), verdict):
        verdict.blame([Defect(subject=path.name, sequence=verdict.lines, fault=Fault.FILE_CHANGED)])
    return verdict


def _faults_of_file_seals(path: Path, verdict: Verdict, anchor: str | None) -> Iterator[Defect]:
    seen = anchor is None

    def seals() -> Iterator[tuple[Seal, Iterable[Head]]]:
        nonlocal seen
        for seal, heads in _file_seals(path, verdict):
            seen = seen or seal.hash == anchor
            yield seal, heads

    yield from faults_of_seals(seals())
    if not seen:
        yield Defect(subject="seal", sequence=verdict.seals, fault=Fault.SEAL_MISSING)


def _file_seals(path: Path, verdict: Verdict) -> Iterator[tuple[Seal, Iterable[Head]]]:
    seal: Seal | None = None
    heads: list[Head] = []
    for record in _records(path, lambda r: "seal" in r or "sealed" in r):
        if "sealed" in record:
            heads.append(Head(subject=record["sealed"], sequence=record["sequence"], hash=record["hash"]))
            continue
        if seal is not None:
            yield seal, heads
        heads = []
        verdict.seals += 1
        verdict.last_seal = record["hash"]
        seal = Seal(
            number=record["seal"],
            at=datetime.fromisoformat(record["at"]),
            heads=record["heads"],
            previous=record["previous"],
            hash=record["hash"],
        )
    if seal is not None:
        yield seal, heads


def _records(path: Path, wanted: Callable[[dict[str, Any]], bool]) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for number, text in enumerate(file, 1):
            try:
                record = json.loads(text)
                is_wanted = wanted(record)
            except (ValueError, TypeError) as error:
                raise ValueError(f"{path.name} line {number} is no line of an exported audit") from error
            if is_wanted:
                yield record


def _line_from(record: dict[str, Any]) -> Line:
    return Line(**record | {"at": datetime.fromisoformat(record["at"])})


def _fits(path: Path, manifest: dict[str, Any], verdict: Verdict) -> bool:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    told = (manifest.get("sha256"), manifest.get("lines"), manifest.get("seals"))
    return told == (digest.hexdigest(), verdict.lines, verdict.seals)


def _manifest_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.manifest.json")

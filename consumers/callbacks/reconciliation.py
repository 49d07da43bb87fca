"""每日对账: what a channel was told of a day, by count, sum and hash, and how that differs from the bank's own file.

A delivery belongs to the day of Shanghai in which the `occurred_at` of its body lies, so that the bank can tell its day
by what it holds. The hash of a day is sha256 over the sorted lines `delivery_id,sha256`, each ended by a line feed.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final

from schemas.codes import DeliveryKind

COLUMNS: Final = (
    "delivery_id",
    "kind",
    "subject_id",
    "business_ref",
    "is_final",
    "value",
    "sha256",
    "status",
    "acknowledged_at",
)
_NEEDED: Final = ("delivery_id", "sha256")
_MOST_PROBLEMS: Final = 20


class BankFileError(ValueError):
    """The bank's file cannot be compared; the message names lines and columns. Nothing was compared."""


class Finding(StrEnum):
    """How one delivery differs. Of what is MISSING_HERE the bank has a number that we never gave that day."""

    MISSING_THERE = "MISSING_THERE"
    MISSING_HERE = "MISSING_HERE"
    HASH_DIFFERS = "HASH_DIFFERS"
    VALUE_DIFFERS = "VALUE_DIFFERS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One delivery of ours. `value` in yuan, as the channel sees it."""

    delivery_id: str
    kind: DeliveryKind
    subject_id: str
    sha256: str
    status: str
    business_ref: str | None = None
    is_final: bool = False
    value: int | None = None
    acknowledged_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BankEntry:
    """One line of the bank's file; a `value` it does not have is not compared."""

    delivery_id: str
    sha256: str
    value: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One finding. `here` and `there` are what differs: digests or yuan."""

    finding: Finding
    delivery_id: str
    subject_id: str = ""
    here: str = ""
    there: str = ""


def manifest(channel: str, day: date, entries: Sequence[Entry]) -> dict[str, Any]:
    """Counts, sums and hash of a channel's day; JSON-ready."""
    kinds = Counter(entry.kind for entry in entries)
    results = [entry for entry in entries if entry.kind is DeliveryKind.RESULT]
    finals = [entry for entry in results if entry.is_final]
    return {
        "channel": channel,
        "day": day.isoformat(),
        "time_zone": "Asia/Shanghai",
        "deliveries": len(entries),
        "results": len(results),
        "final_results": len(finals),
        "receipts": sum(entry.status == "ACKNOWLEDGED" for entry in entries),
        "slips": kinds[DeliveryKind.REPORT],
        "by_kind": {kind.value: kinds[kind] for kind in DeliveryKind},
        "by_status": dict(sorted(Counter(entry.status for entry in entries).items())),
        "values": sum(entry.value is not None for entry in finals),
        "sum_of_values": sum(entry.value or 0 for entry in finals),
        "hash": day_hash((entry.delivery_id, entry.sha256) for entry in entries),
    }


def day_hash(pairs: Iterable[tuple[str, str]]) -> str:
    """Hex sha256 over the sorted lines `delivery_id,sha256`, each ended by a line feed."""
    lines = sorted(f"{delivery_id},{digest}\n" for delivery_id, digest in pairs)
    return sha256("".join(lines).encode()).hexdigest()


def as_csv(entries: Iterable[Entry]) -> str:
    """The day's file: one line for each delivery, in the order in which they were made."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for entry in entries:
        writer.writerow([_cell(getattr(entry, name)) for name in COLUMNS])
    return out.getvalue()


def read_bank_file(text: str) -> tuple[BankEntry, ...]:
    """The bank's file: CSV with `delivery_id` and `sha256`, `value` where it wants values compared.

    Raises:
        BankFileError: A column is missing, or lines cannot be read; it names up to twenty of them.
    """
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    header = [name.strip() for name in reader.fieldnames or ()]
    missing = [name for name in _NEEDED if name not in header]
    if missing:
        raise BankFileError(
            f"column {', '.join(missing)} is missing; the first line must name {', '.join(_NEEDED)} and may name value"
        )
    entries, problems, seen = [], [], dict[str, int]()
    for row in reader:
        cells = {str(name).strip(): str(cell or "").strip() for name, cell in row.items()}
        if (earlier := seen.setdefault(cells["delivery_id"], reader.line_num)) != reader.line_num:
            problems.append(f"line {reader.line_num}: the delivery of line {earlier} again; name each once")
            continue
        problem = _problem(cells)
        if problem:
            problems.append(f"line {reader.line_num}: {problem}")
            continue
        value = int(cells["value"]) if cells.get("value") else None
        entries.append(BankEntry(delivery_id=cells["delivery_id"].lower(), sha256=cells["sha256"].lower(), value=value))
    if problems:
        more = f"; and {len(problems) - _MOST_PROBLEMS} more" if len(problems) > _MOST_PROBLEMS else ""
        raise BankFileError("; ".join(problems[:_MOST_PROBLEMS]) + more)
    return tuple(entries)


def compare(ours: Iterable[Entry], theirs: Iterable[BankEntry]) -> tuple[Difference, ...]:
    """Every difference, by delivery. One that differs in its hash is not told again for its value."""
    here, there = {entry.delivery_id: entry for entry in ours}, {entry.delivery_id: entry for entry in theirs}
    found = [_difference(entry, there.get(entry.delivery_id)) for entry in here.values()]
    strangers = [
        Difference(finding=Finding.MISSING_HERE, delivery_id=entry.delivery_id, there=entry.sha256)
        for entry in there.values()
        if entry.delivery_id not in here
    ]
    return tuple(sorted((*filter(None, found), *strangers), key=lambda one: one.delivery_id))


def to_send_again(differences: Iterable[Difference]) -> tuple[str, ...]:
    """The deliveries that a re-sending mends: all but those we do not have."""
    return tuple(one.delivery_id for one in differences if one.finding is not Finding.MISSING_HERE)


def as_row(difference: Difference) -> Mapping[str, str]:
    """A difference for a file or a screen."""
    return {
        "finding": difference.finding.value,
        "delivery_id": difference.delivery_id,
        "subject_id": difference.subject_id,
        "here": difference.here,
        "there": difference.there,
    }


def _difference(ours: Entry, theirs: BankEntry | None) -> Difference | None:
    if theirs is None:
        return _differing(Finding.MISSING_THERE, ours, ours.sha256, "")
    if theirs.sha256 != ours.sha256:
        return _differing(Finding.HASH_DIFFERS, ours, ours.sha256, theirs.sha256)
    if theirs.value is not None and theirs.value != ours.value:
        return _differing(Finding.VALUE_DIFFERS, ours, _cell(ours.value), str(theirs.value))
    return None


def _differing(finding: Finding, ours: Entry, here: str, there: str) -> Difference:
    return Difference(finding=finding, delivery_id=ours.delivery_id, subject_id=ours.subject_id, here=here, there=there)


def _problem(cells: Mapping[str, str]) -> str:
    if not cells["delivery_id"]:
        return "delivery_id is empty"
    digest = cells["sha256"].lower()
    if len(digest) != sha256().digest_size * 2 or not set(digest) <= set("0123456789abcdef"):
        return "sha256 must be 64 hexadecimal digits"
    value = cells.get("value", "")
    if value and not (value.isascii() and value.isdigit()):
        return f"value must be whole yuan in digits alone, not {value[:20]!r}"
    return ""


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, datetime) else str(value)

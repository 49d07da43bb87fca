"""Licences of sources as an operator registers them: from a TOML or CSV file, taken whole or not at all. Pure."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from infra.reference.rows import RejectedRow
from infra.reference.tables import UnreadableTableError, read_lines
from schemas.codes import SourceKind, SourceUse
from schemas.domain.staff import staff_number
from schemas.events import SourceLicence

REQUIRED: Final = (
    "source", "kind", "holder", "reference", "allowed_uses", "valid_from", "approved_by", "second_approver",
)  # fmt: skip
COLUMNS: Final = (*REQUIRED, "valid_until", "fresh_within_days")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,79}")
_LONGEST_TEXT: Final = 200
_MOST_DAYS: Final = 3_660
_SHOWN: Final = 20


class SourcesError(ValueError):
    """A licence, or a file of them, is refused whole; `faults` name every line (or table) and field."""

    def __init__(self, name: str, faults: Sequence[RejectedRow]) -> None:
        self.faults = tuple(sorted(faults, key=lambda fault: fault.line))
        each = "; ".join(f"{_where(name, fault)}: {fault.reason}" for fault in self.faults[:_SHOWN])
        more = f"; and {len(self.faults) - _SHOWN} more" if len(self.faults) > _SHOWN else ""
        super().__init__(f"{name} was refused, nothing was registered: {each}{more}")


def _where(name: str, fault: RejectedRow) -> str:
    if not fault.line:
        return fault.column
    return f"{'[[source]] no.' if name.endswith('.toml') else 'line'} {fault.line}, {fault.column}"


def read_sources(path: Path, *, now: datetime) -> tuple[SourceLicence, ...]:
    """Every licence of a file: `[[source]]` tables of a TOML file, or rows of a CSV or XLSX, with `COLUMNS` as keys.

    Raises:
        SourcesError: Something is wrong; all of it is listed.
        UnreadableTableError: The file is no TOML, CSV or XLSX.
    """
    faults: list[RejectedRow] = []
    rows: list[tuple[int, SourceLicence]] = []
    for line, said in _entries(path):
        row = _licence(said, line, faults, now)
        if row is not None:
            rows.append((line, row))
    counts = Counter(row.source for _, row in rows)
    faults += [
        RejectedRow(line=line, column="source", value=row.source, reason=f"{row.source} is there twice; keep one")
        for line, row in rows
        if counts[row.source] > 1
    ]
    if faults or not rows:
        empty = RejectedRow(
            line=0, column="file", value="", reason="it has no source; write a [[source]] table or a row"
        )
        raise SourcesError(path.name, faults or [empty])
    return tuple(row for _, row in rows)


def licence_of(said: Mapping[str, Any], *, now: datetime) -> SourceLicence:
    """One licence from what was said of it, by field. Raises `SourcesError` with every fault."""
    faults: list[RejectedRow] = []
    row = _licence(said, 0, faults, now)
    if row is None:
        raise SourcesError(str(said.get("source") or "the source"), faults)
    return row


def revoked(licence: SourceLicence, *, reason: str, by: str, now: datetime) -> SourceLicence:
    """The licence after its revocation. Raises `SourcesError`."""
    faults: list[RejectedRow] = []
    if licence.revoked_at is not None:
        why = f"was revoked on {licence.revoked_at:%Y-%m-%d} already ({licence.revocation_reason})"
        faults.append(RejectedRow(line=0, column="source", value=licence.source, reason=why))
    text = _text({"reason": reason}, "reason", faults, 0)
    person = _person({"by": by}, "by", faults, 0)
    if faults:
        raise SourcesError(licence.source, faults)
    return replace(licence, revoked_at=now, revoked_by=person, revocation_reason=text)


def refuse_revoked(licences: Sequence[SourceLicence], standing: Mapping[str, SourceLicence]) -> None:
    """Let no registration lift a revocation by the way. Raises `SourcesError` naming every source that is revoked."""
    faults = [
        RejectedRow(
            line=0,
            column="source",
            value=one.source,
            reason=f"{one.source} was revoked on {before.revoked_at:%Y-%m-%d} by {before.revoked_by} "
            f"({before.revocation_reason}); if two people want it back all the same, say --reinstate",
        )
        for one in licences
        if (before := standing.get(one.source)) is not None and before.revoked_at is not None
    ]
    if faults:
        raise SourcesError("the registration", faults)


# ---- inside -------------------------------------------------------------------------------------------------------


def _entries(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Each entry with its line in a table, or its number in a TOML file."""
    if path.suffix.lower() != ".toml":
        for line in read_lines(path):
            yield line.number, line.values
        return
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UnreadableTableError(f"there is no file {path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UnreadableTableError(f"{path.name} is no TOML file in UTF-8: {error}") from error
    strange = sorted(content.keys() - {"source"})
    tables = content.get("source", [])
    if strange or not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        what = f"unknown key {strange[0]}" if strange else "source is no list of tables"
        raise UnreadableTableError(f"{path.name}: {what}; write one [[source]] table for each source")
    yield from enumerate(tables, start=1)


def _licence(said: Mapping[str, Any], line: int, faults: list[RejectedRow], now: datetime) -> SourceLicence | None:
    """The licence, or `None` when faults were found and noted."""
    given = {name: value for name, value in said.items() if value is not None and str(value).strip() != ""}
    before = len(faults)
    for name in given.keys() - set(COLUMNS):
        _note(faults, line, name, given[name], f"there is no such field; there are {', '.join(COLUMNS)}")
    for name in REQUIRED:
        if name not in given:
            _note(faults, line, name, None, "is missing; every source needs it")
    if len(faults) > before:
        return None
    licence = SourceLicence(
        source=_name(given, faults, line),
        kind=_kind(given, faults, line),
        holder=_text(given, "holder", faults, line),
        reference=_text(given, "reference", faults, line),
        allowed_uses=_uses(given, faults, line),
        valid_from=_day(given, "valid_from", faults, line) or now.date(),
        valid_until=_day(given, "valid_until", faults, line),
        fresh_within_days=_days(given, faults, line),
        approved_by=_person(given, "approved_by", faults, line),
        second_approver=_person(given, "second_approver", faults, line),
        approved_at=now,
    )
    if licence.approved_by == licence.second_approver:
        _note(faults, line, "second_approver", licence.second_approver, "must be another person than approved_by")
    if licence.valid_until is not None and licence.valid_until < licence.valid_from:
        why = f"lies before valid_from {licence.valid_from}; exchange them or correct one"
        _note(faults, line, "valid_until", licence.valid_until, why)
    return licence if len(faults) == before else None


def _name(given: Mapping[str, Any], faults: list[RejectedRow], line: int) -> str:
    text = str(given["source"]).strip()
    if not _NAME.fullmatch(text):
        why = "give the name its rows carry: 2 to 80 letters, digits, dots, dashes or underscores"
        _note(faults, line, "source", text, why)
    return text


def _kind(given: Mapping[str, Any], faults: list[RejectedRow], line: int) -> SourceKind:
    text = str(given["kind"]).strip().upper()
    if text in SourceKind.__members__:
        return SourceKind(text)
    _note(faults, line, "kind", text, f"must be one of {', '.join(SourceKind)}, not {text!r}")
    return SourceKind.OTHER


def _uses(given: Mapping[str, Any], faults: list[RejectedRow], line: int) -> tuple[str, ...]:
    said = given["allowed_uses"]
    listed = said if isinstance(said, list | tuple) else re.split(r"[|;；、,]", str(said))
    uses = [str(use).strip().upper() for use in listed if str(use).strip()]
    strange = [use for use in uses if use not in SourceUse.__members__]
    if strange or not uses:
        why = f"must be some of {', '.join(SourceUse)}" + (f", not {strange[0]!r}" if strange else "")
        _note(faults, line, "allowed_uses", said, why)
    return tuple(use for use in SourceUse if use in uses)


def _text(given: Mapping[str, Any], name: str, faults: list[RejectedRow], line: int) -> str:
    text = str(given[name]).strip()
    if not 0 < len(text) <= _LONGEST_TEXT:
        _note(faults, line, name, text, f"must have 1 to {_LONGEST_TEXT} characters")
    return text


def _person(given: Mapping[str, Any], name: str, faults: list[RejectedRow], line: int) -> str:
    try:
        return staff_number(str(given[name]))
    except ValueError as error:
        _note(faults, line, name, given[name], str(error))
        return ""


def _day(given: Mapping[str, Any], name: str, faults: list[RejectedRow], line: int) -> date | None:
    said = given.get(name)
    if said is None:
        return None
    if isinstance(said, datetime):
        return said.date()
    if isinstance(said, date):
        return said
    try:
        return date.fromisoformat(str(said).strip())
    except ValueError:
        _note(faults, line, name, said, f"must be a day like 2027-12-31, not {str(said)[:20]!r}")
        return None


def _days(given: Mapping[str, Any], faults: list[RejectedRow], line: int) -> int | None:
    said = given.get("fresh_within_days")
    if said is None:
        return None
    text = str(said).strip()
    if isinstance(said, bool) or not re.fullmatch(r"[0-9]{1,4}(\.0)?", text) or not 0 < float(text) <= _MOST_DAYS:
        why = f"must be a whole number of days from 1 to {_MOST_DAYS}, not {text!r}"
        _note(faults, line, "fresh_within_days", said, why)
        return None
    return int(float(text))


def _note(faults: list[RejectedRow], line: int, column: str, value: object, reason: str) -> None:
    shown = "" if value is None else str(value)[:60]
    faults.append(RejectedRow(line=line, column=column, value=shown, reason=reason))

"""Corrections of the property registry: from what a person types or imports to the record that then stands. Pure."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TextIO

from infra.reference.rows import RejectedRow
from infra.reference.tables import Line, read_lines
from schemas.codes import PropertyTag, PropertyType, Tradability
from schemas.domain.masking import masked_personal_data
from schemas.domain.property_key import PropertyKeyError, canonical
from schemas.events import PropertyRecord

_ABOUT: Final = frozenset({"property_key", "source", "corrected_by", "corrected_at", "valuation_id", "tags"})
FACTS: Final = tuple(one.name for one in fields(PropertyRecord) if one.name not in _ABOUT)
COLUMNS: Final = ("property_key", *FACTS, "tags", "source", "corrected_by", "corrected_at", "valuation_id")

_CHOICES: Final[Mapping[str, type[StrEnum]]] = {"property_type": PropertyType, "tradability": Tradability}
_UNKNOWN: Final[Mapping[str, Any]] = {"property_type": PropertyType.UNKNOWN, "tradability": Tradability.UNKNOWN}
# What a house can be at all: outside of it somebody mistyped.
_BOUNDS: Final[Mapping[str, tuple[int, int]]] = {
    "floor": (-9, 200),
    "total_floors": (1, 200),
    "built_year": (1840, 2100),
    "rooms": (1, 50),
    "halls": (0, 50),
}
_LARGEST_M2: Final = 100_000.0
_YES_OR_NO: Final = frozenset({"has_lift", "near_metro"})
_TRUTH: Final[Mapping[str, bool]] = {
    **dict.fromkeys(("yes", "true", "1", "是", "有"), True),
    **dict.fromkeys(("no", "false", "0", "否", "无"), False),
}
_STAFF_NUMBER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,39}")
_LONGEST_TEXT: Final = 200


class CorrectionError(ValueError):
    """A correction cannot be taken: `column` says where, the message what is wrong and how to mend it."""

    def __init__(self, column: str, value: object, why: str) -> None:
        super().__init__(f"{column}: {why}")
        self.column, self.value, self.why = column, value, why

    def at(self, line: int) -> RejectedRow:
        """The refused row of a file."""
        shown = "" if self.value is None else str(self.value)[:_LONGEST_TEXT]
        return RejectedRow(line=line, column=self.column, value=shown, reason=self.why)


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What a person wants changed. Fields of `facts` are set, those of `cleared` become unknown again."""

    property_key: str
    source: str
    corrected_by: str
    corrected_at: datetime
    facts: Mapping[str, Any] = field(default_factory=dict)
    cleared: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    untagged: frozenset[str] = frozenset()
    valuation_id: str | None = None


def corrected(current: PropertyRecord | None, correction: Correction) -> PropertyRecord:
    """The record that stands after a correction of `current`. Raises `CorrectionError` for an impossible house."""
    before = current or PropertyRecord(
        property_key=correction.property_key, source="", corrected_by="", corrected_at=correction.corrected_at
    )
    cleared = {name: _UNKNOWN.get(name) for name in correction.cleared}
    tags = {*before.tags, *correction.tags} - correction.untagged
    after = replace(
        before,
        **{**cleared, **correction.facts},
        tags=tuple(sorted(tags)),
        source=correction.source,
        corrected_by=correction.corrected_by,
        corrected_at=correction.corrected_at,
        valuation_id=correction.valuation_id,
    )
    if after.floor is not None and after.total_floors is not None and after.floor > after.total_floors:
        why = f"lies above the roof: the house would have {after.total_floors} floors; correct one of the two"
        raise CorrectionError("floor", after.floor, why)
    return after


def checked_key(text: str) -> str:
    """The key in its one spelling. Raises `CorrectionError`."""
    try:
        return canonical(text)
    except PropertyKeyError as error:
        raise CorrectionError("property_key", text, str(error)) from None


def checked_person(text: str) -> str:
    """A staff number. Raises `CorrectionError`: the registry lives long, so names of persons stay out of it."""
    if _STAFF_NUMBER.fullmatch(text):
        return text
    why = "give a staff number of 2 to 40 letters, digits, dots or dashes; no name of a person"
    raise CorrectionError("corrected_by", text, why)


def checked_source(text: str) -> str:
    """The evidence, with ID-card and telephone numbers masked. Raises `CorrectionError` when there is none."""
    evidence = masked_personal_data(text.strip())
    if not evidence or len(evidence) > _LONGEST_TEXT:
        raise CorrectionError("source", text, f"say on what evidence, in 1 to {_LONGEST_TEXT} characters")
    return evidence


def checked_tag(text: str) -> str:
    """A tag of the list. Raises `CorrectionError`."""
    tag = text.strip().upper()
    if tag not in PropertyTag.__members__:
        raise CorrectionError("tags", text, f"there is no tag {text!r}; it is one of {', '.join(PropertyTag)}")
    return tag


def checked_fact(name: str, text: str) -> Any:
    """The value of a fact as a person writes it. Raises `CorrectionError`."""
    if name not in FACTS:
        raise CorrectionError(name, text, f"there is no such fact; it is one of {', '.join(FACTS)}")
    said = text.strip()
    if name in _CHOICES:
        return _choice(name, said)
    if name in _BOUNDS:
        return _whole(name, said)
    if name == "area_m2":
        return _area(name, said)
    if name in _YES_OR_NO:
        return _truth(name, said)
    if not 0 < len(said) <= _LONGEST_TEXT:
        raise CorrectionError(name, text, f"give a text of 1 to {_LONGEST_TEXT} characters")
    return said


def _choice(name: str, said: str) -> StrEnum:
    known = [member for member in _CHOICES[name] if member != "UNKNOWN"]
    if said.upper() not in known:
        raise CorrectionError(name, said, f"must be one of {', '.join(known)}")
    return _CHOICES[name](said.upper())


def _whole(name: str, said: str) -> int:
    least, most = _BOUNDS[name]
    if re.fullmatch(r"-?[0-9]{1,9}(\.0)?", said) and least <= int(float(said)) <= most:
        return int(float(said))
    raise CorrectionError(name, said, f"must be a whole number from {least} to {most}")


def _area(name: str, said: str) -> float:
    if re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,2})?", said) and 0 < float(said) <= _LARGEST_M2:
        return float(said)
    raise CorrectionError(name, said, f"must be square metres from 0.01 to {_LARGEST_M2:,.0f}, two decimals at most")


def _truth(name: str, said: str) -> bool:
    if said.lower() not in _TRUTH:
        raise CorrectionError(name, said, "must be yes or no (是/否)")
    return _TRUTH[said.lower()]


# ---- files ----------------------------------------------------------------------------------------------------------


def read_corrections(
    path: Path, *, now: datetime, by: str | None = None, source: str | None = None
) -> Iterator[tuple[int, Correction | RejectedRow]]:
    """Every row of a file, with its line, as a correction or a refusal. `by` and `source` are for rows without theirs.

    Columns are those of `COLUMNS`; an empty cell changes nothing. Raises `UnreadableTableError`.
    """
    for line in read_lines(path):
        try:
            yield line.number, _correction(line, now, by, source)
        except CorrectionError as error:
            yield line.number, error.at(line.number)


def _correction(line: Line, now: datetime, by: str | None, source: str | None) -> Correction:
    said = {name: str(value).strip() for name, value in line.values.items() if value not in (None, "")}
    strange = sorted(said.keys() - set(COLUMNS))
    if strange:
        raise CorrectionError(strange[0], said[strange[0]], f"no such column; there are {', '.join(COLUMNS)}")
    return Correction(
        property_key=checked_key(said.get("property_key", "")),
        facts={name: checked_fact(name, said[name]) for name in FACTS if name in said},
        tags=frozenset(checked_tag(tag) for tag in re.split(r"[|;；、,]", said.get("tags", "")) if tag.strip()),
        source=checked_source(said.get("source") or source or ""),
        corrected_by=checked_person(said.get("corrected_by") or by or ""),
        corrected_at=_instant(said["corrected_at"]) if "corrected_at" in said else now,
        valuation_id=said.get("valuation_id"),
    )


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise CorrectionError("corrected_at", text, "must be an instant with its zone, like 2026-11-25T08:00:00+08:00")
    return at


def write_records(records: Iterable[PropertyRecord], out: TextIO) -> int:
    """Write records as a CSV that `read_corrections` reads again; how many there were."""
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    count = 0
    for count, record in enumerate(records, start=1):  # noqa: B007 -- the last count is the answer
        writer.writerow([_cell(getattr(record, name)) for name in COLUMNS])
    return count


def _cell(value: Any) -> str:
    if value is None or value == "UNKNOWN":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return "|".join(value)
    return value.isoformat() if isinstance(value, datetime) else str(value)

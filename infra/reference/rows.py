"""Rows of a table become events, or are refused with line, column, value and reason. Pure but for reading the file."""

import dataclasses
import math
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from infra.reference.coordinates import in_china, on_earth, to_wgs84
from infra.reference.mapping import UNITS, Checks, FileMapping, Target, Transform, placeholders, required_fields
from infra.reference.tables import Line, UnreadableTableError, read_lines
from schemas.domain.divisions import Divisions, divisions
from schemas.events import Community, CoverageRow, Deal, Rent

Event = Community | Deal | CoverageRow | Rent

_MIN_AREA_M2 = 10.0  # smaller: a parking space, a share, or a typing error
_MAX_AREA_M2 = 100_000.0
_MIN_RENT, _MAX_RENT = 1.0, 10_000.0  # yuan per m² and month; the dearest arcades take some 3,000
_TOTAL_TOLERANCE = 0.01
_DATE_FORMATS = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y-%m-%d %H:%M:%S", "%Y年%m月%d日", "%Y%m%d")
_YES = frozenset({"1", "1.0", "true", "yes", "y", "是", "有"})
_NO = frozenset({"0", "0.0", "false", "no", "n", "否", "无"})
_NOTHING = frozenset({"", "null", "none", "nan", "n/a", "-", "--", "未知", "暂无数据"})
_SEPARATORS = "|;；、"
_LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedRow:
    """A row that was not loaded: where, what stood there, and how to mend it."""

    line: int
    column: str
    value: str
    reason: str


class _RejectedError(Exception):
    def __init__(self, column: str, value: object, reason: str) -> None:
        super().__init__(reason)
        self.column, self.value, self.reason = column, value, reason

    def at(self, line: int) -> RejectedRow:
        shown = "" if self.value is None else str(self.value)[:_LONGEST_SHOWN]
        return RejectedRow(line=line, column=self.column, value=shown, reason=self.reason)


def read_rows(path: Path, mapping: FileMapping, *, today: date) -> Iterator[Event | RejectedRow]:
    """Every row of a file as an event or a refusal, in the file's order (merged rows at the end).

    Raises:
        UnreadableTableError: The file cannot be read, or lacks a column that the mapping names.
    """
    rows = read_numbered(path, mapping, today=today)
    return _merged(rows, mapping.merge_by) if mapping.merge_by else _distinct(rows, mapping)


def read_numbered(path: Path, mapping: FileMapping, *, today: date) -> Iterator[tuple[int, Event | RejectedRow]]:
    """As `read_rows`, with the line of every row, and with duplicates left in."""
    lines = _with_columns(read_lines(path, sheet=mapping.sheet, encoding=mapping.encoding), mapping, path.name)
    return _rows(lines, mapping, today, divisions())


def natural_key(event: Event) -> str:
    """The key on the reference topic. A county may have several rows, for different periods."""
    if isinstance(event, Community):
        return event.community_id
    if isinstance(event, Deal):
        return event.deal_id
    if isinstance(event, Rent):
        return event.rent_id
    return f"{event.county_code}|{event.effective_from.isoformat()}"


def _with_columns(lines: Iterable[Line], mapping: FileMapping, name: str) -> Iterator[Line]:
    for at, line in enumerate(lines):
        missing = sorted(mapping.columns_read - line.values.keys()) if at == 0 else ()
        if missing:
            raise UnreadableTableError(
                f"{name} has no column {', '.join(missing)}, which mapping {mapping.name} reads; "
                f"its columns are {', '.join(line.values)}"
            )
        yield line


_Row = tuple[int, Event | RejectedRow]


def _rows(lines: Iterable[Line], mapping: FileMapping, today: date, known: Divisions) -> Iterator[_Row]:
    for line in lines:
        if any(_is_empty(line.values.get(column)) for column in mapping.skip_empty):
            continue
        try:
            event = _event(line.values, mapping, known)
            _check(event, line.values, mapping, today)
        except _RejectedError as refused:
            yield line.number, refused.at(line.number)
        else:
            yield line.number, event


def _distinct(rows: Iterable[_Row], mapping: FileMapping) -> Iterator[Event | RejectedRow]:
    seen: dict[str, int] = {}
    for number, row in rows:
        if isinstance(row, RejectedRow):
            yield row
            continue
        key = natural_key(row)
        first = seen.setdefault(key, number)
        if first == number:
            yield row
        else:
            column = _key_field(mapping.target)
            yield RejectedRow(
                line=number, column=column, value=key, reason=f"duplicate of line {first}; keep one of them"
            )


def _merged(rows: Iterable[_Row], merge_by: str) -> Iterator[Event | RejectedRow]:
    """One event per value of a field: each field from the first row that has it."""
    kept: dict[str, Event] = {}
    for _, row in rows:
        if isinstance(row, RejectedRow):
            yield row
            continue
        key = str(getattr(row, merge_by))
        known = kept.get(key)
        kept[key] = row if known is None else _filled(known, row)
    yield from kept.values()


def _filled(known: Event, other: Event) -> Event:
    empty = {
        one.name: getattr(other, one.name)
        for one in dataclasses.fields(known)
        if getattr(known, one.name) in (None, (), {}) and getattr(other, one.name) not in (None, (), {})
    }
    return dataclasses.replace(known, **empty) if empty else known


def _key_field(target: Target) -> str:
    return {
        Target.COMMUNITIES: "community_id",
        Target.DEALS: "deal_id",
        Target.COVERAGE: "county_code",
        Target.RENTS: "rent_id",
    }[target]


def _event(values: Mapping[str, Any], mapping: FileMapping, known: Divisions) -> Event:
    kinds = _kinds(mapping.target)
    found: dict[str, Any] = {"source": mapping.source} if mapping.source else {}
    for name, constant in mapping.constants.items():
        found[name] = _value(constant, name, name, kinds[name], Transform(), known)
    for name, column in mapping.columns.items():
        transform = mapping.transforms.get(name, Transform())
        found[name] = _value(values.get(column), name, column, kinds[name], transform, known)
    for name, template in mapping.templates.items():
        text = _filled_in(template, values)
        found[name] = _value(text, name, name, kinds[name], mapping.transforms.get(name, Transform()), known)
    if mapping.further:
        found["further"] = _further(values, mapping, known)
    if mapping.derives_unit_price:
        found["unit_price"] = _derived_unit_price(found.get("area_m2"), values, mapping)
    for name in required_fields(mapping.target):
        if found.get(name) is None:
            column = mapping.columns.get(name, name)
            raise _RejectedError(column, values.get(column), f"{name} is empty; every row needs it")
    _to_wgs84(found, mapping)
    given = {name: value for name, value in found.items() if value is not None}
    return typing.cast("Event", mapping.target.event(**{"source": "", **given}))


def _further(values: Mapping[str, Any], mapping: FileMapping, known: Divisions) -> dict[str, float]:
    found = {
        name: _value(values.get(column), name, column, float, mapping.transforms.get(name, Transform()), known)
        for name, column in mapping.further.items()
    }
    return {name: number for name, number in found.items() if number is not None}


def _derived_unit_price(area_m2: float | None, values: Mapping[str, Any], mapping: FileMapping) -> float | None:
    """Total over area; `None` where one of them is empty, which the check of required fields then tells."""
    total = _total(values, mapping.checks)
    return total / area_m2 if total is not None and area_m2 else None


def _total(values: Mapping[str, Any], checks: Checks) -> float | None:
    """The total in yuan; `None` where no column is named or the row has none."""
    if checks.total is None or _is_empty(values.get(checks.total)):
        return None
    try:
        return float(_text(values[checks.total]).replace(",", "")) * UNITS[checks.total_unit]
    except ValueError:
        raise _RejectedError(checks.total, values[checks.total], "the total must be a number") from None


def _filled_in(template: str, values: Mapping[str, Any]) -> str:
    text = template
    for column in placeholders(template):
        value = values.get(column)
        if _is_empty(value):
            raise _RejectedError(column, value, f"{column} is empty, but {template} is built from it")
        text = text.replace(f"{{{column}}}", _text(value))
    return text


def _to_wgs84(found: dict[str, Any], mapping: FileMapping) -> None:
    longitude, latitude = found.get("longitude"), found.get("latitude")
    if longitude is None or latitude is None:
        found.pop("longitude", None)
        found.pop("latitude", None)
        return
    known_world, outside = (
        (on_earth, "off this earth")
        if mapping.region == "world"
        else (in_china, 'outside China (a file from elsewhere says region = "world" in its mapping)')
    )
    if not known_world(longitude, latitude):
        reason = f"the coordinates lie {outside}; are longitude and latitude swapped?"
        raise _RejectedError(mapping.columns.get("longitude", "longitude"), f"{longitude}, {latitude}", reason)
    if mapping.datum is not None:
        found["longitude"], found["latitude"] = to_wgs84(longitude, latitude, mapping.datum)
        if mapping.target is Target.COMMUNITIES:
            found["datum"] = "WGS-84"


# ---- values ---------------------------------------------------------------------------------------------------------


@cache
def _kinds(target: Target) -> dict[str, Any]:
    """Field → its type without `| None`."""
    hints = typing.get_type_hints(target.event)
    return {name: _without_none(hint) for name, hint in hints.items()}


def _without_none(hint: Any) -> Any:
    if isinstance(hint, types.UnionType):
        return next(member for member in typing.get_args(hint) if member is not type(None))
    return hint


def _value(raw: Any, name: str, column: str, kind: Any, transform: Transform, known: Divisions) -> Any:
    if _is_empty(raw) or (transform.zero_is_empty and _text(raw) in {"0", "0.0"}):
        return None
    if transform.values:
        raw = _translated(raw, column, transform)
        if raw is None:
            return None
    if transform.county_of is not None:
        county = known.county(transform.county_of, _text(raw))
        if county is None:
            reason = f"{transform.county_of} has no county of that name; give it in full or map it under values"
            raise _RejectedError(column, raw, reason)
        return county.name
    try:
        return _converted(raw, kind, transform)
    except (ValueError, OverflowError):
        raise _RejectedError(column, raw, f"{name} must be {_wanted(kind, transform)}") from None


def _translated(raw: Any, column: str, transform: Transform) -> Any:
    ours = transform.values.get(_text(raw))
    if ours is not None:
        return ours or None
    if transform.unknown == "refuse":
        raise _RejectedError(column, raw, f"the mapping knows only {', '.join(transform.values)}")
    return raw if transform.unknown == "keep" else None


def _converted(raw: Any, kind: Any, transform: Transform) -> Any:  # noqa: PLR0911 - one return per kind of value
    if kind is bool:
        return _truth(raw, transform)
    if kind is int:
        number = float(_text(raw))
        if number != int(number):
            raise ValueError(raw)
        return int(number)
    if kind is float:
        number = float(_text(raw).replace(",", "")) * UNITS[transform.unit or "元"]
        if not math.isfinite(number):
            raise ValueError(raw)
        return number
    if kind is date:
        return _date(raw, transform)
    if typing.get_origin(kind) is tuple:
        return _list(raw, transform)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind(_text(raw).strip())
    return _text(raw).strip()


def _wanted(kind: Any, transform: Transform) -> str:
    if kind is date:
        return f"a date like {' or '.join(transform.formats or _DATE_FORMATS[:2])}"
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return f"one of {', '.join(kind)}"
    return {bool: "yes or no (1/0, 是/否)", int: "a whole number", float: "a number"}.get(kind, "text")


def _truth(raw: Any, transform: Transform) -> bool:
    if isinstance(raw, bool):
        return raw
    text = _text(raw).strip().lower()
    if text in (transform.yes or _YES):
        return True
    if text in (transform.no or _NO):
        return False
    raise ValueError(raw)


def _date(raw: Any, transform: Transform) -> date:
    if isinstance(raw, datetime):
        return raw.date()
    if isinstance(raw, date):
        return raw
    text = _text(raw).strip()
    for pattern in transform.formats or _DATE_FORMATS:
        try:
            return datetime.strptime(text, pattern).date()  # noqa: DTZ007 - a calendar day has no zone
        except ValueError:
            continue
    raise ValueError(raw)


def _list(raw: Any, transform: Transform) -> tuple[str, ...]:
    if isinstance(raw, list | tuple):
        return tuple(str(member) for member in raw if not _is_empty(member))
    text = _text(raw)
    separator = transform.separator or next((mark for mark in _SEPARATORS if mark in text), "|")
    return tuple(member.strip() for member in text.split(separator) if member.strip())


def _text(raw: Any) -> str:
    """What a spreadsheet made a float or an instant of is a whole number or a day again."""
    if isinstance(raw, datetime) and raw.time() == time.min:
        return raw.date().isoformat()
    if isinstance(raw, float) and raw.is_integer():
        return str(int(raw))
    return str(raw)


def _is_empty(raw: Any) -> bool:
    if raw is None or (isinstance(raw, float) and math.isnan(raw)):
        return True
    return isinstance(raw, str) and raw.strip().lower() in _NOTHING


# ---- checks ---------------------------------------------------------------------------------------------------------


def _check(event: Event, values: Mapping[str, Any], mapping: FileMapping, today: date) -> None:
    if isinstance(event, Deal):
        _check_deal(event, values, mapping, today)
    elif isinstance(event, Rent):
        _check_rent(event, mapping, today)
    elif isinstance(event, Community) and not event.name.strip():
        raise _RejectedError("name", event.name, "a community needs a name")


def _check_rent(rent: Rent, mapping: FileMapping, today: date) -> None:
    column = mapping.columns.get
    if not _MIN_RENT <= rent.monthly_rent <= _MAX_RENT:
        reason = (
            f"the rent must lie between {_MIN_RENT:g} and {_MAX_RENT:,.0f} yuan per m² and month, not per day or house"
        )
        raise _RejectedError(column("monthly_rent", "monthly_rent"), rent.monthly_rent, reason)
    if rent.area_m2 is not None and not 0 < rent.area_m2 <= _MAX_AREA_M2:
        reason = f"the area must lie above 0 and up to {_MAX_AREA_M2:,.0f} m²"
        raise _RejectedError(column("area_m2", "area_m2"), rent.area_m2, reason)
    if rent.rent_date > today:
        raise _RejectedError(column("rent_date", "rent_date"), rent.rent_date, "a rent cannot lie in the future")
    _check_known_on(rent.rent_date, rent.known_on, mapping, today)


def _check_known_on(happened: date, known_on: date | None, mapping: FileMapping, today: date) -> None:
    """What is known too early would tell a model of prices before they were made."""
    if known_on is None or happened <= known_on <= today:
        return
    reason = f"it cannot have become known before its own day ({happened}) or after today ({today}); check the columns"
    raise _RejectedError(mapping.columns.get("known_on", "known_on"), known_on, reason)


def _check_deal(deal: Deal, values: Mapping[str, Any], mapping: FileMapping, today: date) -> None:
    column, checks = mapping.columns.get, mapping.checks
    if not _MIN_AREA_M2 < deal.area_m2 <= _MAX_AREA_M2:
        reason = f"the area must lie above {_MIN_AREA_M2:g} and up to {_MAX_AREA_M2:,.0f} m²"
        raise _RejectedError(column("area_m2", "area_m2"), deal.area_m2, reason)
    if not checks.min_unit_price <= deal.unit_price <= checks.max_unit_price:
        reason = (
            f"the unit price must lie between {checks.min_unit_price:,.0f} and {checks.max_unit_price:,.0f} yuan/m²"
        )
        raise _RejectedError(column("unit_price", "unit_price"), deal.unit_price, reason)
    if deal.deal_date > today:
        raise _RejectedError(column("deal_date", "deal_date"), deal.deal_date, "a deal cannot lie in the future")
    _check_known_on(deal.deal_date, deal.known_on, mapping, today)
    total = _total(values, checks)
    if total is None:
        return
    expected = deal.unit_price * deal.area_m2
    if abs(total / expected - 1) > _TOTAL_TOLERANCE:
        reason = f"total and unit price × area ({expected:,.0f} yuan) differ by more than 1 %; check units and columns"
        raise _RejectedError(str(checks.total), values[str(checks.total)], reason)

"""A table of offline appraisals, as a bank or an appraiser delivers it, becomes events. Pure but for reading the file.

A row names its house by `valuation_id` (an id, or CHANNEL:REQUEST-NUMBER), `property_key` or `address`, and its figure
by `value` (total), or `unit_price` and `area_m2`. A mapping (TOML) says which column is which field:

    source = "某某房地产估价有限公司"
    [columns]
    appraisal_id = "报告编号"
    value = "评估总价"
    [constants]
    kind = "OFFLINE_APPRAISAL"
    [units]
    value = "万元"
    [formats]
    on_date = "%Y.%m.%d"
"""

import hashlib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any, Final

from infra.reference.mapping import UNITS, Checks, MappingError
from infra.reference.rows import RejectedRow
from infra.reference.tables import Line, UnreadableTableError, read_lines
from schemas.codes import AppraisalKind
from schemas.domain.masking import masked_personal_data
from schemas.domain.property_key import PropertyKeyError, canonical
from schemas.domain.rounding import total
from schemas.domain.worktime import SHANGHAI
from schemas.events import Appraised
from schemas.ids import valuation_id

FIELDS: Final = (
    "appraisal_id", "kind", "valuation_id", "property_key", "address", "area_m2", "value", "unit_price", "on_date",
    "reported_on", "source", "blind",
)  # fmt: skip
_NEEDED: Final = ("on_date", "source")
_MONEY: Final = ("value", "unit_price")
_UNITS: Final[Mapping[str, tuple[str, ...]]] = {
    "value": ("元", "万元"),
    "unit_price": ("元/㎡", "万元/㎡", "元", "万元"),
    "area_m2": ("㎡", "sq ft"),
}
_TOP: Final = frozenset({"source", "encoding", "sheet", "columns", "constants", "units", "formats", "values"})
_DATE_FORMATS: Final = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y年%m月%d日", "%Y%m%d")
_TRUTH: Final[Mapping[str, bool]] = {
    **dict.fromkeys(("yes", "true", "1", "是"), True),
    **dict.fromkeys(("no", "false", "0", "否"), False),
}
_CENTS: Final = Decimal("0.01")
_LEAST_AREA, _MOST_AREA = Decimal(1), Decimal(100_000)
_MOST_MONEY: Final = Decimal(10) ** 12
_BAND: Final = Checks()  # the plausible unit prices of deals
_TOTAL_TOLERANCE: Final = Decimal("0.01")
_LONGEST: Final = 200
_LONGEST_SHOWN: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class AppraisalMapping:
    """How a file of appraisals is read. `values`: field → their word → ours. Of date formats the first that fits."""

    columns: Mapping[str, str]
    constants: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, Decimal] = field(default_factory=dict)
    formats: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    encoding: str | None = None
    sheet: str | None = None


class _RefusedError(Exception):
    def __init__(self, name: str, value: object, reason: str) -> None:
        super().__init__(reason)
        self.name, self.value, self.reason = name, value, reason


def read_mapping(path: Path) -> AppraisalMapping:
    """Parse and check a mapping file. Raises `MappingError` with every problem of it."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MappingError(path.name, [f"it is no readable TOML file: {error}"]) from error
    return parse_mapping(content, path.name)


def own_names(columns: tuple[str, ...], *, source: str | None = None) -> AppraisalMapping:
    """The mapping of a file whose columns are named as our fields. Raises `MappingError` where one is missing."""
    content: dict[str, Any] = {"columns": {name: name for name in columns if name in FIELDS}}
    return parse_mapping(content | ({"source": source} if source and "source" not in columns else {}), "own names")


def parse_mapping(content: Mapping[str, Any], name: str) -> AppraisalMapping:
    """Check the content of a mapping file. Raises `MappingError` with every problem of it."""
    problems = [f"unknown key {key!r}; known are {', '.join(sorted(_TOP))}" for key in content if key not in _TOP]
    tables = {key: content.get(key, {}) for key in ("columns", "constants", "units", "formats", "values")}
    problems += [f"{key} must be a table" for key, table in tables.items() if not isinstance(table, dict)]
    if problems:
        raise MappingError(name, problems)
    columns, constants = tables["columns"], dict(tables["constants"])
    if "source" in content:
        constants.setdefault("source", content["source"])
    filled = [*columns, *constants]
    problems += [
        f"{key}.{one}: there is no field {one!r}; fields are {', '.join(FIELDS)}"
        for key, table in tables.items()
        for one in table
        if one not in FIELDS
    ]
    problems += [f"field {one!r} is filled twice" for one in columns if one in constants]
    problems += [f"field {one!r} is not filled" for one in _NEEDED if one not in filled]
    if not {"value", "unit_price"} & set(filled):
        problems.append("neither value nor unit_price is filled")
    if not {"valuation_id", "property_key", "address"} & set(filled):
        problems.append("no field names the house: fill valuation_id, property_key or address")
    problems += [
        f"units.{one} is {unit!r}; it must be one of {', '.join(_UNITS[one])}"
        if one in _UNITS
        else f"units.{one}: only {', '.join(_UNITS)} have a unit"
        for one, unit in tables["units"].items()
        if unit not in _UNITS.get(one, ())
    ]
    if problems:
        raise MappingError(name, sorted(problems))
    return AppraisalMapping(
        columns=columns,
        constants={one: str(value) for one, value in constants.items()},
        units={one: Decimal(str(UNITS[unit])) for one, unit in tables["units"].items()},
        formats={one: (said,) if isinstance(said, str) else tuple(said) for one, said in tables["formats"].items()},
        values={one: {str(k): str(v) for k, v in words.items()} for one, words in tables["values"].items()},
        encoding=content.get("encoding"),
        sheet=content.get("sheet"),
    )


def read_appraisals(path: Path, mapping: AppraisalMapping, *, now: datetime) -> Iterator[Appraised | RejectedRow]:
    """Every row as an event or a refusal, in the file's order. `now`: when it is reported, unless a row says so.

    Raises:
        UnreadableTableError: The file cannot be read, or lacks a column that the mapping names.
    """
    seen: dict[tuple[str, str, str], int] = {}
    for at, line in enumerate(read_lines(path, sheet=mapping.sheet, encoding=mapping.encoding)):
        if at == 0:
            _check_columns(line, mapping, path.name)
        row = _read(line, mapping, now)
        if isinstance(row, Appraised):
            first = seen.setdefault((row.source, row.kind, row.appraisal_id), line.number)
            if first != line.number:
                column = mapping.columns.get("appraisal_id", "appraisal_id")
                reason = f"duplicate of line {first}; keep one of them"
                row = RejectedRow(line=line.number, column=column, value=row.appraisal_id, reason=reason)
        yield row


def _check_columns(line: Line, mapping: AppraisalMapping, name: str) -> None:
    missing = sorted(set(mapping.columns.values()) - line.values.keys())
    if missing:
        raise UnreadableTableError(
            f"{name} has no column {', '.join(missing)}, which the mapping reads; its columns are "
            f"{', '.join(line.values)}"
        )


def _read(line: Line, mapping: AppraisalMapping, now: datetime) -> Appraised | RejectedRow:
    try:
        return _event(_texts(line.values, mapping), mapping, now)
    except _RefusedError as refused:
        shown = "" if refused.value is None else str(refused.value)[:_LONGEST_SHOWN]
        column = mapping.columns.get(refused.name, refused.name)
        return RejectedRow(line=line.number, column=column, value=shown, reason=refused.reason)


def _texts(values: Mapping[str, Any], mapping: AppraisalMapping) -> dict[str, str]:
    """Field → what stands there, without those that are empty."""
    found = dict(mapping.constants)
    for name, column in mapping.columns.items():
        text = _text(values.get(column))
        words = mapping.values.get(name)
        if text and words is not None:
            if text not in words:
                raise _RefusedError(name, text, f"the mapping knows only {', '.join(words)}")
            text = words[text]
        if text:
            found[name] = text
    return found


def _text(raw: Any) -> str:
    if isinstance(raw, datetime):
        return raw.date().isoformat()
    if isinstance(raw, float) and raw.is_integer():
        return str(int(raw))
    return "" if raw is None else str(raw).strip()


def _event(said: Mapping[str, str], mapping: AppraisalMapping, now: datetime) -> Appraised:
    for name in _NEEDED:
        if name not in said:
            raise _RefusedError(name, None, f"{name} is empty; every row needs it")
    on_date = _date(said, "on_date", mapping)
    today = now.astimezone(SHANGHAI).date()
    if on_date > today:
        raise _RefusedError("on_date", said["on_date"], "an appraisal cannot lie in the future")
    event = Appraised(
        valuation_id=_valuation_id(said.get("valuation_id", "")),
        kind=_kind(said.get("kind", AppraisalKind.OFFLINE_APPRAISAL)),
        unit_price=0,
        value=0,
        on_date=on_date,
        reported_at=_reported_at(said, mapping, now),
        source=_short(said, "source") or "",
        appraisal_id=_short(said, "appraisal_id") or _digest(said),
        property_key=_key(said.get("property_key")),
        address=masked_personal_data(_short(said, "address") or "") or None,
        area_m2=_area(said.get("area_m2"), mapping),
        blind=_blind(said.get("blind", "yes")),
    )
    if not (event.valuation_id or event.property_key or event.address):
        raise _RefusedError("address", None, "the house is not named; give valuation_id, property_key or address")
    return _with_money(event, {name: _money(said, name, mapping) for name in _MONEY if name in said})


def _digest(said: Mapping[str, str]) -> str:
    """A number for a row that brings none: the same row has it in every file."""
    return f"row-{hashlib.sha256(repr(sorted(said.items())).encode()).hexdigest()[:16]}"


def _with_money(event: Appraised, money: Mapping[str, int]) -> Appraised:
    """Total and unit price, each from the other where only one is given."""
    value, unit_price, area = money.get("value"), money.get("unit_price"), event.area_m2
    if value is None and (unit_price is None or area is None):
        raise _RefusedError("value", None, "the total is missing; give value, or unit_price and area_m2")
    if value is None:
        value = total(unit_price or 0, area or Decimal(0))
    if unit_price is None:
        if area is None:
            raise _RefusedError("area_m2", None, "give area_m2 or unit_price beside the total")
        unit_price = int((value / area).quantize(Decimal(1), rounding=ROUND_HALF_UP))
    least, most = int(_BAND.min_unit_price), int(_BAND.max_unit_price)
    if not least <= unit_price <= most:
        reason = f"the unit price must lie between {least:,} and {most:,} yuan/m²; check the units"
        raise _RefusedError("unit_price" if "unit_price" in money else "value", unit_price, reason)
    if area is not None and abs(unit_price * area - value) > _TOTAL_TOLERANCE * value:
        expected = total(unit_price, area)
        reason = f"the total and unit price × area ({expected:,} yuan) differ by more than 1 %; check the units"
        raise _RefusedError("value", value, reason)
    return replace(event, value=value, unit_price=unit_price)


# ---- values -------------------------------------------------------------------------------------------------------


def _short(said: Mapping[str, str], name: str) -> str | None:
    text = said.get(name)
    if text is not None and len(text) > _LONGEST:
        raise _RefusedError(name, text, f"must have at most {_LONGEST} characters")
    return text


def _valuation_id(text: str) -> str:
    channel, colon, number = text.partition(":")
    return valuation_id(channel, number) if colon else text


def _kind(text: str) -> AppraisalKind:
    if text not in set(AppraisalKind):
        raise _RefusedError("kind", text, f"must be one of {', '.join(AppraisalKind)}")
    return AppraisalKind(text)


def _key(text: str | None) -> str | None:
    try:
        return canonical(text) if text else None
    except PropertyKeyError as error:
        raise _RefusedError("property_key", text, str(error)) from None


def _area(text: str | None, mapping: AppraisalMapping) -> Decimal | None:
    if text is None:
        return None
    area = _number("area_m2", text, mapping)
    if not _LEAST_AREA <= area <= _MOST_AREA:
        raise _RefusedError("area_m2", text, f"must lie between {_LEAST_AREA} and {_MOST_AREA:,} m²")
    return area.quantize(_CENTS, rounding=ROUND_HALF_UP)


def _money(said: Mapping[str, str], name: str, mapping: AppraisalMapping) -> int:
    amount = _number(name, said[name], mapping)
    if not 1 <= amount <= _MOST_MONEY:
        raise _RefusedError(name, said[name], "must be an amount above 0, in yuan after its unit")
    return int(amount.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def _number(name: str, text: str, mapping: AppraisalMapping) -> Decimal:
    """What stands there, by its unit: in m² or yuan."""
    try:
        number = Decimal(text.replace(",", "")) * mapping.units.get(name, Decimal(1))
    except ArithmeticError:  # no number at all, or one beyond any arithmetic
        raise _RefusedError(name, text, "must be a number") from None
    if not number.is_finite():
        raise _RefusedError(name, text, "must be a number")
    return number


def _date(said: Mapping[str, str], name: str, mapping: AppraisalMapping) -> date:
    formats = mapping.formats.get(name, _DATE_FORMATS)
    for pattern in formats:
        try:
            return datetime.strptime(said[name], pattern).date()  # noqa: DTZ007 - a calendar day has no zone
        except ValueError:
            continue
    raise _RefusedError(name, said[name], f"must be a date like {' or '.join(formats[:2])}")


def _reported_at(said: Mapping[str, str], mapping: AppraisalMapping, now: datetime) -> datetime:
    if "reported_on" not in said:
        return now
    at = datetime.combine(_date(said, "reported_on", mapping), time(), SHANGHAI)
    if at > now:
        raise _RefusedError("reported_on", said["reported_on"], "a report cannot lie in the future")
    return at.astimezone(now.tzinfo)


def _blind(text: str) -> bool:
    if text.lower() not in _TRUTH:
        raise _RefusedError("blind", text, "must be yes or no (是/否)")
    return _TRUTH[text.lower()]

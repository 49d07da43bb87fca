"""From a row of a file to a request: which column is what, and what is wrong with a row."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from hashlib import blake2b
from typing import Any, Final

from producers.batch.answers import Former
from producers.batch.files import FileError, Row, Table, cell_text, normalised
from schemas.codes import ServiceType
from schemas.domain.request_rules import MAX_REFERENCE, cleaned_address
from schemas.events import Problem, Requested
from schemas.ids import valuation_id

Rules = Callable[[Requested], tuple[Problem, ...]]

REQUIRED: Final = ("address", "area")
# The first name is the one we show; all are compared without width, case, blanks and bracketed units.
_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "address": ("地址", "房屋地址", "房产地址", "坐落", "房屋坐落", "押品地址", "详细地址", "address"),
    "area": ("建筑面积", "面积", "房屋面积", "产权面积", "area", "area_m2", "floor_area", "gross_floor_area"),
    "business_ref": ("业务编号", "业务号", "合同号", "押品编号", "business_ref", "reference"),
    "branch_code": ("机构号", "机构代码", "分行代码", "branch_code"),
    "product": ("产品", "贷款产品", "product"),
    "loan_stage": ("贷款阶段", "loan_stage"),
    "value_date": ("价值时点", "估值日期", "value_date"),
    "property_type": ("物业类型", "房屋类型", "property_type"),
    "floor": ("所在楼层", "楼层", "floor"),
    "total_floors": ("总楼层", "总层数", "total_floors"),
    "built_year": ("建成年份", "建成年代", "built_year", "year_built"),
    "rooms": ("居室数", "室数", "rooms"),
    "community": ("小区", "小区名称", "community"),
    "building": ("楼栋", "幢号", "building"),
    "usage": ("规划用途", "房屋用途", "usage"),
    "service_type": ("服务类型", "service_type"),
    "note": ("备注", "note", "remark"),
}
# What a file says of earlier values itself; read for a revaluation alone.
_FORMER: Final[Mapping[str, tuple[str, ...]]] = {
    "former_value": ("上次估值", "原估值", "former_value"),
    "former_on": ("上次估值日期", "原估值日期", "former_on"),
    "former_report": ("原报告编号", "上次报告编号", "former_report"),
}
_WHOLE: Final = frozenset({"floor", "total_floors", "built_year", "rooms"})
_ASKED: Final = (
    "value_date",
    "property_type",
    "floor",
    "total_floors",
    "built_year",
    "rooms",
    "product",
    "loan_stage",
    "business_ref",
    "branch_code",
    "service_type",
    "community",
    "building",
    "usage",
)
_MOST_YUAN: Final = 10**12  # of a former value; no house costs as much
_MOST_DIGITS: Final = 9  # of a row number
_LONGEST_NUMBER: Final = 40  # characters; nobody writes an area or an amount with more
_LARGEST_POWER: Final = 20  # of ten, either way
_UNITS: Final = ("平方米", "平米", "m2", "m²", "㎡")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRow:
    """A row as it will be sent; `requested` is `None` when `problems` prevent it.

    `asks` is equal for rows that ask the very same, 64 bits with a sign: over a million rows chance errs once in 40
    million jobs.
    """

    number: int
    valuation_id: str
    requested: Requested | None
    problems: tuple[Problem, ...] = ()
    asks: int | None = None
    business_ref: str | None = None
    former: Former | None = None


def columns(table: Table, named: Mapping[str, str], *, has_former: bool = False) -> dict[str, int]:
    """Field -> column. `named` (field -> header) wins over what the headers say by themselves.

    `has_former`: the file says itself what its rows were valued at; otherwise such columns are the sender's own.

    Raises:
        FileError: A required column is missing, a named one is not there, or two columns claim the same field.
    """
    known = {**_NAMES, **_FORMER} if has_former else _NAMES
    by_name = {normalised(name): field for field, names in known.items() for name in names}
    found: dict[str, int] = {}
    for field, header in named.items():
        if field not in known:
            raise FileError(f"--column {field}=…: there is no such field; known are {', '.join(known)}")
        found[field] = _position(table, header)
    for position, header in enumerate(table.header):
        field = by_name.get(normalised(header), "")
        if not field or field in named:
            continue
        if field in found:
            twice = f"{table.header[found[field]]} and {header}"
            raise FileError(f"{table.name}, line 1: {twice} may both be {field}; say which: --column {field}={header}")
        found[field] = position
    required = (*REQUIRED, "former_value", "former_on") if has_former else REQUIRED
    missing = [field for field in required if field not in found]
    if missing:
        names = ", ".join(f"{field} ({known[field][0]})" for field in missing)
        have = "、".join(filter(None, table.header))
        mend = " ".join(f"--column {field}=HEADER" for field in missing)
        raise FileError(f"{table.name}, line 1: no column for {names} among: {have}; name it: {mend}")
    return found


def read_rows(
    table: Table, where: Mapping[str, int], *, channel: str, job_id: str, now: datetime, rules: Rules
) -> Iterator[ReadRow]:
    """Every row, checked by itself: a bad one does not stop the others. Raises `FileError` for a broken file."""
    width = len(table.header)
    for row in table.rows():
        read = _read(row, where, channel=channel, request_id=request_id(job_id, row.number), now=now, rules=rules)
        yield _refused_as_too_long(read) if any(cell_text(cell) for cell in row.cells[width:]) else read


def request_id(job_id: str, number: int) -> str:
    """The client's request number of a row: the same file sent again is the same requests again."""
    return f"{job_id}-{number}"


def row_of(client_request_id: str) -> tuple[str, int] | None:
    """The job and the row that a request number speaks of; `None` where it cannot be one of ours."""
    job, _, number = client_request_id.rpartition("-")
    is_ours = job and number.isascii() and number.isdecimal() and len(number) <= _MOST_DIGITS
    return (job, int(number)) if is_ours else None


def _position(table: Table, header: str) -> int:
    same = [at for at, name in enumerate(table.header) if normalised(name) == normalised(header) or name == header]
    if not same:
        have = "、".join(filter(None, table.header))
        raise FileError(f"{table.name}, line 1: there is no column {header}; there are: {have}")
    return same[0]


def _read(row: Row, where: Mapping[str, int], *, channel: str, request_id: str, now: datetime, rules: Rules) -> ReadRow:
    fields, problems = _fields(row, where)
    former, more = _former(fields)
    requested = Requested(
        valuation_id=valuation_id(channel, request_id),
        channel=channel,
        client_request_id=request_id,
        requested_at=now,
        **{"area": Decimal(0), **fields},
    )
    problems += more
    broken = {problem.field for problem in problems}
    problems += [problem for problem in rules(requested) if problem.field not in broken]
    is_sent = not problems
    return ReadRow(
        number=row.number,
        valuation_id=requested.valuation_id,
        requested=requested if is_sent else None,
        problems=tuple(problems),
        asks=_asks(requested) if is_sent else None,
        business_ref=_reference(requested.business_ref),
        former=former,
    )


def _refused_as_too_long(read: ReadRow) -> ReadRow:
    """Which of its cells belong under which header, nobody can tell: a separator stands in one of them, it seems."""
    why = _problem("row", "该行单元格多于表头，请检查分隔符：含分隔符的内容须加引号")
    return replace(read, requested=None, asks=None, problems=(why, *read.problems))


def _reference(text: str | None) -> str | None:
    """The bank's own number where it can be kept. Of a refused row too: two rows of one number cannot be told apart."""
    return text if text and len(text) <= MAX_REFERENCE and text.isprintable() else None


def _former(fields: dict[str, Any]) -> tuple[Former | None, list[Problem]]:
    """Take the former value out of the fields of a row: it is no part of a request."""
    value, on, report = (fields.pop(name, None) for name in _FORMER)
    if value is None:
        return None, []
    if on is None:
        return None, [_problem("former_on", "填写上次估值时须同时填写上次估值日期，例如 2026-03-02")]
    if not 0 < value <= _MOST_YUAN or not round(value):
        return None, [_problem("former_value", _HOW_TO_WRITE["former_value"])]
    if report and not (len(report) <= MAX_REFERENCE and report.isprintable()):
        return None, [_problem("former_report", f"原报告编号须为 1 至 {MAX_REFERENCE} 个可见字符，或留空")]
    return Former(value=round(value), on=on, report_no=report or ""), []


def _fields(row: Row, where: Mapping[str, int]) -> tuple[dict[str, Any], list[Problem]]:
    fields: dict[str, Any] = {"address": row.text(where["address"])}
    problems = []
    for field, position in where.items():
        text = row.text(position)
        if not text and field != "area":
            continue
        try:
            fields[field] = _parsed(field, text)
        except (ValueError, TypeError, OverflowError, InvalidOperation):
            problems.append(_problem(field, _HOW_TO_WRITE.get(field, _WHOLE_NUMBER)))
    return fields, problems


def _problem(field: str, message: str) -> Problem:
    return Problem(field=field, code="NOT_READABLE", message=message)


_WHOLE_NUMBER: Final = "须为整数，或留空"
_HOW_TO_WRITE: Final[Mapping[str, str]] = {
    "area": "建筑面积须为数字，单位为平方米，例如 89.50",
    "value_date": "日期须写作 2026-03-02，或留空",
    "former_on": "日期须写作 2026-03-02，或留空",
    "former_value": "上次估值须为大于 0 的金额，单位为元，例如 4475000",
    "service_type": f"服务类型须为 {'、'.join(ServiceType)} 之一，或留空",
}


def _parsed(field: str, text: str) -> Any:
    match field:
        case "area":
            return _number(_without_unit(text, _UNITS))
        case "former_value":
            return _number(_without_unit(text, ("元",)))
        case "value_date" | "former_on":
            return date(*(int(part) for part in text.replace("/", "-").replace(".", "-").split("-")))
        case "service_type":
            return ServiceType(text)
        case _:
            return int(text) if field in _WHOLE else text


def _number(text: str) -> Decimal:
    """A number of a size that can be reckoned with: 1e9999999 has ten million digits once it is rounded."""
    if len(text) > _LONGEST_NUMBER:
        raise ValueError(text[:_LONGEST_NUMBER])
    number = Decimal(text)
    if not number.is_finite() or (number and abs(number.adjusted()) > _LARGEST_POWER):
        raise ValueError(text)
    return number


def _without_unit(text: str, units: tuple[str, ...]) -> str:
    for unit in units:
        text = text.removesuffix(unit).strip()
    return text.replace(",", "").replace("，", "")


def _asks(requested: Requested) -> int:
    asked = (
        cleaned_address(requested.address),
        requested.area.normalize(),
        *(getattr(requested, name) for name in _ASKED),
    )
    return int.from_bytes(blake2b(repr(asked).encode(), digest_size=8).digest(), signed=True)

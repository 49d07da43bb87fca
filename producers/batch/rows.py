"""From a row of a file to a request: which column is what, and what is wrong with a row."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from producers.batch.files import FileError, Row, Table, normalised
from schemas.domain.request_rules import cleaned_address
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
    "note": ("备注", "note", "remark"),
}
_FIELD_BY_NAME: Final = {normalised(name): field for field, names in _NAMES.items() for name in names}
_WHOLE: Final = frozenset({"floor", "total_floors", "built_year", "rooms"})
_UNITS: Final = ("平方米", "平米", "m2", "m²", "㎡")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRow:
    """A row as it will be sent; `requested` is `None` when `problems` prevent it.

    `same_as` is the number of an earlier row that asks the very same: it is answered with that row's answer.
    """

    number: int
    requested: Requested | None
    problems: tuple[Problem, ...] = ()
    same_as: int | None = None


def columns(table: Table, named: Mapping[str, str]) -> dict[str, int]:
    """Field -> column. `named` (field -> header) wins over what the headers say by themselves.

    Raises:
        FileError: A required column is missing, a named one is not there, or two columns claim the same field.
    """
    found: dict[str, int] = {}
    for field, header in named.items():
        if field not in _NAMES:
            raise FileError(f"--column {field}=…: there is no such field; known are {', '.join(_NAMES)}")
        found[field] = _position(table, header)
    for position, header in enumerate(table.header):
        field = _FIELD_BY_NAME.get(normalised(header), "")
        if not field or field in named:
            continue
        if field in found:
            twice = f"{table.header[found[field]]} and {header}"
            raise FileError(f"{table.path}, line 1: {twice} may both be {field}; say which: --column {field}={header}")
        found[field] = position
    missing = [field for field in REQUIRED if field not in found]
    if missing:
        names = ", ".join(f"{field} ({_NAMES[field][0]})" for field in missing)
        have = "、".join(filter(None, table.header))
        mend = " ".join(f"--column {field}=HEADER" for field in missing)
        raise FileError(f"{table.path}, line 1: no column for {names} among: {have}; name it: {mend}")
    return found


def read_rows(
    table: Table, where: Mapping[str, int], *, channel: str, job_id: str, now: datetime, rules: Rules
) -> Iterator[ReadRow]:
    """Every row, checked by itself: a bad one does not stop the others. Raises `FileError` for a broken file."""
    seen: dict[int, int] = {}
    for row in table.rows():
        read = _read(row, where, channel=channel, request_id=request_id(job_id, row.number), now=now, rules=rules)
        if read.requested is None:
            yield read
            continue
        first = seen.setdefault(_asks(read.requested), row.number)
        same_as = first if first != row.number else None
        yield ReadRow(number=read.number, requested=read.requested, same_as=same_as)


def request_id(job_id: str, number: int) -> str:
    """The client's request number of a row: the same file sent again is the same requests again."""
    return f"{job_id}-{number}"


def row_number(job_id: str, client_request_id: str) -> int | None:
    """The row a request number belongs to; `None` for another job's."""
    job, _, number = client_request_id.rpartition("-")
    return int(number) if job == job_id and number.isdecimal() else None


def _position(table: Table, header: str) -> int:
    same = [at for at, name in enumerate(table.header) if normalised(name) == normalised(header) or name == header]
    if not same:
        have = "、".join(filter(None, table.header))
        raise FileError(f"{table.path}, line 1: there is no column {header}; there are: {have}")
    return same[0]


def _read(row: Row, where: Mapping[str, int], *, channel: str, request_id: str, now: datetime, rules: Rules) -> ReadRow:
    fields, problems = _fields(row, where)
    requested = Requested(
        valuation_id=valuation_id(channel, request_id),
        channel=channel,
        client_request_id=request_id,
        requested_at=now,
        **{"area": Decimal(0), **fields},
    )
    broken = {problem.field for problem in problems}
    problems += [problem for problem in rules(requested) if problem.field not in broken]
    return ReadRow(number=row.number, requested=None if problems else requested, problems=tuple(problems))


def _fields(row: Row, where: Mapping[str, int]) -> tuple[dict[str, Any], list[Problem]]:
    fields: dict[str, Any] = {"address": row.text(where["address"])}
    problems = []
    for field, position in where.items():
        text = row.text(position)
        if not text and field != "area":
            continue
        try:
            fields[field] = _parsed(field, text)
        except (ValueError, InvalidOperation):
            problems.append(Problem(field=field, code="NOT_READABLE", message=_HOW_TO_WRITE.get(field, _WHOLE_NUMBER)))
    return fields, problems


_WHOLE_NUMBER: Final = "须为整数，或留空"
_HOW_TO_WRITE: Final[Mapping[str, str]] = {
    "area": "建筑面积须为数字，单位为平方米，例如 89.50",
    "value_date": "日期须写作 2026-03-02，或留空",
}


def _parsed(field: str, text: str) -> Any:
    if field == "area":
        for unit in _UNITS:
            text = text.removesuffix(unit).strip()
        return Decimal(text.replace(",", "").replace("，", ""))
    if field == "value_date":
        return date(*(int(part) for part in text.replace("/", "-").replace(".", "-").split("-")))
    return int(text) if field in _WHOLE else text


def _asks(requested: Requested) -> int:
    """Equal for rows that ask the same. 64 bits do: over a million rows chance errs once in 40 million jobs."""
    asked: Sequence[object] = (
        cleaned_address(requested.address),
        requested.area.normalize(),
        requested.value_date,
        requested.property_type,
        requested.floor,
        requested.total_floors,
        requested.built_year,
        requested.rooms,
        requested.product,
        requested.loan_stage,
        requested.business_ref,
        requested.branch_code,
    )
    return hash(tuple(asked))

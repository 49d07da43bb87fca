"""The result file: the input's columns as they were, in the same order, and behind them what came back."""

import csv
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, Final

from producers.batch.answers import Answer
from producers.batch.files import PARQUET_ROWS, FileKind, Table, kept_text
from schemas.domain.texts import STATUS_TEXTS

RESULT_COLUMNS: Final = (
    "估值状态",
    "状态代码",
    "估值（元）",
    "单价（元/㎡）",
    "区间下限（元）",
    "区间上限（元）",
    "置信等级",
    "有效期至",
    "报告编号",
    "说明",
    "估值编号",
)
REVALUATION_COLUMNS: Final = ("上次估值（元）", "上次估值日期", "变动", "取代报告")
_WHOLE_NUMBERS: Final = frozenset(
    {"估值（元）", "单价（元/㎡）", "区间下限（元）", "区间上限（元）", "置信等级", "上次估值（元）"}
)
# What a sheet takes for a formula when it opens a CSV. A change such as −12.85% is a number.
_FORMULA: Final = re.compile(r"[=+\-@\t\r](?![\d.]+%?$)")
_SURE_DIGITS: Final = 10**15  # a sheet keeps no more of a number
_FIRST_YEAR: Final = 1900  # a sheet knows no days before
_REFUSED: Final = "未受理"
_OPEN: Final = "未答复"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is known of a row. `remark` says why it was not sent, or that it repeats another, whose answer it has."""

    answer: Answer | None
    remark: str = ""


_BLANK: Final = Found(answer=None, remark="空行")


class Rows:
    """What is known of each row, asked for in the order of the file. `found` comes from the tables in that order too.

    A row that is not there was blank.
    """

    def __init__(self, found: Iterable[tuple[int, Found]]) -> None:
        self._found = iter(found)
        self._next = next(self._found, None)

    def __call__(self, number: int) -> Found:
        """What is known of row `number`, which is larger than in the call before."""
        while self._next is not None and self._next[0] < number:
            self._next = next(self._found, None)
        return self._next[1] if self._next is not None and self._next[0] == number else _BLANK


def write_results(
    path: Path, table: Table, found: Callable[[int], Found], *, kind: FileKind, is_revaluation: bool
) -> None:
    """Write the result of a table, row by row.

    CSV is UTF-8 with a byte order mark, as Excel likes it. Parquet keeps the types of a Parquet input.
    """
    added = RESULT_COLUMNS + (REVALUATION_COLUMNS if is_revaluation else ())

    def cells(number: int) -> tuple[Any, ...]:
        known = found(number)
        shown = result_cells(known)
        return shown + revaluation_cells(known.answer) if is_revaluation else shown

    match kind:
        case FileKind.PARQUET:
            _write_parquet(path, table, added, cells)
        case FileKind.XLSX:
            _write_xlsx(path, _lines(table, added, cells))
        case FileKind.CSV:
            _write_csv(path, _lines(table, added, cells), own=len(table.header))


def result_cells(found: Found) -> tuple[Any, ...]:
    """The cells behind a row."""
    answer, remark = found.answer, found.remark
    if answer is None:
        return (_REFUSED if remark else _OPEN, *([None] * 8), remark, "")
    superseded = f"已由估值 {answer.superseded_by} 取代" if answer.superseded_by else ""
    return (
        STATUS_TEXTS[answer.status] if answer.status else _OPEN,
        str(answer.status or ""),
        answer.value,
        answer.unit_price,
        answer.lower,
        answer.upper,
        answer.confidence_level,
        answer.valid_until.isoformat() if answer.valid_until else "",
        answer.report_no,
        "；".join(filter(None, (remark, answer.reason, superseded))),
        answer.valuation_id,
    )


def revaluation_cells(answer: Answer | None) -> tuple[Any, ...]:
    """The cells of a revaluation: former value and day, change as a share, the report that counts no longer."""
    if answer is None or answer.former is None:
        return (None, "", "", "")
    former, change = answer.former, answer.change
    shown = "" if change is None else f"{change:+.2%}"
    return former.value, former.on.isoformat(), shown, former.report_no if change is not None else ""


def names_behind(header: Sequence[str], added: Sequence[str]) -> tuple[str, ...]:
    """The added columns' names; where the input has one of that name already, a number tells them apart."""
    taken, names = set(header), []
    for name in added:
        free = next(each for each in _numbered(name) if each not in taken)
        taken.add(free)
        names.append(free)
    return tuple(names)


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}·{number}"
        number += 1


def _lines(table: Table, added: Sequence[str], cells: Callable[[int], Sequence[Any]]) -> Iterator[Sequence[Any]]:
    width = len(table.header)
    yield (*table.header, *names_behind(table.header, added))
    for row in table.rows():
        own = (*row.cells, *([None] * width))[:width]
        yield (*own, *cells(row.number))


def _write_csv(path: Path, lines: Iterable[Sequence[Any]], *, own: int) -> None:
    """The first `own` cells of a line are the sender's and stay as they are; ours must not become formulas."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows(
            [*map(kept_text, line[:own]), *(_harmless(kept_text(cell)) for cell in line[own:])] for line in lines
        )


def _harmless(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) else text


def _write_xlsx(path: Path, lines: Iterable[Sequence[Any]]) -> None:
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet("估值结果")

    def cell(value: Any) -> Any:
        if _fits_a_sheet(value):
            return value
        written = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", kept_text(value)))
        written.data_type = "s"  # text from a file stays text: it must not become a formula
        return written

    for line in lines:
        sheet.append([cell(value) for value in line])
    workbook.save(path)


def _fits_a_sheet(value: object) -> bool:
    """Whether a sheet has such a cell and shows all of it; anything else becomes text."""
    match value:
        case None | bool() | time() | timedelta():
            return not (isinstance(value, time) and value.tzinfo)
        case int():
            return abs(value) < _SURE_DIGITS
        case float() | Decimal():
            return math.isfinite(value)
        case datetime():
            return value.tzinfo is None and value.year >= _FIRST_YEAR
        case date():
            return value.year >= _FIRST_YEAR
        case _:
            return False


def _write_parquet(path: Path, table: Table, added: Sequence[str], cells: Callable[[int], Sequence[Any]]) -> None:
    """Written by a source that polars draws from, since a frame would be the whole file in memory."""
    import polars as pl
    from polars.io.plugins import register_io_source

    header = table.header if table.kind is FileKind.PARQUET else names_behind((), table.header)
    names = names_behind(header, added)
    types = {name: pl.Int64 if known in _WHOLE_NUMBERS else pl.String for name, known in zip(names, added, strict=True)}
    has_types = table.kind is FileKind.PARQUET
    own = (
        dict(pl.read_parquet_schema(table.path))
        if has_types
        else dict.fromkeys(names_behind((), table.header), pl.String)
    )

    def draw(
        columns: list[str] | None, _predicate: Any, _rows: int | None, _size: int | None
    ) -> Iterator[pl.DataFrame]:
        for frame, numbers in _typed(table) if has_types else _untyped(table):
            behind = pl.DataFrame([cells(number) for number in numbers], schema=types, orient="row")
            whole = frame.hstack(behind)
            yield whole.select(columns) if columns else whole

    register_io_source(draw, schema={**own, **types}).sink_parquet(path, row_group_size=PARQUET_ROWS * 10)


def _typed(table: Table) -> Iterator[tuple[Any, range]]:
    import polars as pl

    first = 2  # as in `parquet_lines`: the header is line 1
    for frame in pl.scan_parquet(table.path).collect_batches(chunk_size=PARQUET_ROWS, maintain_order=True):
        yield frame, range(first, first + frame.height)
        first += frame.height


def _untyped(table: Table) -> Iterator[tuple[Any, list[int]]]:
    import polars as pl

    schema = dict.fromkeys(names_behind((), table.header), pl.String)
    width, rows = len(table.header), table.rows()
    while taken := list(islice(rows, PARQUET_ROWS)):
        lines = [[kept_text(cell) for cell in (*row.cells, *([None] * width))[:width]] for row in taken]
        yield pl.DataFrame(lines, schema=schema, orient="row"), [row.number for row in taken]

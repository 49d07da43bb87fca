"""The result file: the input's columns as they were, in the same order, and behind them what came back."""

import csv
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from producers.batch.files import Row, cell_text
from producers.batch.job import Answer
from schemas.codes import Status
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
_REFUSED: Final = "未受理"
_OPEN: Final = "未答复"

Found = Callable[[int], tuple[Answer | None, str]]  # row -> its answer, and what else is to say of it


def write_results(path: Path, header: Sequence[str], rows: Iterable[Row], found: Found) -> None:
    """Write XLSX or CSV (UTF-8 with a byte order mark, as Excel likes it), by the name's ending."""
    fresh = path.with_name(f".{path.name}.new")
    write = _write_xlsx if path.suffix.lower() == ".xlsx" else _write_csv
    write(fresh, _lines(header, rows, found))
    fresh.replace(path)


def result_cells(answer: Answer | None, remark: str) -> tuple[Any, ...]:
    """The cells behind a row. `remark` says why a row was not sent or is a repeat."""
    if answer is None:
        return (_REFUSED if remark else _OPEN, *([""] * 8), remark, "")
    text = STATUS_TEXTS[Status(answer.status)] if answer.status else _OPEN
    reason = "；".join(filter(None, (remark, answer.reason)))
    return (
        text,
        answer.status,
        answer.value,
        answer.unit_price,
        answer.lower,
        answer.upper,
        answer.confidence_level,
        answer.valid_until,
        answer.report_no,
        reason,
        answer.valuation_id,
    )


def _lines(header: Sequence[str], rows: Iterable[Row], found: Found) -> Iterable[Sequence[Any]]:
    width = len(header)
    yield (*header, *RESULT_COLUMNS)
    for row in rows:
        cells = (*row.cells, *([None] * width))[:width]
        yield (*cells, *result_cells(*found(row.number)))


def _write_csv(path: Path, lines: Iterable[Sequence[Any]]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([cell_text(cell) for cell in line] for line in lines)


def _write_xlsx(path: Path, lines: Iterable[Sequence[Any]]) -> None:
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet("估值结果")

    def cell(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        written = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", value))
        written.data_type = "s"  # text from a file stays text: it must not become a formula
        return written

    for line in lines:
        sheet.append([cell(value) for value in line])
    workbook.save(path)

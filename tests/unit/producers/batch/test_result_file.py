import csv

import pytest
from openpyxl import load_workbook

from producers.batch.files import Row
from producers.batch.job import Answer
from producers.batch.result_file import RESULT_COLUMNS, write_results

HEADER = ("地址", "面积")
ROWS = [
    Row(number=2, cells=("=1+1小区", 89.5)),
    Row(number=3, cells=("乙\x07小区",)),
    Row(number=4, cells=("丙小区", 1, "no header above")),
]
ANSWER = Answer(row=2, valuation_id="v-2", status="COMPLETED_AUTO", value=4_475_000, unit_price=50_000, report_no="R")


def found(row):
    return {2: (ANSWER, ""), 3: (None, "建筑面积须大于 0"), 4: (None, "")}[row]


def test_a_csv_result_keeps_columns_and_order_and_excel_can_read_it(tmp_path):
    path = tmp_path / "out.csv"
    write_results(path, HEADER, ROWS, found)
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    lines = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    assert lines[0] == [*HEADER, *RESULT_COLUMNS]
    assert lines[1][:6] == ["=1+1小区", "89.5", "自动估值完成", "COMPLETED_AUTO", "4475000", "50000"]
    assert (lines[2][2], lines[2][-2]) == ("未受理", "建筑面积须大于 0")
    assert lines[3][2] == "未答复"
    assert {len(line) for line in lines} == {len(HEADER) + len(RESULT_COLUMNS)}


def test_text_from_the_input_never_becomes_a_formula(tmp_path):
    path = tmp_path / "out.xlsx"
    write_results(path, HEADER, ROWS, found)
    sheet = load_workbook(path).active
    assert (sheet["A2"].value, sheet["A2"].data_type) == ("=1+1小区", "s")
    assert sheet["B2"].value == pytest.approx(89.5)
    assert sheet["E2"].value == 4_475_000
    assert sheet["A3"].value == "乙小区"


def test_a_result_file_is_there_whole_or_not_at_all(tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("before")

    def broken(row):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_results(path, HEADER, ROWS, broken)
    assert path.read_text() == "before"

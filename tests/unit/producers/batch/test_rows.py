from datetime import date
from decimal import Decimal
from functools import partial

import pytest

from producers.batch.check import check
from producers.batch.files import FileError, open_table
from producers.batch.rows import columns, read_rows, request_id, row_number
from schemas.codes import Lane
from schemas.domain.request_rules import problems
from schemas.ids import valuation_id
from tests.fakes.answers import NOON

RULES = partial(problems, lane=Lane.BATCH, today=date(2026, 3, 2))


def a_table(tmp_path, text):
    path = tmp_path / "input.csv"
    path.write_text(text, encoding="utf-8")
    return open_table(path)


def read(tmp_path, text, **named):
    table = a_table(tmp_path, text)
    where = columns(table, named)
    return list(read_rows(table, where, channel="BATCH_FILE", job_id="j", now=NOON, rules=RULES))


@pytest.mark.parametrize(
    "header", ["地址,建筑面积", "房屋坐落,建筑面积(平方米)", "Address,Area", " 地 址 ,面积（㎡）", "ADDRESS,area_m2"]
)
def test_headers_are_known_in_chinese_and_english(tmp_path, header):
    assert columns(a_table(tmp_path, f"{header}\n"), {}) == {"address": 0, "area": 1}


def test_a_named_column_wins_over_what_its_header_says(tmp_path):
    table = a_table(tmp_path, "面积,地址,真正的地址\n")
    assert columns(table, {"address": "真正的地址"}) == {"address": 2, "area": 0}


@pytest.mark.parametrize(
    ("header", "named", "says"),
    [
        ("姓名,面积", {}, r"no column for address \(地址\).*--column address=HEADER"),
        ("地址,价格", {}, "no column for area"),
        ("地址,面积", {"address": "住址"}, "there is no column 住址"),
        ("地址,面积", {"colour": "地址"}, "there is no such field"),
        ("地址,房屋地址,面积", {}, "may both be address"),
    ],
)
def test_columns_that_cannot_be_told_are_refused_with_how_to_mend(tmp_path, header, named, says):
    with pytest.raises(FileError, match=says):
        columns(a_table(tmp_path, f"{header}\n"), named)


def test_a_row_becomes_a_request_with_an_id_made_of_job_and_row(tmp_path):
    text = '地址,面积,业务编号,价值时点,楼层\n杭州市西湖区文三路1号,"1,089.50㎡",B-7,2026/3/1,3\n'
    (row,) = read(tmp_path, text)
    asked = row.requested
    assert (asked.area, asked.business_ref, asked.value_date, asked.floor) == (
        Decimal("1089.50"), "B-7", date(2026, 3, 1), 3,
    )  # fmt: skip
    assert asked.client_request_id == "j-2"
    assert asked.valuation_id == valuation_id("BATCH_FILE", "j-2")
    assert row_number("j", asked.client_request_id) == 2


@pytest.mark.requirement("BA1", "IN2")
def test_a_bad_row_says_what_is_wrong_and_does_not_stop_the_others(tmp_path):
    text = "地址,面积,楼层\n甲小区1幢,80,\n,0,\n乙小区,八十,三\n丙小区,-1,5\n丁小区2幢,90,6\n"
    rows = read(tmp_path, text)
    assert [row.number for row in rows if row.requested is not None] == [2, 6]
    assert [[problem.field for problem in row.problems] for row in rows[1:4]] == [
        ["address", "area"],
        ["area", "floor"],
        ["area"],
    ]
    assert all(problem.message for row in rows for problem in row.problems)


def test_a_row_shorter_than_the_header_is_a_row_with_empty_cells(tmp_path):
    (row,) = read(tmp_path, "地址,面积\n只有地址\n")
    assert [problem.field for problem in row.problems] == ["area"]


def test_rows_that_ask_the_same_are_reported_with_the_first_of_them(tmp_path):
    text = "地址,面积,备注\n甲小区1幢,80,x\n乙小区1幢,80,\n甲小区１幢,80.0,y\n甲小区1幢,81,\n"
    checked = check(read(tmp_path, text))
    assert checked.same_as == {4: 2}
    assert checked.rows == 4


def test_a_request_number_of_another_job_is_no_row_of_ours():
    assert row_number("j", request_id("other", 5)) is None
    assert row_number("j", "j-x") is None

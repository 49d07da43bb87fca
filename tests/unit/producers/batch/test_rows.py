from datetime import date
from decimal import Decimal
from functools import partial

import pytest

from producers.batch.answers import Former
from producers.batch.files import FileError, open_table
from producers.batch.rows import columns, read_rows, request_id, row_of
from schemas.codes import Lane, ServiceType
from schemas.domain.request_rules import problems
from schemas.ids import valuation_id
from tests.fakes.answers import NOON

RULES = partial(problems, lane=Lane.BATCH, today=date(2026, 3, 2))


def a_table(tmp_path, text):
    path = tmp_path / "input.csv"
    path.write_text(text, encoding="utf-8")
    return open_table(path)


def read(tmp_path, text, has_former=False, **named):
    table = a_table(tmp_path, text)
    where = columns(table, named, has_former=has_former)
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
    assert row_of(asked.client_request_id) == ("j", 2)


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


def test_rows_that_ask_the_same_are_known_by_what_they_ask(tmp_path):
    text = "地址,面积,备注\n甲小区1幢,80,x\n乙小区1幢,80,\n甲小区１幢,80.0,y\n甲小区1幢,81,\n"
    asks = [row.asks for row in read(tmp_path, text)]
    assert asks[0] == asks[2]
    assert len(set(asks)) == 3


@pytest.mark.parametrize("number", ["j-x", "r", "-5", "j-", "j-١", "j-" + "9" * 10])
def test_a_request_number_that_no_job_gave_is_no_row_of_ours(number):
    assert row_of(number) is None


def test_a_job_id_may_have_dashes(tmp_path):
    assert row_of(request_id("2026-03", 5)) == ("2026-03", 5)


@pytest.mark.requirement("BA3")
def test_a_file_may_say_what_its_rows_were_valued_at(tmp_path):
    header = "地址,面积,上次估值（元）,上次估值日期,原报告编号"
    text = f'{header}\n甲小区1幢,80,"4,475,000元",2025-03-02,HV-1\n乙小区1幢,80,,,\n'
    valued, never = read(tmp_path, text, has_former=True)
    assert valued.former == Former(value=4_475_000, on=date(2025, 3, 2), report_no="HV-1")
    assert never.former is None
    assert [row.former for row in read(tmp_path, text)] == [None, None]


@pytest.mark.parametrize(
    ("cells", "field"),
    [("0,2025-03-02", "former_value"), ("1e99,2025-03-02", "former_value"), ("NaN,2025-03-02", "former_value"),
     ("5,", "former_on"), ("5,2025-03", "former_on")],
)  # fmt: skip
def test_a_former_value_that_cannot_be_compared_is_an_error_of_its_row(tmp_path, cells, field):
    (row,) = read(tmp_path, f"地址,面积,上次估值,上次估值日期\n甲小区1幢,80,{cells}\n", has_former=True)
    assert row.requested is None
    assert field in {problem.field for problem in row.problems}


def test_a_revaluation_by_the_files_own_values_needs_their_columns(tmp_path):
    with pytest.raises(FileError, match=r"former_value \(上次估值\), former_on \(上次估值日期\)"):
        read(tmp_path, "地址,面积\n甲,1\n", has_former=True)


def test_the_service_asked_for_is_read_and_another_is_an_error_of_its_row(tmp_path):
    good, bad = read(tmp_path, "地址,面积,服务类型\n甲小区1幢,80,VERIFY\n甲小区1幢,80,核实\n")
    assert good.requested.service_type is ServiceType.VERIFY
    assert [problem.field for problem in bad.problems] == ["service_type"]


@pytest.mark.parametrize("number", ["1e9999999", "1e-9999999", "Infinity", "NaN", "9" * 5_000])
def test_a_number_that_nobody_could_reckon_with_is_an_error_of_its_row(tmp_path, number):
    text = f"地址,面积,上次估值,上次估值日期\n杭州市西湖区文三路1号,{number},{number},2026-03-02\n"
    (row,) = read(tmp_path, text, has_former=True)
    assert row.requested is None
    assert {problem.field for problem in row.problems} == {"area", "former_value"}


def test_a_row_longer_than_the_header_is_an_error_of_its_row(tmp_path):
    long, blank = read(tmp_path, "地址,面积\n杭州市西湖区文三路1号,3幢,89.5\n杭州市西湖区文三路1号,89.5,,\n")
    assert (long.requested, long.problems[0].field) == (None, "row")
    assert "多于表头" in long.problems[0].message
    assert blank.problems == ()

import csv
from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from producers.batch.answers import Answer, Former
from producers.batch.files import FileKind, cell_text, open_table
from producers.batch.result_file import RESULT_COLUMNS, REVALUATION_COLUMNS, Found, Rows, write_results
from schemas.codes import Status

ANSWER = Answer(
    number=2, valuation_id="v-2", status=Status.COMPLETED_AUTO, value=4_475_000, unit_price=50_000, report_no="R"
)
FOUND = {2: Found(answer=ANSWER), 3: Found(answer=None, remark="建筑面积须大于 0"), 4: Found(answer=None)}


def an_input(tmp_path, kind=FileKind.CSV):
    path = tmp_path / f"in.{kind}"
    lines = [["地址", "面积"], ["=1+1小区", 89.5], ["乙小区", None], ["丙小区", 1]]
    if kind is FileKind.CSV:
        path.write_text("\n".join(",".join(cell_text(cell) for cell in line) for line in lines), encoding="utf-8")
    elif kind is FileKind.XLSX:
        workbook = Workbook()
        for line in lines:
            workbook.active.append([None if cell is None else cell for cell in line])
        workbook.active["A2"].data_type = "s"
        workbook.save(path)
    else:
        pl.DataFrame(lines[1:], schema=lines[0], orient="row").write_parquet(path)
    return open_table(path)


def written(tmp_path, table, kind, **changes):
    path = tmp_path / f"out.{kind}"
    write_results(path, table, Rows(FOUND.items()), kind=kind, **{"is_revaluation": False, **changes})
    return path


def test_a_csv_result_keeps_columns_and_order_and_excel_can_read_it(tmp_path):
    path = written(tmp_path, an_input(tmp_path), FileKind.CSV)
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    lines = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    assert lines[0] == ["地址", "面积", *RESULT_COLUMNS]
    assert lines[1][:6] == ["=1+1小区", "89.5", "自动估值完成", "COMPLETED_AUTO", "4475000", "50000"]
    assert (lines[2][2], lines[2][-2]) == ("未受理", "建筑面积须大于 0")
    assert lines[3][2] == "未答复"
    assert {len(line) for line in lines} == {2 + len(RESULT_COLUMNS)}


def test_text_from_the_input_never_becomes_a_formula(tmp_path):
    sheet = load_workbook(written(tmp_path, an_input(tmp_path, FileKind.XLSX), FileKind.XLSX)).active
    assert (sheet["A2"].value, sheet["A2"].data_type) == ("=1+1小区", "s")
    assert sheet["B2"].value == pytest.approx(89.5)
    assert sheet["E2"].value == 4_475_000


@pytest.mark.requirement("BA1")
@pytest.mark.parametrize("source", list(FileKind))
@pytest.mark.parametrize("kind", list(FileKind))
def test_whatever_the_input_the_result_comes_as_it_was_asked_for(tmp_path, source, kind):
    again = open_table(written(tmp_path, an_input(tmp_path, source), kind))
    assert again.kind is kind
    assert again.header == ("地址", "面积", *RESULT_COLUMNS)
    assert [(row.text(0), row.text(1), row.text(4)) for row in again.rows()] == [
        ("=1+1小区", "89.5", "4475000"), ("乙小区", "", ""), ("丙小区", "1", ""),
    ]  # fmt: skip


def test_a_parquet_result_keeps_the_types_of_its_input(tmp_path):
    own = {"地址": pl.String, "面积": pl.Decimal(9, 2), "日": pl.Date, "标签": pl.List(pl.String), "估值状态": pl.Int8}
    rows = [
        ("甲", Decimal("89.50"), date(2026, 3, 2), ["a", "b"], 1),
        (None, None, None, None, None),
        ("丙", Decimal(1), None, [], 3),
    ]
    frame = pl.DataFrame(rows, schema=own, orient="row")
    frame.write_parquet(tmp_path / "in.parquet")
    found = pl.read_parquet(written(tmp_path, open_table(tmp_path / "in.parquet"), FileKind.PARQUET))
    assert found.select(list(own)).equals(frame)
    assert found.schema["估值（元）"] == pl.Int64
    assert found["估值状态·2"].to_list() == ["自动估值完成", "未受理", "未答复"]


@pytest.mark.requirement("BA3")
def test_a_revaluation_says_what_changed_and_which_report_counts_no_longer(tmp_path):
    former = Former(value=5_000_000, on=date(2025, 3, 2), report_no="HV-OLD")
    known = {
        2: Found(
            answer=Answer(number=2, valuation_id="v", status=Status.COMPLETED_AUTO, value=4_475_000, former=former)
        )
    }
    path = tmp_path / "out.csv"
    write_results(path, an_input(tmp_path), Rows(known.items()), kind=FileKind.CSV, is_revaluation=True)
    (first, *_) = csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines())
    assert [first[name] for name in REVALUATION_COLUMNS] == ["5000000", "2025-03-02", "-10.50%", "HV-OLD"]


CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)


@pytest.mark.requirement("BA1")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    header=st.lists(CELLS, min_size=1, max_size=5),
    body=st.data(),
    kind=st.sampled_from([FileKind.CSV, FileKind.PARQUET]),
)
def test_every_row_of_any_table_comes_back_in_order_with_its_cells(tmp_path, header, body, kind):
    header = ["地址", *header]
    rows = body.draw(st.lists(st.tuples(*[CELLS] * len(header)), max_size=30))
    rows = [(f"{number}幢", *row[1:]) for number, row in enumerate(rows)]  # a blank line would be left out
    source = tmp_path / "in.csv"
    with source.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    again = open_table(written(tmp_path, open_table(source), kind))
    cells = [[cell or "" for cell in row.cells[: len(header)]] for row in again.rows()]
    assert cells == [list(row) for row in rows]


@pytest.mark.requirement("BA1")
def test_the_senders_cells_come_back_as_they_were_and_ours_are_no_formulas(tmp_path):
    (tmp_path / "in.csv").write_text("编号,地址,面积\n  007,=A1,1\n", encoding="utf-8")
    known = {2: Found(answer=Answer(number=2, valuation_id="v", reason="=1+1", report_no="@R"))}
    path = tmp_path / "out.csv"
    table = open_table(tmp_path / "in.csv")
    write_results(path, table, Rows(known.items()), kind=FileKind.CSV, is_revaluation=False)
    (line,) = csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines())
    assert [line[name] for name in ("编号", "地址", "说明", "报告编号")] == ["  007", "=A1", "'=1+1", "'@R"]


@pytest.mark.requirement("BA1")
def test_points_in_time_and_lists_of_a_parquet_file_come_into_a_sheet_whole(tmp_path):
    at = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    own = {"地址": ["甲"], "时": [at], "本地": [at.replace(tzinfo=None)], "标签": [["a"]], "号": [10**17]}
    pl.DataFrame(own).write_parquet(tmp_path / "in.parquet")
    table = open_table(tmp_path / "in.parquet")
    sheet = load_workbook(written(tmp_path, table, FileKind.XLSX)).active
    assert sheet["B2"].value == "2026-03-02 09:30:00+00:00"
    assert sheet["C2"].value == datetime(2026, 3, 2, 9, 30)  # noqa: DTZ001 - a sheet knows no zone
    assert (sheet["D2"].value, sheet["E2"].value) == ("['a']", "100000000000000000")
    (line,) = csv.DictReader(written(tmp_path, table, FileKind.CSV).read_text(encoding="utf-8-sig").splitlines())
    assert (line["时"], line["本地"]) == ("2026-03-02 09:30:00+00:00", "2026-03-02 09:30:00")

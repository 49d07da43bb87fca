from datetime import date

import pytest
from openpyxl import Workbook

from producers.batch.files import FileError, FileKind, cell_text, open_table

LINES = [["地址", "建筑面积（㎡）"], ["杭州市西湖区文三路1号", 89.5], [None, None], ["宁波市海曙区2号", "120"]]


def an_xlsx(path, lines=LINES):
    workbook = Workbook()
    for line in lines:
        workbook.active.append(line)
    workbook.save(path)
    return path


def a_csv(path, encoding="utf-8", text="地址,面积\n杭州市西湖区文三路1号,89.5\n\n宁波市海曙区2号,120\n"):
    path.write_bytes(text.encode(encoding))
    return path


def test_an_xlsx_is_read_row_by_row_and_blank_lines_are_left_out(tmp_path):
    table = open_table(an_xlsx(tmp_path / "a.xlsx"))
    assert table.header == ("地址", "建筑面积（㎡）")
    assert [(row.number, row.text(1)) for row in table.rows()] == [(2, "89.5"), (4, "120")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_a_csv_is_read_in_the_encodings_that_banks_send(tmp_path, encoding):
    table = open_table(a_csv(tmp_path / "a.csv", encoding))
    assert table.header == ("地址", "面积")
    assert [row.text(0) for row in table.rows()] == ["杭州市西湖区文三路1号", "宁波市海曙区2号"]


def test_tabs_and_semicolons_separate_as_well(tmp_path):
    for separator in "\t;":
        table = open_table(a_csv(tmp_path / "a.csv", text=f"地址{separator}面积\n甲{separator}1\n"))
        assert table.header == ("地址", "面积")


def test_a_character_cut_at_the_edge_of_a_chunk_is_no_wrong_encoding(tmp_path, monkeypatch):
    monkeypatch.setattr("producers.batch.files.CHUNK", 7)
    assert open_table(a_csv(tmp_path / "a.csv")).encoding == "utf-8"


@pytest.mark.parametrize("cut", [100, 1000, 3000, -200, -1])
def test_a_truncated_xlsx_gives_one_clear_error(tmp_path, cut):
    path = an_xlsx(tmp_path / "a.xlsx", LINES * 300)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(FileError, match="damaged or was cut off"):
        list(open_table(path).rows())


def test_a_damaged_sheet_inside_a_whole_xlsx_gives_one_clear_error(tmp_path):
    import zipfile

    path = an_xlsx(tmp_path / "a.xlsx")
    parts = {name: zipfile.ZipFile(path).read(name) for name in zipfile.ZipFile(path).namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content[: len(content) // 2] if name.endswith("sheet1.xml") else content)
    with pytest.raises(FileError, match="damaged"):
        list(open_table(path).rows())


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\n\n", "no header"),
        (b"\xd0\xcf\x11\xe0rest", "XLS"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "neither"),
        ('地址,面积\n"没有结束,1\n'.encode(), "quotation marks"),
        (b"PK\x03\x04nothing", "damaged"),
        (b"\xef\xbb\xbf" + "地址,面积\n甲,1\n".encode("gb18030"), "begins as UTF-8 and does not go on so"),
        ("地址,面积\n甲,1\n".encode("utf-16")[:-1], "begins as UTF-16 and does not go on so"),
        (b"\xff\xfe" + "地址,面积\n".encode("utf-16-le") + b"\x00\xd8\x0a\x00", "begins as UTF-16"),
        ("地址,面积\n甲\0,1\n".encode("utf-16"), "begins as UTF-16"),
    ],
)
def test_what_is_no_table_is_refused_with_what_where_and_how_to_mend(tmp_path, content, says):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(FileError, match=says) as refused:
        list(open_table(path).rows())
    assert str(path) in str(refused.value)


def test_a_line_or_a_sheet_that_would_fill_the_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("producers.batch.files._LONGEST_LINE", 40)
    with pytest.raises(FileError, match="line 2: the line has more than 40 characters"):
        list(open_table(a_csv(tmp_path / "a.csv", text="地址,面积\n" + "甲" * 41 + ",1\n")).rows())
    monkeypatch.setattr("producers.batch.files._MOST_UNPACKED", 1_000)
    with pytest.raises(FileError, match="unpacks to"):
        open_table(an_xlsx(tmp_path / "a.xlsx", LINES * 300))


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(FileError, match="does not exist"):
        open_table(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("cell", "text"),
    [(89.49999999999999, "89.5"), (120.0, "120"), (0.0, "0"), (None, ""), (date(2026, 3, 2), "2026-03-02"), (7, "7")],
)
def test_a_cell_says_what_a_person_sees(cell, text):
    assert cell_text(cell) == text


@pytest.mark.requirement("BA1")
def test_a_parquet_file_is_read_as_if_its_rows_stood_in_a_sheet(tmp_path):
    import polars as pl

    pl.DataFrame({"地址": ["杭州市西湖区文三路1号", "宁波市海曙区2号"], "面积": [89.5, 120]}).write_parquet(
        tmp_path / "a.parquet"
    )
    table = open_table(tmp_path / "a.parquet")
    assert (table.kind, table.header) == (FileKind.PARQUET, ("地址", "面积"))
    assert [(row.number, row.text(1)) for row in table.rows()] == [(2, "89.5"), (3, "120")]


@pytest.mark.parametrize("cut", [5, 300])
def test_a_truncated_parquet_file_gives_one_clear_error(tmp_path, cut):
    import polars as pl

    path = tmp_path / "a.parquet"
    pl.DataFrame({"地址": ["甲"] * 500}).write_parquet(path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(FileError, match=r"押品.parquet cannot be read as Parquet .*: it is damaged or was cut off"):
        open_table(path, "押品.parquet")

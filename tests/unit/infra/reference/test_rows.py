from datetime import date
from pathlib import Path

import openpyxl
import polars as pl
import pytest

from infra.reference.coordinates import to_wgs84
from infra.reference.coverage import CoverageFileError, read_coverage
from infra.reference.load import RejectsFile
from infra.reference.mapping import Target, own_names, parse_mapping
from infra.reference.rows import RejectedRow, natural_key, read_rows
from infra.reference.tables import UnreadableTableError, columns_of
from schemas.codes import PropertyType
from schemas.events import Community, Deal

_TODAY = date(2026, 11, 25)
_HEADER = "编号,小区,日期,面积,单价,总价,电梯,区,lng,lat,类型\n"
_GOOD = "1,w3,2016/8/9,88.5,50000,442.5,有,朝阳,116.475489,40.01952,住宅\n"


@pytest.fixture
def mapping():
    return parse_mapping(
        {
            "target": "deals",
            "source": "test",
            "datum": "BD-09",
            "columns": {
                "community_id": "小区",
                "deal_date": "日期",
                "area_m2": "面积",
                "unit_price": "单价",
                "has_lift": "电梯",
                "district": "区",
                "longitude": "lng",
                "latitude": "lat",
                "property_type": "类型",
            },
            "templates": {"deal_id": "t-{编号}"},
            "constants": {"city": "北京市"},
            "transforms": {
                "district": {"county_of": "北京市"},
                "property_type": {"values": {"住宅": "APARTMENT", "商铺": "SHOP"}},
            },
            "checks": {"total": "总价", "total_unit": "万元"},
        },
        "test.toml",
    )


def _csv(tmp_path: Path, *lines: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "deals.csv"
    path.write_text(_HEADER + "".join(lines), encoding=encoding)
    return path


def _rows(path, mapping):
    return list(read_rows(path, mapping, today=_TODAY))


def test_a_good_row_becomes_a_deal(tmp_path, mapping):
    (deal,) = _rows(_csv(tmp_path, _GOOD), mapping)
    assert isinstance(deal, Deal)
    assert (deal.deal_id, deal.community_id, deal.city, deal.district) == ("t-1", "w3", "北京市", "朝阳区")
    assert (deal.deal_date, deal.area_m2, deal.unit_price, deal.has_lift) == (date(2016, 8, 9), 88.5, 50000.0, True)
    assert deal.property_type is PropertyType.APARTMENT
    assert deal.source == "test"
    assert natural_key(deal) == "t-1"


def test_coordinates_are_converted_to_wgs84(tmp_path, mapping):
    (deal,) = _rows(_csv(tmp_path, _GOOD), mapping)
    # BD-09 lies about 1.2 km north-east of WGS-84 in Beijing
    assert 0.010 < 116.475489 - deal.longitude < 0.015
    assert 0.004 < 40.01952 - deal.latitude < 0.010


def test_known_points_of_the_chinese_datums():
    """Tian'anmen in the three datums, as published for the conversion: good to about ten metres."""
    gcj, wgs = (116.397428, 39.90923), (116.391187, 39.907827)
    assert to_wgs84(*gcj, "GCJ-02") == pytest.approx(wgs, abs=1e-4)
    assert to_wgs84(*wgs, "WGS-84") == wgs


@pytest.mark.parametrize(
    ("line", "column", "reason"),
    [
        ("1,w3,2016/8/9,9.5,50000,47.5,有,朝阳,116.4,40.0,住宅\n", "面积", "above 10"),
        ("1,w3,2016/8/9,88.5,50000,500,有,朝阳,116.4,40.0,住宅\n", "总价", "differ by more than 1 %"),
        ("1,w3,2016/8/9,88.5,50000,442.5,有,朝阳,40.0,116.4,住宅\n", "lng", "outside China"),
        ("1,w3,2016/8/9,88.5,50000,442.5,有,朝阳,116.4,40.0,城堡\n", "类型", "knows only 住宅, 商铺"),
        ("1,w3,soon,88.5,50000,442.5,有,朝阳,116.4,40.0,住宅\n", "日期", "a date like"),
        ("1,w3,2030-01-01,88.5,50000,442.5,有,朝阳,116.4,40.0,住宅\n", "日期", "in the future"),
        ("1,,2016/8/9,88.5,50000,442.5,有,朝阳,116.4,40.0,住宅\n", "小区", "community_id is empty"),
        (",w3,2016/8/9,88.5,50000,442.5,有,朝阳,116.4,40.0,住宅\n", "编号", "is built from it"),
        ("1,w3,2016/8/9,big,50000,442.5,有,朝阳,116.4,40.0,住宅\n", "面积", "must be a number"),
        ("1,w3,2016/8/9,nan,50000,442.5,有,朝阳,116.4,40.0,住宅\n", "面积", "area_m2 is empty"),
        ("1,w3,2016/8/9,inf,50000,442.5,有,朝阳,116.4,40.0,住宅\n", "面积", "must be a number"),
        ("1,w3,2016/8/9,88.5,50000,442.5,maybe,朝阳,116.4,40.0,住宅\n", "电梯", "yes or no"),
        ("1,w3,2016/8/9,88.5,50000,442.5,有,朝天,116.4,40.0,住宅\n", "区", "no county of that name"),
        ("1,w3,2016/8/9,88.5,5,0.04,有,朝阳,116.4,40.0,住宅\n", "单价", "between 100 and"),
    ],
)
def test_a_bad_row_is_refused_with_line_column_and_reason(tmp_path, mapping, line, column, reason):
    good, refused = _rows(_csv(tmp_path, _GOOD.replace("1,", "7,", 1), line), mapping)
    assert isinstance(good, Deal)
    assert isinstance(refused, RejectedRow)
    assert (refused.line, refused.column) == (3, column)
    assert reason in refused.reason


def test_a_second_row_with_the_same_id_is_a_duplicate(tmp_path, mapping):
    _, refused = _rows(_csv(tmp_path, _GOOD, _GOOD), mapping)
    assert (refused.line, refused.reason) == (3, "duplicate of line 2; keep one of them")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_the_encodings_of_chinese_spreadsheets_are_told_apart(tmp_path, mapping, encoding):
    (deal,) = _rows(_csv(tmp_path, _GOOD, encoding=encoding), mapping)
    assert deal.district == "朝阳区"


def test_csv_xlsx_and_parquet_give_the_same_rows(tmp_path, mapping):
    csv_path = _csv(tmp_path, _GOOD)
    names, values = _HEADER.strip().split(","), _GOOD.strip().split(",")
    book = openpyxl.Workbook()
    book.active.append(names)
    book.active.append([float(v) if v.replace(".", "").isdigit() else v for v in values])
    book.save(tmp_path / "deals.xlsx")
    pl.DataFrame([dict(zip(names, values, strict=True))]).write_parquet(tmp_path / "deals.parquet")
    from_csv = _rows(csv_path, mapping)
    assert _rows(tmp_path / "deals.xlsx", mapping) == from_csv
    assert _rows(tmp_path / "deals.parquet", mapping) == from_csv


def test_a_missing_column_is_told_with_those_there_are(tmp_path, mapping):
    path = tmp_path / "deals.csv"
    path.write_text("编号,小区\n1,w3\n", encoding="utf-8")
    with pytest.raises(UnreadableTableError, match=r"has no column .*面积.* its columns are 编号, 小区"):
        _rows(path, mapping)


def test_files_that_are_no_tables_are_told_plainly(tmp_path, mapping):
    for name, says in (
        ("a.xlsx", "no complete XLSX"),
        ("a.parquet", "no readable Parquet"),
        ("a.pdf", "is neither of"),
    ):
        path = tmp_path / name
        path.write_bytes(b"PK\x03\x04 broken")
        with pytest.raises(UnreadableTableError, match=says):
            _rows(path, mapping)
    with pytest.raises(UnreadableTableError, match="there is no file"):
        _rows(tmp_path / "nowhere.csv", mapping)


def test_a_truncated_xlsx_is_told_plainly(tmp_path, mapping):
    book = openpyxl.Workbook()
    for number in range(2000):
        book.active.append([number, "小区", "text"])
    whole = tmp_path / "whole.xlsx"
    book.save(whole)
    for share in (0.2, 0.6, 0.95):
        part = tmp_path / "part.xlsx"
        part.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * share)])
        with pytest.raises(UnreadableTableError, match="save it again"):
            _rows(part, mapping)


def test_communities_are_merged_from_the_deals_that_name_them(tmp_path):
    content = {
        "target": "communities",
        "columns": {"community_id": "小区", "name": "名称", "built_year": "年"},
        "constants": {"province": "北京市", "city": "北京市", "district": "朝阳区"},
        "skip_empty": ["名称"],
        "merge_by": "community_id",
    }
    path = tmp_path / "deals.csv"
    path.write_text("小区,名称,年\nw3,望京西园三区,\nw9,,2001\nw3,望京西园三区,2003\n", encoding="utf-8")
    (community,) = _rows(path, parse_mapping(content, "m"))
    assert isinstance(community, Community)
    assert (community.community_id, community.built_year) == ("w3", 2003)


def test_the_rejects_file_opens_in_a_spreadsheet_and_goes_when_all_is_well(tmp_path):
    path = tmp_path / "deals.csv.rejects.csv"
    rejects = RejectsFile(path)
    rejects.add(RejectedRow(line=3, column="面积", value="9", reason="too small, mend it"))
    assert rejects.save() == path
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    assert path.read_text(encoding="utf-8-sig").splitlines() == [
        "line,column,value,reason",
        '3,面积,9,"too small, mend it"',
    ]
    assert RejectsFile(path).save() is None
    assert not path.exists()


# ---- coverage --------------------------------------------------------------------------------------------------------

_COVERAGE_HEADER = (
    "province,city,county_code,county,status,automation,property_types,effective_from,effective_to,version,source\n"
)
_CHAOYANG = "北京市,北京市,110105,朝阳区,ACTIVE,AUTO,APARTMENT|SHOP,2026-01-01,{to},2026-01,assumed\n"


def _coverage(tmp_path, *lines):
    path = tmp_path / "coverage.csv"
    path.write_text(_COVERAGE_HEADER + "".join(lines), encoding="utf-8")
    return read_coverage(path, own_names(Target.COVERAGE, columns_of(path)), today=_TODAY)


@pytest.mark.requirement("AD3")
def test_a_coverage_file_may_hold_several_periods_of_a_county(tmp_path):
    first = _CHAOYANG.format(to="2026-06-30")
    second = _CHAOYANG.format(to="").replace("2026-01-01", "2026-07-01")
    rows = _coverage(tmp_path, first, second)
    assert [row.effective_to for row in rows] == [date(2026, 6, 30), None]
    assert rows[0].property_types == ("APARTMENT", "SHOP")
    assert len({natural_key(row) for row in rows}) == 2


@pytest.mark.requirement("AD3")
@pytest.mark.parametrize(
    ("bad", "line", "reason"),
    [
        (_CHAOYANG.format(to="").replace("2026-01-01", "2026-05-01"), 3, "overlaps line 2"),
        (_CHAOYANG.format(to="").replace("110105", "110199"), 3, "unknown county code"),
        (_CHAOYANG.format(to="").replace("110105", "110108"), 3, "is 北京市海淀区"),
        (_CHAOYANG.format(to="2025-01-01").replace("110105,朝阳", "110106,丰台"), 3, "ends before it begins"),
        (_CHAOYANG.format(to="").replace("ACTIVE", "MAYBE"), 3, "must be one of"),
        (
            _CHAOYANG.format(to="").replace("110105,朝阳", "110106,丰台").replace("SHOP", "CASTLE"),
            3,
            "unknown property type",
        ),
    ],
)
def test_a_coverage_file_with_a_fault_is_refused_whole_with_the_line(tmp_path, bad, line, reason):
    with pytest.raises(CoverageFileError) as caught:
        _coverage(tmp_path, _CHAOYANG.format(to=""), bad)
    assert f"line {line}: " in str(caught.value)
    assert reason in str(caught.value)


@pytest.fixture
def houses():
    return parse_mapping(
        {
            "target": "deals",
            "datum": "WGS-84",
            "region": "world",
            "columns": {"deal_date": "day", "area_m2": "sqft", "longitude": "lng", "latitude": "lat"},
            "templates": {"deal_id": "h-{id}", "community_id": "h-{id}"},
            "constants": {"city": "King County", "property_type": "VILLA"},
            "derive": {"unit_price": "total / area"},
            "further": {"land_m2": "lot", "renovated_year": "renovated"},
            "transforms": {
                "area_m2": {"unit": "sq ft"},
                "land_m2": {"unit": "sq ft"},
                "renovated_year": {"zero_is_empty": True},
            },
            "checks": {"total": "price"},
        },
        "houses.toml",
    )


def _houses(tmp_path, line):
    path = tmp_path / "houses.csv"
    path.write_text("id,day,sqft,price,lot,renovated,lng,lat\n" + line, encoding="utf-8")
    return path


def test_square_feet_totals_and_further_numbers_become_a_deal(tmp_path, houses):
    (deal,) = _rows(_houses(tmp_path, '7,2014-10-13,1000,"371,612",5000,0,-122.25,47.51\n'), houses)
    assert deal.area_m2 == pytest.approx(92.90304)
    assert deal.unit_price == pytest.approx(4000.0, rel=1e-5)
    assert deal.further == {"land_m2": pytest.approx(464.5152)}
    assert (deal.longitude, deal.latitude, deal.property_type) == (-122.25, 47.51, PropertyType.VILLA)


@pytest.mark.parametrize(
    ("line", "column", "reason"),
    [
        ("7,2014-10-13,1000,,5000,0,-122.25,47.51\n", "unit_price", "unit_price is empty"),
        ("7,2014-10-13,1000,much,5000,0,-122.25,47.51\n", "price", "must be a number"),
        ("7,2014-10-13,1000,400000,wide,0,-122.25,47.51\n", "lot", "land_m2 must be a number"),
        ("7,2014-10-13,1000,400000,5000,0,-222.25,47.51\n", "lng", "off this earth"),
    ],
)
def test_a_bad_house_is_refused_with_its_column(tmp_path, houses, line, column, reason):
    (row,) = _rows(_houses(tmp_path, line), houses)
    assert (row.column, reason in row.reason) == (column, True)


def test_a_day_reads_the_same_whether_the_file_holds_text_or_instants(tmp_path):
    content = {
        "target": "deals",
        "columns": {"deal_date": "day", "area_m2": "area", "unit_price": "price"},
        "templates": {"deal_id": "{id}-{day}", "community_id": "{id}"},
        "constants": {"city": "北京市"},
    }
    frame = pl.DataFrame({"id": ["1"], "day": ["2016-08-09"], "area": [80.0], "price": [50_000.0]})
    frame.write_csv(tmp_path / "text.csv")
    frame.with_columns(pl.col("day").str.to_datetime("%Y-%m-%d")).write_parquet(tmp_path / "instants.parquet")
    text, instants = (
        _rows(tmp_path / name, parse_mapping(content, "m.toml")) for name in ("text.csv", "instants.parquet")
    )
    assert text == instants
    assert text[0].deal_id == "1-2016-08-09"


@pytest.mark.parametrize(("known_on", "refused"), [("2016-08-08", True), ("2026-11-26", True), ("2016-08-09", False)])
def test_a_deal_becomes_known_between_its_own_day_and_today(tmp_path, known_on, refused):
    path = tmp_path / "deals.csv"
    columns = ["deal_id", "community_id", "city", "deal_date", "known_on", "area_m2", "unit_price"]
    path.write_text(f"{','.join(columns)}\nd1,w3,北京市,2016-08-09,{known_on},88.5,50000\n", encoding="utf-8")
    (row,) = _rows(path, own_names(Target.DEALS, columns))
    assert isinstance(row, RejectedRow if refused else Deal)
    if refused:
        assert (row.column, row.value) == ("known_on", known_on)
        assert "cannot have become known before its own day (2016-08-09) or after today (2026-11-25)" in row.reason

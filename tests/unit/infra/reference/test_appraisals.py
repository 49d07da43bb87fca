"""A file of appraisals becomes events, or says line by line why it does not."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from infra.reference.appraisals import own_names, parse_mapping, read_appraisals, read_mapping
from infra.reference.mapping import MappingError
from infra.reference.rows import RejectedRow
from infra.reference.tables import UnreadableTableError, columns_of
from schemas.codes import AppraisalKind
from schemas.events import Appraised
from schemas.ids import valuation_id

NOW = datetime(2026, 11, 25, 4, tzinfo=UTC)
_EXAMPLE = Path(__file__).parents[4] / "docs/examples/appraisals/office.toml"
_HEADER = "报告编号,估值单号,坐落,建筑面积,评估总价,价值时点,类型\n"
_OWN = "appraisal_id,valuation_id,property_key,address,area_m2,value,unit_price,on_date,source,blind\n"


def read(tmp_path, text, mapping=None):
    path = tmp_path / "appraisals.csv"
    path.write_text(text, encoding="utf-8")
    return list(read_appraisals(path, mapping or own_names(columns_of(path)), now=NOW))


@pytest.mark.requirement("VM4")
def test_the_example_mapping_reads_an_offices_file(tmp_path):
    row = "P-7,CREDIT_MGMT:r-1,杭州市翠苑三区3幢2单元501室 13800138000,89.5,322.2,2026年3月20日,线下估价\n"
    (event,) = read(tmp_path, _HEADER + row, read_mapping(_EXAMPLE))
    assert event == Appraised(
        valuation_id=valuation_id("CREDIT_MGMT", "r-1"),
        kind=AppraisalKind.OFFLINE_APPRAISAL,
        unit_price=36_000,
        value=3_222_000,
        on_date=date(2026, 3, 20),
        reported_at=NOW,
        source="某某房地产估价有限公司",
        appraisal_id="P-7",
        address="杭州市翠苑三区3幢2单元501室 ***",
        area_m2=Decimal("89.50"),
    )


@pytest.mark.requirement("VM4")
def test_total_and_unit_price_follow_from_each_other(tmp_path):
    events = read(
        tmp_path,
        _OWN + "A,v,,,100,,36000,2026-03-20,office,\nB,v,,,100,3600000,,2026-03-20,office,否\n"
        "C,v,,,,3600000,36000,2026-03-20,office,yes\n",
    )
    assert [(one.value, one.unit_price, one.blind) for one in events] == [
        (3_600_000, 36_000, True), (3_600_000, 36_000, False), (3_600_000, 36_000, True),
    ]  # fmt: skip


@pytest.mark.requirement("VM4", "BA4")
@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        ("A,v,,,100,3600000,,,office,", "on_date", "on_date is empty"),
        ("A,v,,,100,3600000,,2026-03-20,,", "source", "source is empty"),
        ("A,v,,,100,3600000,,2026-13-20,office,", "on_date", "must be a date like"),
        ("A,v,,,100,3600000,,2026-11-26,office,", "on_date", "cannot lie in the future"),
        ("A,,,,100,3600000,,2026-03-20,office,", "address", "the house is not named"),
        ("A,,c|d|e|f|g,,100,3600000,,2026-03-20,office,", "property_key", "is no key of a property"),
        ("A,v,,,100,,,2026-03-20,office,", "value", "the total is missing"),
        ("A,v,,,,3600000,,2026-03-20,office,", "area_m2", "give area_m2 or unit_price"),
        ("A,v,,,0.5,3600000,,2026-03-20,office,", "area_m2", "must lie between"),
        ("A,v,,,NaN,3600000,,2026-03-20,office,", "area_m2", "must be a number"),
        ("A,v,,,100,-1,,2026-03-20,office,", "value", "must be an amount above 0"),
        ("A,v,,,100,360,36000,2026-03-20,office,", "value", "differ by more than 1 %"),
        ("A,v,,,9e999999,3600000,,2026-03-20,office,", "area_m2", "must lie between"),
        ("A,v,,,100,9e999999,,2026-03-20,office,", "value", "must be an amount above 0"),
        ("A,v,,,100,360,,2026-03-20,office,", "value", "must lie between 100 and 1,000,000 yuan/m²; check the units"),
        ("A,v,,,100,360,3.6,2026-03-20,office,", "unit_price", "check the units"),
        ("A,v,,,100,3600000,,2026-03-20,office,maybe", "blind", "must be yes or no"),
    ],
)
def test_a_bad_row_is_refused_with_its_column_and_a_remedy(tmp_path, row, column, reason):
    (refused,) = read(tmp_path, f"{_OWN}{row}\n")
    assert isinstance(refused, RejectedRow)
    assert (refused.line, refused.column) == (2, column)
    assert reason in refused.reason


def units(**said):
    columns = {name: name for name in ("appraisal_id", "valuation_id", "area_m2", "value", "on_date")}
    return parse_mapping({"source": "office", "columns": columns, "units": said}, "m.toml")


def test_a_number_beyond_any_arithmetic_is_a_refused_row(tmp_path):
    text = "appraisal_id,valuation_id,area_m2,value,on_date\nA,v,100,9e999999,2026-03-20\n"
    (refused,) = read(tmp_path, text, units(value="万元"))
    assert (refused.column, refused.reason) == ("value", "must be a number")


def test_an_area_in_square_feet_is_kept_in_square_metres(tmp_path):
    text = "appraisal_id,valuation_id,area_m2,value,on_date\nA,v,1000,334.5,2026-03-20\n"
    (event,) = read(tmp_path, text, units(value="万元", area_m2="sq ft"))
    assert (event.area_m2, event.unit_price) == (Decimal("92.90"), 36_006)


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ({"value": "㎡"}, "units.value is '㎡'; it must be one of 元, 万元"),
        ({"value": "元/㎡"}, "units.value is '元/㎡'"),
        ({"area_m2": "万元"}, "units.area_m2 is '万元'; it must be one of ㎡, sq ft"),
        ({"on_date": "元"}, "units.on_date: only value, unit_price, area_m2 have a unit"),
    ],
)
def test_a_unit_of_something_else_is_refused(said, fault):
    with pytest.raises(MappingError) as refused:
        units(**said)
    assert fault in str(refused.value)


def test_a_number_stands_once_in_a_file_and_a_row_without_one_gets_one_of_its_own(tmp_path):
    row = "v,,,100,3600000,,2026-03-20,office,\n"
    named, twice, first, again = read(tmp_path, f"{_OWN}A,{row}A,{row},{row},{row}")
    assert (named.appraisal_id, twice.reason) == ("A", "duplicate of line 2; keep one of them")
    assert first.appraisal_id.startswith("row-")
    assert again.reason == "duplicate of line 4; keep one of them"
    assert read(tmp_path, f"{_OWN},{row}")[0].appraisal_id == first.appraisal_id


def test_an_unknown_word_of_the_office_is_refused(tmp_path):
    row = "P-7,CREDIT_MGMT:r-1,,89.5,322.2,2026-03-20,网上询价\n"
    (refused,) = read(tmp_path, _HEADER + row, read_mapping(_EXAMPLE))
    assert (refused.column, refused.reason) == ("类型", "the mapping knows only 线下估价, 成交")


@pytest.mark.requirement("VM4")
def test_a_mapping_lists_everything_that_is_wrong_with_it():
    content = {
        "columns": {"total": "总价", "on_date": "日期"},
        "constants": {"on_date": "2026-01-01"},
        "units": {"value": "美元"},
    }
    with pytest.raises(MappingError) as refused:
        parse_mapping(content, "m.toml")
    told = str(refused.value)
    for fault in (
        "there is no field 'total'",
        "'on_date' is filled twice",
        "'source' is not filled",
        "美元",
        "no field names the house",
        "neither value nor unit_price",
    ):
        assert fault in told


def test_a_key_that_no_mapping_has_is_refused():
    with pytest.raises(MappingError, match="unknown key 'column'"):
        parse_mapping({"column": {}}, "m.toml")


def test_a_column_that_the_file_lacks_is_named(tmp_path):
    with pytest.raises(UnreadableTableError, match="has no column 价值时点, 坐落"):
        read(tmp_path, "报告编号,估值单号,建筑面积,评估总价,类型\nP,v,1,1,成交\n", read_mapping(_EXAMPLE))

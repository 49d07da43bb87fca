"""Tables of rents become events, or are refused with what is wrong and how to mend it."""

from datetime import date

import pytest

from infra.reference.load import TOPIC_OF
from infra.reference.mapping import Target, own_names, parse_mapping
from infra.reference.rows import RejectedRow, natural_key, read_rows
from schemas.catalogue import RENTS
from schemas.codes import PropertyType, RentKind
from schemas.events import Rent

_TODAY = date(2026, 11, 25)
_HEADER = "编号,楼盘,日期,租金,面积,类别,来源\n"


@pytest.fixture
def mapping():
    return parse_mapping(
        {
            "target": "rents",
            "source": "test",
            "columns": {
                "community_id": "楼盘",
                "rent_date": "日期",
                "monthly_rent": "租金",
                "area_m2": "面积",
                "property_type": "类别",
                "kind": "来源",
            },
            "templates": {"rent_id": "r-{编号}"},
            "constants": {"city": "北京市"},
            "transforms": {
                "property_type": {"values": {"商铺": "SHOP", "写字楼": "OFFICE"}},
                "kind": {"values": {"挂牌": "LISTING", "备案": "CONTRACT"}},
            },
        },
        "rents.toml",
    )


def rows(tmp_path, mapping, *lines):
    path = tmp_path / "rents.csv"
    path.write_text(_HEADER + "".join(f"{line}\n" for line in lines), encoding="utf-8")
    return list(read_rows(path, mapping, today=_TODAY))


@pytest.mark.requirement("VM5")
def test_a_row_becomes_a_rent(tmp_path, mapping):
    (rent,) = rows(tmp_path, mapping, "1,w3,2026/8/9,310.5,60,商铺,备案")
    assert rent == Rent(
        rent_id="r-1",
        community_id="w3",
        city="北京市",
        rent_date=date(2026, 8, 9),
        monthly_rent=310.5,
        property_type=PropertyType.SHOP,
        kind=RentKind.CONTRACT,
        area_m2=60.0,
        source="test",
    )
    assert natural_key(rent) == "r-1"
    assert TOPIC_OF[Target.RENTS] is RENTS


@pytest.mark.parametrize(
    ("line", "column", "says"),
    [
        ("1,w3,2026/8/9,0.3,60,商铺,挂牌", "租金", "yuan per m² and month, not per day or house"),
        ("1,w3,2026/8/9,18000,60,商铺,挂牌", "租金", "yuan per m² and month"),
        ("1,w3,2026/8/9,300,0,商铺,挂牌", "面积", "the area must lie above 0"),
        ("1,w3,2026/12/9,300,60,商铺,挂牌", "日期", "cannot lie in the future"),
        ("1,w3,2026/8/9,300,60,车位,挂牌", "类别", "the mapping knows only 商铺, 写字楼"),
        ("1,,2026/8/9,300,60,商铺,挂牌", "楼盘", "community_id is empty"),
    ],
)
def test_a_bad_rent_is_refused_with_its_reason(tmp_path, mapping, line, column, says):
    (refused,) = rows(tmp_path, mapping, line)
    assert isinstance(refused, RejectedRow)
    assert (refused.line, refused.column) == (2, column)
    assert says in refused.reason


def test_the_same_rent_twice_is_refused_once(tmp_path, mapping):
    line = "1,w3,2026/8/9,310.5,60,商铺,备案"
    first, second = rows(tmp_path, mapping, line, line)
    assert isinstance(first, Rent)
    assert second.reason == "duplicate of line 2; keep one of them"


def test_a_table_with_our_own_names_needs_no_mapping(tmp_path):
    path = tmp_path / "rents.csv"
    path.write_text(
        "rent_id,community_id,city,rent_date,monthly_rent,property_type\nr1,c1,北京市,2026-08-09,95,OFFICE\n", "utf-8"
    )
    columns = path.read_text("utf-8").splitlines()[0].split(",")
    (rent,) = read_rows(path, own_names(Target.RENTS, columns), today=_TODAY)
    assert rent.kind is RentKind.LISTING
    assert rent.source == ""


def test_a_rent_is_not_known_before_its_day(tmp_path):
    path = tmp_path / "rents.csv"
    columns = "rent_id,community_id,city,rent_date,monthly_rent,property_type,known_on"
    path.write_text(f"{columns}\nr1,c1,北京市,2026-08-09,95,OFFICE,2026-08-08\n", "utf-8")
    (refused,) = read_rows(path, own_names(Target.RENTS, columns.split(",")), today=_TODAY)
    assert refused.column == "known_on"
    assert "before its own day (2026-08-09)" in refused.reason

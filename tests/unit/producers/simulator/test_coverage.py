"""The assumed coverage file, and the synthetic market's own against it."""

import csv
from collections import Counter
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from producers.simulator.market import coverage
from schemas.codes import Automation, CoverageStatus, PropertyType

FILE = Path(__file__).parents[4] / "docs" / "examples" / "coverage-2026.csv"
ZHEJIANG = {
    "杭州市",
    "宁波市",
    "温州市",
    "嘉兴市",
    "湖州市",
    "绍兴市",
    "金华市",
    "衢州市",
    "舟山市",
    "台州市",
    "丽水市",
}
OTHERS = {
    "北京市": 16,
    "天津市": 16,
    "上海市": 16,
    "重庆市": 26,
    "沈阳市": 10,
    "南京市": 11,
    "济南市": 11,
    "武汉市": 13,
    "广州市": 11,
    "成都市": 12,
    "西安市": 11,
    "兰州市": 6,
}


@pytest.fixture(scope="module")
def rows():
    with FILE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.requirement("AD3")
def test_249_divisions_of_23_cities_are_active(rows):
    active = [row for row in rows if row["status"] == CoverageStatus.ACTIVE]
    counted = Counter(row["city"] for row in active)
    assert len(active) == 249
    assert len(counted) == 23
    assert sum(counted[city] for city in ZHEJIANG) == 90
    assert {city: counted[city] for city in OTHERS} == OTHERS


@pytest.mark.requirement("AD3")
def test_what_is_only_planned_is_in_the_file_and_not_automatic(rows):
    planned = [row for row in rows if row["status"] == CoverageStatus.PLANNED]
    assert sum(row["city_code"] == "500200" for row in planned) == 12
    assert {"苏州市", "深圳市"} <= {row["city"] for row in planned}
    assert {row["automation"] for row in planned} == {Automation.HUMAN_ONLY}


def test_codes_are_unique_and_belong_to_their_city_and_province(rows):
    codes = [row["county_code"] for row in rows]
    assert len(set(codes)) == len(codes)
    for row in rows:
        assert len(row["county_code"]) == len(row["city_code"]) == len(row["province_code"]) == 6
        assert row["county_code"].startswith(row["city_code"][:4])
        assert row["city_code"].startswith(row["province_code"][:2])
        assert set(row["property_types"].split("|")) <= set(PropertyType)
        date.fromisoformat(row["effective_from"])


def test_codes_and_names_agree_with_the_published_divisions(rows, shared_data):
    published = dict(pl.read_parquet(shared_data / "admin_areas.parquet").select("code", "name").iter_rows())
    unlike = {row["county_code"]: row["county"] for row in rows if published.get(row["county_code"]) != row["county"]}
    assert unlike == {"500157": "两江新区"}  # younger than the list beside us


def test_the_districts_of_the_synthetic_market_are_active_divisions(rows):
    active = {
        (row["county_code"], row["province"], row["city"], row["county"])
        for row in rows
        if row["status"] == CoverageStatus.ACTIVE
    }
    for row in coverage(date(2026, 6, 1)).iter_rows(named=True):
        assert (row["county_code"], row["province"], row["city"], row["county"]) in active

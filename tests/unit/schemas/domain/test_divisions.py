import polars as pl
import pytest

from schemas.domain.divisions import divisions, shortened
from schemas.domain.normalise import normalise
from streams.enrichment.places import find_place, find_town


def test_the_list_is_the_one_we_know():
    known = divisions()
    assert known.as_of >= "2025-12-31"
    assert len(known.counties) > 2_800
    assert known.counties["110105"].name == "朝阳区"
    assert not any(code[:2] in {"71", "81", "82"} for code in known.counties)


@pytest.mark.parametrize(
    ("city", "name", "code"),
    [
        ("北京", "朝阳", "110105"),
        ("北京市", "宣武区", "110102"),
        ("杭州市", "西湖区", "330106"),
        ("重庆市", "渝北区", "500112"),
        ("东莞市", "东莞市", "441900"),
        ("北京市", "密云县", "110118"),
        ("杭州市", "余杭区", "330110"),
        ("四平市", "公主岭市", "220184"),
        ("莱芜市", "钢城区", "370117"),
        ("承德市", "宽城县", "130827"),
        ("呼伦贝尔市", "鄂伦春旗", "150723"),
        ("北京市", "亦庄开发区", None),
        ("南京市", "朝阳区", None),
        ("杭州市", "江干区", None),  # shared between two of today: the town is needed
    ],
)
def test_a_county_is_found_in_its_city_by_any_of_its_names(city, name, code):
    county = divisions().county(city, name)
    assert (county.code if county else None) == code


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("浙江省", "浙江"),
        ("广西壮族自治区", "广西"),
        ("恩施土家族苗族自治州", "恩施"),
        ("赵县", "赵县"),
        ("大理白族自治州", "大理"),
        ("莫力达瓦达斡尔族自治旗", "莫力达瓦"),
        ("三都水族自治县", "三都"),
    ],
)
def test_names_are_shortened_as_people_do(name, short):
    assert shortened(name) == short


def test_every_successor_of_an_old_name_exists_today():
    known = divisions()
    today = set(known.counties.values())
    assert len(known.former) > 400
    assert all(successors and today.issuperset(successors) for successors in known.former.values())


def test_names_are_found_in_the_spelling_that_addresses_are_normalised_to():
    known = divisions()
    for name in (*known.provinces, *known.cities, *(county.name for county in known.counties.values())):
        assert normalise(f"{name}某路") == f"{name}某路"


def test_lists_overlap_both_ways():
    overlaps = divisions().overlaps
    assert set(overlaps["500157"]) == {"500105", "500112"}
    assert overlaps["500105"] == ("500157",)


@pytest.mark.requirement("AD1")
def test_every_name_of_an_older_list_is_resolved(shared_data):
    """Counties by their name of then; zones of the statistics bureau (no counties) as far as their city."""
    known = divisions()
    provinces = dict(pl.read_parquet(shared_data / "admin_provinces.parquet").iter_rows())
    cities = {row["code"]: row["name"] for row in pl.read_parquet(shared_data / "admin_cities.parquet").to_dicts()}
    lost = []
    for row in pl.read_parquet(shared_data / "admin_areas.parquet").to_dicts():
        city = cities[row["cityCode"]]
        of_city = "" if city in {"市辖区", "县"} or "直辖" in city else city
        written = normalise(f"{provinces[row['provinceCode']]}{of_city}{row['name']}某路1号")
        place = find_place(written, known)
        town, end, place = find_town(written, place, known)
        if not (place.is_known and (place.counties or town)) or written[end:] != "某路1号":
            lost.append(written)
    assert lost == []


def test_towns_of_an_older_list_lead_to_their_county(shared_data):
    """Split districts included: at least 99 % of all towns are known, or lie in a county that is."""
    known = divisions()
    areas = {row["code"]: row["name"] for row in pl.read_parquet(shared_data / "admin_areas.parquet").to_dicts()}
    cities = {row["code"]: row["name"] for row in pl.read_parquet(shared_data / "admin_cities.parquet").to_dicts()}
    towns = pl.read_parquet(shared_data / "admin_streets.parquet").to_dicts()
    found = 0
    for row in towns[::20]:
        city = cities[row["cityCode"]]
        written = normalise(f"{city if city in known.cities else ''}{areas[row['areaCode']]}{row['name']}某路1号")
        _, _, place = find_town(written, find_place(written, known), known)
        found += bool(place.counties)
    assert found >= 0.99 * len(towns[::20])

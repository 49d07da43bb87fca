"""The divisions at the beginning of an address, by the official list: province, city, county, town or zone.

In full or shortened, with gaps, repeated, under names that ended (闸北区), or the county before its city. Where a
county's old ground is shared by several of today, the town decides; where it is not written, all of them are possible.
"""

import re
from dataclasses import dataclass, replace

from schemas.domain.divisions import County, Divisions
from schemas.events import AddressPart

DIVISIONS = "divisions"  # origin of a part that the official list gave
RULES = "rules"  # … that was cut by its ending

_COUNTRY = re.compile(r"^(?:中华人民共和国|中国)")
_NOISE = re.compile(r"^(?:市辖区|省直辖县级行政区划|县(?=[\u4e00-\u9fff]{1,4}县)|-|\(|\)|的)+")
_LONGEST_TOWN = 15
_STEPS = 8  # 北京市朝阳区北京市朝阳区: repeats are common in files joined from columns

# 中山北路, 南京花园, 朝阳公园: a shortened division followed by one of these names something else.
_NOT_A_DIVISION = re.compile(
    r"镇(?![海江原平安坪巴康雄沅宁远赉])|乡(?!宁)|[东西南北中上下]?(?:路|街|大街|大道|道(?!里|外)|胡同|巷|里|桥|村|门|公园|花园|花苑|小区|园|苑|公寓|大厦|广场|家园|公馆|新村|新区|国际|中心|无限|庭|府|湾|山庄)"
    r"|城(?!区)"  # not behind 东, 西, 上: 北京东城 and 杭州上城 are districts
)

_TOWN = re.compile(r"^[\u4e00-\u9fff]{2,8}?(?:街道办事处|街道|地区办事处)")
_OFFICE = re.compile(r"(?:街道)?办事处")
_ZONE = re.compile(
    r"^[\u4e00-\u9fff]{0,12}?"
    r"(?:经济综合实验区|一体化示范区|风景名胜区|旅游度假区|综合保税区|产业园区|工业园区|科技园区|产业聚集区|产业集聚区|管理区管委会"
    r"|文化旅游创意园区|食品区|示范区|管理区|开发区|高新区|经开区|化工园区|保税区)(?=.)"
)
# By name: 望京新区 and 花园新城 are compounds.
_NEW_ZONE = re.compile(
    r"(?:北戴河新区|冀南新区|白沟新城|渤海新区|滨湖新区|镇江新区|天衢新区|雄安新区|天府新区|西咸新区|贵安新区|江北新区|湘江新区|赣江新区"
    r"|金普新区|哈尔滨新区|长春新区|福州新区|滇中新区|郑东新区|南沙新区|横琴新区|大鹏新区|光明新区|坪山新区|龙华新区|前海新区|东部新区|滨海新城)(?=.)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The divisions an address names. `counties` are all it may mean; more than one while the city is not known."""

    province: str | None = None
    city: str | None = None
    counties: tuple[County, ...] = ()
    parts: tuple[AddressPart, ...] = ()
    end: int = 0
    strong_end: int = 0  # where shortened divisions begin that may belong to the name: 北京|朝阳|雅筑
    is_weak: bool = True  # only shortened names were seen: 朝阳雅筑 need not lie in 朝阳市

    @property
    def county(self) -> County | None:
        """The one county, or `None`."""
        return self.counties[0] if len(self.counties) == 1 else None

    @property
    def is_known(self) -> bool:
        """Whether it says at least in which city."""
        return self.city is not None


def find_place(text: str, divisions: Divisions) -> Place:
    """The divisions at the beginning of a normalised address."""
    country = _COUNTRY.match(text)
    end = country.end() if country else 0
    place = Place(end=end, strong_end=end)
    for _ in range(_STEPS):
        following = _step(text, place, divisions) or _behind_its_zone(text, place, divisions)
        if following is None:
            break
        noise = _NOISE.match(text[following.end :])
        place = following if noise is None else _moved(following, following.end + noise.end())
    return place


def begins_with_division(text: str, divisions: Divisions) -> bool:
    """Whether a text starts with the name, full or short, of a division."""
    return any(
        text[:length] in names
        for length in divisions.lengths.get(text[:2], ())
        for names in (divisions.provinces, divisions.cities, divisions.counties_named)
    )


def find_town(text: str, place: Place, divisions: Divisions) -> tuple[str | None, int, Place]:
    """The town or zone behind the divisions, where the text goes on, and the place as the town narrows it."""
    start = place.end
    zone = _NEW_ZONE.match(text, start)
    found = _listed_town(text, start, place, divisions)
    found = found or (zone and _listed_town(text, zone.end(), place, divisions))  # 天府新区|华阳街道
    if found:
        return found
    rest = text[start:]
    for pattern in (_TOWN, _ZONE, _NEW_ZONE):
        match = pattern.match(rest)
        if match:
            end = start + match.end()
            return (match[0], end, place) if end < len(text) else (None, start, place)
    return None, start, place


def _listed_town(text: str, start: int, place: Place, divisions: Divisions) -> tuple[str, int, Place] | None:
    for length in range(min(_LONGEST_TOWN, len(text) - start), 1, -1):
        town = text[start : start + length]
        if town[-1] in "道镇乡场处区所":
            counties = _counties_of_town(town, place, divisions)
            if counties is not None:
                office = _OFFICE.match(text, start + length)
                return town, office.end() if office else start + length, replace(place, counties=counties)
    return None


def _counties_of_town(town: str, place: Place, divisions: Divisions) -> tuple[County, ...] | None:
    """The counties left once the town is read; `None`: no town of that name where the place lies."""
    if place.city and not place.counties:
        return divisions.city_towns.get(place.city, {}).get(town)
    found = tuple(county for county in place.counties if town in divisions.towns.get(county.code, ()))
    if found:
        return found
    last = place.parts[-1].text if place.parts else ""
    ground = divisions.former.get((place.city or "", last), ())
    found = tuple(county for county in ground if town in divisions.towns.get(county.code, ()))
    if found:
        return found
    covering = (code for county in place.counties for code in divisions.overlaps.get(county.code, ()))
    return place.counties if any(town in divisions.towns.get(code, ()) for code in covering) else None


def _moved(place: Place, end: int) -> Place:
    return replace(place, end=end, strong_end=end if place.strong_end == place.end else place.strong_end)


def _step(text: str, place: Place, divisions: Divisions) -> Place | None:
    for length in divisions.lengths.get(text[place.end : place.end + 2], ()):
        name = text[place.end : place.end + length]
        found = _province(name, place, divisions) or _city(name, place, divisions) or _counties(name, place, divisions)
        found = found or _before_its_town(name, text[place.end + length :], place, divisions)
        if found is not None and not (
            name not in divisions.full_names and _NOT_A_DIVISION.match(text, place.end + length)
        ):
            return found
    return None


def _behind_its_zone(text: str, place: Place, divisions: Divisions) -> Place | None:
    """雄安新区|容城县: a new zone is no division of the list, but the county that stands behind it is."""
    zone = _NEW_ZONE.match(text, place.end)
    if zone is None:
        return None
    part = AddressPart(level="zone", text=zone[0], origin=RULES)
    found = _step(text, replace(place, parts=(*place.parts, part), end=zone.end()), divisions)
    return found if found and found.parts[-1].level == "district" and found.strong_end == found.end else None


def _province(name: str, place: Place, divisions: Divisions) -> Place | None:
    province = divisions.provinces.get(name)
    if province is None or (place.province or province) != province:
        return None
    counties = tuple(county for county in place.counties if county.province == province)
    if place.counties and not counties:
        return None
    city = place.city or (province if province.endswith("市") else None) or _one_city(counties)
    return _stepped(place, divisions, "province", name, (province, city), counties)


def _city(name: str, place: Place, divisions: Divisions) -> Place | None:
    found = divisions.cities.get(name)
    if found is None or (place.province or found[0]) != found[0] or (place.city or found[1]) != found[1]:
        return None
    counties = tuple(county for county in place.counties if county.city == found[1])
    if place.counties and not counties:
        return None
    if not counties:
        alone = divisions.counties_named.get(found[1], ())  # 东莞, 仙桃: the city stands for its county
        counties = tuple(county for county in alone if county.city == county.name == found[1])
    return _stepped(place, divisions, "city", name, found, counties)


def _counties(name: str, place: Place, divisions: Divisions) -> Place | None:
    if name not in divisions.full_names and place.city is None:
        return None  # 朝阳 alone, without a city before it, is as likely a part of a name
    found = _shared_out(name, place, divisions) or tuple(
        county
        for county in divisions.counties_named.get(name, ())
        if (place.province or county.province) == county.province
        and (place.city or county.city) == county.city
        and (not place.counties or _is_in(county, place.counties, divisions))
    )
    if not found and place.city and not place.counties:
        found = divisions.former.get((place.city, name), ())  # 四平市公主岭市 lies in 长春市 today
    if not found:
        return None
    province, city = found[0].province, _one_city(found)
    known = (province, city) if city else (place.province, place.city)
    return _stepped(place, divisions, "district", name, known, found)


def _before_its_town(name: str, rest: str, place: Place, divisions: Divisions) -> Place | None:
    """浦东|张江镇: a shortened county that begins an address counts when one of its towns follows."""
    if place.parts or name in divisions.full_names:
        return None
    found = tuple(
        county
        for county in divisions.counties_named.get(name, ())
        if any(rest[:length] in divisions.towns.get(county.code, ()) for length in range(3, 7))
    )
    city = _one_city(found)
    return _stepped(place, divisions, "district", name, (found[0].province, city), found) if city else None


def _is_in(county: County, counties: tuple[County, ...], divisions: Divisions) -> bool:
    return county in counties or any(county.code in divisions.overlaps.get(known.code, ()) for known in counties)


def _shared_out(name: str, place: Place, divisions: Divisions) -> tuple[County, ...]:
    """安徽省巢湖市|庐江县: the counties of a prefecture that was shared out lie in several cities today."""
    ground = divisions.dissolved.get(place.parts[-1].text, ()) if place.parts else ()
    return tuple(county for county in divisions.counties_named.get(name, ()) if county in ground) if ground else ()


def _one_city(counties: tuple[County, ...]) -> str | None:
    cities = {county.city for county in counties}
    return cities.pop() if len(cities) == 1 else None


def _stepped(
    place: Place,
    divisions: Divisions,
    level: str,
    name: str,
    known: tuple[str | None, str | None],
    counties: tuple[County, ...],
) -> Place:
    end = place.end + len(name)
    is_full = name in divisions.full_names
    return Place(
        province=known[0],
        city=known[1],
        counties=counties or place.counties,
        parts=(*place.parts, AddressPart(level=level, text=name, origin=DIVISIONS)),
        end=end,
        strong_end=end if is_full or not place.parts else place.strong_end,
        is_weak=place.is_weak and not is_full,
    )

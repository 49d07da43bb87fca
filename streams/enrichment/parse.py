"""Cuts a normalised address into its parts by rules: divisions by the official list, the rest by its endings.

The rules know where a part ends (路, 号, 幢, 单元, 室), not which community exists: what may be the community comes out
as `heads`, several readings of the same stretch, and the dictionary decides between them.
"""

import re
from dataclasses import dataclass

from schemas.domain.divisions import County, Divisions
from schemas.events import AddressPart

_DIVISIONS = "divisions"  # origin of a part: the official list …
_RULES = "rules"  # … or the endings

_COUNTRY = re.compile(r"^(?:中华人民共和国|中国)")
_NOISE = re.compile(r"^(?:市辖区|县|-|\(|\)|的)+")
_LONGEST_DIVISION = 15  # 积石山保安族东乡族撒拉族自治县
_STEPS = 6  # 北京市北京市朝阳区: repeats are common in files joined from columns

# 中山北路, 南京花园, 朝阳公园: a shortened division followed by one of these names something else.
_NOT_A_DIVISION = re.compile(
    r"[东西南北中上下]?(?:路|街|大街|大道|道(?!里|外)|胡同|巷|里|桥|村|门|公园|花园|花苑|小区|园|苑|公寓|大厦|广场|家园|公馆|新村|国际|中心|无限|庭|府|湾|山庄)"
    r"|城(?!区)"  # not behind 东, 西, 上: 北京东城 and 杭州上城 are districts
)

_TOWN = re.compile(r"^[\u4e00-\u9fff]{2,8}?(?:街道办事处|街道|地区办事处)")
_OFFICE = re.compile(r"^(?:办事处|街道办事处)")
_ZONE = re.compile(r"^[\u4e00-\u9fff]{2,6}?(?:经济技术开发区|经济开发区|高新技术产业开发区|开发区|高新区)(?=.)")

_TAIL = re.compile(
    r"""
    -?第?(?P<building>(?:[甲乙丙丁]?[0-9]{1,4}[A-Z]?|[A-Z][0-9]{0,2})(?:号楼|幢|座))?
    -?(?P<unit>(?:[0-9]{1,2}|[A-Z])(?:单元|门))?
    -?(?P<floor>(?:地下|负|-|B)?[0-9]{1,3}(?:层|楼|F))?
    -?(?P<room>(?:[A-Z]?[0-9]{2,5}[A-Z]?)(?P<room_word>室|号房|房|户|号商铺|号铺|商铺|铺|号)?)?
    $""",
    re.VERBOSE,
)
_DASHED = re.compile(r"第?(?P<building>[0-9]{1,4})(?:号楼|幢)?-(?P<unit>[0-9]{1,2})(?:单元)?-(?P<room>[0-9]{2,5})室?$")
_DASHED_SHORT = re.compile(r"(?P<building>[0-9]{1,4})-(?P<room>[0-9]{3,4})室?$")
_UNIT_AND_ROOM = re.compile(
    r"(?P<building>(?:[0-9]{1,4}[A-Z]?|[A-Z])(?:号楼|幢|座))(?P<unit>[0-9]{1,2})-(?P<room>[0-9]{2,5})室?$"
)
_REMARK = re.compile(r"\([^()]*\)?$")
_AFTER_ROOM = re.compile(r"(?<=[0-9A-Z甲乙丙丁])(?P<word>室|单元|层|幢|号楼)(?P<remark>[^0-9A-Z()-]{1,12})$")
_LANE_BUILDING = re.compile(r"(?<=弄)(?P<building>[0-9]{1,4})号$")

_ROAD_NUMBER = re.compile(
    r"^(?P<road>[\u4e00-\u9fffA-Z0-9]{1,12}?(?:大街|大道|胡同|路|街|巷|道))"
    r"(?P<number>[甲乙丙丁]?[0-9]{1,5}(?:-[0-9]{1,4})?(?:号院|号|弄|院|(?![0-9区期组里条巷])))"
)
_ROAD = re.compile(r"^(?P<road>[\u4e00-\u9fffA-Z0-9]{1,7}?(?:大街|大道|胡同|路|街|巷))(?=.)")
_IN_BRACKETS = re.compile(r"\(([^()]*)\)?")

_ROOM_NUMBER = re.compile(r"[AC-Z]?0?(?P<digits>[0-9]{3,4})[A-Z]?$")
_HIGHEST_FLOOR = 120


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """Building, unit and room as in the title deed: `3幢`, `2单元`, `501室`."""

    building: str | None = None
    unit: str | None = None
    room: str | None = None
    floor: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedAddress:
    """What the rules see. `heads` are the readings of the community's name, the likeliest first; may be empty."""

    text: str
    place: Place
    town: str | None
    road: str | None
    number: str | None
    heads: tuple[str, ...]
    unit: Unit
    remark: str
    parts: tuple[AddressPart, ...]


def parse(text: str, divisions: Divisions) -> ParsedAddress:
    """Cut a normalised address. Never raises; what is not recognised stays in the first head."""
    place = find_place(text, divisions)
    town, start = _town(text, place, divisions)
    rest, remark = _without_remark(text[start:])
    middle, unit, unit_parts = cut_unit(rest)
    road, number, after_road = cut_road(middle)
    readings = (*_weak_readings(text, place, start, middle), middle, after_road, *_without_brackets(middle), rest)
    remark = f"{remark}商铺" if any(part.level == "room" and "铺" in part.text for part in unit_parts) else remark
    parts = (*place.parts, *_part("town", town), *_part("road", road), *_part("number", number), *unit_parts)
    return ParsedAddress(
        text=text,
        place=place,
        town=town,
        road=road,
        number=number,
        heads=tuple(dict.fromkeys(head for head in map(_bare, readings) if head)),
        unit=unit,
        remark=remark,
        parts=parts,
    )


def find_place(text: str, divisions: Divisions) -> Place:
    """The divisions at the beginning of an address: in full or shortened, with gaps, repeated or not."""
    country = _COUNTRY.match(text)
    end = country.end() if country else 0
    place = Place(end=end, strong_end=end)
    for _ in range(_STEPS):
        following = _step(text, place, divisions)
        if following is None:
            break
        noise = _NOISE.match(text, following.end)
        place = following if noise is None else _moved(following, noise.end())
    return place


def floor_of(room: str) -> int | None:
    """The floor in a room number: 501 → 5, 1203 → 12, 0501 → 5; `None` where it says none (12, B101, 00501)."""
    match = _ROOM_NUMBER.match(room)
    floor = int(match["digits"][:-2]) if match else 0
    return floor if 0 < floor <= _HIGHEST_FLOOR else None


def _moved(place: Place, end: int) -> Place:
    return Place(
        province=place.province,
        city=place.city,
        counties=place.counties,
        parts=place.parts,
        end=end,
        strong_end=end if place.strong_end == place.end else place.strong_end,
        is_weak=place.is_weak,
    )


def _step(text: str, place: Place, divisions: Divisions) -> Place | None:
    for length in range(min(_LONGEST_DIVISION, len(text) - place.end), 1, -1):
        name = text[place.end : place.end + length]
        found = _province(name, place, divisions) or _city(name, place, divisions) or _counties(name, place, divisions)
        if found is not None and not (
            name not in divisions.full_names and _NOT_A_DIVISION.match(text, place.end + length)
        ):
            return found
    return None


def _province(name: str, place: Place, divisions: Divisions) -> Place | None:
    province = divisions.provinces.get(name)
    if province is None or (place.province or province) != province or place.counties:
        return None
    city = place.city or (province if province.endswith("市") else None)
    return _stepped(place, divisions, "province", name, province=province, city=city)


def _city(name: str, place: Place, divisions: Divisions) -> Place | None:
    found = divisions.cities.get(name)
    if found is None or (place.province or found[0]) != found[0] or (place.city or found[1]) != found[1]:
        return None
    counties = place.counties
    if not counties:
        alone = divisions.counties_named.get(found[1], ())  # 东莞, 仙桃: the city stands for its county
        counties = tuple(county for county in alone if county.city == county.name == found[1])
    return _stepped(place, divisions, "city", name, province=found[0], city=found[1], counties=counties)


def _counties(name: str, place: Place, divisions: Divisions) -> Place | None:
    if name not in divisions.full_names and place.city is None:
        return None  # 朝阳 alone, without a city before it, is as likely a part of a name
    found = tuple(
        county
        for county in divisions.counties_named.get(name, ())
        if (place.province or county.province) == county.province
        and (place.city or county.city) == county.city
        and (not place.counties or county in place.counties)
    )
    if not found:
        return None
    cities = {(county.province, county.city) for county in found}
    province, city = next(iter(cities)) if len(cities) == 1 else (place.province, place.city)
    return _stepped(place, divisions, "district", name, province=province, city=city, counties=found)


def _stepped(  # noqa: PLR0913 - one place to build the next step
    place: Place,
    divisions: Divisions,
    level: str,
    name: str,
    *,
    province: str | None,
    city: str | None,
    counties: tuple[County, ...] = (),
) -> Place:
    end = place.end + len(name)
    return Place(
        province=province,
        city=city,
        counties=counties or place.counties,
        parts=(*place.parts, AddressPart(level=level, text=name, origin=_DIVISIONS)),
        end=end,
        strong_end=end if name in divisions.full_names or not place.parts else place.strong_end,
        is_weak=place.is_weak and name not in divisions.full_names,
    )


def _town(text: str, place: Place, divisions: Divisions) -> tuple[str | None, int]:
    """Town and where the text goes on after it."""
    start = place.end
    names = divisions.towns.get(place.county.code, frozenset()) if place.county else frozenset()
    for length in range(min(_LONGEST_DIVISION, len(text) - start - 1), 2, -1):
        if text[start : start + length] in names:
            office = _OFFICE.match(text, start + length)
            return text[start : start + length], office.end() if office else start + length
    for pattern in (_TOWN, _ZONE):
        match = pattern.match(text[start:])
        if match and match.end() < len(text) - start:
            return match[0], start + match.end()
    return None, start


def _without_remark(rest: str) -> tuple[str, str]:
    """A remark behind the room (501室主卧, 3号楼(电梯房)) is no part of the house's name."""
    bracket = _REMARK.search(rest)
    if bracket and _is_unit_end(rest[: bracket.start()]):
        return rest[: bracket.start()], bracket[0].strip("()")
    words = _AFTER_ROOM.search(rest)
    return (rest[: words.start("remark")], words["remark"]) if words else (rest, "")


def _is_unit_end(text: str) -> bool:
    return text[-1:] in set("室层幢楼元号") or text[-1:].isdigit()


def cut_unit(rest: str) -> tuple[str, Unit, tuple[AddressPart, ...]]:
    """Cut building, unit, floor and room off the end; returns what stands before them."""
    for pattern in (_DASHED, _UNIT_AND_ROOM, _DASHED_SHORT):
        match = pattern.search(rest)
        if match and match.start() > 0:
            found = match.groupdict()
            return _cut(rest, match.start(), found["building"], found.get("unit"), None, found["room"])
    match = _TAIL.search(rest)
    if match is None:
        return rest, Unit(), ()
    building, unit, floor, room = match["building"], match["unit"], match["floor"], match["room"]
    start = match.start()
    if room and not (match["room_word"] or building or unit or floor) and not _is_bare_room(room, rest[:start]):
        return rest, Unit(), ()
    if room and match["room_word"] == "号" and not (building or unit):
        return rest, Unit(), ()  # 万寿路15号 is a house number
    if building is None:
        lane = _LANE_BUILDING.search(rest[:start])  # 123弄4号501室: in Shanghai the 号 is the building
        if lane:
            building, start = lane["building"], lane.start()
    return _cut(rest, start, building, unit, floor, room)


def _is_bare_room(room: str, before: str) -> bool:
    return (
        room.isdigit()
        and len(room) in {3, 4}
        and bool(before)
        and "\u4e00" <= before[-1] <= "\u9fff"
        and before[-1] not in "路街弄号第"
    )


def _cut(
    rest: str, start: int, building: str | None, unit: str | None, floor: str | None, room: str | None
) -> tuple[str, Unit, tuple[AddressPart, ...]]:
    number = re.sub(r"(?:室|号房|房|户|号商铺|号铺|商铺|铺|号)$", "", room) if room else None
    result = Unit(
        building=f"{re.sub(r'(?:号楼|幢|座)$', '', building)}幢" if building else None,
        unit=f"{re.sub(r'(?:单元|门)$', '', unit)}单元" if unit else None,
        room=f"{number}室" if number else None,
        floor=_stated_floor(floor) or (floor_of(number) if number and not floor else None),
    )
    pieces = (("building", building), ("unit", unit), ("floor", floor), ("room", room))
    parts = tuple(part for level, piece in pieces for part in _part(level, piece))
    return rest[:start].rstrip("-"), result, parts


def _stated_floor(floor: str | None) -> int | None:
    digits = re.match(r"[0-9]+", floor) if floor else None  # 地下1层, B1层, 负1楼: below ground there is no band
    return int(digits[0]) if digits and 0 < int(digits[0]) <= _HIGHEST_FLOOR else None


def cut_road(middle: str) -> tuple[str | None, str | None, str]:
    """Road, house number, and what follows them; a road needs a number or something after it."""
    match = _ROAD_NUMBER.match(middle)
    if match:
        return match["road"], match["number"], middle[match.end() :]
    match = _ROAD.match(middle)
    return (match["road"], None, middle[match.end() :]) if match else (None, None, "")


def _without_brackets(middle: str) -> tuple[str, ...]:
    """嘉丽苑(徐汇) is 嘉丽苑; but the road in 昌平路143号(椿筱台) alone must not stand for the name in brackets."""
    outside = _IN_BRACKETS.sub("", middle)
    road_number = _ROAD_NUMBER.match(outside)
    return () if outside == middle or (road_number and road_number.end() == len(outside)) else (outside,)


def _weak_readings(text: str, place: Place, start: int, middle: str) -> tuple[str, ...]:
    """With the shortened county or the town left in front: 北京通州|北苑 may be 通州北苑, 望京街道|… starts a name."""
    before = text[place.strong_end : start]
    return (before + middle,) if before and start > place.strong_end else ()


def _bare(head: str) -> str:
    return head.replace("(", "").replace(")", "").strip("-#")


def _part(level: str, text: str | None) -> tuple[AddressPart, ...]:
    return (AddressPart(level=level, text=text, origin=_RULES),) if text else ()

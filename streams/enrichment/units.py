"""Building, unit, floor and room at the end of an address, in the notations people use for them.

3号楼2单元501室, 3-2-501, 3幢2-501, A座1201, 123弄4号501室, 5幢B单元, 地下1层, -1层, 18层共30层, 复式501-502, 2单元东户.
A 楼 with a number may be a building (12楼302, as Beijing writes) or a floor (12楼1203): the room decides.
Where digits run together (荣丰20083号楼) every way to share them between name and building is a reading; the
dictionary decides.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from schemas.events import AddressPart
from streams.enrichment.places import RULES

_WINDOW = 48  # a unit is never longer; keeps the search cheap however long the text
_HIGHEST_FLOOR = 120
_MOST_FLOORS_OF_A_FLAT = 4
_HIGHEST_BUILDING = 999
_SHORTEST_RUN = 3  # 101号楼 may be building 101, 1 of a name ending in 10, …

_BUILDING_WORD = r"(?:号楼|幢|座)"
_BEHIND_UNIT = r"(?:(?<=[0-9A-Z]号楼)|(?<=[0-9A-Z][幢座])|(?<=[0-9A-Z甲乙丙丁]单元))"
_TAIL = re.compile(
    rf"""
    (?:-?第?(?P<building>(?:[甲乙丙丁]?[0-9]{{1,4}}[A-Z]?|(?<![A-Z0-9])[A-Z][0-9]{{0,2}}|(?<=[A-Z])[A-Z](?=[座幢])){_BUILDING_WORD}
        |(?:(?<![A-Z])[A-Z]|(?<![钟鼓城酒])[主副附裙])楼(?=[0-9A-Z负地B-])))?
    (?:-?(?P<unit>(?:[0-9]{{1,2}}|[A-Z]|[甲乙丙丁])(?:单元|门(?!面|头|店|诊)|梯)|[东西南北中]单元|(?<=幢)[A-Z]座|(?<=号楼)[A-Z]座))?
    (?:-(?!(?<![0-9]-)[1-4](?:层|楼|F)(?!-)))?第?(?P<floor>(?:地下|负|-|B)?(?:(?=[0-9]{{1,2}}-)(?:{_BEHIND_UNIT}|(?<=[下负B]))[0-9]{{1,2}}-)?[0-9]{{1,3}}(?:层|楼|F)|夹层|顶层|底层|地下层)?
    -?(?:复式|跃层|跃式)?(?:上下)?
    (?P<room>(?:(?=[0-9A-Z]{{2,4}}-){_BEHIND_UNIT}(?:[0-9]{{3,4}}-[0-9]{{1,4}}|[A-Z][0-9]-[0-9]{{2,4}})|[A-Z]?[0-9]{{2,5}}[A-Z]?|[0-9][A-Z]?(?=室|号|户|房)|[A-Z](?=室|户))
        (?P<room_word>室|号房|房|户|号商铺|号铺|商铺|铺|号)?|[东西南北中]{{1,2}}户)?
    $""",
    re.VERBOSE,
)
_ROOM_PAIR = re.compile(r"(?P<first>[0-9]{3,4})(?:室)?-(?P<second>[0-9]{3,4})室?$")
_DASHED = re.compile(
    r"第?(?P<building>[甲乙丙丁]?[0-9]{1,4}|(?<![0-9A-Z])[A-Z][0-9]?)(?:号楼|幢|座|(?<=[0-9])楼)?-(?P<unit>[0-9]{1,2})(?:单元)?-(?P<room>[0-9]{2,5})室?$"
)
_DASHED_SHORT = re.compile(r"(?P<building>[甲乙丙丁]?[0-9]{1,4}|(?<![0-9A-Z])[A-Z][0-9]?)-(?P<room>[0-9]{3,4})室?$")
_UNIT_AND_ROOM = re.compile(
    r"(?P<building>(?:[甲乙丙丁]?[0-9]{1,4}[A-Z]?|[A-Z])(?:号楼|幢|座)|[0-9]{1,4}楼)(?P<unit>[0-9]{1,2}|[A-Z])-(?P<room>[0-9]{2,5})室?$"
)
_HAS_BUILDING = re.compile(rf"{_BEHIND_UNIT}$")
# 12楼3单元401, 811楼302: a building, unless the room lies on that floor.
_BUILDING_OR_FLOOR = re.compile(r"[甲乙丙丁]?(?P<number>[0-9]{1,4})楼$")
_LETTERED_BUILDING = re.compile(r"[甲乙丙丁][0-9]{1,3}楼")
_TOWER = re.compile(r"(?:大厦|大楼|商厦|广场|中心)$")  # has floors and no buildings
_ESTATE = re.compile(r"[区里园苑村院庄弄坊期]$")  # has buildings
_LANE_BUILDING = re.compile(r"(?<=弄)(?P<building>[0-9]{1,4})号$")
_NUMBERED_BUILDING = re.compile(r"(?<=[\u4e00-\u9fff)])(?<![路街道巷弄条段附第胡里])(?P<building>[0-9]{1,3})号$")
_DIGITS_AT_END = re.compile(r"[0-9]+$")

_FLOOR_BEHIND_ROOM = re.compile(r"(?:(?<=室)-?|(?<=[0-9]{3})-)(?P<floor>[0-9]{1,3}(?:层|楼|F))$")

# Longest first.
_BUILDING_ENDINGS = ("号楼", "幢", "座", "楼")
_UNIT_ENDINGS = ("单元", "门", "梯", "座")
_ROOM_ENDINGS = ("号商铺", "号铺", "号房", "商铺", "室", "房", "户", "铺", "号")

_ROOM_NUMBER = re.compile(r"[AC-Z]?0?(?P<digits>[0-9]{3,4})[A-Z]?(?:-[0-9]{1,4})?$")
_BASEMENT = re.compile(r"地下|负|-|B")

# 18层共30层, (共18层), 总高18层: how high the building is, behind the floor or the room.
_TOTAL_FLOORS = re.compile(r"\(?(?:共|总共|总高|总楼?层数?|总层高|地上)(?P<total>[0-9]{1,3})(?:层|楼|F)?\)?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """Building, unit and room as in the title deed: `3幢`, `2单元`, `501室`; the floor, and how many there are."""

    building: str | None = None
    unit: str | None = None
    room: str | None = None
    floor: int | None = None
    total_floors: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One way to share the digits between a name and its building: 荣丰2008 and `3幢`."""

    head: str
    unit: Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """What was cut off the end. `readings` are given where digits may belong to the name, the likeliest first."""

    before: str
    unit: Unit = Unit()
    parts: tuple[AddressPart, ...] = ()
    readings: tuple[Reading, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pieces:
    """The pieces as written, and where they begin."""

    start: int
    building: str | None = None
    unit: str | None = None
    floor: str | None = None
    room: str | None = None
    is_doubtful: bool = False  # 园区12楼 at the end may be the building as well as the floor


def cut_unit(rest: str) -> Tail:
    """Cut building, unit, floor and room off the end; `before` is what stands in front of them."""
    rest, total = _cut_total_floors(rest)
    found = _before_its_floor(rest) or _dashed(rest) or _spelled(rest)
    if found is None:
        return Tail(before=rest, unit=Unit(total_floors=total))
    pieces = (("building", found.building), ("unit", found.unit), ("floor", found.floor), ("room", found.room))
    parts = tuple(AddressPart(level=level, text=piece, origin=RULES) for level, piece in pieces if piece)
    readings = tuple(_readings(rest, found, total))
    if readings:
        return Tail(before=readings[0].head, unit=readings[0].unit, parts=parts, readings=readings)
    return Tail(before=rest[: found.start].rstrip("-"), unit=_unit_of(found, total), parts=parts)


def floor_of(room: str) -> int | None:
    """The floor in a room number: 501 → 5, 1203 → 12, 0501 → 5; `None` where it says none (12, B101, 00501)."""
    match = _ROOM_NUMBER.match(room)
    floor = int(match["digits"][:-2]) if match else 0
    return floor if 0 < floor <= _HIGHEST_FLOOR else None


def named_unit(*, building: str | None, unit: str | None, floor: str | None, room: str | None) -> Unit:
    """The unit of pieces as somebody wrote them: 3号楼, 2门, 5层, 501号."""
    return _unit_of(_Pieces(start=0, building=building, unit=unit, floor=floor, room=room), None)


def _cut_total_floors(rest: str) -> tuple[str, int | None]:
    said = "共" in rest or "总" in rest or "地上" in rest
    match = _TOTAL_FLOORS.search(rest, max(0, len(rest) - _WINDOW)) if said else None
    if match is None or not 0 < int(match["total"]) <= _HIGHEST_FLOOR or match.start() == 0:
        return rest, None
    return rest[: match.start()], int(match["total"])


def _before_its_floor(rest: str) -> _Pieces | None:
    """5幢501室18层: the floor is stated behind the room."""
    match = _FLOOR_BEHIND_ROOM.search(rest, max(0, len(rest) - _WINDOW))
    found = _dashed(rest[: match.start()]) or _spelled(rest[: match.start()]) if match else None
    return replace(found, floor=match["floor"]) if match and found and found.room and not found.floor else None


def _dashed(rest: str) -> _Pieces | None:
    window = max(0, len(rest) - _WINDOW)
    if rest.find("-", window) < 0:
        return None
    pair = _ROOM_PAIR.search(rest, window)
    if pair and _is_pair(pair, rest):
        head = _spelled(rest[: pair.start()] + pair["first"])
        room = f"{pair['first']}-{pair['second']}"
        if head and head.room:
            return _Pieces(start=head.start, building=head.building, unit=head.unit, floor=head.floor, room=room)
    for pattern in (_DASHED, _UNIT_AND_ROOM, _DASHED_SHORT):
        match = pattern.search(rest, window)
        if match and (pattern is not _DASHED_SHORT or _may_be_building(match, rest)):
            found = match.groupdict()
            return _Pieces(start=match.start(), building=found["building"], unit=found.get("unit"), room=found["room"])
    return None


def _may_be_building(short: re.Match[str], rest: str) -> bool:
    """翠苑3-501, but not 3号楼501-601, where the building is written in front."""
    start = short.start()
    return start > 0 and not _HAS_BUILDING.search(rest[max(0, start - 4) : start].rstrip("-"))


def _is_pair(pair: re.Match[str], rest: str) -> bool:
    """501-502 are two flats of one floor made into one; 3-501 and 12-1203 are building and room."""
    first, second = pair["first"], pair["second"]
    return (
        pair.start() > 0 and len(first) == len(second) and first[:-2] == second[:-2] and rest[pair.start() - 1] != "-"
    )


def _spelled(rest: str) -> _Pieces | None:
    match = _TAIL.search(rest, max(0, len(rest) - _WINDOW))
    if match is None:
        return None
    building, unit, floor, room = match["building"], match["unit"], match["floor"], match["room"]
    start = match.start()
    before = rest[:start]
    if room and not (match["room_word"] or building or unit or floor or room[-1] == "户"):
        if not _is_bare_room(room, before):
            return None
    elif room and match["room_word"] == "号" and not (building or unit):
        return None  # 万寿路15号 is a house number
    if building is None and room:
        # 123弄4号501室, 古北新城4号501室: the 号 is the building, but that of a road is the house number.
        numbered = _LANE_BUILDING.search(before) or _NUMBERED_BUILDING.search(before)
        if numbered:
            building, start = numbered["building"], numbered.start()
    if building is None:
        building, floor, start = _numbered_floor_or_building(rest, start, unit, floor, room)
    if not (building or unit or floor or room):
        return None
    is_alone = floor is not None and floor[-1] == "楼" and not (building or unit or room)
    is_doubtful = is_alone and _ESTATE.search(before) is not None
    return _Pieces(start=start, building=building, unit=unit, floor=floor, room=room, is_doubtful=is_doubtful)


def _numbered_floor_or_building(
    rest: str, start: int, unit: str | None, floor: str | None, room: str | None
) -> tuple[str | None, str | None, int]:
    """Building, floor and where they begin: 12楼 in front of a unit or a room of another floor is the building."""
    lettered = _LETTERED_BUILDING.fullmatch(rest[max(0, start - 1) : start] + (floor or ""))
    if lettered:
        return lettered[0], None, start - 1
    written = _BUILDING_OR_FLOOR.match(floor) if floor else _BUILDING_OR_FLOOR.search(rest[max(0, start - 6) : start])
    if written is None or (floor is None and unit is None) or (floor and unit):
        return None, floor, start
    if floor is None:
        return written[0], None, start - len(written[0])
    if _TOWER.search(rest[:start]):
        return None, floor, start
    storey = floor_of(_without(_ROOM_ENDINGS, room)) if room else None
    is_building = int(written["number"]) > _HIGHEST_FLOOR or (storey and storey != int(written["number"]))
    return (written[0], None, start) if is_building else (None, floor, start)


def _is_bare_room(room: str, before: str) -> bool:
    return (
        room.isdigit()
        and len(room) in {3, 4}
        and bool(before)
        and ("\u4e00" <= before[-1] <= "\u9fff")
        and (before[-1] not in "路街弄号第" or bool(_LANE_BUILDING.search(before) or _NUMBERED_BUILDING.search(before)))
    )


def _unit_of(found: _Pieces, total: int | None) -> Unit:
    number = _without(_ROOM_ENDINGS, found.room) if found.room and found.room[0] not in "东西南北中" else None
    building = _without(_BUILDING_ENDINGS, found.building) if found.building else None
    unit = _without(_UNIT_ENDINGS, found.unit) if found.unit else None
    return Unit(
        building=f"{building}幢" if building else None,
        unit=f"{unit}单元" if unit else None,
        room=f"{number}室" if number else found.room,
        floor=_floor(found, number, total),
        total_floors=total,
    )


def _without(endings: Iterable[str], text: str) -> str:
    return next((text.removesuffix(ending) for ending in endings if text.endswith(ending)), text)


def _floor(found: _Pieces, room: str | None, total: int | None) -> int | None:
    if found.floor is None:
        return floor_of(room) if room else None
    return None if found.is_doubtful and total is None else _stated_floor(found.floor)


def _stated_floor(floor: str | None) -> int | None:
    """The floor, the lower one of a maisonette (2-3层); `None` below ground, which has no band."""
    numbers = [int(digits) for digits in re.findall(r"[0-9]+", floor)] if floor and not _BASEMENT.match(floor) else []
    if not numbers or numbers[-1] - numbers[0] not in range(_MOST_FLOORS_OF_A_FLAT):
        return None
    return numbers[0] if 0 < numbers[0] <= _HIGHEST_FLOOR else None


def _readings(rest: str, found: _Pieces, total: int | None) -> Iterator[Reading]:
    """Every way to share a run of digits between the name and the building; nothing where none is in doubt.

    A building number has up to three digits and no leading zero. Of 101号楼 the whole is the likeliest building, of
    longer runs the shortest end: there are few compounds of a thousand buildings and many named 荣丰2008.
    """
    written = found.building or ""
    if not written[:1].isdigit():
        return
    ending = written.lstrip("0123456789")
    digits = written[: len(written) - len(ending)]
    before = rest[: found.start]
    run = _DIGITS_AT_END.search(before)
    whole = (run[0] if run else "") + digits
    name = before[: run.start()] if run else before
    if len(whole) < _SHORTEST_RUN or not name or name[-1] in "路街弄号第-院区期":
        return
    if run and rest[found.start] == "-":
        return  # 阳光100 8号楼: written apart
    ends = [end for end in (1, 2, 3) if end < len(whole) and whole[-end] != "0"]
    alone = int(whole) <= _HIGHEST_BUILDING
    sizes = [len(whole), *ends] if alone else [*ends, len(whole)]
    for size in sizes:
        pieces = _Pieces(
            start=0, building=f"{whole[-size:]}{ending}", unit=found.unit, floor=found.floor, room=found.room
        )
        yield Reading(head=f"{name}{whole[:-size]}", unit=_unit_of(pieces, total))

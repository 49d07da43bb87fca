"""Cuts a normalised address into its parts by rules: divisions by the official list, the rest by its endings.

The rules know where a part ends (路, 号, 幢, 单元, 室), not which community exists: what may be the community comes out
as `heads`, several readings of the same stretch, and the dictionary decides between them. What a learned tagger says of
the same text is taken as further readings and fills what the rules left open; where both speak, the rules win.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from schemas.domain.divisions import Divisions
from schemas.events import AddressPart
from streams.enrichment.bystanders import first_address, is_name, without_bystanders
from streams.enrichment.pieces import Piece
from streams.enrichment.places import RULES, Place, find_place, find_town
from streams.enrichment.roads import Road, find_road, find_village
from streams.enrichment.units import Reading, Tail, Unit, cut_unit, floor_of, named_unit

__all__ = ["ParsedAddress", "Place", "Reading", "Unit", "floor_of", "parse", "standard"]

_TAGGER = "tagger"

_REMARK = re.compile(r"\([^()]*\)?$")
# What is sold beside a flat, with its number: 及地下车位12号. It need not be told from a unit.
_BESIDE = (
    r"-?(?:以?及|和|含|带|送|赠送?|配|另有?|附属?带?|不含|无)?(?:[0-9两一二]个)?(?:地下|产权|机动)*"
    r"(?:车位|车库|地下室|储藏[室间]|贮藏室|储物间|阁楼)[\u4e00-\u9fff0-9A-Z-]{0,12}"
)
_CONDITION = r"-?(?:精装|简装|豪装|毛坯|带?装修|带租|满[二两五])[\u4e00-\u9fff]{0,10}"
_AFTER_ROOM = re.compile(rf"(?<=[0-9A-Z甲乙丙丁])(?:室|单元|层|幢|号楼)(?P<remark>[^0-9A-Z()-]{{1,12}}|{_BESIDE})$")
# 3号楼501精装修: behind a bare room only what cannot go on as a unit (501号铺, 3幢1001室, 101商铺).
_AFTER_BARE_ROOM = re.compile(
    r"(?:(?:号楼|单元|幢|座)-?[0-9]{3,4}(?P<words>"
    rf"(?!号|室|房|户|层|楼|幢|座|单元|门(?!面)|梯|铺|商铺|弄|栋|区|期|附[0-9])[\u4e00-\u9fff]{{1,12}}|{_BESIDE})"
    rf"|[0-9号]-?[0-9]{{3,4}}(?P<beside>{_BESIDE}|{_CONDITION}))$"
)
# 1501-89-5平米 is room 1501 of 89.5 m²; 3-501-89平米 has no decimals.
_AREA = (
    r"(?:-?(?:建筑|套内|产权)?面积(?:约|为|是)?[0-9]{1,4}(?:-[0-9]{1,2})?|(?<=[0-9]{3})-[0-9]{2,3}-[0-9]{1,2}"
    r"|(?<=[室户号])-?[0-9]{2,4}(?:-[0-9]{1,2})?|-[0-9]{2,4})(?:平方米|平米|平方|平|M2)"
)
_COUNT = "(?:[0-9]|[一二两三四五六七八九])"
_LAYOUT = (  # 5013室2厅 is no layout: its digits cannot be told from the room's
    r"(?:(?:-|(?<![0-9-]))[0-9]|-?[一二两三四五六七八九])室"
    rf"{_COUNT}厅(?:{_COUNT}(?:厨|卫|阳台?))*"
)
_MEASURES = re.compile(rf"(?:{_AREA}|{_LAYOUT})$")
_MEASURE_ENDS = frozenset("平米方2厅厨卫阳台")
_NO_REMARK = re.compile(r"[东西南北中]{1,2}户$|夹层$|顶层$|底层$|地下层$|共$|[东西南北主副]楼$")
_IN_BRACKETS = re.compile(r"\(([^()]*)\)?")
_CLOSED_ONLY = re.compile(r"^([^()]*)\)$")  # 东城区(电梯房): the bracket opened in what divides it from the county
_TOTAL_IN_REMARK = re.compile(r"(?:(?:共|总高|总楼?层数?|地上)|^[0-9]{1,3}层共?)(?P<total>[0-9]{1,3})(?:层|楼|F|$)")
_PHASE = re.compile(r"(?<=.)(?P<phase>(?:[0-9]{1,2}|[A-Z]|[东西南北中])(?:期|区|组团)|(?:[0-9]{1,2}|[A-Z])苑)$")
_HIGHEST = 120
_WINDOW = 48  # a remark is never longer; keeps the search cheap however long the text
_NO_BRACKETS = str.maketrans("", "", "()")

_ROAD_ENDS = frozenset("路街道巷段")
_NO_NAMES = ("redundant", "person")
_HEAD_LEVELS = ("community", "poi", "subpoi")
_PART_OF_TAG = {
    "town": "town",
    "zone": "devzone",
    "road": "road",
    "number": "roadno",
    "building": "houseno",
    "unit": "cellno",
    "floor": "floorno",
    "room": "roomno",
}
_IS_NAME = re.compile(r"[\u4e00-\u9fff]{2,4}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedAddress:
    """What the words say. `heads` are the readings of the community's name, the likeliest first; may be empty.

    `text` is the address alone: persons, telephone numbers, postcodes and `others` (further addresses in the same
    field) are no part of it.
    """

    text: str
    place: Place
    town: str | None
    road: str | None
    number: str | None
    heads: tuple[str, ...]
    unit: Unit
    remark: str
    parts: tuple[AddressPart, ...]
    middle: str = ""  # between town and building: road, number and name
    phase: str | None = None
    others: str = ""
    readings: tuple[Reading, ...] = ()

    def unit_behind(self, head: str) -> Unit:
        """The unit, given which head is the name: behind 荣丰2008 stands `3幢`, behind 荣丰200 `83幢`."""
        return next((reading.unit for reading in self.readings if reading.head == head), self.unit)


def parse(text: str, divisions: Divisions, pieces: Sequence[Piece] = ()) -> ParsedAddress:
    """Cut a normalised address. Never raises; what is not recognised stays in the first head.

    Args:
        text: What `normalise` returned.
        divisions: The official list.
        pieces: What the tagger says of the same text; empty where none is loaded.
    """
    address = without_bystanders(_without_persons(text, pieces), divisions)
    address, others = first_address(address, divisions)
    place = find_place(address, divisions)
    town, start, place = find_town(address, place, divisions)
    rest, remark = _without_remark(address[start:])
    tail = cut_unit(rest)
    road = find_road(tail.before)
    phase = _PHASE.search(tail.before)
    said = _Said(pieces=tuple(piece for piece in pieces if piece.text in address))
    unit = _completed(_with_total(tail.unit, remark), said)
    remark = f"{remark}商铺" if any(part.level == "room" and "铺" in part.text for part in tail.parts) else remark
    cut = (*place.parts, *_part("town", town), *_middle_parts(tail.before, road, phase and phase["phase"]), *tail.parts)
    return ParsedAddress(
        text=address,
        place=place,
        town=town or said.one("town"),
        road=road.road if road else said.one("road"),
        number=road.number if road else said.one("roadno") if said.one("road") else None,
        heads=_heads(address[place.strong_end : start], rest, tail, road, said),
        unit=unit,
        remark=remark,
        parts=(*cut, *said.missing_from(cut)),
        middle=_CLOSED_ONLY.sub(r"\1", tail.before),
        phase=phase["phase"] if phase else None,
        others=others,
        readings=tail.readings,
    )


def standard(parsed: ParsedAddress) -> str:
    """The address in the order and spelling of its parts; parsing that again gives the same address."""
    place, unit = parsed.place, parsed.unit
    written = next((part.text for part in reversed(place.parts) if part.level == "district"), None)
    county = place.county.name if place.county else written
    divisions = dict.fromkeys(name for name in (place.province, place.city, county) if name)
    floor = next((part.text for part in parsed.parts if part.level == "floor"), None)
    total = f"共{unit.total_floors}层" if unit.total_floors else None
    between = "-" if parsed.middle[-1:].isdigit() and (unit.building or "")[:1].isdigit() else None  # 阳光100-8幢
    rest = (parsed.town, parsed.middle, between, unit.building, unit.unit, floor, unit.room, total)
    return "".join(piece for piece in (*divisions, *rest) if piece)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What the tagger says of the address: its pieces by level, in order of the text."""

    pieces: tuple[Piece, ...]

    def one(self, level: str) -> str | None:
        return next((piece.text for piece in self.pieces if piece.level == level), None)

    def heads(self) -> Iterator[str]:
        """The names it sees, and those that touch as one: 万科|城市花园."""
        names = [piece for piece in self.pieces if piece.level in _HEAD_LEVELS]
        for first, second in pairwise(names):
            if first.end == second.start:
                yield first.text + second.text
        yield from (piece.text for piece in names)

    def missing_from(self, cut: Sequence[AddressPart]) -> Iterator[AddressPart]:
        """The parts that the rules did not find."""
        known = {part.level for part in cut}
        for level, tag in _PART_OF_TAG.items() if self.pieces else ():
            text = self.one(tag)
            if text and level not in known and not (level == "number" and "road" in known):
                yield AddressPart(level=level, text=text, origin=_TAGGER)


def _without_persons(text: str, pieces: Sequence[Piece]) -> str:
    for piece in reversed(pieces):
        if piece.level == "person" and text[piece.start : piece.end] == piece.text and _IS_NAME.fullmatch(piece.text):
            text = text[: piece.start] + text[piece.end :]
    return text


def _without_remark(rest: str) -> tuple[str, str]:
    """A remark behind the room (501室主卧, 3号楼(电梯房)) is no part of the name; a person is not even a remark."""
    before, said = rest, ""
    while bracket := _REMARK.search(before):
        before, said = before[: bracket.start()], _remark(bracket[0].strip("()")) + said
    if before != rest and _is_unit_end(before):
        before, also = _without_remark(before)
        return before, also + said
    window = max(0, len(rest) - _WINDOW)
    measures = _MEASURES.search(rest, window) if rest[-1:] in _MEASURE_ENDS else None
    if measures and measures.start() > 0:
        before, also = _without_remark(rest[: measures.start()])
        return before, also + measures[0].strip("-")
    start = _remark_behind_room(rest, window)
    if start is None or _NO_REMARK.search(rest, start):
        return rest, ""
    return rest[:start], _remark(rest[start:].strip("-"))


def _remark_behind_room(rest: str, window: int) -> int | None:
    words = _AFTER_ROOM.search(rest, window)
    if words:
        return words.start("remark")
    bare = _AFTER_BARE_ROOM.search(rest, window)
    return max(bare.start("words"), bare.start("beside")) if bare else None


def _remark(words: str) -> str:
    return "" if is_name(words) else words


def _is_unit_end(text: str) -> bool:
    return text[-1:] in set("室层幢楼元号户") or text[-1:].isdigit()


def _with_total(unit: Unit, remark: str) -> Unit:
    match = _TOTAL_IN_REMARK.search(remark) if unit.total_floors is None else None
    return replace(unit, total_floors=int(match["total"])) if match and 0 < int(match["total"]) <= _HIGHEST else unit


def _completed(unit: Unit, said: _Said) -> Unit:
    """With the tagger's building, unit and room where the rules found nothing at all."""
    if not said.pieces or unit.building or unit.unit or unit.room or unit.floor:
        return unit
    found = named_unit(
        building=said.one("houseno"), unit=said.one("cellno"), floor=said.one("floorno"), room=said.one("roomno")
    )
    return replace(found, total_floors=unit.total_floors)


def _middle_parts(middle: str, road: Road | None, phase: str | None) -> Iterator[AddressPart]:
    if road:
        yield from (*_part("road", road.road), *_part("number", road.number))
    else:
        village = find_village(middle)
        yield from (*_part("village", village.village), *_part("group", village.group)) if village else ()
    yield from _part("phase", phase)


def _heads(before: str, rest: str, tail: Tail, road: Road | None, said: _Said) -> tuple[str, ...]:
    """Every reading of the community's name. `before`: shortened county or town, which may belong to the name.

    北京通州|北苑 may be 通州北苑, 望京街道|… starts a name. 太平街5号楼 alone is a building with a road for a name.
    """
    middle = tail.before
    readings = [
        *((before + middle,) if before else ()),
        *(middle.replace(piece.text, "") for piece in said.pieces if piece.level in _NO_NAMES and piece.text in middle),
        middle,
        *(middle + part.text for part in tail.parts if part.level == "building" and middle[-1:] in _ROAD_ENDS),
        *(reading.head for reading in tail.readings),
        middle[road.end :] if road else "",
        *_without_brackets(middle),
        rest,
        *said.heads(),
    ]
    return tuple(dict.fromkeys(bare for head in readings if (bare := head.translate(_NO_BRACKETS).strip("-#"))))


def _without_brackets(middle: str) -> tuple[str, ...]:
    """嘉丽苑(徐汇) is 嘉丽苑; but the road in 昌平路143号(椿筱台) alone must not stand for the name in brackets."""
    if "(" not in middle:
        return ()
    outside = _IN_BRACKETS.sub("", middle)
    road = find_road(outside)
    return () if road and road.number and road.end == len(outside) else (outside,)


def _part(level: str, text: str | None) -> tuple[AddressPart, ...]:
    return (AddressPart(level=level, text=text, origin=RULES),) if text else ()

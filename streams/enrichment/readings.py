"""What may be the community's name in an address that was not written in the usual order or ends unusually.

Before parsing, parts are put where the rules look for them: 3号楼501 阳光花园 (北京市朝阳区) is an address like any
other. After parsing, each reading also stands without a house number at its end (阳光花园24号), which some write for a
building.
"""

import re
from collections.abc import Iterator

from schemas.domain.divisions import Divisions
from schemas.domain.normalise import normalise
from streams.enrichment.bystanders import without_bystanders
from streams.enrichment.parse import ParsedAddress
from streams.enrichment.places import find_place

_FILLING = re.compile(r"(?<=[\u4e00-\u9fff])(?:小区)?(?:里面|里边|那边|这边)的?(?=第?[0-9A-Z])")
_UNIT_FIRST = re.compile(
    r"^(?P<unit>(?:第?(?:[0-9]{1,4}|[A-Z])(?:号楼|幢|座)(?!桥|大?楼)"
    r"(?:-?(?:[A-Z]?[0-9]{1,5}(?:[A-Z](?![A-Z]))?|[A-Z](?![A-Z]))(?:单元|门|层|室|房|号(?!院|楼|小区|公寓))?)*)"
    r"|[0-9]{3,4}室|[0-9]{1,3}-(?:[0-9]{1,2}-)?[0-9]{3,4}室?)"
    r"(?P<rest>(?:[\u4e00-\u9fff(]|[A-Z]{2}).+)$"
)
_DIVISION_END = re.compile(r"[市区县]")
_LONGEST_DIVISION = 8
_GOES_ON = re.compile(r"[\u4e00-\u9fff]")
_EMPTY = re.compile(r"\(\)")
# 5楼, 12幢 is a building; 24号 may be one behind a name or a lane, behind a road it is the house itself.
_BUILDING_LAST = re.compile(r"(?<=[^0-9A-Z甲乙丙丁-])-?第?[甲乙丙丁]?(?:[0-9]{1,4}|[A-Z])(?:号楼|楼|幢|座|层)$")
_HOUSE_LAST = re.compile(r"(?<=[^路街道0-9甲乙丙丁-])-?第?[甲乙丙丁]?(?:[0-9]{1,4}|[A-Z])号?$")
_SHORTEST = 2
_INITIALS = re.compile(r"[A-Z]{2,}(?:[0-9]+[A-Z]+)*(?![A-Z])")
_BUILDING = re.compile(r"(?P<number>(?<![0-9])[0-9]{1,7}|[一二三四五六七八九十])(?:号楼|幢|座|单元|-[0-9])")
_SAYS_NOTHING = re.compile(r"(?<=[省市区县州盟旗])的(?=[\u4e00-\u9fff])")


def arranged(entered: str, divisions: Divisions) -> str:
    """An entered address as the parser and the tagger get it: normalised, without persons, its parts in order."""
    return in_order(without_bystanders(normalise(entered), divisions), divisions)


def in_order(text: str, divisions: Divisions) -> str:
    """A normalised address with its divisions first and its unit last, without words that say nothing."""
    text = _SAYS_NOTHING.sub("", _FILLING.sub("", text), count=1)
    match = _UNIT_FIRST.match(text)
    if match:
        text = match["rest"] + match["unit"]
    start, end = _misplaced(text, divisions)
    return _EMPTY.sub("", text[start:end] + text[:start] + text[end:]) if start else text


def heads(parsed: ParsedAddress) -> tuple[str, ...]:
    """The readings of the name, the likeliest first: without a building that the rules left at the end, and whole."""
    found = (*(_BUILDING_LAST.sub("", head) for head in parsed.heads), *parsed.heads, _rest(parsed))
    return tuple(reading for reading in dict.fromkeys(found) if len(reading) >= _SHORTEST)


def doubtful(parsed: ParsedAddress) -> tuple[str, ...]:
    """Further readings of a name: without a house number at the end, before a building, letters as initials."""
    rest = _rest(parsed)
    houses = (_HOUSE_LAST.sub("", head) for head in parsed.heads)
    found = (*houses, *_letters(rest), *_before_buildings(rest))
    return tuple(reading for reading in dict.fromkeys(found) if len(reading) >= _SHORTEST)


def _rest(parsed: ParsedAddress) -> str:
    return parsed.text[parsed.place.end :].replace("(", "").replace(")", "")


def _letters(rest: str) -> Iterator[str]:
    """WJXY3Q in 望京路8号WJXY3Q5号楼: with the digits between letters, without those behind them."""
    match = _INITIALS.search(rest)
    if match:
        yield match[0]


def _before_buildings(rest: str) -> Iterator[str]:
    """What stands before a building's number, also where the name's own number runs into it: 左岸88|8号楼."""
    match = _BUILDING.search(rest)
    if match:
        for at in range(match.start(), match.end("number")):
            yield rest[:at].rstrip("-")


def _misplaced(text: str, divisions: Divisions) -> tuple[int, int]:
    """Where a city, with its county or without, stands inside an address instead of before it; else (0, 0)."""
    start = end = 0
    for match in _DIVISION_END.finditer(text):
        found = _division_before(text, match.end(), divisions)
        if found == 0:
            return 0, 0  # they are where they belong
        if found is not None and (found == end or (end == 0 and _is_city(text, found, match.end(), divisions))):
            start, end = start or found, match.end()
    if start and find_place(text[:start], divisions).end == start:
        return 0, 0  # 浙江省|杭州市, 中国|北京市: what stands before them are divisions too
    return start, end


def _is_city(text: str, start: int, end: int, divisions: Divisions) -> bool:
    """Whether a city may begin a misplaced place; a county-level one in a name (大上|海城市|花园) may not."""
    name, is_last = text[start:end], _GOES_ON.match(text, end) is None
    return name[-1] == "市" and (is_last or name in divisions.provinces or name in divisions.cities)


def _division_before(text: str, end: int, divisions: Divisions) -> int | None:
    for length in range(min(_LONGEST_DIVISION, end), 2, -1):
        if text[end - length : end] in divisions.full_names:
            return end - length
    return None

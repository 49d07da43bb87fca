"""Road and house number at the beginning of what follows the divisions; village and group in the country."""

import re
from dataclasses import dataclass

_ORDINAL = "0-9一二三四五六七八九十"
_ROAD_NUMBER = re.compile(
    r"(?P<road>[\u4e00-\u9fffA-Z0-9]{1,12}?(?:大街|大道|胡同|路|街(?!道)|巷|(?<!街)道)"
    rf"(?:[东西南北]?[{_ORDINAL}]{{1,2}}段|[东西南北]段)?)"
    r"(?P<number>[甲乙丙丁]?[0-9]{1,5}(?:-[0-9]{1,4})?"
    rf"(?:号院?附[0-9]{{1,4}}号?|号之[{_ORDINAL}]{{1,2}}|号院|号(?!楼)|弄|院|(?![0-9区期组里条巷幢层楼号座单])))"
)
_ROAD = re.compile(r"(?P<road>[\u4e00-\u9fffA-Z0-9]{1,7}?(?:大街|大道|胡同|路|街(?!道)|巷))(?=.)")
_VILLAGE = re.compile(
    r"(?P<village>[\u4e00-\u9fff]{1,6}?(?<!新)村)(?P<group>[0-9一二三四五六七八九十]{1,3}(?:组|队|社|屯))?(?=(?P<number>[0-9]{1,4}号(?!楼))?)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Road:
    """A road, its house number if one is written, and where the text goes on behind them."""

    road: str
    number: str | None
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Village:
    """A village that is told by its group or a house number behind it: 张家村3组, 李家村12号."""

    village: str
    group: str | None


def find_road(text: str) -> Road | None:
    """The road at the beginning of a text; one without a number needs something after it."""
    match = _ROAD_NUMBER.match(text)
    if match:
        return Road(road=match["road"], number=match["number"], end=match.end())
    match = _ROAD.match(text)
    return Road(road=match["road"], number=None, end=match.end()) if match else None


def find_village(text: str) -> Village | None:
    """The village at the beginning of a text. 中关村 and 新村 alone are places of a town."""
    match = _VILLAGE.match(text)
    if match is None or not (match["group"] or match["number"]):
        return None
    return Village(village=match["village"], group=match["group"])

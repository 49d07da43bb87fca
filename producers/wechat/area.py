"""The floor area in a customer's words. Pure: found, missing, or wrong in a way that can be said."""

import re
from dataclasses import dataclass
from typing import Final

_VALUE = r"(?P<value>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,7}(?:\.\d+)?)"
# Not the tail of another number: neither of 3-89 nor of 1,200 nor of a fraction.
_NUMBER = rf"(?<![\d.])(?<!\d,)(?<!-){_VALUE}(?![\d,]*\d)"
_UNIT = r"(?:平方米|平米|平方(?!英?尺)|平(?!方)|㎡|m2|m²)"
_SAID = r"[:：是为约\s]*"
_GROSS: Final = re.compile(rf"建筑面积{_SAID}{_NUMBER}\s*{_UNIT}?", re.IGNORECASE)
_NET: Final = re.compile(rf"(?:套内|使用|实用|得房)(?:建筑)?面积{_SAID}{_VALUE}\s*{_UNIT}?", re.IGNORECASE)
_WITH_UNIT: Final = re.compile(rf"(?:面积{_SAID})?{_NUMBER}\s*{_UNIT}", re.IGNORECASE)
_AFTER_WORD: Final = re.compile(rf"面积{_SAID}{_NUMBER}")
_AT_THE_END: Final = re.compile(r"(?<=[\s,，;；、])(?P<value>\d{1,6}\.\d+)$")  # 302 may be a room; 89.5 is none
_ALONE: Final = re.compile(rf"^{_VALUE}$")
_OTHER_UNIT: Final = re.compile(r"\d\s*(?:坪|亩|公顷|平方英?尺|英尺|sq\.?\s*ft|ft2)", re.IGNORECASE)
_NEGATIVE: Final = re.compile(rf"(?:^|[\s,，;；:：])-\s*\d+(?:\.\d+)?\s*{_UNIT}", re.IGNORECASE)
_MOST_PLACES: Final = 2
_SMALL_M2: Final = 5  # a flat is larger; a lone small number is a choice, a floor or a slip

OTHER_UNIT: Final = "面积请以平方米（㎡）为单位，坪、亩、平方英尺请换算后重新发送。"
ONLY_NET: Final = "请发送不动产权证书上的建筑面积，不是套内或使用面积，例如：建筑面积89.5"
TOO_FINE: Final = "建筑面积最多保留两位小数，请核对后重新发送，例如：89.55平"
NOT_POSITIVE: Final = "建筑面积须大于 0，请核对后重新发送，例如：89.5平"


class AreaError(ValueError):
    """What was said of the area cannot be used; `text` tells the customer why."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What some words hold: the area in ㎡ as text (empty: none), and the rest, which may be an address."""

    area_m2: str
    rest: str


def parts(text: str) -> Parts:
    """Cut the area out of some words. Digits are plain ones already.

    Raises:
        AreaError: An area in another unit, of another kind, with too many decimals, or not over 0.
    """
    if _OTHER_UNIT.search(text):
        raise AreaError(OTHER_UNIT)
    if _NEGATIVE.search(text):
        raise AreaError(NOT_POSITIVE)
    alone = _ALONE.match(text)
    if alone is not None:
        return Parts(area_m2=_lone(alone["value"]), rest="")
    gross = _GROSS.search(_NET.sub(lambda found: " " * len(found[0]), text))
    if gross is None and _NET.search(text):
        raise AreaError(ONLY_NET)
    found = gross or _first(text)
    if found is None:
        return Parts(area_m2="", rest=text)
    rest = _NET.sub("", f"{text[: found.start()]} {text[found.end() :]}")
    return Parts(area_m2=_checked(found["value"]), rest=rest.strip(" ,，;；、。\n"))


def _first(text: str) -> "re.Match[str] | None":
    return next((found for one in (_WITH_UNIT, _AFTER_WORD, _AT_THE_END) if (found := one.search(text))), None)


def _lone(value: str) -> str:
    area = _checked(value)
    if float(area) < _SMALL_M2:
        raise AreaError(f"“{value}”是建筑面积吗？若是请写明单位，例如：{value}平；否则请重新发送。")
    return area


def _checked(value: str) -> str:
    plain = value.replace(",", "")
    if len(plain.partition(".")[2]) > _MOST_PLACES:
        raise AreaError(TOO_FINE)
    if float(plain) == 0:
        raise AreaError(NOT_POSITIVE)
    return plain

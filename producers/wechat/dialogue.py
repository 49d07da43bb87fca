"""The talk with one customer: from what was said to what is to be done. Pure.

A valuation needs an address and an area. They may come together or one by one, in any order; what is missing is asked
for. Where the address fits several communities, the customer answers with a number.
"""

import re
from dataclasses import dataclass, replace
from typing import Final

from producers.wechat.area import AreaError, parts
from schemas.domain.request_rules import MAX_ADDRESS

_CHOICE: Final = re.compile(r"^(?:第|选)?\s*(\d{1,2})\s*(?:个|项|号)?$")
_SHORTEST: Final = 4  # characters of an address: 你好 is none
_CORRECTION: Final = re.compile(r"^(?:不对|不是|错了|更正|改为|应该是|应为)[,，:：\s]*(?:应该)?(?:是|为)?[:：\s]*")
_PLACE: Final = re.compile(r"[幢栋号路街弄巷苑园区城庭府居里村座]")

CANCEL_WORDS: Final = frozenset({"取消", "撤销", "重来", "重新开始"})
QUERY_WORDS: Final = frozenset({"查询", "进度", "结果"})
DISPUTE_WORDS: Final = frozenset({"复估", "异议", "申诉"})
HELP_WORDS: Final = frozenset({"帮助", "?", "？", "你好", "您好", "开始", "估值"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A community that may be meant."""

    community_id: str
    name: str
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """What is known so far. `choices` belong to the question of `valuation_id`."""

    address: str = ""
    area_m2: str = ""
    valuation_id: str = ""
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """Answer with words, and that is all."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """Ask for a valuation."""

    address: str
    area_m2: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choose:
    """Answer the question of a valuation."""

    valuation_id: str
    community_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Tell how the customer's latest valuation stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """Withdraw the customer's latest valuation, if it is under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """Tell how another opinion is asked for."""


Act = Say | Value | Choose | Query | Cancel | Dispute

WELCOME: Final = (
    "您好，这里可以查询房屋的参考价值。\n请发送房屋地址和建筑面积，例如：\n杭州市西湖区某某小区3幢2单元 89.5平\n\n"
    "回复“查询”看进度，“取消”撤销，“复估”对结果提出异议。无需提供姓名、证件或电话。"
)
ASK_ADDRESS: Final = "请回复房屋地址，写到小区，最好到楼栋，例如：杭州市西湖区某某小区3幢"
RESTARTED: Final = "已取消，刚才填写的内容已清除。需要时请重新发送地址和面积。"
TOO_LONG: Final = f"地址过长，请缩短到 {MAX_ADDRESS} 个字以内重新发送。"


def step(talk: Talk, said: str) -> tuple[Talk, Act]:
    """What the customer's words lead to, and what is known afterwards."""
    word = said.strip().rstrip("。.!！").strip()
    if word in CANCEL_WORDS:
        is_filling_in = bool(talk.address or talk.area_m2) and not talk.choices
        return (Talk(), Say(text=RESTARTED)) if is_filling_in else (Talk(), Cancel())
    if word in QUERY_WORDS:
        return talk, Query()
    if word in DISPUTE_WORDS or word.startswith("复估"):
        return talk, Dispute()
    if word in HELP_WORDS or not word:
        return talk, Say(text=question(talk) if talk.choices else WELCOME)
    if talk.choices:
        chosen = _CHOICE.match(_narrow(word).translate(_ONE_TO_FIVE))
        if chosen is not None:
            return _chosen(talk, int(chosen[1]))
        talk = Talk()  # other words are another house
    return _told(talk, said.strip())


def ask_area(address: str) -> str:
    """Ask for the area of a house, and say which house was understood."""
    return f"地址：{address}\n请回复建筑面积（平方米，以不动产权证书为准），例如：89.5。地址有误的，请重新发送地址。"


def is_choice(said: str) -> bool:
    """Whether some words are the number of a choice, to a question that may be long ago."""
    return _CHOICE.match(_narrow(said.strip()).translate(_ONE_TO_FIVE)) is not None


def question(talk: Talk) -> str:
    """Which community is meant."""
    lines = [f"{number}. {one.name}（{one.place}）" for number, one in enumerate(talk.choices, 1)]
    return "您说的是哪个小区？请回复序号：\n" + "\n".join(lines) + "\n都不是的，请重新发送更完整的地址。"


def _chosen(talk: Talk, number: int) -> tuple[Talk, Act]:
    if not 1 <= number <= len(talk.choices):
        return talk, Say(text=f"没有序号 {number}。\n{question(talk)}")
    return Talk(), Choose(valuation_id=talk.valuation_id, community_id=talk.choices[number - 1].community_id)


def _told(talk: Talk, said: str) -> tuple[Talk, Act]:
    try:
        found = parts(_narrow(said))
    except AreaError as error:
        return talk, Say(text=error.text)
    address = _address(found.rest, is_area_due=bool(talk.address) and not talk.area_m2)
    known = replace(talk, address=address or talk.address, area_m2=found.area_m2 or talk.area_m2)
    if len(known.address) > MAX_ADDRESS:
        return replace(known, address=""), Say(text=TOO_LONG)
    if known.address and known.area_m2:
        return Talk(), Value(address=known.address, area_m2=known.area_m2)
    if known.address:
        return known, Say(text=ask_area(known.address))
    return known, Say(text=ASK_ADDRESS if known.area_m2 else WELCOME)


def _address(text: str, *, is_area_due: bool) -> str:
    """The address in what is left; empty where there is none. Where one is known, only what looks like one counts."""
    address = _CORRECTION.sub("", text)
    looks_like_one = len(address) >= _SHORTEST and (not is_area_due or _PLACE.search(address) is not None)
    return address if looks_like_one else ""


def _narrow(text: str) -> str:
    """Full-width digits and points as plain ones; all else as it was written."""
    return text.translate(_NARROW).strip()


_ONE_TO_FIVE: Final = str.maketrans("一二三四五", "12345")
_NARROW: Final = {code: code - 0xFEE0 for code in (*range(0xFF10, 0xFF1A), 0xFF0E)}

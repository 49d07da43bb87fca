"""What people write around an address and what is none: persons, telephone numbers, postcodes, a second address.

All of it is dropped here, before anything is cut: it must not reach the parts of an address, its standard spelling or a
log.
"""

import re

from schemas.domain.divisions import Divisions
from schemas.domain.surnames import HAN
from streams.enrichment.persons import (
    are_persons,
    is_about_persons,
    is_name,
    without_persons,
    without_persons_before_a_number,
    without_persons_behind_a_number,
)
from streams.enrichment.places import begins_with_division

__all__ = ["first_address", "is_name", "without_bystanders"]

# 房屋坐落于, 我家住在, 抵押物地址位于; not 住 or 在 alone: 住邦2000 is a name.
_HOUSE = r"(?:我的?|客户)?(?:房屋|房产|房子|抵押物|押品|物业|家庭|联系|详细|所在|通讯)"
_LEAD = re.compile(
    rf"(?:(?:{_HOUSE}|我的?|客户)?(?:(?:坐落|座落)(?:地址)?|地址|住址|位置)(?:位于|于|是|为|在)?"
    rf"|{_HOUSE}(?:位于|在)|(?:我家|我)?位于|(?:我家|我|家)住在?|我?家在|住在)-?"
)

_LONG_DIGITS = re.compile(r"[0-9]{6}|[0-9]-[0-9]{4}-[0-9]{4}")
_PHONE_WORD = r"(?:联系)?(?:电话|手机|座机)(?:号码|号)?(?:是|为)?"
_IDENTITY_WORD = r"(?:身份证件?|证件)(?:号码|号)?(?:是|为)?-?"
_PHONE = re.compile(
    rf"-?(?:{_PHONE_WORD}[0-9-]{{6,20}}(?![0-9])|(?<![0-9])(?:86-?)?1[3-9][0-9](?:[0-9]{{8}}|-[0-9]{{4}}-[0-9]{{4}})(?![0-9])"
    rf"|(?:{_IDENTITY_WORD})?(?<![0-9])[0-9]{{17}}[0-9X](?![0-9])|(?<![0-9-])0[1-9][0-9]{{1,2}}-?[0-9]{{7,8}}(?![0-9-]))-?"
)
_POSTCODE = re.compile(
    rf"(?:邮编|邮政编码)(?:是|为)?[0-9]{{6}}|^[0-9]{{6}}(?=[{HAN}])|(?<=[室号层幢元户楼座铺])-?[0-9]{{6}}$|-[0-9]{{6}}$"
)
_BRACKETS = re.compile(r"\((?P<inside>[^()]*)(?:\)|$)")

_PROVINCE_OR_CITY = re.compile("[省市]")
_SHORTEST_ADDRESS = 8
_AND = re.compile(r"(?:-|以及|及|和|或者?|另有?|还有)+$")


def without_bystanders(text: str, divisions: Divisions) -> str:
    """The address alone: without lead-in words, persons, telephone and identity numbers and the postcode."""
    text = _LEAD.sub("", text, count=1) if _LEAD.match(text) else text
    text = _BRACKETS.sub(_without_bracketed, text)
    if _LONG_DIGITS.search(text):
        text = _without_numbers(text, divisions)
    text = without_persons(text, divisions)
    lead = _LEAD.match(text)  # 张三13800138000地址北京市…: again, behind a person
    return _without_lone_brackets(text[lead.end() :] if lead else text)


def first_address(text: str, divisions: Divisions) -> tuple[str, str]:
    """The first of several addresses in one field, and the others: each begins with its province or city in full."""
    for sign in _PROVINCE_OR_CITY.finditer(text, _SHORTEST_ADDRESS, max(_SHORTEST_ADDRESS, len(text) - 4)):
        end = sign.start()
        if not _begins_anew(text, end, divisions):
            continue
        for length in (3, 4, 5):  # 北京市, 石家庄市, 呼和浩特市
            start = end + 1 - length
            name = text[start : end + 1]
            if (name in divisions.provinces or name in divisions.cities) and _may_end_at(text, start):
                return _AND.sub("", text[:start]), text[start:]
    return text, ""


def _begins_anew(text: str, end: int, divisions: Divisions) -> bool:
    """Whether divisions follow the province or city that ends at `end`."""
    return begins_with_division(text[end + 1 : end + 16], divisions)


def _may_end_at(text: str, start: int) -> bool:
    before = _AND.sub("", text[max(0, start - 8) : start])
    return before[-1:].isdigit() or before[-1:] in set("室号层幢元户楼座铺ABCDEFGH)")


def _without_bracketed(bracket: re.Match[str]) -> str:
    """A bracket without persons and their numbers; empty where nothing else was in it."""
    inside = bracket["inside"]
    pieces = _PHONE.split(inside) if _LONG_DIGITS.search(inside) else [inside]
    if len(pieces) == 1:
        return "" if is_about_persons(inside) else bracket[0]
    kept = "-".join(piece for piece in pieces if piece and not (is_about_persons(piece) or are_persons(piece)))
    return f"({kept})" if kept else ""


def _without_numbers(text: str, divisions: Divisions) -> str:
    for _ in range(4):  # a mobile, a fixed line, an identity number
        phone = _PHONE.search(text)
        if phone is None:
            break
        before, after = text[: phone.start()], text[phone.end() :]
        after = without_persons_behind_a_number(before, after, divisions)
        before = without_persons_before_a_number(before, after, divisions)
        text = f"{before}-{after}".strip("-") if before[-1:].isdigit() and after[:1].isdigit() else before + after
    return _POSTCODE.sub("", text)


def _without_lone_brackets(text: str) -> str:
    """Without a `)` that nothing opens, nor a `(` at the end."""
    if ")" not in text and not text.endswith("("):
        return text
    depth, kept = 0, []
    for character in text.rstrip("("):
        depth += (character == "(") - (character == ")")
        if depth >= 0:
            kept.append(character)
        depth = max(depth, 0)
    return "".join(kept)

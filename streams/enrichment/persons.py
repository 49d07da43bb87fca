"""Persons in an address: the owner behind the room, the sender in front, the contact beside a telephone number.

A person is told by what stands beside the name (收件人, 先生, a telephone or room number, an address that begins anew),
never by a surname alone: 张家港 and 王府井 begin with surnames too. And a name goes only where another name is left:
what stands behind 3号楼501 alone is the community.
"""

import re
from typing import Final

from schemas.domain.divisions import Divisions
from schemas.domain.surnames import COMMON_SURNAME, HAN, SURNAME
from streams.enrichment.places import begins_with_division, find_place, find_town
from streams.enrichment.units import cut_unit

_ROLE: Final = (
    r"(?:收件人|收货人|联系人|业主|户主|产权人|权利人|房主|姓名|借款人|抵押人|购房人|买受人|申请人|共有人|委托人|承租人|客户)"
    r"(?:姓名|名称)?(?:是|为)?"
)
_ROLE_SIGNS: Final = ("人", "主", "姓名", "客户")  # one of them is in every role: a look before the search
_TITLE: Final = r"(?:先生|女士|小姐|太太)"

_COMMON_PERSON: Final = rf"{COMMON_SURNAME}[{HAN}]{{1,2}}"
_PERSON: Final = rf"{SURNAME}[{HAN}]{{1,2}}"
_PERSONS: Final = rf"{_PERSON}(?:[-和及与]?{_PERSON}){{0,3}}"
_MOST_OF_PERSONS: Final = 16  # characters

_UNIT_END: Final = r"(?<=[0-9A-Z室号层幢元户楼座铺])"
# Behind a flat or a building; not behind the number of a road: 文三路100号金都 is a house.
_FLAT_END: Final = r"(?:(?<=[0-9A-Z][室户层幢楼])|(?<=单元)|(?<=号楼)|(?<=[0-9]{3}))"
_ROOM_END: Final = r"(?:(?<=[0-9A-Z][室户])|(?<=[0-9]{3}))"

_ROLE_IN_FRONT: Final = re.compile(rf"{_ROLE}-?(?=[{HAN}])")
_ROLE_BEHIND: Final = re.compile(rf"-?{_ROLE}-?(?:[{HAN}]{{2,4}}|{_PERSONS})$")
_TITLED_IN_FRONT: Final = re.compile(rf"{SURNAME}[{HAN}]{{0,2}}?{_TITLE}-?")
_TITLED_BEHIND: Final = tuple(
    re.compile(rf"{surname}[{HAN}]{{{given}}}{_TITLE}(?:收|启|亲启)?$")
    for given in range(3)
    for surname in (COMMON_SURNAME, SURNAME)
)
_ADDRESSEE: Final = re.compile(rf"{_UNIT_END}{_COMMON_PERSON}(?:收|启|亲启|转)$")
_AT_END: Final = re.compile(
    rf"(?:{_FLAT_END}[-(]*{_COMMON_PERSON}|{_ROOM_END}[-(]*{_COMMON_PERSON}(?:[-和及与]?{_PERSON}){{1,3}})\)?$"
)
_SOMEBODY: Final = re.compile(rf"[{HAN}]{{2,4}}")
_ALL_PERSONS: Final = re.compile(_PERSONS)
_IN_BRACKETS: Final = re.compile(rf"{_ROLE}-?(?:[{HAN}]{{2,4}}|{_PERSONS})|{SURNAME}[{HAN}]{{0,2}}{_TITLE}")
_REMARK: Final = re.compile(_COMMON_PERSON)

# Beside a telephone number, where more is taken for a person.
_BEHIND_A_ROOM: Final = re.compile(
    rf"{_ROOM_END}[-(]*(?![号弄支室户层楼幢座单门院街])(?P<name>[{HAN}]{{2,4}}|{_PERSONS})$"
)
_BEHIND_A_DIVISION: Final = re.compile(rf"(?<=[市区县旗]){_PERSON}$")

# 安置房, 车位, 毛坯, 高层: words behind a room that begin with a surname and are no names.
_NO_NAME: Final = re.compile(r"[房铺位库层户卧室坯装区间向梯楼院宅墅口门边侧元证产厅卫期台店街路号旁面里村苑园]\)?$")
# What is said of a house, which decides over more than the address.
_OF_THE_HOUSE: Final = re.compile(
    r"产权|查封|被封|冻结|抵押|交易|转让|车位|车库|地下|储藏|装修|出租|自住|满[二两五]|唯一|电梯|朝[东南西北]|贷款|经济|限价"
    r"|集体|安居|农民|军产|央产|公房|商业|商住|办公|别墅|公寓|复式|跃层|[高底顶低]层|对面|隔壁|附近|[的已未无有共]"
)


def without_persons(text: str, divisions: Divisions) -> str:
    """A normalised address without the persons in front of it and behind it."""
    text = _without_persons_in_front(text, divisions)
    if any(sign in text for sign in _ROLE_SIGNS):
        text = _without_role(text, divisions)
    return _without_persons_at_end(_without_titled(text, divisions), divisions)


def without_persons_before_a_number(before: str, after: str, divisions: Divisions) -> str:
    """What stands before a telephone number, without whose it is. `after`: what stands behind the number."""
    text = _without_persons_at_end(_without_titled(_ROLE_BEHIND.sub("", before), divisions, after), divisions, after)
    of_room = _BEHIND_A_ROOM.search(text, max(0, len(text) - _MOST_OF_PERSONS))
    if of_room and not _says_no_name(of_room["name"]):
        flat = text[: of_room.start()]
        if _is_flat(flat) and _names(flat + after, divisions):
            return flat
    if not _names(after, divisions):
        return text
    if _ALL_PERSONS.fullmatch(text) or (_SOMEBODY.fullmatch(text) and _opens(after, divisions)):
        return text if _opens(text, divisions) else ""  # 张三13800138000北京市…: a name alone
    return _BEHIND_A_DIVISION.sub("", text)


def without_persons_behind_a_number(before: str, after: str, divisions: Divisions) -> str:
    """What stands behind a telephone number, without whose it is. `before`: what stands before the number."""
    if _ALL_PERSONS.fullmatch(after) and _names(before, divisions):
        return ""
    return _without_persons_in_front(after, divisions)


def is_about_persons(bracketed: str) -> bool:
    """Whether what stands in brackets tells a person and says so: 业主李四, 王女士."""
    return _IN_BRACKETS.fullmatch(bracketed) is not None


def are_persons(text: str) -> bool:
    """Whether it may be the names of persons and nothing else; a name of a place may look so too."""
    return _ALL_PERSONS.fullmatch(text) is not None


def is_name(remark: str) -> bool:
    """Whether what stands behind a room is a person and not a remark: 501室张三, but 501室主卧."""
    return _REMARK.fullmatch(remark) is not None and not _NO_NAME.search(remark)


def _without_persons_in_front(text: str, divisions: Divisions) -> str:
    """王小明北京市朝阳区…: names before an address that begins with its divisions, and not instead of a community."""
    titled = _TITLED_IN_FRONT.match(text)
    if titled and _names(text[titled.end() :], divisions):
        return text[titled.end() :]
    if not _ALL_PERSONS.match(text) or _opens(text, divisions):
        return text
    for end in range(2, min(len(text), _MOST_OF_PERSONS)):
        if _ALL_PERSONS.fullmatch(text, 0, end) and _opens(rest := text[end:].lstrip("-"), divisions):
            return rest if _names(rest, divisions) else text
    return text


def _without_role(text: str, divisions: Divisions) -> str:
    behind = _ROLE_BEHIND.search(text, max(0, len(text) - 24))
    if behind:
        return text[: behind.start()]
    front = _ROLE_IN_FRONT.match(text)
    if front:
        for end in range(front.end() + 2, min(len(text), front.end() + _MOST_OF_PERSONS)):
            name = text[front.end() : end]
            is_one = _SOMEBODY.fullmatch(name) or _ALL_PERSONS.fullmatch(name)
            if is_one and begins_with_division(rest := text[end:].lstrip("-"), divisions):
                return rest
    return text


def _without_titled(text: str, divisions: Divisions, after: str = "") -> str:
    if text[-1:] in "生士姐太收启转":
        for pattern in (*_TITLED_BEHIND, _ADDRESSEE):
            match = pattern.search(text, max(0, len(text) - 10))
            if match and _names(text[: match.start()] + after, divisions):
                return text[: match.start()].rstrip("-")
    return text


def _without_persons_at_end(text: str, divisions: Divisions, after: str = "") -> str:
    name = _AT_END.search(text, max(0, len(text) - _MOST_OF_PERSONS))
    if name is None or _NO_NAME.search(text) or not _names(text[: name.start()] + after, divisions):
        return text
    return text[: name.start()]


def _says_no_name(text: str) -> bool:
    return bool(_NO_NAME.search(text) or _OF_THE_HOUSE.search(text))


def _is_flat(text: str) -> bool:
    """Whether a room ends here, and not a number in a name: 3号楼501, but 阳光100."""
    unit = cut_unit(text).unit
    return text[-1:] in {"室", "户"} or unit.building is not None or unit.unit is not None


def _opens(text: str, divisions: Divisions) -> bool:
    """Whether an address begins here: a division in full, or two. 万科|大兴花园 and 金鱼池|西区 are names."""
    place = find_place(text, divisions)
    if len(place.parts) > 1:
        return True
    if place.is_weak or len(place.parts[0].text) < 3:  # noqa: PLR2004 - 西区
        return False
    return not begins_with_division(text[place.end :], divisions)  # 王府井|平房区|北京市: the first is none


def _names(text: str, divisions: Divisions) -> bool:
    """Whether a text names a road or community: more than divisions and a unit."""
    _, start, _ = find_town(text, find_place(text, divisions), divisions)
    return re.search(rf"[{HAN}]{{2}}", cut_unit(text[start:]).before) is not None

"""Addresses as people type them: the seeded corruptions that resolving communities is measured with.

Written from how Chinese addresses are typed, not from how they are resolved: the resolver never sees this module, and
this module knows none of its tables. Three promises:

- digits, letters, numerals and 甲乙丙丁 of a name are never changed, lost or moved: 三区 written 四区 is another place;
- a name is never corrupted into another name of the same list: what spells another community *is* that community;
- the same random generator gives the same addresses.

The share of each thing in `Kind.MIXED` is the table of constants below.
"""

import random
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Final

from opencc import OpenCC

from schemas.domain.pinyin import initials, sound

# ---- shares of MIXED: an address may have several of them -------------------------------------------------------
_PLACES: Final = {"full": 0.25, "city": 0.20, "district": 0.05, "none": 0.25, "road": 0.25}
_TAILS: Final = {"none": 0.30, "unit": 0.55, "phase": 0.15}
_ENDING_DROPPED = 0.35  # where the name has one to drop
_ENDING_OTHER = 0.08  # added or exchanged
_MISTYPED = 0.3  # of names longer than `_SHORT`
_TRADITIONAL = 0.15
_FULL_WIDTH = 0.10
_SPOKEN = 0.06
_INITIALS = 0.01
_SHORT = 3  # a wrong character in three leaves nothing to recognise: such queries ask for luck, not for skill

# ---- shares of the slips of a hand: a third is random, no method can know it -------------------------------------
_SLIPS: Final = {
    "homophone": 0.27,  # the wrong one of the list that the pinyin keyboard offers
    "word": 0.05,  # … two characters at once
    "accent": 0.06,  # zh for z, n for l, ing for in
    "look-alike": 0.08,  # copied from paper or by a scanner
    "random": 0.24,
    "omitted": 0.11,
    "inserted": 0.06,
    "doubled": 0.04,
    "swapped": 0.09,
}

_TRIES = 30
_GLUED = 0.15  # a name that ends in a digit, run together with the number of the house: 荣丰2008 + 3号楼

_NUMERALS = frozenset("〇零一二三四五六七八九十百甲乙丙丁戊己庚辛")
_IN_DIGITS = {ord(numeral): str(value) for value, numeral in enumerate("零一二三四五六七八九")} | {ord("〇"): "0"}
_COMPASS = frozenset("东西南北中上下前后左右内外")
_ENDINGS = (
    "住宅小区",
    "小区",
    "花园",
    "家园",
    "公寓",
    "新村",
    "社区",
    "花苑",
    "嘉园",
    "家属院",
    "大厦",
    "苑",
    "园",
    "里",
)
_SAID = ("小区", "小区", "小区", "花园", "家园", "社区", "公寓", "大院")
_PHASES = ("一期", "二期", "三期", "2期", "A区", "B区", "南区", "北区", "东区", "(二期)", "第一期")
_ROADS = (
    *("中山北路", "建国路", "学院南路", "朝阳北路", "长宁路", "人民南大街", "永安路", "新华街", "解放大道", "文化路"),
    *("迎宾大道", "和平里东街", "延安西路", "北三环中路", "复兴路", "青年路", "光明胡同", "虹桥路", "幸福巷", "沪太路"),
)
_UNITS = (
    *("{b}号楼{u}单元{r}室", "{b}号楼{u}单元{r}", "{b}幢{u}单元{r}室", "{b}栋{u}单元{r}", "{b}号楼{r}室", "{b}号楼{r}"),
    *(
        "{b}-{u}-{r}",
        "{b}—{u}—{r}",
        "{b}-{r}",
        "{b}#{r}",
        "{b}#楼{u}单元{r}",
        "{b}号楼{u}-{r}",
        "{b}栋{r}号",
        "{b}号{r}室",
    ),
    *(
        "{b}楼{u}门{r}",
        "{b}座{r}",
        "{b}号楼{f}层{r}",
        "{B}座{r}室",
        "{B}座{f}层",
        "{c}号楼{u}单元{r}",
        "{c}幢{r}",
        "第{b}幢{r}室",
    ),
    *("{b} 号楼 {u} 单元 {r}", "{b}号楼", "{b}栋", "{r}室", "{b}号楼{u}单元"),
)
_ORDERS = (
    "{place} {name} {unit}",
    "{place}，{name}，{unit}",
    "{place}的{name}{unit}",
    "{name}({place}) {unit}",
    "{name}{unit}，{place}",
    "{unit} {name} {place}",
    "{place}{name} {unit}",
    "{place}/{name}/{unit}",
    "地址：{place}{name}{unit}",
    "{place}{name}小区里面{unit}",
)
_LOOK_ALIKES = (
    *(
        "末未",
        "土士",
        "己已巳",
        "日曰",
        "大太",
        "天夭",
        "人入",
        "田由甲申",
        "千干于",
        "午牛",
        "王玉主",
        "苑宛",
        "园圆",
        "辰晨",
    ),
    *(
        "景影",
        "华毕",
        "名各",
        "阳阴",
        "锦绵",
        "瑞端",
        "御卸",
        "盛成",
        "祥详",
        "清请晴",
        "湖潮",
        "海悔",
        "江汪",
        "波玻",
        "庭廷",
    ),
    *(
        "丽雨",
        "明朋",
        "泰秦奏",
        "春舂",
        "金全",
        "银很",
        "珠株",
        "翠萃",
        "碧壁",
        "富福",
        "家冢",
        "豪毫",
        "城域",
        "苹萍",
        "莲连",
    ),
    *(
        "徐涂",
        "洲州",
        "府俯",
        "庄压",
        "桥侨",
        "康庚",
        "安女",
        "宁宇",
        "怡治",
        "逸免",
        "都郁",
        "郡群",
        "馨磬",
        "尚向",
        "品晶",
    ),
    *(
        "恒桓",
        "汇江",
        "鑫淼",
        "融隔",
        "达迏",
        "泉汞",
        "森林",
        "木本",
        "杨扬",
        "柳抑",
        "梅海",
        "竹什",
        "兰三",
        "光先",
        "兴共",
    ),
    *(
        "荣菜",
        "昌冒",
        "隆降",
        "贵责",
        "凤风",
        "龙尤",
        "鹤鹊",
        "燕蒸",
        "嘉喜",
        "佳住",
        "和知",
        "顺须",
        "利刊",
        "新斩",
        "村材",
    ),
)
_ACCENTS: Final = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("n", "l"), ("l", "n"), ("h", "f"), ("z", "zh"), ("s", "sh"))


class Kind(StrEnum):
    """What is done to an address. `MIXED` is what a customer's typing looks like: several at once, or nothing."""

    COMPLETE = "complete"
    NO_DISTRICT = "no district"
    NO_CITY = "no city"
    ENDING = "other ending"
    TYPO = "typing error"
    TRADITIONAL = "traditional"
    FULL_WIDTH = "full width"
    PHASE = "phase added"
    ROAD = "road before it"
    INITIALS = "initials"
    SPOKEN = "spoken order"
    MIXED = "mixed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A community to write down. `district` is `None` where the dictionary has none."""

    name: str
    city: str
    district: str | None = None


class Typist:
    """Writes addresses of communities. Reads the list once (a second for 30,000 names); holds no randomness."""

    def __init__(self, communities: Iterable[Named]) -> None:
        self._known: dict[str, set[str]] = {}
        characters: set[str] = set()
        for one in communities:
            self._known.setdefault(one.city, set()).add(_bare(one.name))
            characters.update(filter(_is_han, one.name))
        self._characters = sorted(characters - _NUMERALS - _COMPASS) or ["园"]
        self._slips: Mapping[str, Callable[[str, int, random.Random], str]] = {
            "homophone": _homophone,
            "word": _word,
            "accent": _accent,
            "look-alike": _look_alike,
            "random": lambda name, at, rng: _replaced(name, at, rng.choice(self._characters)),
            "omitted": lambda name, at, _: name[:at] + name[at + 1 :],
            "inserted": lambda name, at, rng: name[:at] + rng.choice(self._characters) + name[at:],
            "doubled": lambda name, at, _: name[:at] + name[at] + name[at:],
            "swapped": _swapped,
        }

    def write(self, one: Named, kind: Kind, rng: random.Random) -> str:
        """One way to type an address in the community."""
        if kind is Kind.MIXED:
            return self._mixed(one, rng)
        if kind is Kind.INITIALS:
            return _place(one) + initials(_bare(one.name))
        if kind is Kind.SPOKEN:
            return _spoken(_place(one), one.name, rng)
        text = _joined(_placed(one, kind, rng), self._renamed(one, kind, rng), _unit(rng), rng)
        if kind is Kind.TRADITIONAL:
            return _in_traditional(text)
        return _full_width(text) if kind is Kind.FULL_WIDTH else text

    def _renamed(self, one: Named, kind: Kind, rng: random.Random) -> str:
        renamed: dict[Kind, Callable[[], str]] = {
            Kind.ENDING: lambda: _other_ending(one.name, rng),
            Kind.TYPO: lambda: self._mistyped(one.name, rng),
            Kind.PHASE: lambda: _with_phase(one.name, rng),
        }
        return self._unlike_others(one, renamed[kind]) if kind in renamed else one.name

    def _mixed(self, one: Named, rng: random.Random) -> str:
        tail = _drawn(_TAILS, rng)
        name = self._unlike_others(one, lambda: self._mixed_name(one, tail, rng))
        unit = "" if tail == "none" else _unit(rng)
        place = _mixed_place(one, rng)
        if rng.random() < _INITIALS:
            return place + initials(_bare(one.name)) + unit
        spoken = rng.random() < _SPOKEN
        text = _spoken(_place(one), name, rng) if spoken else _joined(place, name, unit, rng)
        text = _in_traditional(text) if rng.random() < _TRADITIONAL else text
        return _full_width(text) if rng.random() < _FULL_WIDTH else text

    def _mixed_name(self, one: Named, tail: str, rng: random.Random) -> str:
        name = _ending_dropped(one.name) if rng.random() < _ENDING_DROPPED else one.name
        if name == one.name and _may_have_phases(name) and rng.random() < _ENDING_OTHER:
            name = _other_ending(name, rng)
        if len(name) > _SHORT and rng.random() < _MISTYPED:
            name = self._mistyped(name, rng)
        return name + rng.choice(_PHASES) if tail == "phase" and _may_have_phases(one.name) else name

    def _mistyped(self, name: str, rng: random.Random) -> str:
        """The name with one slip; the name itself where it has no character that may slip."""
        places = [at for at, character in enumerate(name) if _may_slip(character)]
        if not places or len(name) < 2:  # noqa: PLR2004 - nothing would be left
            return name
        for _ in range(_TRIES):
            at = rng.choice(places)
            slipped = self._slips[_drawn(_SLIPS, rng)](name, at, rng)
            if slipped != name:
                return slipped
        return name

    def _unlike_others(self, one: Named, draw: Callable[[], str]) -> str:
        known, own = self._known.get(one.city, set()), _bare(one.name)
        for _ in range(_TRIES):
            drawn = draw()
            if _bare(drawn) == own or _bare(drawn) not in known:
                return drawn
        return one.name


def _bare(name: str) -> str:
    """A name without what nobody types the same way twice: brackets, blanks, width, 二 for 2."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", name)).upper().translate(_IN_DIGITS)


def _is_han(character: str) -> bool:
    return "\u4e00" <= character <= "\u9fff"


def _may_slip(character: str) -> bool:
    return _is_han(character) and character not in _NUMERALS


def _drawn(shares: Mapping[str, float], rng: random.Random) -> str:
    return rng.choices(tuple(shares), weights=tuple(shares.values()))[0]


# ---- slips of a hand: (name, position, generator) -> name; the same name where the slip is not possible there -----


def _replaced(name: str, at: int, by: str) -> str:
    """Never into a numeral or another point of the compass: 东里 for 西里 is another place, no slip."""
    return name if by in _NUMERALS or (by in _COMPASS and name[at] in _COMPASS) else name[:at] + by + name[at + 1 :]


def _homophone(name: str, at: int, rng: random.Random) -> str:
    choices = _by_sound().get(sound(name[at]), ())
    return _replaced(name, at, rng.choice(choices)) if choices else name


def _word(name: str, at: int, rng: random.Random) -> str:
    once = _homophone(name, at, rng)
    following = at + 1 < len(name) and _may_slip(name[at + 1])
    return _homophone(once, at + 1, rng) if following else name


def _accent(name: str, at: int, rng: random.Random) -> str:
    spoken = sound(name[at])
    others = [other + spoken.removeprefix(own) for own, other in _ACCENTS if spoken.startswith(own)]
    others += [spoken[:-1]] if spoken.endswith("ng") else [f"{spoken}g"] if spoken.endswith("n") else []
    choices = [character for other in others for character in _by_sound().get(other, ())]
    return _replaced(name, at, rng.choice(choices)) if choices else name


def _look_alike(name: str, at: int, rng: random.Random) -> str:
    choices = [other for group in _LOOK_ALIKES if name[at] in group for other in group if other != name[at]]
    return _replaced(name, at, rng.choice(choices)) if choices else name


def _swapped(name: str, at: int, _: random.Random) -> str:
    if at + 1 >= len(name) or not _may_slip(name[at + 1]):
        return name
    return name[:at] + name[at + 1] + name[at] + name[at + 2 :]


@cache
def _by_sound() -> Mapping[str, tuple[str, ...]]:
    """The 3,755 common characters of GB 2312 by syllable: what a keyboard offers on its first pages."""
    found: dict[str, list[str]] = {}
    for row in range(0xB0, 0xD8):
        for cell in range(0xA1, 0xFF):
            character = bytes((row, cell)).decode("gb2312", errors="ignore")
            if character:
                found.setdefault(sound(character), []).append(character)
    return {syllable: tuple(characters) for syllable, characters in found.items()}


# ---- other names for the same place --------------------------------------------------------------------------------


def _ending_dropped(name: str) -> str:
    for ending in _ENDINGS:
        if name.endswith(ending) and len(name) - len(ending) >= 2:  # noqa: PLR2004 - two characters make a name
            return name.removesuffix(ending)
    return name


def _other_ending(name: str, rng: random.Random) -> str:
    """Dropped, exchanged or, where there is none, added: six, two and two of ten."""
    short = _ending_dropped(name)
    if short != name and rng.random() < 0.75:  # noqa: PLR2004 - see above
        return short
    return short + rng.choice([said for said in _SAID if said != name.removeprefix(short)])


def _with_phase(name: str, rng: random.Random) -> str:
    """With a phase or zone behind it, unless it has one or is the number of a house."""
    return name + rng.choice(_PHASES) if _may_have_phases(name) else name


def _may_have_phases(name: str) -> bool:
    return re.search(r"[0-9A-Za-z号弄)）期区村条]$", name) is None


# ---- what stands around a name -------------------------------------------------------------------------------------


def _place(one: Named) -> str:
    return one.city + (one.district or "")


def _placed(one: Named, kind: Kind, rng: random.Random) -> str:
    """What stands before the name where nothing else is done to it."""
    if kind is Kind.NO_CITY:
        return ""
    if kind is Kind.NO_DISTRICT:
        return rng.choice((one.city, _short(one.city)))
    return _place(one) + _road(rng) if kind is Kind.ROAD else _place(one)


def _mixed_place(one: Named, rng: random.Random) -> str:
    drawn = _drawn(_PLACES, rng)
    if drawn == "full":
        return rng.choice((_place(one), _short(one.city) + _short(one.district or "")))
    if drawn == "city":
        return rng.choice((one.city, _short(one.city)))
    if drawn == "road":
        return _place(one) + _road(rng)
    return one.district or "" if drawn == "district" else ""


def _short(division: str) -> str:
    """北京市 → 北京, 朝阳区 → 朝阳; a name of two characters stays."""
    return division[:-1] if len(division) > 2 and division[-1] in "市区县" else division  # noqa: PLR2004


def _road(rng: random.Random) -> str:
    number = rng.randint(1, 300)
    return rng.choice(_ROADS) + rng.choice(
        (f"{number}号", f"{number}号", f"{number}弄", f"甲{number}号", f"{number}号院")
    )


def _unit(rng: random.Random) -> str:
    building, floor = rng.randint(1, 30), rng.randint(1, 28)
    return rng.choice(_UNITS).format(
        b=building,
        c="一二三四五六七八九十"[(building - 1) % 10],
        B="ABCDEF"[building % 6],
        u=rng.randint(1, 6),
        f=floor,
        r=f"{floor}0{rng.randint(1, 8)}",
    )


def _joined(place: str, name: str, unit: str, rng: random.Random) -> str:
    touching = _is_number(name[-1:]) and _is_number(unit[:1])
    between = " " if touching and rng.random() >= _GLUED else ""
    return place + name + between + unit


def _is_number(character: str) -> bool:
    return character.isdigit() or character in _NUMERALS


def _spoken(place: str, name: str, rng: random.Random) -> str:
    return rng.choice(_ORDERS).format(place=place, name=name, unit=_unit(rng)).strip(" ，/的")


def _full_width(text: str) -> str:
    return "".join(chr(ord(character) + 0xFEE0) if "!" <= character <= "~" else character for character in text)


def _in_traditional(text: str) -> str:
    return str(_traditional().convert(text))


@cache
def _traditional() -> OpenCC:
    return OpenCC("s2t")

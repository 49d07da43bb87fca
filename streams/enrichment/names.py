"""What two community names have in common, and what must never be mistaken.

A name is compared by its `key`: normalised, without brackets, every Chinese numeral as digits (三里屯 and 3里屯 are
one). Generic endings (小区, 花园, 苑) are weak evidence, ordinary characters may be mistyped, but digits, letters,
ordinals and points of the compass tell neighbours apart: 三区 is not 四区, 东里 is not 西里.
"""

import re
from functools import lru_cache

from schemas.domain.alias_rules import SAYS_NOTHING
from schemas.domain.normalise import normalise, number
from schemas.domain.pinyin import sound

_REMEMBERED = 32_768  # keys: a look-up asks the same of each candidate several times
LONGEST_NAME = 48  # the longest of 32,000 real names has 31 characters

_APART = re.compile(r"[()\-#]+")
_NUMERALS = re.compile(r"[〇零一二三四五六七八九十]+")
_COURTYARD = re.compile(r"(?<=[0-9]号)院")
_SUFFIX = re.compile(
    r"(?:住宅小区|小区|社区|花园|家园|公寓|新村|新苑|花苑|嘉园|大厦|大楼|别墅|家属院|大院|宿舍|苑|园|里|院)$"
)
# A phase, zone or wing at the end: 1期, A区, 南区, 3组团.
_PHASE = re.compile(r"第?(?:[0-9]{1,2}|[A-Z]|[东西南北中])(?:期|区|组团|苑区)$")

_ROAD_BEFORE = re.compile(
    r".*(?:路|街|道|胡同|巷|里|村|条|弄)[甲乙丙丁]?[0-9]{1,5}(?:号|弄|支弄|院)?院?|.{1,8}(?:路|街|大道|胡同|巷)"
)
_HOUSE_AFTER = re.compile(r"第?[甲乙丙丁]?(?:[0-9]{1,4}|[A-Z](?![A-Z])).*")

_HOUSE = re.compile(r"[甲乙丙丁]?[0-9]{1,4}号?院?")

ORDINALS = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ甲乙丙丁戊己庚辛")
COMPASS = frozenset("东西南北中前后左右上下内外")
GENERIC = frozenset("小区社花园家公寓新村苑嘉里院住宅")

_TYPES = frozenset({"公寓", "大厦", "大楼", "别墅", "家属院", "大院", "宿舍"})
ROAD_WORDS = frozenset("号弄路街道巷胡同区期里")


def key(name: str) -> str:
    """The spelling names are compared in; of an entered name or of a piece of a normalised address."""
    return key_of_normalised(normalise(name))


def key_of_normalised(text: str) -> str:
    """`key` of text that `normalise` has already seen."""
    bare = _NUMERALS.sub(_in_digits, _APART.sub("", text))
    return _COURTYARD.sub("", bare)[:LONGEST_NAME]


@lru_cache(maxsize=_REMEMBERED)
def core(name_key: str) -> str:
    """The key without its generic ending; the key itself where nothing telling would be left (花园新区, 家园)."""
    short = _SUFFIX.sub("", name_key)
    return short if len(short) > 1 and not set(short) <= GENERIC else name_key


def is_ending(text: str) -> bool:
    """Whether it is a generic ending and nothing else."""
    return _SUFFIX.fullmatch(text) is not None


def says_a_type(ending: str) -> bool:
    """Whether an ending tells flats from villas and offices: 公寓 and 别墅 of one name are two entries."""
    return ending in _TYPES


def without_phase(name_key: str) -> str | None:
    """The key without its phase or wing; `None` when it has none or nothing would be left."""
    short = _PHASE.sub("", name_key)
    return short if short != name_key and len(short) > 1 else None


def unexplained_before(text: str) -> int:
    """How many characters before a name are neither a road with its number nor nothing; at most ten."""
    return 0 if _ROAD_BEFORE.fullmatch(text) else min(len(text), 10)


def unexplained_after(text: str) -> int:
    """How many characters behind a name are neither a phase nor the number of a house; at most six."""
    return 0 if _PHASE.fullmatch(text) or _HOUSE_AFTER.fullmatch(text) else min(len(text), 6)


def is_house(text: str) -> bool:
    """Whether it is the number of a house and nothing else: 30号, 甲2号院."""
    return _HOUSE.fullmatch(text) is not None


def is_phase(text: str) -> bool:
    """Whether it is a phase, zone or wing and nothing else."""
    return _PHASE.fullmatch(text) is not None


@lru_cache(maxsize=_REMEMBERED)
def telling_length(name_key: str) -> int:
    """How many characters of a name tell it from others: without digits, generic endings and words of the road."""
    return max(1, sum(character not in ORDINALS and character not in ROAD_WORDS for character in core(name_key)))


def is_telling(name_key: str) -> bool:
    """Whether a key says anything by itself: not only generic words, digits, letters and points of the compass."""
    return len(name_key) > 1 and not SAYS_NOTHING.issuperset(name_key)


def grams(name_key: str) -> set[str]:
    """Pairs of neighbouring characters: what the index is searched by."""
    return {name_key[i : i + 2] for i in range(len(name_key) - 1)} or {name_key}


def shortened(name_key: str) -> set[str]:
    """The key with one character left out: two names one slip apart share one of these. Ordinals are never left out."""
    if len(name_key) < 3:  # noqa: PLR2004 - one character says nothing
        return set()
    return {name_key[:at] + name_key[at + 1 :] for at, character in enumerate(name_key) if character not in ORDINALS}


def sounds(name_key: str) -> str:
    """The syllables of a key, one after the other: what names typed by sound have in common."""
    return " ".join(map(sound, name_key))


def ordinals(name_key: str) -> str:
    """The digits, letters and ordinals of a key, in order."""
    return "".join(character for character in name_key if character in ORDINALS)


def _in_digits(match: re.Match[str]) -> str:
    value = number(match[0]) if "十" in match[0] else None
    return str(value) if value is not None else "".join(_DIGITS.get(numeral, "十") for numeral in match[0])


_DIGITS = {numeral: str(value) for value, numeral in enumerate("零一二三四五六七八九")} | {"〇": "0"}

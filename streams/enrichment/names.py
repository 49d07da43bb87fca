"""What two community names have in common, and what must never be mistaken.

A name is compared by its `key`: normalised, without brackets, every Chinese numeral as digits (三里屯 and 3里屯 are
one). Generic endings (小区, 花园, 苑) are weak evidence, ordinary characters may be mistyped, but digits, letters,
ordinals and points of the compass tell neighbours apart: 三区 is not 四区, 东里 is not 西里.
"""

import re
from collections.abc import Iterable

from rapidfuzz.distance import Levenshtein

from schemas.domain.normalise import normalise, number

LONGEST_NAME = 48  # the longest of 32,000 real names has 31 characters

_APART = re.compile(r"[()\-#]+")
_NUMERALS = re.compile(r"[〇零一二三四五六七八九十]+")
_COURTYARD = re.compile(r"(?<=[0-9]号)院")
_SUFFIX = re.compile(r"(?:住宅小区|小区|社区|花园|家园|公寓|新村|新苑|花苑|嘉园|苑|园|里|院)$")
# A phase, zone or wing at the end: 1期, A区, 南区, 3组团.
_PHASE = re.compile(r"(?:[0-9]{1,2}|[A-Z]|[东西南北中])(?:期|区|组团|苑区)$")

_ORDINALS = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ甲乙丙丁戊己庚辛")
_COMPASS = frozenset("东西南北中前后左右上下内外")
_GENERIC = frozenset("小区社花园家公寓新村苑嘉里院住宅")

_ROAD_WORDS = frozenset("号弄路街道巷胡同区期里")

_ORDINARY_COST = 1.0
_MOVED_COST = 0.6
_GENERIC_COST = 0.35
_COMPASS_COST = 2.0


def key(name: str) -> str:
    """The spelling names are compared in; of an entered name or of a piece of a normalised address."""
    return key_of_normalised(normalise(name))


def key_of_normalised(text: str) -> str:
    """`key` of text that `normalise` has already seen."""
    bare = _NUMERALS.sub(_in_digits, _APART.sub("", text))
    return _COURTYARD.sub("", bare)[:LONGEST_NAME]


def core(name_key: str) -> str:
    """The key without its generic ending; the key itself where nothing telling would be left (花园新区, 家园)."""
    short = _SUFFIX.sub("", name_key)
    return short if len(short) > 1 and not set(short) <= _GENERIC else name_key


def without_phase(name_key: str) -> str | None:
    """The key without its phase or wing; `None` when it has none or nothing would be left."""
    short = _PHASE.sub("", name_key)
    return short if short != name_key and len(short) > 1 else None


def telling_length(name_key: str) -> int:
    """How many characters of a name tell it from others: without digits, generic endings and words of the road."""
    return max(1, sum(character not in _ORDINALS and character not in _ROAD_WORDS for character in core(name_key)))


def is_telling(name_key: str) -> bool:
    """Whether a key says anything by itself: not only generic words, digits and letters."""
    return len(name_key) > 1 and any(c not in _GENERIC and c not in _ORDINALS and c not in "号期区幢" for c in name_key)


def grams(name_key: str) -> set[str]:
    """Pairs of neighbouring characters: what the index is searched by."""
    return {name_key[i : i + 2] for i in range(len(name_key) - 1)} or {name_key}


def difference(written: str, name: str) -> float | None:
    """How much must be mistyped to get from `name` to `written`; `None` when they name different places.

    The unit is one ordinary character. Both are keys; a difference in a digit, letter or ordinal is no typing error.
    """
    edits = [
        (name[edit.src_pos] if edit.tag != "insert" else "", written[edit.dest_pos] if edit.tag != "delete" else "")
        for edit in Levenshtein.editops(name, written)
    ]
    if any(old in _ORDINALS or new in _ORDINALS for old, new in edits):
        return None
    if len(edits) == 2 and edits[0] == edits[1][::-1] and "" in edits[0]:  # noqa: PLR2004 - one character moved
        return _MOVED_COST
    return sum(_edit_cost(old, new) for old, new in edits)


def ordinals(name_key: str) -> str:
    """The digits, letters and ordinals of a key, in order."""
    return "".join(character for character in name_key if character in _ORDINALS)


def _edit_cost(old: str, new: str) -> float:
    characters = [character for character in (old, new) if character]
    if any(character in _COMPASS for character in characters):
        return _COMPASS_COST
    return _GENERIC_COST if _all_generic(characters) else _ORDINARY_COST


def _all_generic(characters: Iterable[str]) -> bool:
    return all(character in _GENERIC for character in characters)


def _in_digits(match: re.Match[str]) -> str:
    value = number(match[0]) if "十" in match[0] else None
    return str(value) if value is not None else "".join(_DIGITS.get(numeral, "十") for numeral in match[0])


_DIGITS = {numeral: str(value) for value, numeral in enumerate("零一二三四五六七八九")} | {"〇": "0"}

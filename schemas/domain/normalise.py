"""One spelling for one address: width, traditional characters, Chinese numerals of houses, variants of 幢 and dashes.

The result is what the parser cuts and what names are compared in; the entered text is kept beside it. Two promises,
each a property test: normalising twice changes nothing, and a digit is never changed, added or lost (一幢 → 1幢 is the
only place where one appears). Two runs of digits never grow together: what stood between them becomes `-`.
"""

import re
import unicodedata
from functools import cache
from importlib import resources

# A contract address has at most 200 characters; this only keeps hostile input cheap.
LONGEST = 256

_DASHES = "‐‑‒–—―−－﹣~～〜_"
_BRACKETS = str.maketrans("[]{}【】〔〕〈〉《》「」『』", "()" * 8)
_LOWER = str.maketrans("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_SPELLINGS = str.maketrans({"栋": "幢", "＃": "#", **dict.fromkeys(_DASHES, "-")})

_JUNK = re.compile(r"[^\w()\-#]+")
_DIGITS_APART = re.compile(r"(?<=\d)[^\w()\-#]+(?=\d)")
_RUNS_OF_DASHES = re.compile(r"--+")
_HASH = re.compile(r"(?<=[0-9A-Z])#(?:幢|号?楼)?")
_STRAY_HASH = re.compile(r"(?<![0-9A-Z])#+|(?<=#)#+")
_HOUSE_OF_BUILDING = re.compile(r"(?<=[0-9A-Z])号幢")

_NUMERALS = "〇零一二三四五六七八九十百"
_VALUES = {numeral: value for value, numeral in enumerate("零一二三四五六七八九")} | {"〇": 0}
_COUNTED = re.compile(
    rf"(?<![{_NUMERALS}0-9])(?!二七区)[{_NUMERALS}]+(?=#|号|幢|座|单元|层|楼|室|期|区|弄|门(?:(?=[{_NUMERALS}])|(?![\u4e00-\u9fff]))|组团)",
)


# 三单元五零一: a room written out at the end. Only digit by digit: 二十 there may be a name's.
_ROOM_IN_WORDS = re.compile(
    r"(?:(?<=单元)|(?<=号楼)|(?<=[0-9]座)|(?<=[0-9]层)|(?<=[0-9]楼)|(?<=幢))[〇零一二三四五六七八九]{3,4}(?![〇零一二三四五六七八九十百0-9])"
)
# 18/30层: the stroke is lost like any punctuation, and 18-30层 would be a range.
_OF_TOTAL = re.compile(r"(?<!\d)(\d{1,3})[层楼F]?/共?(\d{1,3})(?=[层楼F])")


def normalise(entered: str) -> str:
    """The address in one spelling, at most `LONGEST` characters. Never raises; empty when nothing readable is in it."""
    text = unicodedata.normalize("NFKC", entered[: 4 * LONGEST])[: 4 * LONGEST]  # one character may become eighteen
    text = text.translate(_simplified()).translate(_SPELLINGS).translate(_BRACKETS).translate(_LOWER)
    text = _OF_TOTAL.sub(r"\1层共\2", text)
    text = _JUNK.sub("", _DIGITS_APART.sub("-", text))
    text = _STRAY_HASH.sub("", _COUNTED.sub(_counted, text))
    text = _HOUSE_OF_BUILDING.sub("幢", _HASH.sub("幢", text))
    text = _ROOM_IN_WORDS.sub(_digit_by_digit, text)
    text = unicodedata.normalize("NFKC", text)  # what was apart and now touches may compose (Hangul letters)
    return _RUNS_OF_DASHES.sub("-", text).lstrip("-")[:LONGEST].rstrip("-")


def number(numerals: str) -> int | None:
    """The value of 三, 十二, 二十, 一百零五 or 一二〇三; `None` for what is no number (十十)."""
    if not set(numerals) & {"十", "百"}:
        return int("".join(str(_VALUES[numeral]) for numeral in numerals))
    hundreds, has_hundred, rest = numerals.rpartition("百")
    tens, has_ten, ones = rest.rpartition("十")
    parts = (hundreds or "一" if has_hundred else "零", tens or "一" if has_ten else "零", ones or "零")
    digits = [part.lstrip("零〇") or "零" for part in parts]
    if any(len(digit) != 1 or digit not in _VALUES for digit in digits):
        return None
    return 100 * _VALUES[digits[0]] + 10 * _VALUES[digits[1]] + _VALUES[digits[2]]


def _counted(match: re.Match[str]) -> str:
    value = number(match[0])
    # 零一 would lose its zero: digits are copied one by one, so only 十 and 百 are computed.
    if value is None:
        return match[0]
    return str(value) if set(match[0]) & {"十", "百"} else _digit_by_digit(match)


def _digit_by_digit(match: re.Match[str]) -> str:
    return "".join(str(_VALUES[numeral]) for numeral in match[0])


@cache
def _simplified() -> dict[int, str]:
    """Traditional → simplified by single characters: OpenCC's own table, followed until nothing changes.

    OpenCC's phrase rules are left out: they cost a hundred times more and are not idempotent, and a name compared with
    a name needs the same spelling on both sides, not the most beautiful one.
    """
    lines = resources.files("opencc").joinpath("dictionary/TSCharacters.txt").read_text("utf-8").splitlines()
    table = dict(line.split("\t")[:2] for line in lines if "\t" in line)
    first = {traditional: options.split(" ")[0] for traditional, options in table.items()}
    # 乾 is 干 in 餅乾 alone; in addresses it is a name: 乾县, 乾元镇.
    return {ord(character): _end(character, first) for character in first if character != "乾"}


def _end(character: str, table: dict[str, str]) -> str:
    seen = {character}
    while (following := unicodedata.normalize("NFKC", table.get(character, character))) not in seen:
        seen.add(following)
        character = following
    return character

"""Personal data in free text: hidden before anything is stored, and room numbers hidden before anything goes outward.

No schema has a field for a person's name, identity card or telephone, but people type them into the address. What is
found is replaced by `***` and cannot be restored. Names of persons are not recognised here: nothing in their form tells
them from names of places.
"""

import re
import unicodedata
from typing import Final

MASK: Final = "***"

_GAP = r"[ \t\-‐‑‒–—.·]?"
_BIRTHDAY = rf"(?:0[1-9]|1[0-2]){_GAP}(?:0[1-9]|[12]\d|3[01])"
# 18 digits: division, birthday, serial, check digit (GB 11643). The check digit is not insisted on: a mistyped number
# is as personal as a correct one. 15 digits: the form issued until 1999.
_IDENTITY_CARD = (
    rf"(?<!\d)[1-9]\d{{5}}{_GAP}"
    rf"(?:(?:18|19|20)\d{{2}}{_GAP}{_BIRTHDAY}{_GAP}\d{{3}}{_GAP}[\dXx]|\d{{2}}{_BIRTHDAY}\d{{3}})(?![\dXx])"
)
_MOBILE = rf"(?<!\d)(?:\+?86{_GAP})?1[3-9]\d{_GAP}\d{{4}}{_GAP}\d{{4}}(?!\d)"
# An area code is only believed with its separator or with the full eleven or twelve digits behind a leading zero.
_LANDLINE = r"(?<!\d)(?:\(0\d{2,3}\) ?|0\d{2,3}[ \-‐‑‒–—]?)[2-9]\d{6,7}(?!\d)"
_HOTLINE = r"(?<!\d)[48]00[ \-]?\d{3,4}[ \-]?\d{3,4}(?!\d)"

# Forms of typing that are seen through, beside the digits of all scripts.
_LOOKALIKES = {
    "－": "-",
    "﹣": "-",
    "―": "-",
    "（": "(",
    "）": ")",
    "　": " ",
    "\u00a0": " ",
    "Ｘ": "X",
    "ｘ": "x",
    "＋": "+",
}
_UNUSUAL = re.compile(rf"(?![0-9])\d|[{''.join(_LOOKALIKES)}]")

_PERSONAL = re.compile(f"{_IDENTITY_CARD}|{_MOBILE}|{_LANDLINE}|{_HOTLINE}")

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_DIGITS = "10X98765432"
_IDENTITY_CARD_ALONE = re.compile(rf"[1-9]\d{{5}}(?:18|19|20)\d{{2}}{_BIRTHDAY}\d{{3}}[\dXx]")
_MOBILE_ALONE = re.compile(r"(?:\+?86)?1[3-9]\d{9}")

_NUMERAL = "0-9A-Za-z零〇一二三四五六七八九十百"
# The room itself: what stands before 室/房/户, what follows a building or an entrance, or the last of 3-2-501.
_NOT_A_ROOM = "幢栋座号弄楼层期单元梯门米年"
_ROOM = re.compile(
    rf"(?:\d{{3,5}}-\d{{1,2}}|[{_NUMERAL}]+)(?=\s*[室房户])"
    rf"|(?<=[幢栋座楼梯门])\s*-?\s*[A-Za-z]?\d{{2,5}}[A-Za-z]?(?![\d{_NOT_A_ROOM}])"
    rf"|(?<=单元)\s*-?\s*[A-Za-z]?\d{{1,5}}[A-Za-z]?(?![\d{_NOT_A_ROOM}])"
    rf"|(?<=\d-)\d{{2,5}}[A-Za-z]?(?![\d\-{_NOT_A_ROOM}])"
)


def masked_personal_data(text: str) -> str:
    """The text with identity-card and telephone numbers replaced by `***`. Masking twice changes nothing more.

    Full-width and other decimal digits are seen through; the rest of the text stays as it was entered.
    """
    return _masked(_PERSONAL, text)


def masked_address(text: str) -> str:
    """The address with its room number hidden, for everybody outside the desk: 3幢2单元501室 → 3幢2单元***室."""
    return _masked(_ROOM, masked_personal_data(text))


def is_identity_card_number(text: str) -> bool:
    """Whether the whole text is an 18-digit identity-card number with a right check digit (GB 11643)."""
    if not _IDENTITY_CARD_ALONE.fullmatch(text):
        return False
    weighted = sum(int(digit) * weight for digit, weight in zip(text, _WEIGHTS, strict=False))
    return _CHECK_DIGITS[weighted % 11] == text[-1].upper()


def is_mobile_number(text: str) -> bool:
    """Whether the whole text is a mainland mobile number."""
    return _MOBILE_ALONE.fullmatch(text) is not None


def _masked(pattern: re.Pattern[str], text: str) -> str:
    kept, at = [], 0
    for found in pattern.finditer(_plain_digits(text)):
        kept += [text[at : found.start()], MASK]
        at = found.end()
    return "".join([*kept, text[at:]]) if kept else text


def _plain_digits(text: str) -> str:
    """The same text, character for character, with every kind of digit and dash as its ASCII form."""
    return "".join(map(_plain_character, text)) if _UNUSUAL.search(text) else text


def _plain_character(character: str) -> str:
    if character.isascii():
        return character
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    return _LOOKALIKES.get(character, character)

"""Which part of a shown name was typed. Names are compared in one spelling but shown as they are written."""

import re
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from schemas.domain.normalise import normalise
from schemas.domain.pinyin import initials_variants, syllables


@dataclass(frozen=True, slots=True, kw_only=True)
class Highlight:
    """Characters `start` up to, and not including, `end` of the shown name."""

    start: int
    end: int


def of_characters(shown: str, typed: str) -> Highlight | None:
    """Where the typed characters stand; `None` when they do not."""
    spelled = normalise(shown)
    start = spelled.find(typed)
    return None if start < 0 else _in_shown(shown, spelled, start, start + len(typed))


def of_sounds(shown: str, typed: str) -> Highlight | None:
    """The characters whose sound was typed, the last of them perhaps only begun."""
    typed = typed.lower()
    for spoken in spoken_forms(shown):
        sounds = syllables(spoken)
        if "".join(sounds).lower().startswith(typed) and len(sounds) == len(spoken):
            lengths = enumerate(accumulate(map(len, sounds)), start=1)
            return _in_shown(shown, spoken, 0, next(number for number, length in lengths if length >= len(typed)))
    return None


def of_initials(shown: str, typed: str) -> Highlight | None:
    """The characters whose initials were typed."""
    for spoken in spoken_forms(shown):
        if any(initials.startswith(typed.lower()) for initials in initials_variants(spoken)):
            return _in_shown(shown, spoken, 0, len(typed))
    return None


def spoken_forms(shown: str) -> tuple[str, ...]:
    """The forms in which a name is typed by its sound: 翠苑一区 as cyyq, and in its one spelling 翠苑1区 as cy1q."""
    spelled = normalise(shown)
    return (spelled, shown) if _NUMERAL.search(shown) and shown != spelled else (spelled,)


_NUMERAL: Final = re.compile("[〇零一二三四五六七八九十百]")


def _in_shown(shown: str, spelled: str, start: int, end: int) -> Highlight:
    """The stretch of the spelling in what is shown; all of it where the two cannot be laid side by side."""
    if len(shown) == len(spelled):
        return Highlight(start=start, end=end)
    lengths = [len(normalise(character)) for character in shown]
    if sum(lengths) != len(spelled):
        return Highlight(start=0, end=len(shown))
    owners = [number for number, length in enumerate(lengths) for _ in range(length)]
    return Highlight(start=owners[start], end=owners[end - 1] + 1)

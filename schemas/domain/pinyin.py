"""How Chinese text sounds: syllables without tones, initials, and the readings of one character.

Three users: resolving names that were typed by sound, suggestions while typing, and the simulator's typing errors.
Source of the readings: the dictionary of the package `pypinyin`, which orders them by how common they are.
"""

import unicodedata
from functools import cache, lru_cache
from itertools import islice, product

from pypinyin import Style, lazy_pinyin
from pypinyin.constants import PINYIN_DICT

_CACHED = 65_536  # texts: a district's names and what was typed of late, about 20 MB at most

# Characters that names of places hold in either of two readings (朝阳 and 朝辉, 长安 and 学长, 大厦 and 厦门). Others
# have further readings in the dictionary that no name uses (石 dàn, 大 dài): following those would find strangers.
_POLYPHONES = frozenset("朝长重厦乐行曾单都车盛调传藏降校解")
_MOST_VARIANTS = 4


@lru_cache(maxsize=_CACHED)
def syllables(text: str) -> tuple[str, ...]:
    """One syllable for each Chinese character, read in its word (重庆 → chong qing); other characters as they stand.

    Lower case, without tones, ü written v: what is typed on a keyboard.
    """
    return tuple(
        syllable
        for run in lazy_pinyin(text, style=Style.NORMAL, errors=list)  # type: ignore[arg-type]  # documented: a list
        for syllable in ((run,) if isinstance(run, str) else run)
    )


@lru_cache(maxsize=_CACHED)
def initials(text: str) -> str:
    """The first letter of each syllable, in lower case: 望京西园3区 → wjxy3q."""
    return "".join(syllable[0] for syllable in syllables(text)).lower()


def initials_variants(text: str) -> tuple[str, ...]:
    """The initials, and those with other common readings of characters that have two: 朝晖 → zh, ch. At most four."""
    choices = [_initials_of(character) for character in text]
    return tuple(dict.fromkeys(map("".join, islice(product(*choices), _MOST_VARIANTS))))


def sound(character: str) -> str:
    """The commonest syllable of one character; the character itself, in lower case, where it has none."""
    found = readings(character)
    return found[0] if found else character.lower()


@cache
def readings(character: str) -> tuple[str, ...]:
    """Every syllable a character may have, the commonest first; empty for what is no Chinese character."""
    marked = PINYIN_DICT.get(ord(character), "")
    return tuple(dict.fromkeys(_plain(reading) for reading in marked.split(",") if reading))


def _initials_of(character: str) -> tuple[str, ...]:
    if character not in _POLYPHONES:
        return (sound(character)[0],)
    return tuple(dict.fromkeys(reading[0] for reading in readings(character)[:2]))


def _plain(reading: str) -> str:
    """nǚ → nv, zhāo → zhao."""
    apart = unicodedata.normalize("NFD", reading).replace("u\u0308", "v")
    return "".join(letter for letter in apart if not unicodedata.combining(letter))

"""How a written name differs from one of the dictionary: slips of a hand, counted by kind.

A slip has a reason: the wrong choice of a pinyin keyboard sounds alike, a lost or doubled key leaves the rest in place.
Digits, letters, ordinals, points of the compass and 号 for 弄 have none: names that differ there are other places.
"""

from dataclasses import dataclass
from functools import cache

from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

from schemas.domain.pinyin import readings
from streams.enrichment import names

_HOUSE_WORDS = frozenset("号弄")
_MAX_RELATIVE_COST = 0.67  # more than two thirds of the telling characters mistyped is another name
_ACCENTS = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("l", "n"), ("f", "h"))

# What a slip counts when candidates are ranked and cut off; the chance of each is fitted (chances.toml), not this.
_COSTS = (0.4, 0.6, 1.0, 0.8, 0.8, 0.4, 0.6, 0.35, 1.5)


@dataclass(frozen=True, slots=True)
class Slips:
    """Counts of what must have gone wrong for one name to be written for the other."""

    homophones: int = 0  # 园 for 圆
    accents: int = 0  # 南 for 兰
    strangers: int = 0  # any other character
    omitted: int = 0
    added: int = 0
    doubled: int = 0
    moved: int = 0
    generic: int = 0  # a character of an ending
    compass: int = 0  # a point of the compass lost, added or replaced by another word
    compass_lost: int = 0  # of these, a point of the compass that is not written at all
    in_ending: int = 0  # of all these, how many fell on a generic ending or a word of the road: the telling part stands

    @property
    def cost(self) -> float:
        """In ordinary characters."""
        counts = (
            *(self.homophones, self.accents, self.strangers, self.omitted, self.added),
            *(self.doubled, self.moved, self.generic, self.compass),
        )
        return sum(count * cost for count, cost in zip(counts, _COSTS, strict=True))


NO_SLIPS = Slips()


@dataclass(frozen=True, slots=True)
class Likeness:
    """A written name read as one of the dictionary. `before` and `after` are left over around it."""

    slips: Slips
    cost: float
    length: int  # telling characters of the dictionary's name
    before: str = ""
    after: str = ""
    new_characters: str = ""  # written, neither in the name nor of its sound
    new_pairs: frozenset[str] = frozenset()  # neighbouring characters that are written and not in the name

    @property
    def badness(self) -> float:
        """For choosing the better of two readings: 建工布楼 is 建工大楼 mistyped, not 建工 with something behind it."""
        return self.cost + 0.3 * len(self.before) + 0.6 * len(self.after)

    @property
    def relative_cost(self) -> float:
        """Of the telling characters, how many are wrong."""
        return self.cost / self.length


def compare(written: str, name: str) -> Likeness | None:
    """Read `written` as `name`, both keys, with something unrecognised around it or not; `None`: another place."""
    segment, before, after = written, "", ""
    if len(written) > len(name) + 1:
        alignment = fuzz.partial_ratio_alignment(name, written)
        if alignment is None:
            return None
        start, end = alignment.dest_start, alignment.dest_end
        segment, before, after = written[start:end], written[:start], written[end:]
        if before[-1:].isdigit() and segment[:1].isdigit():
            return None  # 18号院 is not 8号院
    if names.ordinals(after) and names.without_phase(name + after) != name:
        return None  # 东花市大街|2号 is a house in the street, not the community named after it
    slips = slips_between(segment, name)
    if slips is None:
        return None
    cost, length = slips.cost, names.telling_length(name)
    if cost > _MAX_RELATIVE_COST * length:
        return None
    new = frozenset(names.grams(segment) - names.grams(name)) if cost else frozenset[str]()
    strange = "".join(character for character in segment if slips.strangers + slips.added and character not in name)
    return Likeness(slips, cost, length, before, after, strange, new)


def slips_between(written: str, name: str) -> Slips | None:
    """What went wrong between `name` and `written`, both keys; `None` when they name different places."""
    edits = [
        (
            name[edit.src_pos] if edit.tag != "insert" else "",
            written[edit.dest_pos] if edit.tag != "delete" else "",
            edit.dest_pos,
            edit.src_pos,
        )
        for edit in Levenshtein.editops(name, written)
    ]
    if any(_tells_apart(old, new) for old, new, *_ in edits):
        return None
    counts = dict.fromkeys(Slips.__slots__, 0)
    stem = len(names.core(name))
    at = 0
    while at < len(edits):
        old, new, place, known_place = edits[at]
        counts["in_ending"] += known_place >= stem > 1 or old in names.ROAD_WORDS
        if at + 1 < len(edits) and edits[at + 1][0] == new and edits[at + 1][1] == old:
            if old + new in _HOUSE_WORDS:
                return None  # 252号长乐路366弄 is no 长乐路366号
            counts["moved"] += 1
            at += 2
            continue
        counts[_kind(old, new, written, place)] += 1
        counts["compass_lost"] += old in names.COMPASS and not new
        at += 1
    return Slips(**counts)


def _tells_apart(old: str, new: str) -> bool:
    if old in names.ORDINALS or new in names.ORDINALS:
        return True
    return (old in names.COMPASS and new in names.COMPASS) or (old in _HOUSE_WORDS and new in _HOUSE_WORDS)


def _kind(old: str, new: str, written: str, place: int) -> str:
    if old in names.COMPASS or (new in names.COMPASS and not old):
        return "homophones" if old and new and _sounds_like(old, new) else "compass"
    if all(character in names.GENERIC for character in (old, new) if character):
        return "generic"
    if not new:
        return "omitted"
    if not old:
        return "doubled" if _is_doubled(written, place) else "added"
    if _sounds_like(old, new):
        return "homophones"
    return "accents" if not _accentless(old).isdisjoint(_accentless(new)) else "strangers"


def _is_doubled(written: str, place: int) -> bool:
    return written[place] in (written[place - 1 : place] or "-", written[place + 1 : place + 2] or "-")


def _sounds_like(one: str, other: str) -> bool:
    return not set(readings(one)).isdisjoint(readings(other))


@cache
def _accentless(character: str) -> frozenset[str]:
    """Its syllables as they sound in the south: zh as z, n as l, ing as in."""
    return frozenset(_plainer(reading) for reading in readings(character))


def _plainer(syllable: str) -> str:
    for own, other in _ACCENTS:
        if syllable.startswith(own):
            syllable = other + syllable.removeprefix(own)
            break
    return syllable[:-1] if syllable.endswith("ng") else syllable

"""The chance that a candidate is meant: one calibrated model for all candidates of a query, and for none of them.

A conditional logit: each candidate gets a score from how it was found and how it differs, "not in the dictionary" has
score 0, and chances are shares of `exp(score)`. So namesakes share, a near rival takes its part, and all of them
together leave room for a name nobody knows. The weights are fitted by `bench/fit_chances.py` on seeded addresses and
kept in `chances.toml`; docs/experiments/0001 shows how well the chances hold.
"""

import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from importlib import resources
from typing import Final

from streams.enrichment.likeness import Likeness

_LONGEST_TOLD = 8
_SHORT, _SHORTISH = 2, 3
_MOST_DIGITS = 4
_RARE = 5
_NEVER_CORRECTED = 0.5  # 东里 is not 西里: where a point of the compass would have to be put right, a person is asked
_NEVER_ALONE = 0.9  # surely less than what is accepted unasked, surely worth asking about
_NO_RIVAL = 3.0


class Path(StrEnum):
    """How a candidate was found."""

    NAME = "name"
    ALIAS = "alias"
    CORE = "core"  # the same but for a generic ending
    PHASE_ADDED = "phase added"  # 望京花园二期 written, the dictionary knows 望京花园 as a whole
    PHASE_MISSING = "phase missing"  # 望京花园 written, the dictionary knows its 二期
    SIMILAR = "similar"
    INITIALS = "initials"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What speaks for a candidate and against it, before its rivals are looked at.

    `district` is 1 where the stated one agrees, -1 where it disagrees, 0 where nothing can be said. `hint` likewise, of
    the branch's city, and counts only where no city is written.
    """

    path: Path
    likeness: Likeness
    ending: str = ""  # "written", "known" or "both": who has an ending that the other has not
    types: tuple[bool, bool] = (False, False)  # whether the written and the known ending say a type of house
    before: int = 0  # characters written around the name that nothing explains, as far as they count
    after: int = 0
    leaves_house: bool = False  # 30号 is written behind the name and taken for a building
    is_street: bool = False  # the name is one of a street or a row: its numbers are other places
    has_phase: bool = False  # a phase is written that the name does not have
    has_sisters: bool = False  # … and the dictionary knows other phases of it
    district: int = 0
    city_stated: bool = True
    hint: int = 0
    is_house_number: bool = False
    known_pairs: tuple[int, ...] = ()  # how many names of the dictionary hold each pair that the slips brought in
    known_characters: tuple[int, ...] = ()  # how many names hold each character that the slips brought in
    digits: int = 0  # digits, letters and ordinals of the name, all written
    is_doubtful: bool = False  # found by a reading that leaves out what may be a house number


FEATURES: Final = (
    *(f"path {path}" for path in Path if path is not Path.ALIAS),  # an alias is a name like any other
    *("ending written", "ending known", "ending both", "type written", "type known", "phase left out"),
    *("homophones", "accents", "strangers", "omitted", "added", "doubled", "moved", "generic", "compass"),
    *("relative cost", "more than one slip", "length", "length of similar", "before", "before similar", "after"),
    *(
        "after similar",
        "anything around",
        "short",
        "short similar",
        "short core",
        "doubtful",
        "digits",
        "digits similar",
    ),
    *("strange pairs", "pairs known", "weight of pairs known", "no new pairs"),
    *("strangers short", "homophones short", "omitted short", "added short", "pairs of homophones", "in ending"),
    *("all in ending", "all in ending short", "weight of characters", "rare characters"),
    *("stands within, more after", "stands within, more before", "compass lost", "compass lost, digits"),
    *("exact, more after", "leaves a house", "leaves a house of a street"),
    *("house number", "district agrees", "district disagrees", "city unstated", "hinted", "not hinted"),
    *("gap", "rivals"),
)


def shares(evidence: Sequence[Evidence]) -> tuple[float, ...]:
    """The chance of each candidate, in their order; together below 1."""
    return _shares(tuple(evidence)) if evidence else ()


@lru_cache(maxsize=4096)  # a name written right is the same evidence every time
def _shares(evidence: tuple[Evidence, ...]) -> tuple[float, ...]:
    weights = _weights()
    scores = [sum(weight * value for weight, value in zip(weights, row, strict=True)) for row in features(evidence)]
    highest = max(0.0, *scores)
    parts = [math.exp(score - highest) for score in scores]
    whole = sum(parts) + math.exp(-highest)
    return tuple(min(part / whole, _most(one)) for part, one in zip(parts, evidence, strict=True))


def _most(one: Evidence) -> float:
    """How likely a candidate may be called at most, however well its name fits.

    Without a city, a name known in another city than the branch's may be one of the branch's city that the dictionary
    lacks; so may a phase (河滨城四期) of which it knows the sisters.
    """
    if one.likeness.slips.compass:
        return _NEVER_CORRECTED
    return _NEVER_ALONE if one.hint < 0 or one.has_sisters else 1.0


def features(evidence: Sequence[Evidence]) -> list[tuple[float, ...]]:
    """One row of `FEATURES` for each candidate."""
    costs = [one.likeness.cost + 0.1 * one.before + 0.1 * one.after for one in evidence]
    return [_row(one, costs, at) for at, one in enumerate(evidence)]


def _row(one: Evidence, costs: Sequence[float], at: int) -> tuple[float, ...]:
    like, slips = one.likeness, one.likeness.slips
    others = [cost for place, cost in enumerate(costs) if place != at]
    similar = one.path is Path.SIMILAR
    length = min(like.length, _LONGEST_TOLD)
    count = slips.homophones + slips.accents + slips.strangers + slips.omitted + slips.added + slips.compass
    all_of_them = count + slips.doubled + slips.moved
    return (
        *(
            float(path is (Path.NAME if one.path is Path.ALIAS else one.path))
            for path in Path
            if path is not Path.ALIAS
        ),
        *(float(one.ending == who) for who in ("written", "known", "both")),
        *(float(one.ending != "" and says_it) for says_it in one.types),
        float(one.has_phase),
        *(slips.homophones, slips.accents, slips.strangers, slips.omitted, slips.added),
        *(slips.doubled, slips.moved, slips.generic, slips.compass),
        like.relative_cost,
        float(max(0, count - 1)),
        length,
        length if similar else 0.0,
        one.before,
        one.before if similar else 0.0,
        one.after,
        one.after if similar else 0.0,
        float(one.before + one.after > 0),
        float(like.length <= _SHORT),
        float(like.length <= _SHORT and similar),
        float(like.length <= _SHORT and one.path is Path.CORE),
        float(one.is_doubtful),
        min(one.digits, _MOST_DIGITS),
        min(one.digits, _MOST_DIGITS) if similar else 0.0,
        sum(known == 0 for known in one.known_pairs),
        sum(known > 0 for known in one.known_pairs),
        sum(math.log1p(known) for known in one.known_pairs),
        float(similar and count > 0 and not one.known_pairs),
        *(float(like.length <= _SHORTISH) * n for n in (slips.strangers, slips.homophones, slips.omitted, slips.added)),
        slips.homophones * sum(math.log1p(known) for known in one.known_pairs),
        slips.in_ending,
        float(0 < all_of_them <= slips.in_ending),
        float(0 < all_of_them <= slips.in_ending and like.length <= _SHORT),
        sum(math.log1p(known) for known in one.known_characters),
        sum(known <= _RARE for known in one.known_characters),
        float(like.cost == 0 and one.after > 0),
        float(like.cost == 0 and one.before > 0),
        slips.compass_lost,
        slips.compass_lost * min(one.digits, _MOST_DIGITS),
        float(not similar and one.after > 0),
        float(one.leaves_house),
        float(one.leaves_house and one.is_street),
        float(one.is_house_number and similar),
        float(one.district > 0),
        float(one.district < 0),
        float(not one.city_stated),
        float(one.hint > 0),
        float(one.hint < 0),
        max(-1.0, min(2.0, min(others, default=_NO_RIVAL) - costs[at])),
        math.log(sum(cost <= costs[at] + 0.2 for cost in costs)),
    )


@cache
def _weights() -> tuple[float, ...]:
    text = resources.files("streams.enrichment").joinpath("chances.toml").read_text("utf-8")
    fitted = tomllib.loads(text)["weights"]
    return tuple(float(fitted.get(name, 0.0)) for name in FEATURES)  # 0: not fitted yet, says nothing

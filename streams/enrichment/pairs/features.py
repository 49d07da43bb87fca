"""What is measured of two addresses. `a` is the one asked for, `b` the one it is compared with.

Measures are in no unit: shares in 0..1, counts of tokens, similarities of rapidfuzz in 0..100. NaN: one side lacks it.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from statistics import fmean
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz
from rapidfuzz.distance import Indel, JaroWinkler, LCSseq

from streams.enrichment.pairs.alignment import Pair
from streams.enrichment.pairs.ground import common_ground
from streams.enrichment.pairs.rarity import Gram, Rarity
from streams.enrichment.pairs.spelled import ROLES, Spelled, Token, spelled

Floats = NDArray[np.float64]
Measures = Mapping[str, float]

MISSING: Final = math.nan
_SHORT_RUN: Final = 2  # shared tokens in a row; a single shared character is chance, a single shared number is not
_LONG_RUN: Final = 3
_NEVER: Final = 99.0  # where a position is asked for and there is none
_TAIL: Final = 6  # characters
_HEAD: Final = 8
_FARTHEST: Final = 999  # house numbers: beyond that it no longer matters how far

_LEVELS: Final = (
    *("prov", "city", "district", "devzone", "town", "community", "village_group", "road", "roadno", "intersection"),
    *("subroad", "subroadno", "poi", "subpoi", "houseno", "cellno", "floorno", "roomno", "distance", "assist"),
)
_COMPARED: Final = ("district", "town", "community", "road", "roadno", "poi", "subpoi", "houseno")
_DEPTHS: Final = ("prov", "city", "district", "town", "road", "roadno", "poi", "houseno", "cellno", "floorno", "roomno")
_ENDINGS: Final = "省市区县道镇乡号幢元室层村社"
_NEARBY: Final = {
    "nearby": "附近",
    "crossing": "交叉口",
    "gate": "门)",
    "opposite": "对面",
    "beside": "旁",
    "metres": "米",
}
_LAST_WORDS: Final = {
    word: number for number, word in enumerate("门店室幢层号村园司厂院场口元区米路街站心校楼城苑桥馆厅部", start=1)
}


def measure(pair: Pair, rarity: Rarity) -> dict[str, float]:
    """Everything that is measured of a pair; the same names in the same order for every pair."""
    a, b = pair.a, pair.b
    return {
        **_of_text(a, b),
        **_of_grams(a, b, rarity),
        **_of_runs(pair, rarity),
        **_of_sounds(pair),
        **_of_levels(a, b),
        **_of_names(a, b),
        **_of_numbers(a, b),
        **_of_clues(a, b),
        **common_ground(a.ground, b.ground),
    }


@cache
def feature_names() -> tuple[str, ...]:
    """The names, in the order of the columns."""
    nothing = spelled("", ())
    return tuple(measure(Pair.of(nothing, nothing), Rarity(addresses=0, counts={})))


def matrix(measures: Sequence[Measures]) -> Floats:
    """A row for each pair."""
    return np.array([list(of_pair.values()) for of_pair in measures], np.float64).reshape(
        len(measures), len(feature_names())
    )


def _of_text(a: Spelled, b: Spelled) -> Measures:
    common = LCSseq.similarity(a.joined, b.joined)
    return {
        "ratio": fuzz.ratio(a.joined, b.joined),
        "partial_ratio": fuzz.partial_ratio(a.joined, b.joined),
        "jaro_winkler": JaroWinkler.similarity(a.joined, b.joined),
        "common_of_shorter": common / max(1, min(len(a.joined), len(b.joined))),
        "common_of_a": common / max(1, len(a.joined)),
        "common_of_b": common / max(1, len(b.joined)),
        "ratio_without_divisions": fuzz.ratio(a.without_divisions, b.without_divisions),
        "partial_ratio_without_divisions": fuzz.partial_ratio(a.without_divisions, b.without_divisions),
        "ratio_outside": fuzz.ratio(a.outside, b.outside),
        "partial_ratio_outside": fuzz.partial_ratio(a.without_divisions, b.outside),
        "ratio_of_tails": fuzz.ratio(a.joined[-_TAIL:], b.joined[-_TAIL:]),
        "ratio_of_tails_outside": fuzz.ratio(a.joined[-_TAIL:], b.outside[-_TAIL:]),
        "ratio_of_heads": fuzz.ratio(a.joined[:_HEAD], b.joined[:_HEAD]),
        "tokens_a": len(a.tokens),
        "tokens_b": len(b.tokens),
    }


def _of_grams(a: Spelled, b: Spelled, rarity: Rarity) -> Measures:
    """The rare ones among what is shared and what is not."""
    found: dict[str, float] = {}
    for length, (of_a, of_b) in enumerate(zip(a.grams, b.grams, strict=True), start=1):
        shared = of_a & of_b
        found |= {
            f"shared_{length}_of_a": rarity.share(of_a, of_b),
            f"shared_{length}_of_b": rarity.share(of_b, of_a),
            f"rarest_{length}_only_a": _rarest(of_a - of_b, rarity),
            f"rarest_{length}_only_b": _rarest(of_b - of_a, rarity),
            f"rarest_{length}_shared": _rarest(shared, rarity),
            f"weight_{length}_shared": sum(map(rarity.weight, sorted(shared))),
        }
    return found


def _rarest(grams: frozenset[Gram], rarity: Rarity) -> float:
    return max(map(rarity.weight, grams), default=0.0)


def _of_runs(pair: Pair, rarity: Rarity) -> Measures:
    """What of each side has no counterpart on the other, and what part of the address it is."""
    return {
        **{f"{name}_a": value for name, value in _of_side(pair.a, pair.runs_a, rarity)},
        **{f"{name}_b": value for name, value in _of_side(pair.b, pair.runs_b, rarity)},
    }


def _of_side(side: Spelled, runs: Sequence[int], rarity: Rarity) -> Iterator[tuple[str, float]]:
    words = [
        (token, run, _is_alone(token, run)) for token, run in zip(side.tokens, runs, strict=True) if not token.is_sign
    ]
    alone = [is_alone for _, _, is_alone in words]
    outside = [run for token, run, _ in words if not token.is_bracketed]
    bracketed = [not is_alone for token, _, is_alone in words if token.is_bracketed]
    yield "in_short_runs", _mean([run >= _SHORT_RUN for run in runs], 0.0)
    yield "in_long_runs", _mean([run >= _LONG_RUN for run in runs], 0.0)
    yield "longest_run", max(runs, default=0)
    yield "alone", sum(alone)
    yield "stretches_alone", sum(now and not before for before, now in zip([False, *alone], alone, strict=False))
    yield "alone_at_end", _until_shared([run for _, run, _ in reversed(words)])
    yield "alone_at_end_outside", _until_shared(outside[::-1])
    yield "alone_at_start_outside", _until_shared(outside)
    yield "alone_outside", sum(is_alone for token, _, is_alone in words if not token.is_bracketed)
    yield "bracketed", len(bracketed)
    yield "bracketed_shared", _mean(bracketed, MISSING)
    yield "numbers_alone", sum(is_alone for token, _, is_alone in words if token.is_number)
    yield "run_at_end_outside", outside[-1] if outside else -1.0
    yield "ends_in_bracket", float(bool(side.texts) and side.texts[-1] == ")")
    yield "run_in_name", _mean([run for token, run, _ in words if token.role == "name"], -1.0)
    for role in ROLES:
        of_role = [(token, is_alone) for token, _, is_alone in words if token.role == role]
        unshared = [token for token, is_alone in of_role if is_alone]
        yield f"{role}_tokens", len(of_role)
        yield f"{role}_alone", len(unshared)
        yield f"{role}_alone_share", len(unshared) / len(of_role) if of_role else MISSING
        yield f"{role}_alone_rarest", max((rarity.weight((token.text,)) for token in unshared), default=0.0)


def _of_sounds(pair: Pair) -> Measures:
    """What stands alone even by its sound, and what only the sound has in common: typing errors by ear."""
    found: dict[str, float] = {}
    sides = (("a", pair.a, pair.runs_a, pair.sounding_a), ("b", pair.b, pair.runs_b, pair.sounding_b))
    for name, side, written, sounding in sides:
        words = [
            (token, _is_alone(token, run), _is_alone(token, heard))
            for token, run, heard in zip(side.tokens, written, sounding, strict=True)
            if not token.is_sign
        ]
        found |= {
            f"alone_by_sound_{name}": sum(unheard for _, _, unheard in words),
            f"name_alone_by_sound_{name}": sum(unheard for token, _, unheard in words if token.role == "name"),
            f"only_heard_{name}": sum(unread and not unheard for _, unread, unheard in words),
            f"name_only_heard_{name}": sum(
                unread and not unheard for token, unread, unheard in words if token.role == "name"
            ),
            f"longest_run_by_sound_{name}": max(sounding, default=0),
        }
    return found


def _is_alone(token: Token, run: int) -> bool:
    return run < (1 if token.is_number else _SHORT_RUN)


def _until_shared(runs: Sequence[int]) -> float:
    return float(next((position for position, run in enumerate(runs) if run >= _SHORT_RUN), _NEVER))


def _of_levels(a: Spelled, b: Spelled) -> Measures:
    """Each level of the address beside its counterpart, and beside the whole other address."""
    found: dict[str, float] = {}
    states = {level: _state(_stem(a, level), _stem(b, level)) for level in _LEVELS}
    found |= {f"state_{level}": state for level, state in states.items()}
    for level in _COMPARED:
        one, other = _stem(a, level), _stem(b, level)
        found |= {
            f"{level}_ratio": fuzz.ratio(one, other) if one and other else MISSING,
            f"{level}_partial_ratio": fuzz.partial_ratio(one, other) if one and other else MISSING,
            f"{level}_of_a_in_b": fuzz.partial_ratio(one, b.joined) if one else MISSING,
            f"{level}_of_b_in_a": fuzz.partial_ratio(other, a.joined) if other else MISSING,
        }
    found["main_levels_differ"] = sum(states[level] == _DIFFERS for level in ("road", "roadno", "poi", "town"))
    found["levels_agree"] = sum(state == _AGREES for state in states.values())
    for name, side in (("a", a), ("b", b)):
        found[f"depth_{name}"] = max((n for n, level in enumerate(_DEPTHS) if level in side.of_level), default=-1)
    return found


_DIFFERS: Final = 3.0
_AGREES: Final = 4.0


def _state(one: str, other: str) -> float:
    if not one or not other:
        return float(bool(one)) * 2 + float(bool(other)) * 1 if one or other else 0.0
    return _AGREES if one == other else _DIFFERS


def _stem(side: Spelled, level: str) -> str:
    piece = side.of_level.get(level, "")
    return piece[:-1] if len(piece) > 1 and piece[-1] in _ENDINGS else piece


def _of_names(a: Spelled, b: Spelled) -> Measures:
    """What the addresses end in: the name of the community, shop or site."""
    return {
        "names_ratio": fuzz.ratio(a.names, b.names),
        "names_partial_ratio": fuzz.partial_ratio(a.names, b.names) if a.names and b.names else MISSING,
        "last_names_ratio": fuzz.ratio(a.last_name, b.last_name) if a.last_name and b.last_name else MISSING,
        "last_name_of_a_in_b": fuzz.partial_ratio(a.last_name, b.joined) if a.last_name else MISSING,
        "last_name_of_b_in_a": fuzz.partial_ratio(b.last_name, a.joined) if b.last_name else MISSING,
        "last_name_of_a_whole_in_b": float(a.last_name in b.joined) if a.last_name else -1.0,
        "last_name_of_b_whole_in_a": float(b.last_name in a.joined) if b.last_name else -1.0,
        "last_names_longer": len(b.last_name) - len(a.last_name),
    }


def _of_numbers(a: Spelled, b: Spelled) -> Measures:
    of_a, of_b = set(a.numbers), set(b.numbers)
    both = bool(a.numbers and b.numbers)
    found: dict[str, float] = {
        "numbers_a": len(a.numbers),
        "numbers_b": len(b.numbers),
        "numbers_shared": len(of_a & of_b),
        "numbers_only_a": len(of_a - of_b),
        "numbers_only_b": len(of_b - of_a),
        "numbers_in_order": Indel.normalized_similarity(a.numbers, b.numbers) if a.numbers or b.numbers else -1.0,
        "first_number_same": float(a.numbers[0] == b.numbers[0]) if both else -1.0,
        "last_number_same": float(a.numbers[-1] == b.numbers[-1]) if both else -1.0,
        "numbers_same_from_start": _same_from_start(a.numbers, b.numbers),
    }
    for role in ("number", "unit"):
        one, other = a.numbers_of_role[role], b.numbers_of_role[role]
        found |= {
            f"{role}_state": _AGREES if set(one) & set(other) else _state("".join(one), "".join(other)),
            f"{role}_distance": _distance(one, other),
            f"{role}_of_a_in_b": _mean([number in of_b for number in one], MISSING),
            f"{role}_of_b_in_a": _mean([number in of_a for number in other], MISSING),
        }
    return found


def _same_from_start(one: Sequence[str], other: Sequence[str]) -> float:
    pairs = enumerate(zip(one, other, strict=False))
    return float(next((n for n, (left, right) in pairs if left != right), min(len(one), len(other))))


def _distance(one: Sequence[str], other: Sequence[str]) -> float:
    """Between the first numbers: 17号 stands next to 19号."""
    if not one or not other or not (one[0].isdigit() and other[0].isdigit()):
        return MISSING
    return float(min(abs(int(one[0][:_HEAD]) - int(other[0][:_HEAD])), _FARTHEST))


def _of_clues(a: Spelled, b: Spelled) -> Measures:
    """Words that say how an address is meant: 附近, 交叉口, (南门), and the word it ends in."""
    text_a, text_b = "".join(a.texts), "".join(b.texts)
    return {
        **{f"{name}_only_b": float(clue in text_b and clue not in text_a) for name, clue in _NEARBY.items()},
        "last_word_a": _LAST_WORDS.get(text_a[-1:], 0),
        "last_word_b": _LAST_WORDS.get(b.joined[-1:], 0),
        "last_word_outside_b": _LAST_WORDS.get(b.outside[-1:], 0),
    }


def _mean(values: Sequence[float], otherwise: float) -> float:
    return fmean(values) if values else otherwise

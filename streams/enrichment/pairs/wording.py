"""Which words two addresses share and which stand alone, each with its part in the address: features by the thousand.

Trees see how much stands alone; these see what: that 南门 behind a compound's name makes it a part of it, that 附近
makes a house number harmless, and which parts usually differ together.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import Final

from streams.enrichment.pairs.alignment import Pair
from streams.enrichment.pairs.spelled import Token

_SHORT_RUN: Final = 2
_LONG_RUN: Final = 3
_TAIL: Final = 3


def wording(pair: Pair) -> frozenset[str]:
    """The names of what is seen in a pair."""
    a, b = pair.a, pair.b
    alone_a, alone_b = _alone(a.tokens, pair.runs_a), _alone(b.tokens, pair.runs_b)
    shared = "+".join(sorted({token.role for token in b.words} - set(alone_b)))
    return frozenset(
        [
            *(f"A{name}" for name in _of_side(a.tokens, pair.runs_a)),
            *(f"B{name}" for name in _of_side(b.tokens, pair.runs_b)),
            f"alone {'+'.join(alone_a)}|{'+'.join(alone_b)}",
            *(f"alone {one}|{other}" for one in alone_a for other in alone_b),
            f"shared {shared}",
            f"shared {shared}|{'+'.join(alone_b)}",
            f"shared {shared}||{'+'.join(alone_a)}",
            *_replaced(a.texts, b.tokens),
        ]
    )


def _of_side(tokens: Sequence[Token], runs: Sequence[int]) -> Iterator[str]:
    """Words, neighbours and parts of one address, each with whether the other address has it."""
    states = [_state(token, run) for token, run in zip(tokens, runs, strict=True)]
    words = ["#" if token.text.isdigit() else token.text for token in tokens]
    parts = [f"{token.role}{'(' if token.is_bracketed else ''}" for token in tokens]
    for state, word, part in zip(states, words, parts, strict=True):
        yield f"word {state}{part} {word}"
        yield f"part {state}{part}"
    seen = list(zip(states, words, parts, strict=True))
    for (state, word, part), (next_state, next_word, next_part) in pairwise(seen):
        yield f"words {state}{next_state} {word} {next_word}"
        yield f"parts {state}{next_state} {part} {next_part}"
    stretches = [key for key, _ in groupby(f"{part}{'-' if state == '0' else '+'}" for state, _, part in seen)]
    yield f"all {' '.join(stretches)}"
    for length in (2, 3):
        for start in range(len(stretches) - length + 1):
            yield f"stretch {' '.join(stretches[start : start + length])}"
    yield f"end {' '.join(stretches[-2:])} {''.join(words[-1:])}"
    yield f"tail {''.join(states[-_TAIL:])} {''.join(words[-1:])}"


def _state(token: Token, run: int) -> str:
    """2 within a long shared stretch, 1 within a short one, n a shared number by itself, 0 not shared."""
    if run >= _SHORT_RUN:
        return "2" if run >= _LONG_RUN else "1"
    return "n" if run and token.is_number else "0"


def _alone(tokens: Sequence[Token], runs: Sequence[int]) -> list[str]:
    """The parts of the address that have a word the other address does not have."""
    return sorted(
        {
            f"{token.role}{'(' if token.is_bracketed else ''}"
            for token, run in zip(tokens, runs, strict=True)
            if not token.is_sign and _state(token, run) == "0"
        }
    )


def _replaced(texts: Sequence[str], tokens: Sequence[Token]) -> Iterable[str]:
    """Words that stand for each other between the same neighbours: 东区 and 西区, 3幢 and 5幢."""
    between: dict[tuple[str, str], list[str]] = {}
    for before, word, after in zip(texts, texts[1:], texts[2:], strict=False):
        between.setdefault((before, after), []).append(word)
    for left, token, right in zip(tokens, tokens[1:], tokens[2:], strict=False):
        for word in between.get((left.text, right.text), ()):
            if word != token.text:
                both = "#" if word.isdigit() and token.text.isdigit() else f"{word}{token.text}"
                yield f"replaced {token.role} {both}"

"""Tokens of an address, and the symbol that stands for each: what is learned must not hang on a house number.

A run of digits is one token, a run of letters is one token, every other character stands alone: the cut of the public
labelled sets. Their own cut differs in about one row of forty (`1-3` kept together, `--`); a file's tokens are taken as
they are, and get a symbol too.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from schemas.domain.normalise import normalise

_TOKEN: Final = re.compile(r"[0-9]+|[A-Za-z]+|.", re.DOTALL)
_LONGEST_SHAPE: Final = 6  # longer numbers (telephone numbers) are alike
BEFORE, AFTER, UNKNOWN = "<", ">", "?"
"""Symbols of what stands before the first token and after the last, and of what was never seen in training."""


def tokenise(text: str) -> list[str]:
    """Cut a text; the tokens joined are the text again."""
    return _TOKEN.findall(text)


def symbols(tokens: Sequence[str]) -> list[str]:
    """What the tagger sees of each token."""
    return [_symbol(token) for token in tokens]


@lru_cache(maxsize=32_768)  # the characters of Chinese, and some numbers; bounded against hostile input
def _symbol(token: str) -> str:
    """`13` → `d2`, `AB` → `l2`, `1-3` → `d-`, 號 → 号, 栋 → 幢; other characters stand for themselves."""
    if token.isascii() and token.isdigit():
        return f"d{min(len(token), _LONGEST_SHAPE)}"
    if len(token) == 1:
        return normalise(token) or token
    if token.isascii() and token.isalpha():
        return f"l{min(len(token), _LONGEST_SHAPE)}"
    return "d-" if any(character.isdigit() for character in token) else "--"

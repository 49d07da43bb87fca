"""What an anonymous visitor does before a request: a little work, once for each.

A challenge is a signed token that expires and is good once. Its answer is a counter for which sha256(token + counter),
the counter in decimal digits, begins with `difficulty` zero bits. At the base difficulty that takes 0.16 s of one core
in Python: it makes a flood cost something, and keeps no patient scraper out. The rates by address and channel and the
quotas by visitor and channel do.
"""

import math
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from itertools import count
from typing import Final

CHALLENGE: Final = "X-Challenge"
ANSWER: Final = "X-Challenge-Answer"
LIVES: Final = timedelta(minutes=10)  # a person takes that long for a form
BASE_DIFFICULTY: Final = 16  # 65,536 hashes on average: about a second of a phone's browser
_HARDER_AT_MOST: Final = 4  # 16 times the work
_CALM: Final = 0.5  # of the pressure at which the house is full
MAX_DIGITS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """What a page is given. `visitor` is a random mark which quotas are counted by; the page need not know it."""

    token: str
    difficulty: int
    visitor: str


def difficulty_at(pressure: float, base: int = BASE_DIFFICULTY) -> int:
    """Bits of work for a new challenge: `base` while the house is calm, up to 4 more as it fills up."""
    crowd = (min(pressure, 1.0) - _CALM) / (1.0 - _CALM)
    return base + max(0, math.ceil(crowd * _HARDER_AT_MOST))


def is_answer(token: str, answer: str, difficulty: int) -> bool:
    """Whether an answer was worked for."""
    if not (answer.isascii() and answer.isdigit() and len(answer) <= MAX_DIGITS):
        return False
    return _leading_zero_bits(sha256(f"{token}{answer}".encode()).digest()) >= difficulty


def solved(token: str, difficulty: int) -> str:
    """The smallest answer, by trying: what a page does."""
    return next(str(number) for number in count() if is_answer(token, str(number), difficulty))


def _leading_zero_bits(digest: bytes) -> int:
    return 8 * len(digest) - int.from_bytes(digest).bit_length()

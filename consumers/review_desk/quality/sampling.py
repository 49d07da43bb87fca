"""Which of people's decisions are read a second time: a stratified sample that anybody can draw again.

A stratum is what one reviewer decided in one queue on one day (Shanghai). Within it decisions stand in the order of
sha256(seed | task id), and the first ceil(share x n) are drawn: nobody chooses, nobody is left out, and the same
decisions, seed and share give the same sample whenever they are drawn.
"""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, Decimal
from itertools import groupby


@dataclass(frozen=True, slots=True, kw_only=True)
class Readable:
    """A decision that may be read again. `decided_on` is a day in Shanghai; `is_newcomer`: made under grade G1."""

    task_id: str
    queue: str
    reviewer: str
    decided_on: date
    is_newcomer: bool = False

    @property
    def stratum(self) -> tuple[str, str, date, bool]:
        """Decisions that are drawn from together. On the day of a promotion a reviewer has two."""
        return self.queue, self.reviewer, self.decided_on, self.is_newcomer


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What was drawn, by stratum and within it in the order of the lots, and all that is needed to draw it anew."""

    drawn: tuple[Readable, ...]
    decisions: int
    seed: str
    share: Decimal
    newcomer_share: Decimal

    @property
    def seed_digest(self) -> str:
        """What may be shown of the seed: whoever is told it later can see that the lots were cast with it."""
        return hashlib.sha256(self.seed.encode()).hexdigest()


def seed_of(day: date, secret: str) -> str:
    """The seed of a day's lots. It tells nothing of the secret, nor of another day, so that it can be given away."""
    return hmac.digest(secret.encode(), f"{day}".encode(), "sha256").hex()


def drawn(decisions: Iterable[Readable], *, seed: str, share: Decimal, newcomer_share: Decimal) -> Sample:
    """The sample of some decisions: of every stratum at least one.

    Raises:
        ValueError: A share is not above 0 and at most 1.
    """
    if not (0 < share <= 1 and 0 < newcomer_share <= 1):
        raise ValueError(f"shares read a second time must be above 0 and at most 1, got {share} and {newcomer_share}")
    ordered = sorted(decisions, key=lambda one: (one.stratum, lot(one.task_id, seed)))
    found: list[Readable] = []
    for stratum, members in groupby(ordered, key=lambda one: one.stratum):
        of_newcomer = stratum[-1]
        of_stratum = list(members)
        found += of_stratum[: sample_size(len(of_stratum), newcomer_share if of_newcomer else share)]
    return Sample(drawn=tuple(found), decisions=len(ordered), seed=seed, share=share, newcomer_share=newcomer_share)


def sample_size(decisions: int, share: Decimal) -> int:
    """ceil(share x n), in decimals: 5 % of 20 is one and not two."""
    return int((share * decisions).to_integral_value(ROUND_CEILING))


def lot(task_id: str, seed: str) -> str:
    """The lot of a decision. It hangs on the seed, so that nobody can tell beforehand which of theirs will be read."""
    return hashlib.sha256(f"{seed}|{task_id}".encode()).hexdigest()

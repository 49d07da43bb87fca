"""Fit the chances of a match on seeded addresses of one half of the names; show how they hold on the other half.

    .venv/bin/python bench/fit_chances.py --dictionary FILE… [--write] [--seed 11] [--queries 24000]

The weights go to `streams/enrichment/chances.toml` (with --write): one number for each feature of a match, none of them
a row of data. The chances are those of a world in which one name asked for in six is not in the dictionary, and where
no city is written, the branch's city is known in one case of three and right in nine of ten.
"""

import argparse
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from infra.cli.evaluate.communities import Evaluation, as_named
from infra.cli.evaluate.dictionary import read_dictionary
from producers.simulator.mistyping import Kind
from schemas.events import Community
from streams.enrichment.chances import FEATURES, Evidence, features
from streams.enrichment.index import CommunityIndex, Match
from streams.enrichment.resolve import resolve

_KINDS = {
    **dict.fromkeys(Kind, 0.02),
    Kind.MIXED: 0.62,
    Kind.TYPO: 0.10,
    Kind.ENDING: 0.05,
    Kind.PHASE: 0.05,
}
_UNKNOWN = 1 / 6  # the share the chances are meant for …
_UNKNOWN_ASKED = 1 / 3  # … and the share that is asked, for they teach most; the weights are set right afterwards
_TAKEN_OUT = 1_000  # at a time: without more of its names the dictionary would be another one
_HINTED, _HINT_RIGHT = 1 / 3, 0.9
_PENALTY = 1.0  # of squared weights, on the sum of log likelihoods
_TARGET = Path(__file__).resolve().parents[1] / "streams" / "enrichment" / "chances.toml"


class Watched(CommunityIndex):
    """An index that remembers what it weighed for the last question."""

    weighed: list[tuple[int, Evidence]]

    def matches(self, candidates: Sequence[tuple[int, Evidence]]) -> tuple[Match, ...]:
        """As the index does; the first weighing of a question is the one that counts."""
        if not self.weighed:
            self.weighed = list(candidates)
        return super().matches(candidates)


def asked(
    evaluation: Evaluation, half: Sequence[Community], count: int, unknown: float, seed: int
) -> list[tuple[Any, list[bool]]]:
    """Features and rightness of the candidates of each question."""
    rng = random.Random(seed)
    missing = int(count * unknown)
    rows = [_ask(evaluation, one, rng) for one in rng.choices(half, k=count - missing)]
    while missing > 0:
        held_out = rng.sample(half, min(missing, _TAKEN_OUT))
        gone = evaluation.take_out(held_out)
        rows += [_ask(evaluation, one, rng) for one in held_out]
        evaluation.put_back(gone)
        missing -= len(held_out)
    return [row for row in rows if row[1]]


def _ask(evaluation: Evaluation, one: Community, rng: random.Random) -> tuple[Any, list[bool]]:
    index = cast("Watched", evaluation.index)
    kind = rng.choices(tuple(_KINDS), weights=tuple(_KINDS.values()))[0]
    text = evaluation.typist.write(as_named(one), kind, rng)
    hint = None
    if rng.random() < _HINTED:
        hint = one.city if rng.random() < _HINT_RIGHT else rng.choice(evaluation.cities)
    index.weighed = []
    resolve(text, index, evaluation.divisions, hint_city=hint)
    found = [index.get_at(slot).community for slot, _ in index.weighed]
    right = [evaluation.is_right(community, one, text) for community in found]
    return features([evidence for _, evidence in index.weighed]), right


def fit(rows: Sequence[tuple[Any, list[bool]]]) -> NDArray[np.float64]:
    """The weights that make what was right the likeliest, each candidate against the others and against none."""
    matrix = np.array([row for table, _ in rows for row in table])
    right = np.array([one for _, flags in rows for one in flags])
    starts = np.cumsum([0, *(len(flags) for _, flags in rows)])[:-1]
    lengths = np.diff([*starts, len(matrix)])
    known = np.logical_or.reduceat(right, starts)

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        scores = matrix @ weights
        highest = np.maximum(np.maximum.reduceat(scores, starts), 0.0)
        parts = np.exp(scores - np.repeat(highest, lengths))
        none = np.exp(-highest)
        whole = np.add.reduceat(parts, starts) + none
        rightly = np.add.reduceat(parts * right, starts)
        wanted = np.where(known, rightly, none)
        share = parts / np.repeat(whole, lengths)
        of_right = np.where(
            np.repeat(known, lengths), parts * right / np.repeat(np.where(known, rightly, 1), lengths), 0
        )
        value = float(np.sum(np.log(whole) - np.log(wanted)) + _PENALTY * weights @ weights / 2)
        return value, matrix.T @ (share - of_right) + _PENALTY * weights

    found = minimize(loss, np.zeros(len(FEATURES)), jac=True, method="L-BFGS-B", options={"maxiter": 1000})
    print(f"log loss {found.fun / len(rows):.4f} a question after {found.nit} steps", file=sys.stderr)
    return np.asarray(found.x)


def with_prior(weights: NDArray[np.float64], fitted: float, wanted: float) -> NDArray[np.float64]:
    """The weights for another share of unknown names: every candidate's odds against "none" move alike."""
    shift = np.log((1 - wanted) / wanted) - np.log((1 - fitted) / fitted)
    return weights + shift * np.array([name.startswith("path ") for name in FEATURES])


def main() -> None:
    """Fit, show, and write if asked to."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--dictionary", type=Path, nargs="+", required=True)
    options.add_argument("--seed", type=int, default=11)
    options.add_argument("--queries", type=int, default=24_000)
    options.add_argument("--write", action="store_true")
    chosen = options.parse_args()
    communities = [one for path in chosen.dictionary for one in read_dictionary(path)]
    evaluation = Evaluation(communities, chosen.seed, index=Watched)
    shuffled = random.Random(chosen.seed).sample(communities, len(communities))
    first, other = shuffled[: len(shuffled) // 2], shuffled[len(shuffled) // 2 :]
    weights = fit(asked(evaluation, first, chosen.queries, _UNKNOWN_ASKED, chosen.seed))
    weights = with_prior(weights, _UNKNOWN_ASKED, _UNKNOWN)
    text = "".join(f'"{name}" = {weight:.3f}\n' for name, weight in zip(FEATURES, weights, strict=True))
    print(text)
    show(asked(evaluation, other, chosen.queries // 2, _UNKNOWN, chosen.seed + 1), weights)
    if chosen.write:
        _TARGET.write_text(f"# Written by bench/fit_chances.py.\n[weights]\n{text}", encoding="utf-8")


def show(rows: Sequence[tuple[Any, list[bool]]], weights: NDArray[np.float64]) -> None:
    """How often the likeliest candidate is right, by tenth of its chance, for names the fit has not seen."""
    stated, rightly = [], []
    for table, flags in rows:
        scores = np.array(table) @ weights
        parts = np.exp(scores)
        best = int(np.argmax(scores))
        stated.append(parts[best] / (1 + parts.sum()))
        rightly.append(flags[best])
    tenths = np.minimum((np.array(stated) * 10).astype(int), 9)
    for tenth in range(10):
        inside = tenths == tenth
        if inside.any():
            mean, share = np.array(stated)[inside].mean(), np.array(rightly)[inside].mean()
            print(f"{tenth / 10:.1f}  n {inside.sum():6d}  stated {mean:.3f}  right {share:.3f}")


if __name__ == "__main__":
    main()

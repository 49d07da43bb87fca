"""Multinomial logistic regression over named features that are there or not: quick to learn, exact to repeat."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

from streams.enrichment.pairs.labelled import RELATIONS

Floats = NDArray[np.float64]

LEAST_SEEN: Final = 5  # pairs a feature must occur in: rarer ones only remember
_STEPS: Final = 60  # of L-BFGS; the held-out loss no longer falls after about 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """`weights`: a row for each name, a column for each relation; `bias`: one for each relation."""

    places: Mapping[str, int]
    weights: Floats
    bias: Floats

    def probabilities(self, seen: Sequence[Iterable[str]]) -> Floats:
        """Of each relation, a row for each pair. Names never seen in training say nothing."""
        scores = _matrix(seen, self.places) @ self.weights + self.bias
        return softmax(scores)


def fit(seen: Sequence[frozenset[str]], relations: NDArray[np.int64], *, strength: float = 0.015) -> Linear:
    """Learn from pairs. `strength` is the inverse of the penalty on squared weights, as C in scikit-learn."""
    counts = Counter(name for names in seen for name in names)
    places = {name: n for n, name in enumerate(sorted(name for name, count in counts.items() if count >= LEAST_SEEN))}
    features = _matrix(seen, places)
    transposed = features.T.tocsr()
    wanted = np.eye(len(RELATIONS))[relations]
    shape = (len(places) + 1, len(RELATIONS))

    def loss(flat: Floats) -> tuple[float, Floats]:
        parameters = flat.reshape(shape)
        weights, bias = parameters[:-1], parameters[-1]
        said = softmax(features @ weights + bias)
        error = said - wanted
        likely = np.log(np.maximum(said[np.arange(len(relations)), relations], np.finfo(np.float64).tiny))
        gradient = np.vstack([transposed @ error + weights / strength, error.sum(axis=0)])
        return float((weights**2).sum() / (2 * strength) - likely.sum()), gradient.ravel()

    found = minimize(loss, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": _STEPS})
    parameters: Floats = found.x.reshape(shape)
    return Linear(places=places, weights=parameters[:-1], bias=parameters[-1])


def softmax(scores: Floats) -> Floats:
    """Probabilities, a row each."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    result: Floats = powers / powers.sum(axis=1, keepdims=True)
    return result


def _matrix(seen: Sequence[Iterable[str]], places: Mapping[str, int]) -> Any:
    columns: list[int] = []
    ends = [0]
    for names in seen:
        columns += sorted(places[name] for name in names if name in places)  # sets have no order of their own
        ends.append(len(columns))
    return csr_matrix((np.ones(len(columns)), columns, ends), shape=(len(seen), len(places)))

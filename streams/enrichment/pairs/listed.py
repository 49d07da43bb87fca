"""What a candidate is beside the other candidates of the same address: they are judged together, as a person judges.

An address is nearly always compared with a list that a search found for it. Whether a candidate is the best of its list
says as much as how alike it is; and a search puts first what it holds for the best. An address alone in its list, or a
list in no order, loses that and nothing else: those columns are then NaN, or the pair is judged without them.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from rapidfuzz import fuzz

from streams.enrichment.pairs.features import Floats, feature_names
from streams.enrichment.pairs.labelled import RELATIONS, Relation
from streams.enrichment.pairs.spelled import Spelled

_RANKED: Final = (
    *("ratio", "partial_ratio", "ratio_without_divisions", "partial_ratio_without_divisions", "partial_ratio_outside"),
    *("shared_1_of_a", "shared_2_of_a", "shared_2_of_b", "shared_3_of_a", "weight_2_shared", "rarest_2_shared"),
    *("names_ratio", "last_name_of_a_in_b", "last_name_of_b_in_a", "in_long_runs_a", "alone_a", "alone_b"),
    *("numbers_shared", "numbers_in_order", "run_in_name_a", "name_alone_a", "name_alone_b", "road_alone_b"),
)
_SURE: Final = 1e-3  # added to a probability before its logarithm


def list_features(measures: Floats, said: Floats, candidates: Sequence[Spelled], *, in_order: bool) -> Floats:
    """The columns of one list, a row for each candidate.

    `measures` are the candidates' own, `said` the probabilities that each has when it is judged alone; `in_order`: the
    first candidate is the one the search holds for the best.
    """
    chosen = measures[:, [feature_names().index(name) for name in _RANKED]]
    expected = said @ np.arange(len(RELATIONS))
    compared = np.column_stack([chosen, said, expected])
    return np.column_stack(
        [
            said,
            expected,
            np.log(said[:, Relation.EXACT] + _SURE),
            _beside_the_others(np.nan_to_num(compared, nan=-1.0)),
            _likeness_to_the_others(candidates),
            np.full(len(candidates), len(candidates)),
            np.arange(len(candidates)) if in_order else np.full(len(candidates), np.nan),
        ]
    )


def _beside_the_others(values: Floats) -> Floats:
    """For each column: how many candidates have more, how far the best other one lies below, the mean, the highest."""
    more = (values[None, :, :] > values[:, None, :]).sum(axis=1)
    highest = np.broadcast_to(values.max(axis=0), values.shape)
    if len(values) == 1:
        ahead = np.full(values.shape, np.nan)
    else:
        second = np.sort(values, axis=0)[-2]
        ahead = values - np.where(values == highest, second, highest)
    return np.column_stack([more, ahead, values - values.mean(axis=0), highest])


def _likeness_to_the_others(candidates: Sequence[Spelled]) -> Floats:
    """Likeness to the likest other candidate and on average, and how much longer that one is: gates of one compound."""
    found = np.full((len(candidates), 3), np.nan)
    for row, candidate in enumerate(candidates):
        others = [other for column, other in enumerate(candidates) if column != row]
        if others:
            likeness = np.array([fuzz.ratio(candidate.outside, other.outside) for other in others])
            likest = others[int(likeness.argmax())]
            found[row] = likeness.max(), likeness.mean(), len(likest.tokens) - len(candidate.tokens)
    return found

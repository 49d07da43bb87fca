import itertools

import numpy as np
import pytest

from streams.enrichment.tagging.decode import MARGIN, decode


def best_by_trying_all(scores, transitions):
    labels = range(scores.shape[1])

    def total(path):
        return sum(scores[i, label] for i, label in enumerate(path)) + sum(
            transitions[a][b] for a, b in itertools.pairwise(path)
        )

    return list(max(itertools.product(labels, repeat=len(scores)), key=total))


@pytest.mark.parametrize("seed", range(20))
def test_the_path_is_the_best_of_all(seed):
    random = np.random.default_rng(seed)
    scores = random.uniform(0, MARGIN - 1, (5, 4)).astype(np.float32)
    transitions = random.normal(0, 2, (4, 4)).tolist()

    assert decode(scores, [5], transitions) == [best_by_trying_all(scores, transitions)]


def test_addresses_of_one_batch_do_not_touch_each_other():
    random = np.random.default_rng(1)
    scores = random.normal(0, 2, (9, 4)).astype(np.float32)
    transitions = random.normal(0, 2, (4, 4)).tolist()

    together = decode(scores, [4, 1, 4], transitions)

    assert together == [decode(part, [len(part)], transitions)[0] for part in np.split(scores, [4, 5])]


def test_a_label_far_under_the_best_is_never_chosen_however_welcome_its_transitions():
    scores = np.array([[0, 0], [MARGIN + 1, 0], [0, 0]], np.float32)

    assert decode(scores, [3], [[0.0, 0.0], [0.0, 100.0]])[0][1] == 0

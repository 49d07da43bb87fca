import numpy as np
import pytest

from streams.enrichment.pairs import linear
from streams.enrichment.pairs.training import decision_weights

_SEEN = [frozenset({"gate"}), frozenset({"same"}), frozenset({"other"})] * 20
_RELATIONS = np.array([1, 2, 0] * 20)


def test_what_always_goes_with_a_relation_is_learned():
    said = linear.fit(_SEEN, _RELATIONS, strength=10.0).probabilities(_SEEN)
    assert said.argmax(axis=1).tolist() == _RELATIONS.tolist()
    assert said.sum(axis=1) == pytest.approx(np.ones(60))


def test_names_never_seen_say_no_more_than_how_frequent_the_relations_are():
    learned = linear.fit(_SEEN, np.array([0, 0, 1] * 20))
    said = learned.probabilities([frozenset({"unknown"}), frozenset()])
    assert said[0] == pytest.approx(said[1])


def test_rare_names_are_not_remembered():
    learned = linear.fit([*_SEEN, frozenset({"once"})], np.array([*_RELATIONS, 0]))
    assert "once" not in learned.places


def test_a_rare_relation_is_decided_for_earlier_where_that_pays():
    said = np.array([[0.9, 0.1, 0.0]] * 90 + [[0.55, 0.05, 0.40]] * 10)
    _, partial, exact = decision_weights(said, np.array([0] * 90 + [2] * 10))
    assert 0.40 * exact > 0.55
    assert partial > 0


def test_no_accuracy_worth_speaking_of_is_given_up_for_it():
    said = np.array([[0.55, 0.05, 0.40]] * 100)
    _, _, exact = decision_weights(said, np.array([0] * 80 + [2] * 20))
    assert 0.40 * exact < 0.55

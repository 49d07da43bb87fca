import pytest

from streams.enrichment.pairs.labelled import Relation
from streams.enrichment.pairs.metrics import confusion, figures


def test_the_figures_of_a_small_table_are_those_worked_out_by_hand():
    found = figures([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 1, 1])
    assert found.n == 6
    assert found.accuracy == pytest.approx(4 / 6)
    assert found.f1 == {
        Relation.NONE: pytest.approx(0.8),  # precision 1, recall 2/3
        Relation.PARTIAL: pytest.approx(2 / 3),  # precision 1/2, recall 1
        Relation.EXACT: 0.0,
    }
    assert found.macro_f1 == pytest.approx((0.8 + 2 / 3) / 3)


def test_everything_right_is_one():
    found = figures([0, 1, 2], [0, 1, 2])
    assert found.accuracy == found.macro_f1 == 1.0


def test_no_pair_cannot_be_scored():
    with pytest.raises(ValueError, match="no pair"):
        figures([], [])


def test_confusion_has_a_row_for_what_was_stated():
    assert confusion([0, 0, 2], [1, 0, 2]).tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 1]]

import pytest

from streams.enrichment.tagging.metrics import figures, span_f1
from streams.enrichment.tagging.spans import Span

CITY, ROAD, POI = Span(0, 3, "city"), Span(3, 6, "road"), Span(6, 9, "poi")


def test_span_f1_is_the_harmonic_mean_of_precision_and_recall():
    # 2 of 3 stated are found (recall 2/3), 2 of 4 found are stated (precision 1/2): 2·(1/2)·(2/3)/(1/2+2/3) = 4/7
    stated = [[CITY, ROAD, POI]]
    found = [[CITY, ROAD, Span(6, 8, "poi"), Span(8, 9, "poi")]]

    assert span_f1(stated, found) == pytest.approx(4 / 7)


@pytest.mark.parametrize("wrong", [Span(3, 5, "road"), Span(3, 7, "road"), Span(3, 6, "poi")])
def test_a_span_counts_only_with_both_borders_and_its_tag(wrong):
    assert span_f1([[ROAD]], [[wrong]]) == 0.0


def test_nothing_stated_and_nothing_found_has_no_figure():
    assert span_f1([[]], [[]]) is None


def test_figures_by_group_count_the_tags_of_that_group_alone():
    stated = [[CITY, ROAD, Span(9, 11, "person")], [CITY]]
    found = [[CITY, Span(3, 5, "road"), Span(9, 11, "person")], [CITY]]

    result = figures(stated, found)

    assert result.span_f1_by_group == {"admin": 1.0, "road": 0.0}
    assert result.span_f1 == pytest.approx(2 * 3 / 8)
    assert result.n == 2


def test_an_address_is_right_when_nothing_is_missing_and_nothing_is_added():
    stated = [[CITY], [CITY], [CITY]]
    found = [[CITY], [], [CITY, ROAD]]

    assert figures(stated, found).all_right == pytest.approx(1 / 3)


def test_lists_of_different_length_are_refused():
    with pytest.raises(ValueError, match="shorter"):
        figures([[CITY], [CITY]], [[CITY]])

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.enrichment.tagging.spans import Span, labels_of, spans

_LABELS = st.lists(st.sampled_from(["O", "B-road", "I-road", "B-poi", "I-poi"]), max_size=12)


@pytest.mark.parametrize(
    ("labels", "meant"),
    [
        ([], ()),
        (["O", "O"], ()),
        (["B-road", "I-road", "O"], (Span(0, 2, "road"),)),
        (["B-road", "B-road"], (Span(0, 1, "road"), Span(1, 2, "road"))),
        (["I-road", "I-road"], (Span(0, 2, "road"),)),  # the beginning is missing
        (["B-road", "I-poi", "I-poi"], (Span(0, 1, "road"), Span(1, 3, "poi"))),
        (["O", "I-poi"], (Span(1, 2, "poi"),)),
    ],
)
def test_labels_mean_spans_even_where_a_beginning_is_missing(labels, meant):
    assert spans(labels) == meant


@given(_LABELS)
def test_repairing_twice_changes_nothing(labels):
    repaired = labels_of(spans(labels), len(labels))

    assert labels_of(spans(repaired), len(labels)) == repaired


@given(_LABELS)
def test_no_labelled_token_is_lost_and_spans_do_not_overlap(labels):
    covered = [place for start, end, _ in spans(labels) for place in range(start, end)]

    assert covered == [place for place, label in enumerate(labels) if label != "O"]

from streams.enrichment.tagging.aligned import normalised
from streams.enrichment.tagging.spans import Span, spans
from tests.unit.streams.enrichment.tagging.conftest import labelled


def pieces(address):
    return [("".join(address.tokens[start:end]), tag) for start, end, tag in spans(address.labels)]


def test_numerals_and_variants_keep_their_labels_in_the_normalised_spelling():
    address = normalised(labelled(("翠湖花園", "poi"), ("二十栋", "houseno"), ("501室", "roomno")))

    assert pieces(address) == [("翠湖花园", "poi"), ("20幢", "houseno"), ("501室", "roomno")]


def test_a_mark_that_is_no_part_of_an_address_vanishes():
    address = normalised(labelled(("翠湖花园", "poi"), ("，", "redundant"), ("3幢", "houseno")))

    assert pieces(address) == [("翠湖花园", "poi"), ("3幢", "houseno")]


def test_neighbours_of_one_tag_stay_apart():
    address = normalised(labelled(("一幢", "houseno"), ("二幢", "houseno")))

    assert spans(address.labels) == (Span(0, 2, "houseno"), Span(2, 4, "houseno"))


def test_an_address_in_normalised_spelling_stays_as_it_is():
    address = labelled(("翠湖路", "road"), ("13号", "roadno"))

    assert normalised(address) is address


def test_where_the_border_of_two_spans_is_lost_there_is_no_such_spelling():
    # The numeral 十二 becomes one token, but its characters belonged to two spans.
    assert normalised(labelled(("翠湖十", "poi"), ("二号", "houseno"))) is None

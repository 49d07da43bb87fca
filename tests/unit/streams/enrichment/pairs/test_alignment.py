from hypothesis import given
from hypothesis import strategies as st

from streams.enrichment.pairs.alignment import shared_runs

_TOKENS = st.lists(st.sampled_from("银杏路12号园"), max_size=12)


def test_each_token_has_the_length_of_its_longest_shared_stretch():
    one, other = shared_runs(list("银杏路1号园"), list("园银杏路2号"))
    assert one == [3, 3, 3, 0, 1, 1]
    assert other == [1, 3, 3, 3, 0, 1]


def test_the_order_of_stretches_does_not_matter():
    assert shared_runs(list("甲乙丙丁"), list("丙丁甲乙"))[0] == [2, 2, 2, 2]


@given(_TOKENS)
def test_an_address_shares_all_of_itself(tokens):
    assert shared_runs(tokens, tokens) == ([len(tokens)] * len(tokens), [len(tokens)] * len(tokens))


@given(_TOKENS, _TOKENS)
def test_it_is_symmetric_and_shared_means_present(one, other):
    of_one, of_other = shared_runs(one, other)
    assert shared_runs(other, one) == (of_other, of_one)
    assert [run > 0 for run in of_one] == [token in other for token in one]

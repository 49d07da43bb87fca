from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from streams.enrichment.chains import Chains

_CHANGES = st.lists(st.tuples(st.booleans(), st.sampled_from("abcd"), st.integers(0, 3)), max_size=40)


@given(_CHANGES)
def test_chains_hold_what_a_dict_of_lists_would(changes):
    chains, expected = Chains(), defaultdict(list)
    for adds, text, number in changes:
        if adds:
            chains.add(text, number)
            expected[text].append(number)
        else:
            chains.remove(text, number)
            if number in expected[text]:
                expected[text].remove(number)
    for text in "abcd":
        assert sorted(chains.find(text)) == sorted(expected[text])


def test_the_newest_comes_first_and_removing_what_is_not_there_is_harmless():
    chains = Chains()
    chains.add("望京", 1)
    chains.add("望京", 2)
    chains.remove("望京", 3)
    chains.remove("西园", 1)
    assert chains.find("望京") == [2, 1]
    assert chains.find("西园") == []

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.gateway.access.challenges import difficulty_at, is_answer, solved


def test_an_answer_is_one_whose_hash_begins_with_as_many_zero_bits():
    answer = solved("a-token", 10)
    digest = sha256(f"a-token{answer}".encode()).digest()
    assert digest[0] == 0
    assert digest[1] < 0x40
    assert is_answer("a-token", answer, 10)
    assert not is_answer("another", answer, 10)


@pytest.mark.parametrize("answer", ["", " 1", "-1", "1e3", "٣", "9" * 21, "abc"])
def test_only_a_counter_is_an_answer(answer):
    assert not is_answer("a-token", answer, 0)


def test_work_grows_as_the_house_fills_up():
    assert [difficulty_at(pressure, 16) for pressure in (0.0, 0.5, 0.6, 0.8, 1.0, 7.0)] == [16, 16, 17, 19, 20, 20]


@given(st.floats(0, 10), st.floats(0, 10))
def test_more_pressure_is_never_less_work(one, other):
    assert difficulty_at(min(one, other)) <= difficulty_at(max(one, other))

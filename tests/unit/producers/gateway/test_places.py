import pytest

from producers.gateway.places import Places
from producers.gateway.problems import Code, ProblemError


def some_places(**most):
    return Places(refusal=Code.TOO_MANY_STREAMS, retry_after_s=15, **most)


def test_all_together_have_only_so_many():
    places = some_places(each=2, in_all=2)
    with places.taken("one"), places.taken("another"):
        with pytest.raises(ProblemError) as refused, places.taken("a third"):
            pass
        assert (refused.value.code, refused.value.retry_after_s) == (Code.TOO_MANY_STREAMS, 15)
    assert places.open == 0


def test_a_place_is_given_back_also_when_what_held_it_fails():
    places = some_places(each=1, in_all=9)
    for _ in range(2):
        with pytest.raises(ValueError, match="broken"), places.taken("one"):
            raise ValueError("broken")
    assert places.open == 0

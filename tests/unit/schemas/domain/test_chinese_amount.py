import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.domain.chinese_amount import LARGEST, in_words

DIGITS = {word: digit for digit, word in enumerate("零壹贰叁肆伍陆柒捌玖")}
PLACES = {"拾": 10, "佰": 100, "仟": 1000}


def yuan_of(words: str) -> int:
    """Read the words back, the way a clerk does: an independent reading, not the writer turned round."""
    assert words.endswith("元整")
    return _read(words.removesuffix("元整"))


def _read(words: str) -> int:
    for unit, worth in (("亿", 10**8), ("万", 10**4)):
        high, found, low = words.rpartition(unit) if unit == "亿" else words.partition(unit)
        if found:
            return _read(high) * worth + (_read(low) if low else 0)
    pairs = re.findall(r"零?([壹贰叁肆伍陆柒捌玖])([拾佰仟]?)", words)
    return sum(DIGITS[digit] * PLACES.get(place, 1) for digit, place in pairs)


@pytest.mark.requirement("RP3")
@given(st.integers(min_value=0, max_value=LARGEST))
@example(10_000)
@example(100_000_000)
@example(10**12)
@example(LARGEST)
def test_the_words_read_back_to_the_same_yuan(yuan):
    assert yuan_of(in_words(yuan)) == yuan


@pytest.mark.requirement("RP3")
@given(st.integers(min_value=1, max_value=LARGEST))
def test_no_two_zeros_stand_together_and_none_before_a_unit(yuan):
    words = in_words(yuan)
    assert "零零" not in words
    assert not re.search("零[拾佰仟万亿元]", words)
    assert not words.startswith("零")


@pytest.mark.requirement("RP3")
@pytest.mark.parametrize(
    ("yuan", "words"),
    [
        (0, "零元整"),
        (10, "壹拾元整"),
        (1_005, "壹仟零伍元整"),
        (1_050, "壹仟零伍拾元整"),
        (100_000, "壹拾万元整"),
        (100_020, "壹拾万零贰拾元整"),
        (5_806_432, "伍佰捌拾万陆仟肆佰叁拾贰元整"),
        (10_000_001, "壹仟万零壹元整"),
        (100_000_001, "壹亿零壹元整"),
        (100_010_000, "壹亿零壹万元整"),
        (1_000_000_000_000, "壹万亿元整"),
    ],
)
def test_words_are_those_of_a_bank_document(yuan, words):
    assert in_words(yuan) == words


@pytest.mark.parametrize("yuan", [-1, LARGEST + 1])
def test_an_amount_without_unambiguous_words_is_refused(yuan):
    with pytest.raises(ValueError, match="lies between 0 and"):
        in_words(yuan)

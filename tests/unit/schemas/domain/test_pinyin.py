import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.domain.pinyin import initials, initials_variants, readings, sound, syllables


def test_a_character_is_read_as_in_its_word():
    assert syllables("重庆路3号") == ("chong", "qing", "lu", "3", "hao")
    assert syllables("绿地")[0] == "lv"


@pytest.mark.parametrize(("text", "expected"), [("望京西园3区", "wjxy3q"), ("万科A区", "wkaq"), ("", "")])
def test_initials_are_what_one_types_first(text, expected):
    assert initials(text) == expected


def test_characters_of_two_common_readings_give_both_initials_but_never_many():
    assert {"cy", "zy"} == set(initials_variants("朝阳"))
    assert len(initials_variants("朝长重厦乐行")) == 4


def test_the_commonest_reading_comes_first():
    assert readings("家")[0] == "jia"
    assert sound("厦") == "sha"
    assert sound("A") == "a"
    assert readings("A") == ()


@given(st.text(max_size=30))
def test_every_character_gives_one_syllable_of_any_text(text):
    assert len(syllables(text)) == len(text)
    assert all(reading.isascii() and reading.isalpha() for character in text for reading in readings(character))

import pytest

from producers.gateway.suggestions.highlight import Highlight, of_characters, of_initials, of_sounds


@pytest.mark.parametrize(
    ("shown", "typed", "marked"),
    [
        ("望京西园三区", "西园3", "西园三"),
        ("金地·格林小镇", "金地格林", "金地·格林"),
        ("ＳＯＨＯ现代城", "SOHO", "ＳＯＨＯ"),
        ("聚豐園", "丰园", "豐園"),
        ("（北）太平路16号院", "太平路16", "太平路16"),
    ],
)
def test_the_typed_stretch_is_marked_in_the_name_as_it_is_shown(shown, typed, marked):
    found = of_characters(shown, typed)
    assert shown[found.start : found.end] == marked


def test_a_name_that_cannot_be_laid_beside_its_spelling_is_marked_whole():
    shown = "十二街坊一百零五号院"
    assert of_characters(shown, "105号") in {Highlight(start=0, end=len(shown)), Highlight(start=4, end=9)}


def test_what_was_not_typed_is_not_marked():
    assert of_characters("望京花园", "花城") is None
    assert of_sounds("望京花园", "WANGJINX") is None
    assert of_initials("望京花园", "WJX") is None


def test_a_syllable_that_is_only_begun_marks_its_character():
    assert of_sounds("望京花园", "WANGJ") == Highlight(start=0, end=2)
    assert of_initials("望京花园", "WJH") == Highlight(start=0, end=3)

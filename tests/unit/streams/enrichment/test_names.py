import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.enrichment.names import core, difference, key, without_phase

_NAMES = st.text(alphabet="望京西园三区四东里小花家甲乙1234ABC号院期苑", min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("one", "other"),
    [("三里屯", "3里屯"), ("嘉园二里", "嘉园2里"), ("学清路18号院", "学清路18号"), ("廣安·康馨家園", "广安康馨家园")],
)
def test_spellings_of_one_name_have_one_key(one, other):
    assert key(one) == key(other)


@pytest.mark.requirement("AD1")
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("望京西园三区", "望京西园四区"),
        ("甲3号院", "3号院"),
        ("紫薇天悦一期", "紫薇天悦二期"),
        ("大西洋新城A区", "大西洋新城B区"),
        ("草厂五条", "草厂六条"),
    ],
)
def test_a_digit_letter_or_ordinal_is_never_a_typing_error(one, other):
    assert difference(key(one), key(other)) is None


def test_a_generic_ending_costs_less_than_a_character_and_a_compass_point_more():
    typo = difference(key("望京西圆"), key("望京西园"))
    assert difference(key("翠苑小区"), key("翠苑")) < typo < difference(key("团结湖东里"), key("团结湖西里"))


@given(_NAMES, _NAMES)
def test_difference_is_symmetric_and_zero_only_for_one_key(one, other):
    there, back = difference(key(one), key(other)), difference(key(other), key(one))
    assert (there is None) == (back is None)
    assert (there == 0) == (key(one) == key(other))


def test_a_name_of_generic_words_alone_stays_whole():
    assert core("花园新区") == "花园新区"
    assert core("翠苑小区") == "翠苑"


def test_phase_and_wing_come_off_the_end():
    assert without_phase(key("紫薇天悦一期")) == "紫薇天悦"
    assert without_phase(key("珠江骏景南区")) == "珠江骏景"
    assert without_phase(key("翠苑")) is None

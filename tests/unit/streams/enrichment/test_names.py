import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.enrichment.likeness import NO_SLIPS, compare, slips_between
from streams.enrichment.names import (
    ORDINALS,
    core,
    is_telling,
    key,
    shortened,
    unexplained_after,
    unexplained_before,
    without_phase,
)

_NAMES = st.text(alphabet="望京西园三区四东里小花家甲乙1234ABC号院期苑", min_size=1, max_size=12)


def _cost(written, name):
    slips = slips_between(key(written), key(name))
    return None if slips is None else slips.cost


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
        ("团结湖东里", "团结湖西里"),
        ("安福路211号", "安福路211弄"),
    ],
)
def test_what_tells_neighbours_apart_is_never_a_typing_error(one, other):
    assert slips_between(key(one), key(other)) is None


@pytest.mark.requirement("AD1")
@given(_NAMES, _NAMES)
def test_a_digit_never_changes(one, other):
    """Whatever is taken for a mistyped name has the same digits, letters and ordinals in the same order."""
    written, name = key(one), key(other)
    if slips_between(written, name) is not None:
        assert [c for c in written if c in ORDINALS] == [c for c in name if c in ORDINALS]


@given(_NAMES, _NAMES)
def test_only_the_same_key_costs_nothing(one, other):
    assert (_cost(one, other) == 0) == (key(one) == key(other))


@pytest.mark.parametrize(
    ("written", "name", "kind"),
    [
        ("碧水圆", "碧水园", "homophones"),
        ("生林公寓", "森林公寓", "accents"),
        ("碧水庄圆", "碧水庄园", "homophones"),
        ("翠微东理", "翠微东里", "homophones"),
        ("望花路", "望京路", "strangers"),
        ("望路", "望京路", "omitted"),
        ("望京春路", "望京路", "added"),
        ("望望京路", "望京路", "doubled"),
        ("京望路", "望京路", "moved"),
    ],
)
def test_a_slip_has_a_kind(written, name, kind):
    slips = slips_between(key(written), key(name))
    assert getattr(slips, kind) == 1
    assert slips.cost > 0


def test_the_wrong_choice_of_a_pinyin_keyboard_costs_less_than_a_stranger():
    assert _cost("碧水圆", "碧水园") < _cost("碧水泉", "碧水园")


def test_a_slip_in_the_ending_is_told_from_one_in_the_stem():
    assert slips_between("金鹰大伟", "金鹰大厦").in_ending == 1
    assert slips_between("金英大厦", "金鹰大厦").in_ending == 0


def test_what_stands_around_a_name_is_kept_and_a_house_behind_a_street_is_another_place():
    found = compare("商务楼碧水庄园", "碧水庄园")
    assert (found.before, found.after, found.slips) == ("商务楼", "", NO_SLIPS)
    assert compare("东花市大街2号", "东花市大街") is None
    assert compare("学清路18号", "8号") is None


def test_a_road_a_phase_and_a_house_explain_what_is_left_over():
    assert unexplained_before("建国路88号") == 0
    assert unexplained_before("商务") == 2
    assert unexplained_after("二期".translate({ord("二"): "2"})) == 0
    assert unexplained_after("5号楼3单元") == 0
    assert unexplained_after("瀚宫") == 2


def test_a_name_of_generic_words_alone_stays_whole():
    assert core("花园新区") == "花园新区"
    assert core("翠苑小区") == "翠苑"
    assert not is_telling("东区")
    assert is_telling("望京")


def test_phase_and_wing_come_off_the_end():
    assert without_phase(key("紫薇天悦一期")) == "紫薇天悦"
    assert without_phase(key("珠江骏景南区")) == "珠江骏景"
    assert without_phase(key("翠苑")) is None


@given(_NAMES)
def test_leaving_out_a_character_never_leaves_out_an_ordinal(name):
    spelled = key(name)
    kept = [c for c in spelled if c in ORDINALS]
    assert all([c for c in short if c in ORDINALS] == kept for short in shortened(spelled))

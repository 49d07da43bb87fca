"""Persons, their numbers and lead-in words never reach the address; names of places are never mistaken for them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.domain.divisions import divisions
from schemas.domain.normalise import normalise
from streams.enrichment.bystanders import is_name, without_bystanders

_ALONE = "北京市朝阳区望京西园3区3号楼501"


def without(entered):
    return without_bystanders(normalise(entered), divisions())


@pytest.mark.requirement("AD1")
@pytest.mark.parametrize(
    "entered",
    [
        f"王小明{_ALONE}",
        f"张伟 {_ALONE}",
        f"阮小明 {_ALONE}",
        f"王女士 {_ALONE}",
        f"王小明、李小红 {_ALONE}",
        f"业主：王小明、李小红 {_ALONE}",
        f"娄艺潇 13812345678 {_ALONE}",
        f"阿依古丽 13812345678 {_ALONE}",
        f"13812345678 王小明 {_ALONE}",
    ],
)
def test_persons_in_front_of_an_address_are_dropped(entered):
    assert without(entered) == _ALONE


@pytest.mark.requirement("AD1")
@pytest.mark.parametrize(
    "behind",
    [
        "王小明、李小红",
        "王小明和李小红",
        "，业主王小明、李小红",
        "(业主李四)",
        "（王小明、李小红）",
        "（联系人张三）",
        "（王女士）",
        "【张三，138-1234-5678】",
        "（张三 13812345678）",
        "（13812345678）",
        " 阮小明13812345678",
        "，娄艺潇 138-1234-5678",
        " 阿依古丽 13812345678",
        " 身份证110101199003071234",
        " 身份证号：11010119900307123X",
        " 张三 身份证号码是110101199003071234 电话13812345678",
    ],
)
def test_persons_and_their_numbers_behind_a_room_are_dropped(behind):
    assert without(f"{_ALONE}{behind}") == _ALONE


def test_a_contact_behind_the_room_of_a_lane_is_dropped():
    assert without("大宁路660弄12号201 阮小明13812345678") == "大宁路660弄12号201"


def test_a_title_is_enough_where_no_division_is_written():
    assert without("王先生望京西园三区3号楼501") == "望京西园3区3号楼501"


def test_of_a_bracket_only_the_persons_and_numbers_go():
    assert without(f"{_ALONE}（王小明 13812345678 已婚）") == f"{_ALONE}(已婚)"
    assert without("丁香路1599弄（仁恒河滨城）12号1803室") == "丁香路1599弄(仁恒河滨城)12号1803室"


@pytest.mark.parametrize("entered", [f"{_ALONE})", f"{_ALONE}(", f"{_ALONE})("])
def test_a_bracket_without_its_other_half_is_dropped(entered):
    assert without(entered) == _ALONE


@pytest.mark.requirement("AD1")
@pytest.mark.parametrize(
    "lead",
    [
        *("房屋坐落：", "坐落于", "抵押物坐落位于", "房产地址位于", "我的房子位于", "位于", "详细地址：", "家庭住址是"),
        *("我家住", "我家住在", "家住", "我住在", "住在", "我家在", "家在", "联系地址：", "客户地址是"),
    ],
)
def test_lead_in_words_are_dropped_in_front_and_behind_a_person(lead):
    assert without(f"{lead}{_ALONE}") == _ALONE
    assert without(f"{lead}望京西园三区3号楼501") == "望京西园3区3号楼501"
    assert without(f"张三 13812345678 {lead}{_ALONE}") == _ALONE


@pytest.mark.requirement("AD1")
@pytest.mark.parametrize(
    "kept",
    [
        "张家港市金港镇王府井小区3号楼501",
        "王府井北京市东城区3号楼501",
        "金地北京市朝阳区望京街道3号楼501",
        "万科大兴花园3号楼501",
        "金鱼池西区北京市东城区3号楼501",
        "王府井平房区北京市朝阳区3号楼501",
        "文德先生",
        "3号楼501王府井",
        "3号楼501金地",
        "北京市石景山区3号楼501石景山",
        "高碑店",
        "住邦2000-3号楼501",
        "昌平路143号(椿筱台)",
        f"{_ALONE}高层",
        f"{_ALONE}室安置房",
    ],
)
def test_what_only_looks_like_a_person_is_kept(kept):
    assert without(kept) == kept


@pytest.mark.requirement("AD1")
@pytest.mark.parametrize(
    "name", ["高碑店", "马连道", "王府井", "万科", "金地", "石景山", "张江", "望京西园", "方庄", "阳光100国际新城"]
)
def test_a_name_beside_a_telephone_number_stays_where_no_other_name_is_left(name):
    assert without(f"{name} 13812345678") == name
    assert without(f"13812345678 {name}") == name
    assert without(f"北京市朝阳区{name} 13812345678") == f"北京市朝阳区{name}"
    assert without(f"{name} 13812345678 3号楼501") == f"{name}3号楼501"
    assert without(f"3号楼501{name} 13812345678") == f"3号楼501{name}"


@pytest.mark.parametrize("remark", ["共有产权", "已查封", "小产权房", "地下车位", "商业"])
def test_what_decides_over_a_house_is_no_person_beside_a_telephone_number(remark):
    assert without(f"{_ALONE}{remark} 13812345678") == f"{_ALONE}{remark}"


def test_a_person_and_a_remark_are_told_apart():
    assert is_name("张三")
    assert not is_name("高层")
    assert not is_name("主卧")


@settings(deadline=None)  # the first example reads the list of divisions
@given(st.text(alphabet="北京市朝阳区望京西园3号楼501王小明张三金地()业主-13812345678女士", max_size=40))
def test_no_bracket_is_left_without_its_other_half(text):
    found = without(text)
    assert found.count(")") <= found.count("(")
    assert not found.endswith("(")

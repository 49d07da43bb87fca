import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.domain.divisions import divisions
from schemas.domain.normalise import normalise
from streams.enrichment.parse import floor_of, parse


def _parse(entered):
    return parse(normalise(entered), divisions())


@pytest.mark.requirement("AD1")
@pytest.mark.parametrize(
    ("entered", "city", "district", "head", "building", "unit", "room", "floor"),
    [
        ("北京市朝阳区望京西园三区3号楼2单元501室", "北京市", "朝阳区", "望京西园3区", "3幢", "2单元", "501室", 5),
        ("北京朝阳望京西园三区3-2-1203", "北京市", "朝阳区", "朝阳望京西园3区", "3幢", "2单元", "1203室", 12),
        (
            "北京市朝阳区望京街道望京西园三区3号楼501(电梯房)",
            "北京市",
            "朝阳区",
            "望京街道望京西园3区",
            "3幢",
            None,
            "501室",
            5,
        ),
        ("浙江省杭州市西湖区翠苑一区第3幢2单元501号房", "杭州市", "西湖区", "翠苑1区", "3幢", "2单元", "501室", 5),
        ("上海市浦东新区张杨路123弄4号501室", "上海市", "浦东新区", "张杨路123弄", "4幢", None, "501室", 5),
        ("北京东城蓝涛雅苑4-2-803", "北京市", "东城区", "东城蓝涛雅苑", "4幢", "2单元", "803室", 8),
        ("义乌市稠江小区3幢B1层", "金华市", "义乌市", "稠江小区", "3幢", None, None, None),
        ("恩施州恩施市金桂花园A座1203", "恩施土家族苗族自治州", "恩施市", "金桂花园", "A幢", None, "1203室", 12),
        (
            "北京市西城区马连道路甲18号院2号楼3门101号",
            "北京市",
            "西城区",
            "马连道路甲18号院",
            "2幢",
            "3单元",
            "101室",
            1,
        ),
        ("北京市宣武区南菜园1号楼501室主卧", "北京市", "西城区", "南菜园", "1幢", None, "501室", 5),
    ],
)
def test_a_written_address_is_cut_into_its_parts(  # noqa: PLR0917 - a table of parts
    entered, city, district, head, building, unit, room, floor
):
    parsed = _parse(entered)
    assert (parsed.place.city, parsed.place.county.name if parsed.place.county else None) == (city, district)
    assert parsed.heads[0] == head
    assert (parsed.unit.building, parsed.unit.unit, parsed.unit.room, parsed.unit.floor) == (
        building,
        unit,
        room,
        floor,
    )


def test_a_district_of_several_cities_leaves_the_city_open():
    place = _parse("朝阳区望京西园").place
    assert place.city is None
    assert {county.city for county in place.counties} == {"北京市", "长春市"}


@pytest.mark.parametrize("street", ["南京路", "中山北路", "北京路", "香港中路"])
def test_a_street_named_after_a_city_is_no_city(street):
    assert _parse(f"{street}12号").place.city is None


def test_a_house_number_is_no_room():
    assert _parse("北京市海淀区万寿路15号").unit.room is None


def test_road_and_number_stand_before_the_community():
    parsed = _parse("杭州市西湖区文三路100号翠苑一区")
    assert (parsed.road, parsed.number) == ("文三路", "100号")
    assert "翠苑1区" in parsed.heads


@pytest.mark.parametrize(
    ("room", "floor"),
    [
        ("501", 5),
        ("1203", 12),
        ("0501", 5),
        ("A1203", 12),
        ("B101", None),
        ("12", None),
        ("12345", None),
        ("001", None),
    ],
)
def test_the_floor_comes_out_of_the_room_number(room, floor):
    assert floor_of(room) == floor


@given(st.text(max_size=80) | st.text(alphabet="北京市朝阳区路1号幢-()ABC单元室层弄第", max_size=60))
def test_any_text_is_cut_without_an_error(text):
    parse(normalise(text), divisions())

"""Addresses in another order than the usual are put into it; those that are in it are left alone."""

import pytest

from schemas.domain.divisions import divisions
from streams.enrichment.parse import parse
from streams.enrichment.readings import arranged


def in_order(entered):
    return arranged(entered, divisions())


@pytest.mark.requirement("AD1")
@pytest.mark.parametrize(
    "entered",
    [
        "浙江省杭州市余杭区未来科技城海创园",
        "湖北省省直辖县级行政区划天门市竟陵街道",
        "中国北京市朝阳区望京西园3区3号楼501",
        "中华人民共和国北京市朝阳区望京西园3区3号楼501",
        "北京市朝阳区望京西园3区3号楼501",
        "大上海城市花园3号楼501",
        "蓝海城市家",
        "3座桥胡同",
        "5幢大楼",
    ],
)
def test_what_is_in_order_is_left_as_it_is(entered):
    assert in_order(entered) == entered


@pytest.mark.requirement("AD1")
@pytest.mark.parametrize("country", ["中国", "中华人民共和国"])
def test_the_country_is_no_part_of_the_name(country):
    parsed = parse(in_order(f"{country}北京市朝阳区望京西园三区3号楼501"), divisions())
    assert parsed.heads[0] == "望京西园3区"
    assert (parsed.place.city, parsed.place.county.name) == ("北京市", "朝阳区")


@pytest.mark.requirement("AD1")
@pytest.mark.parametrize(
    ("entered", "arranged_as"),
    [
        ("3号楼501 阳光花园 (北京市朝阳区)", "北京市朝阳区阳光花园3号楼501"),
        ("阳光花园3号楼501 北京市朝阳区", "北京市朝阳区阳光花园3号楼501"),
        ("阳光花园义乌市3号楼501", "义乌市阳光花园3号楼501"),
        ("王府井北京市东城区3号楼501", "北京市东城区王府井3号楼501"),
        ("3号楼501王府井", "王府井3号楼501"),
        ("3号楼501SOHO北京公馆", "SOHO北京公馆3号楼501"),
        ("3号楼A501阳光花园", "阳光花园3号楼A501"),
        ("3号楼2单元501B阳光花园", "阳光花园3号楼2单元501B"),
        ("我家住在望京西园里面的3号楼", "望京西园3号楼"),
    ],
)
def test_parts_are_put_where_the_rules_look_for_them(entered, arranged_as):
    assert in_order(entered) == arranged_as


@pytest.mark.requirement("AD1")
def test_a_person_in_front_does_not_come_behind_the_divisions():
    assert in_order("王小明北京市朝阳区望京西园三区3号楼501") == "北京市朝阳区望京西园3区3号楼501"

"""Divisions as people write them: shortened, repeated, in the wrong order, under names that ended."""

import pytest

from schemas.domain.divisions import divisions
from schemas.domain.normalise import normalise
from streams.enrichment.parse import parse
from streams.enrichment.places import find_place


def _place(entered):
    return parse(normalise(entered), divisions()).place


@pytest.mark.requirement("AD1")
@pytest.mark.parametrize(
    ("entered", "city", "counties"),
    [
        ("浦东新区张杨路1号", "上海市", {"浦东新区"}),
        ("上海浦东张杨路1号", "上海市", {"浦东新区"}),
        ("浦东张江镇益江路1号", "上海市", {"浦东新区"}),
        ("重庆市两江新区鸳鸯街道金开大道1号", "重庆市", {"两江新区"}),
        ("重庆江北区观音桥街道建新北路1号", "重庆市", {"江北区"}),
        ("合肥高新区望江西路1号", "合肥市", set()),
        ("郑州市经济技术开发区航海东路1号", "郑州市", set()),
        ("苏州工业园区星湖街1号", "苏州市", {"苏州工业园区"}),
        ("内蒙古锡林郭勒盟锡林浩特市额尔敦路1号", "锡林郭勒盟", {"锡林浩特市"}),
        ("锡盟锡林浩特市额尔敦路1号", "锡林郭勒盟", {"锡林浩特市"}),
        ("呼市新城区成吉思汗大街1号", "呼和浩特市", {"新城区"}),
        ("鄂伦春旗阿里河镇中央大街1号", "呼伦贝尔市", {"鄂伦春自治旗"}),
        ("河北承德宽城县民族街1号", "承德市", {"宽城满族自治县"}),
        ("恩施州恩施市施州大道1号", "恩施土家族苗族自治州", {"恩施市"}),
        ("湖北仙桃市沔州大道1号", "仙桃市", {"仙桃市"}),
        ("湖北省省直辖县级行政区划潜江市章华路1号", "潜江市", {"潜江市"}),
        ("东莞市南城街道鸿福路1号", "东莞市", {"东莞市"}),
        ("宁波镇海安雨一村10-1-504", "宁波市", {"镇海区"}),
        ("北京市北京市朝阳区望京西园三区", "北京市", {"朝阳区"}),
        ("北京市朝阳区北京市朝阳区望京西园三区", "北京市", {"朝阳区"}),
        ("朝阳区北京市望京西园三区", "北京市", {"朝阳区"}),
        ("西湖区浙江省杭州市翠苑一区", "杭州市", {"西湖区"}),
        ("杭州市市辖区西湖区翠苑一区", "杭州市", {"西湖区"}),
        ("河南省三门峡市湖滨区崤山路1号", "三门峡市", {"湖滨区"}),
        ("浙江三门县海游街道1号", "台州市", {"三门县"}),
        ("陕西省乾县人民路1号", "咸阳市", {"乾县"}),
        ("郑州市二七区大学路1号", "郑州市", {"二七区"}),
        # names that ended
        ("北京市密云县鼓楼东大街1号", "北京市", {"密云区"}),
        ("北京延庆县妫水北街1号", "北京市", {"延庆区"}),
        ("天津市静海县胜利大街1号", "天津市", {"静海区"}),
        ("天津蓟县兴华大街1号", "天津市", {"蓟州区"}),
        ("上海市闸北区共和新路1号", "上海市", {"静安区"}),
        ("上海崇明县八一路1号", "上海市", {"崇明区"}),
        ("南京白下区中山南路1号", "南京市", {"秦淮区"}),
        ("南京市下关区热河路1号", "南京市", {"鼓楼区"}),
        ("苏州市沧浪区人民路1号", "苏州市", {"姑苏区"}),
        ("宁波市江东区中山东路1号", "宁波市", {"鄞州区"}),
        ("杭州下城区体育场路1号", "杭州市", {"拱墅区"}),
        ("湖北省襄樊市樊城区长虹路1号", "襄阳市", {"樊城区"}),
        ("山东省莱芜市莱城区鲁中大街1号", "济南市", {"莱芜区"}),
        ("莱芜市钢城区府前大街1号", "济南市", {"钢城区"}),
        ("安徽省巢湖市庐江县塔山路1号", "合肥市", {"庐江县"}),
        ("安徽省巢湖市无为县无城镇金塔路1号", "芜湖市", {"无为市"}),
        ("安徽巢湖市健康路1号", "合肥市", {"巢湖市"}),
        ("四平市公主岭市公主大街1号", "长春市", {"公主岭市"}),
        ("资阳市简阳市射洪坝街道1号", "成都市", {"简阳市"}),
        ("云南省思茅市翠云区人民路1号", "普洱市", {"思茅区"}),
        ("贵州省铜仁地区思南县府后街1号", "铜仁市", {"思南县"}),
        ("广州市萝岗区香雪大道1号", "广州市", {"黄埔区"}),
        # a town decides where a district was split
        ("杭州市江干区九堡街道九堡家苑", "杭州市", {"上城区"}),
        ("杭州市江干区白杨街道高沙家园", "杭州市", {"钱塘区"}),
        ("杭州市江干区凯旋路1号", "杭州市", {"上城区", "钱塘区"}),
        ("杭州市余杭区临平街道北大街1号", "杭州市", {"临平区"}),
        ("杭州市余杭区仓前街道文一西路1号", "杭州市", {"余杭区"}),
        ("杭州市余杭区文一西路1号", "杭州市", {"余杭区"}),
        ("杭州市萧山区义蓬街道1号", "杭州市", {"钱塘区"}),
        ("深圳市宝安区龙华街道人民路1号", "深圳市", {"龙华区"}),
        ("杭州市九堡街道九堡家苑", "杭州市", {"上城区"}),
        # a county or a listed town behind a new zone
        ("河北省雄安新区容城县阳光花园", "保定市", {"容城县"}),
        ("河北雄安新区容城县容城镇阳光花园", "保定市", {"容城县"}),
        ("四川省成都市天府新区华阳街道", "成都市", {"双流区"}),
    ],
)
def test_divisions_are_found_however_they_are_written(entered, city, counties):
    place = _place(entered)
    assert (place.city, {county.name for county in place.counties}) == (city, counties)


@pytest.mark.parametrize(
    "entered",
    ["南京路12号", "中山北路12号", "朝阳公园西路1号", "浦东花园3号楼", "江东路5号", "太平花园", "开元广场"],
)
def test_what_is_only_named_after_a_division_is_no_place(entered):
    assert _place(entered).counties == ()


def test_a_shortened_district_that_may_belong_to_the_name_stays_in_a_reading():
    parsed = parse(normalise("北京通州九棵树3号楼"), divisions())
    assert parsed.place.county.name == "通州区"
    assert parsed.heads[:2] == ("通州九棵树", "九棵树")


def test_what_stands_behind_a_new_zone_is_the_county_or_the_town():
    county = parse(normalise("河北省雄安新区容城县阳光花园3号楼"), divisions())
    town = parse(normalise("四川省成都市天府新区华阳街道"), divisions())
    assert (county.heads[0], county.town) == ("阳光花园", None)
    assert (town.town, town.road) == ("华阳街道", None)


def test_two_cities_that_exclude_each_other_leave_the_second_in_the_text():
    place = find_place("北京市上海市浦东新区", divisions())
    assert (place.city, place.end) == ("北京市", 3)

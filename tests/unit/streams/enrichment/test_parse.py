import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.domain.divisions import divisions
from schemas.domain.normalise import normalise
from streams.enrichment.parse import Unit, floor_of, parse
from streams.enrichment.pieces import Piece


def _parse(entered, pieces=()):
    return parse(normalise(entered), divisions(), pieces)


def _levels(parsed):
    return {part.level: (part.text, part.origin) for part in parsed.parts}


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


@pytest.mark.requirement("AD1")
@pytest.mark.parametrize(
    ("written", "unit"),
    [
        ("3号楼2单元501室", Unit(building="3幢", unit="2单元", room="501室", floor=5)),
        ("3-2-501", Unit(building="3幢", unit="2单元", room="501室", floor=5)),
        ("3#2-501", Unit(building="3幢", unit="2单元", room="501室", floor=5)),
        ("3栋2门501号", Unit(building="3幢", unit="2单元", room="501室", floor=5)),
        ("3座2梯501", Unit(building="3幢", unit="2单元", room="501室", floor=5)),
        ("三单元五零一", Unit(unit="3单元", room="501室", floor=5)),
        ("A座1201", Unit(building="A幢", room="1201室", floor=12)),
        ("A-1201", Unit(building="A幢", room="1201室", floor=12)),
        ("12-1203", Unit(building="12幢", room="1203室", floor=12)),
        ("5栋B单元", Unit(building="5幢", unit="B单元")),
        ("5栋甲单元501", Unit(building="5幢", unit="甲单元", room="501室", floor=5)),
        ("甲3号楼501", Unit(building="甲3幢", room="501室", floor=5)),
        ("5栋地下一层", Unit(building="5幢")),
        ("5栋负1楼", Unit(building="5幢")),
        ("5栋B1层", Unit(building="5幢")),
        ("5栋夹层", Unit(building="5幢")),
        ("5栋十二层", Unit(building="5幢", floor=12)),
        ("5栋12F", Unit(building="5幢", floor=12)),
        ("5栋12层1203室", Unit(building="5幢", room="1203室", floor=12)),
        ("5栋501-502", Unit(building="5幢", room="501-502室", floor=5)),
        ("5栋2单元501、502室", Unit(building="5幢", unit="2单元", room="501-502室", floor=5)),
        ("5栋复式上下501-502", Unit(building="5幢", room="501-502室", floor=5)),
        ("5栋501室(共18层)", Unit(building="5幢", room="501室", floor=5, total_floors=18)),
        ("5栋501室，18/30层", Unit(building="5幢", room="501室", floor=18, total_floors=30)),
        ("5栋12层共18层", Unit(building="5幢", floor=12, total_floors=18)),
        ("5栋501总高18层", Unit(building="5幢", room="501室", floor=5, total_floors=18)),
        ("5栋2单元东户", Unit(building="5幢", unit="2单元", room="东户")),
        ("5栋501室主卧", Unit(building="5幢", room="501室", floor=5)),
        ("5栋501(电梯房)(满五唯一)", Unit(building="5幢", room="501室", floor=5)),
        ("4号501室", Unit(building="4幢", room="501室", floor=5)),
        # below ground: no band, and never the floor of the room number
        ("3号楼-1层", Unit(building="3幢")),
        ("3号楼-2层201室", Unit(building="3幢", room="201室")),
        ("3号楼负一层", Unit(building="3幢")),
        ("3号楼2单元-3层-301", Unit(building="3幢", unit="2单元", floor=3, room="301室")),
        # 12楼: a building before a unit and before a room of another floor
        ("12楼302", Unit(building="12幢", room="302室", floor=3)),
        ("12楼3单元401", Unit(building="12幢", unit="3单元", room="401室", floor=4)),
        ("12楼3-401", Unit(building="12幢", unit="3单元", room="401室", floor=4)),
        ("12楼-3-401", Unit(building="12幢", unit="3单元", room="401室", floor=4)),
        ("811楼302", Unit(building="811幢", room="302室", floor=3)),
        ("甲13楼", Unit(building="甲13幢")),
        ("12楼1203", Unit(room="1203室", floor=12)),
        ("3单元12楼", Unit(unit="3单元", floor=12)),
        ("3号楼12楼302", Unit(building="3幢", room="302室", floor=12)),
        # a second notation behind the building
        ("3号楼B1-101", Unit(building="3幢", room="B1-101室")),
        ("3号楼A-1203", Unit(building="3幢", unit="A单元", room="1203室", floor=12)),
        ("3号楼501-1", Unit(building="3幢", room="501-1室", floor=5)),
        ("3号楼501-601", Unit(building="3幢", room="501-601室", floor=5)),
        ("3号楼2-3层", Unit(building="3幢", floor=2)),
        ("3号楼2-18层", Unit(building="3幢")),
        ("3号楼B座2-3层", Unit(building="3幢", unit="B单元", floor=2)),
        ("甲12号楼3-502", Unit(building="甲12幢", unit="3单元", room="502室", floor=5)),
        ("甲12-3-502", Unit(building="甲12幢", unit="3单元", room="502室", floor=5)),
        ("甲12-502", Unit(building="甲12幢", room="502室", floor=5)),
        ("", Unit()),
    ],
)
def test_a_unit_is_read_in_every_notation(written, unit):
    parsed = _parse(f"杭州市滨江区春江花月{written}")
    assert parsed.unit == unit
    assert parsed.heads[0] == "春江花月"


@pytest.mark.requirement("AD1")
@pytest.mark.parametrize(
    ("entered", "floor"),
    [
        ("北京市朝阳区望京西园三区12楼", None),
        ("北京市朝阳区望京西园三区12楼共18层", 12),
        ("北京市朝阳区国贸大厦12楼", 12),
        ("杭州市西湖区文三路100号12楼", 12),
        ("杭州市西湖区国际大厦12楼302", 12),
    ],
)
def test_a_numbered_storey_alone_is_a_floor_where_no_building_is_numbered(entered, floor):
    assert _parse(entered).unit.floor == floor
    assert _parse(entered).unit.building is None


@pytest.mark.requirement("AD1")
def test_letters_in_front_of_a_building_belong_to_what_stands_before_them():
    parsed = _parse("北京市朝阳区WJXY3Q5号楼2单元301")
    assert (parsed.heads[0], parsed.unit.building) == ("WJXY3Q", "5幢")


@pytest.mark.requirement("AD1")
@pytest.mark.parametrize(
    ("written", "unit", "remark"),
    [
        ("3号楼501带车位", Unit(building="3幢", room="501室", floor=5), "带车位"),
        ("3号楼1501精装修", Unit(building="3幢", room="1501室", floor=15), "精装修"),
        ("3号楼501无车库", Unit(building="3幢", room="501室", floor=5), "无车库"),
        ("3号楼101底商", Unit(building="3幢", room="101室", floor=1), "底商"),
        ("3号楼501及地下车位12号", Unit(building="3幢", room="501室", floor=5), "及地下车位12号"),
        ("3号楼501、地下室5号", Unit(building="3幢", room="501室", floor=5), "地下室5号"),
        ("3-2-501带车位", Unit(building="3幢", unit="2单元", room="501室", floor=5), "带车位"),
        ("3-501精装修", Unit(building="3幢", room="501室", floor=5), "精装修"),
        ("2单元501 精装", Unit(unit="2单元", room="501室", floor=5), "精装"),
        ("3号楼1501 89.5平米", Unit(building="3幢", room="1501室", floor=15), "89-5平米"),
        ("3号楼1501 89平米", Unit(building="3幢", room="1501室", floor=15), "89平米"),
        ("3-501 89平米", Unit(building="3幢", room="501室", floor=5), "89平米"),
        ("3号楼501室89㎡", Unit(building="3幢", room="501室", floor=5), "89M2"),
        ("3号楼501室建筑面积89.5平方米", Unit(building="3幢", room="501室", floor=5), "建筑面积89-5平方米"),
        ("3号楼1501 两室一厅", Unit(building="3幢", room="1501室", floor=15), "两室一厅"),
        ("3号楼501 3室2厅1卫", Unit(building="3幢", room="501室", floor=5), "3室2厅1卫"),
        ("3号楼501三室两厅 精装修", Unit(building="3幢", room="501室", floor=5), "三室两厅精装修"),
        ("3号楼101号铺", Unit(building="3幢", room="101室", floor=1), "商铺"),
        ("3号楼1001室", Unit(building="3幢", room="1001室", floor=10), ""),
    ],
)
def test_harmless_words_behind_the_room_lose_nothing(written, unit, remark):
    parsed = _parse(f"杭州市滨江区春江花月{written}")
    assert parsed.unit == unit
    assert parsed.heads[0] == "春江花月"
    assert parsed.remark == remark


@pytest.mark.requirement("AD1")
@pytest.mark.parametrize("entered", ["仁恒河滨城（三期）12号1803室", "丁香路1599弄（仁恒河滨城）12号1803室"])
def test_a_building_behind_a_bracket_is_read(entered):
    parsed = _parse(f"上海市浦东新区{entered}")
    assert parsed.unit == Unit(building="12幢", room="1803室", floor=18)
    assert "仁恒河滨城" in parsed.heads


@pytest.mark.requirement("AD1")
@pytest.mark.parametrize(
    ("entered", "road", "number"),
    [
        ("海淀区万寿路15号", "万寿路", "15号"),
        ("海淀区万寿路15号3号楼501", "万寿路", "15号"),
        ("海淀区学院路18号院3号楼", "学院路", "18号院"),
        ("西城区马连道路甲18号院附3号", "马连道路", "甲18号院附3号"),
        ("重庆市渝中区中山三路12号附3号", "中山三路", "12号附3号"),
        ("重庆市渝中区中山三路12号之一", "中山三路", "12号之一"),
        ("成都市武侯区人民南路四段12号2栋1单元301", "人民南路四段", "12号"),
        ("成都市金牛区二环路北一段12号", "二环路北一段", "12号"),
        ("上海市浦东新区张杨路123弄4号501室", "张杨路", "123弄"),
        ("海淀区中关村南大街甲8号", "中关村南大街", "甲8号"),
        ("黑窑厂街20号楼3门101", None, None),
        ("海口市龙华区无名街道", None, None),
        ("海口市龙华区无名街道12号", None, None),
    ],
)
def test_a_house_number_of_a_road_is_no_building(entered, road, number):
    parsed = _parse(entered)
    assert (parsed.road, parsed.number) == (road, number)


@pytest.mark.requirement("AD1")
@pytest.mark.parametrize(
    ("entered", "readings"),
    [
        ("荣丰20083号楼501", [("荣丰2008", "3幢"), ("荣丰200", "83幢"), ("荣丰", "20083幢")]),
        ("荣丰200813号楼", [("荣丰20081", "3幢"), ("荣丰2008", "13幢"), ("荣丰200", "813幢"), ("荣丰", "200813幢")]),
        ("阳光1008号楼", [("阳光100", "8幢"), ("阳光", "1008幢")]),
        ("翠苑101号楼", [("翠苑", "101幢"), ("翠苑10", "1幢")]),
        ("阳光100 8号楼", []),
        ("翠苑一区12号楼", []),
    ],
)
def test_digits_that_run_together_are_shared_in_every_way(entered, readings):
    parsed = _parse(entered)
    assert [(reading.head, reading.unit.building) for reading in parsed.readings] == readings
    assert all(head in parsed.heads for head, _ in readings)
    for head, building in readings:
        assert parsed.unit_behind(head).building == building


def test_a_number_written_apart_belongs_to_the_building():
    parsed = _parse("阳光100 8号楼501")
    assert (parsed.heads[0], parsed.unit.building) == ("阳光100", "8幢")


@pytest.mark.requirement("AD1")
@pytest.mark.parametrize(
    ("name", "phase"),
    [
        ("紫薇天悦二期", "2期"),
        ("望京西园三区", "3区"),
        ("阳光花园A区", "A区"),
        ("阳光花园南区", "南区"),
        ("金隅嘉华3组团", "3组团"),
        ("龙锦苑", None),
        ("翠苑", None),
    ],
)
def test_a_phase_is_a_part_of_its_own_and_stays_in_the_name(name, phase):
    parsed = _parse(f"北京市朝阳区{name}3号楼501")
    assert parsed.phase == phase
    assert parsed.heads[0] == normalise(name)
    assert _levels(parsed).get("phase") == ((phase, "rules") if phase else None)


@pytest.mark.requirement("AD1")
def test_village_and_group_are_parts():
    levels = _levels(_parse("河北省石家庄市正定县正定镇张家村三组12号"))
    assert levels["village"] == ("张家村", "rules")
    assert levels["group"] == ("三组", "rules")
    assert "village" not in _levels(_parse("北京市海淀区中关村3号楼"))


_ALONE = "北京市朝阳区望京西园3区3号楼501室"


@pytest.mark.requirement("AD1")
@pytest.mark.parametrize(
    "entered",
    [
        f"{_ALONE} 张三 13800138000",
        f"{_ALONE}，联系人：李小明，电话13800138000",
        f"{_ALONE} 李小明",
        f"{_ALONE}（李小明）",
        f"{_ALONE}王先生收",
        f"{_ALONE}欧阳女士",
        f"{_ALONE} 业主：赵六",
        f"{_ALONE} 010-87654321",
        f"{_ALONE} 100102",
        f"{_ALONE}邮编100102",
        f"{_ALONE} 张三 110101199003070011",
        f"收件人 张三 13800138000 {_ALONE}",
        f"张三，13800138000，{_ALONE}",
        "北京市朝阳区收件人张三13800138000望京西园三区3号楼501室",
        "北京市朝阳区张三13800138000望京西园三区3号楼501室",
        f"业主张三丰{_ALONE}",
        f"100102{_ALONE}",
        f"房屋坐落：{_ALONE}",
        f"我家住{_ALONE}",
    ],
)
def test_persons_numbers_and_lead_in_words_are_dropped_at_the_entrance(entered):
    parsed = _parse(entered)
    assert parsed.text == _ALONE
    assert parsed.heads[0] == "望京西园3区"
    assert parsed.unit == Unit(building="3幢", room="501室", floor=5)
    assert parsed.remark == ""


@pytest.mark.parametrize(
    ("entered", "kept"),
    [
        ("张家港市金港镇王府井小区3号楼501", "张家港市金港镇王府井小区3号楼501"),
        ("杭州市西湖区文三路100号金都", "杭州市西湖区文三路100号金都"),
        ("北京市朝阳区望京西园三区3号楼501高层", "北京市朝阳区望京西园3区3号楼501高层"),
        ("北京市朝阳区望京西园三区3号楼501室安置房", "北京市朝阳区望京西园3区3号楼501室安置房"),
        ("北京市海淀区主人家花园3号楼", "北京市海淀区主人家花园3号楼"),
    ],
)
def test_what_only_begins_like_a_person_is_kept(entered, kept):
    assert _parse(entered).text == kept


@pytest.mark.requirement("AD1")
@pytest.mark.parametrize("between", ["；", "和", "以及", "或", " "])
def test_the_first_of_several_addresses_is_parsed_and_the_others_are_told(between):
    parsed = _parse(f"{_ALONE}{between}杭州市西湖区翠苑一区3幢501")
    assert parsed.text == _ALONE
    assert parsed.others == "杭州市西湖区翠苑1区3幢501"
    assert _parse(_ALONE).others == ""


# ---- what the tagger adds ----------------------------------------------------------------------------------------


def _pieces(text, *cut):
    pieces, at = [], 0
    for level, piece in cut:
        start = text.index(piece, at)
        at = start + len(piece)
        pieces.append(Piece(level=level, text=piece, start=start, end=at))
    return tuple(pieces)


def test_names_the_tagger_sees_are_further_heads():
    text = "朝阳望京西园3区佳境天城大厦15层"
    parsed = parse(
        text, divisions(), _pieces(text, ("community", "望京西园3区"), ("poi", "佳境天城"), ("subpoi", "大厦"))
    )
    assert parsed.heads[0] == "望京西园3区佳境天城大厦"
    assert parsed.heads[-5:] == ("望京西园3区佳境天城", "佳境天城大厦", "望京西园3区", "佳境天城", "大厦")


def test_the_tagger_fills_what_the_rules_left_open():
    text = "阜通东大街6号望京某处望京镇"
    pieces = _pieces(text, ("road", "阜通东大街"), ("roadno", "6号"), ("town", "望京镇"))
    levels = _levels(parse(text, divisions(), pieces))
    assert levels["road"] == ("阜通东大街", "rules")
    assert levels["number"] == ("6号", "rules")
    assert levels["town"] == ("望京镇", "tagger")


def test_where_both_speak_the_rules_win():
    text = "北京市朝阳区望京西园3区3号楼501室"
    parsed = parse(text, divisions(), _pieces(text, ("houseno", "3区3号楼"), ("roomno", "501室")))
    assert parsed.unit == Unit(building="3幢", room="501室", floor=5)
    assert _levels(parsed)["building"] == ("3号楼", "rules")
    assert _levels(parsed)["room"] == ("501室", "rules")


def test_a_unit_that_only_the_tagger_sees_is_taken():
    text = "望京西园3号楼5层旁边的便利超市往东走五十米处"
    parsed = parse(text, divisions(), _pieces(text, ("poi", "望京西园"), ("houseno", "3号楼"), ("floorno", "5层")))
    assert parsed.unit == Unit(building="3幢", floor=5)
    assert _levels(parsed)["building"] == ("3号楼", "tagger")


@pytest.mark.requirement("AD1")
def test_a_person_the_tagger_sees_is_dropped_everywhere():
    text = "北京市朝阳区望京西园3区李四光3号楼501室"
    parsed = parse(text, divisions(), _pieces(text, ("poi", "望京西园3区"), ("person", "李四光"), ("houseno", "3号楼")))
    seen = (parsed.text, parsed.remark, *parsed.heads, *(part.text for part in parsed.parts))
    assert not any("李四光" in one for one in seen)
    assert parsed.unit.building == "3幢"


def test_what_the_tagger_calls_redundant_is_left_out_of_the_first_reading():
    text = "北京市朝阳区近地铁望京西园3区3号楼501室"
    parsed = parse(text, divisions(), _pieces(text, ("redundant", "近地铁"), ("poi", "望京西园3区")))
    assert parsed.heads[0] == "望京西园3区"


@given(st.text(max_size=80) | st.text(alphabet="北京市朝阳区路1号幢-()ABC单元室层弄第", max_size=60))
def test_any_text_is_cut_without_an_error(text):
    parse(normalise(text), divisions())

"""Tables of what people write: which words refuse a house, and which only sound like it."""

import pytest

from schemas.codes import PropertyType, Reason, Tradability
from schemas.domain.divisions import divisions
from schemas.domain.normalise import normalise
from streams.enrichment.eligibility import (
    is_outside_mainland,
    refusal,
    stated_tradability,
    stated_type,
    type_in_words,
)
from streams.enrichment.parse import parse


@pytest.mark.requirement("AD4")
@pytest.mark.parametrize(
    "entered",
    [
        "香港九龙弥敦道100号海晖大厦12楼A室",
        "香港特别行政区沙田区银城街18号",
        "中国香港中环皇后大道中99号",
        "香港中環德輔道中10號",
        "九龍旺角彌敦道700號",
        "新界元朗大馬路20號",
        "尖沙咀广东道30号",
        "銅鑼灣軒尼詩道500號",
        "将军澳唐德街9号",
        "澳门氹仔花城新苑第2座8楼C",
        "澳門路環石排灣業興大廈",
        "澳门特别行政区新马路100号",
        "氹仔埃武拉街200号",
        "臺灣省臺北市大安區和平東路二段106號5樓",
        "臺北市大安區和平東路二段106號",
        "台北信义区松仁路100号",
        "中国台湾省高雄市左营区",
        "新北市板桥区文化路一段",
        "花莲县吉安乡",
        "日本东京都港区六本木3丁目2-1-1502",
        "东京都新宿区西新宿2-8-1",
        "大阪府大阪市中央区",
        "韩国首尔特别市江南区",
        "美国加利福尼亚州洛杉矶市",
        "纽约州纽约市第五大道100号",
        "新加坡乌节路1号",
        "马来西亚槟城乔治市",
        "澳大利亚悉尼乔治街50号",
        "英国伦敦牛津街100号",
        "Flat 3, 100 Oxford Street, London",
        "Flat A, 12/F, Nathan Road, Kowloon, Hong Kong",
        "ＨＯＮＧ　ＫＯＮＧ Wan Chai 8 Harbour Road",
        "Rua de Pequim 100, Macau",
        "No. 7, Sec. 5, Xinyi Rd., Taipei, Taiwan, China",
        "1600 Pennsylvania Avenue NW, Washington DC 20500",
        "3-1 Marunouchi, Chiyoda-ku, Tokyo",
    ],
)
def test_addresses_beyond_the_mainland_are_recognised(entered):
    assert is_outside_mainland(parse(normalise(entered), divisions()))


@pytest.mark.requirement("AD4")
@pytest.mark.parametrize(
    "entered",
    [
        "香港路12号",
        "香港中路40号数码港",
        "香港花园3号楼501",
        "香港城2期3幢",
        "澳门路88号",
        "澳门二路5号",
        "台湾街200号",
        "台湾风情小镇3号楼",
        "臺灣路9號",
        "九龙花园2号楼",
        "九龙坡区杨家坪",
        "新界路5号",
        "加拿大花园3号楼",
        "纽约花园5幢",
        "罗马花园8号楼",
        "伦敦公元3号楼501",
        "东京花园",
        "美国小镇12幢",
        "荷兰小镇3幢",
        "西班牙风情街",
        "澳大利亚世家2号楼",
        "朝鲜族中学家属楼",
        "日本领事馆旁小区",
        "青岛市市南区香港中路40号",
        "北京市朝阳区香港路12号",
        "福建省福州市台江区台湾街3号",
        "Room 501, Building 3, Wangjing Street, Chaoyang, Beijing, China",
        "88 Zhongshan Road, Shanghai",
        "SOHO3Q",
        "12345",
        "",
    ],
)
def test_streets_and_compounds_of_the_mainland_named_after_other_places_are_not_abroad(entered):
    assert not is_outside_mainland(parse(normalise(entered), divisions()))


@pytest.mark.requirement("AD5")
@pytest.mark.parametrize(
    ("words", "tradability"),
    [
        ("小产权房", Tradability.SMALL_TITLE),
        ("小產權", Tradability.SMALL_TITLE),
        ("村里的小产权3号楼", Tradability.SMALL_TITLE),
        ("乡产权", Tradability.SMALL_TITLE),
        ("集体产权", Tradability.SMALL_TITLE),
        ("公房", Tradability.PUBLIC_HOUSING),
        ("直管公房", Tradability.PUBLIC_HOUSING),
        ("公租房", Tradability.PUBLIC_HOUSING),
        ("廉租房", Tradability.PUBLIC_HOUSING),
        ("使用权房", Tradability.PUBLIC_HOUSING),
        ("军产房", Tradability.PUBLIC_HOUSING),
        ("经济适用房", Tradability.SUBSIDISED),
        ("经适房", Tradability.SUBSIDISED),
        ("两限房", Tradability.SUBSIDISED),
        ("共有产权", Tradability.SUBSIDISED),
        ("保障性住房", Tradability.SUBSIDISED),
        ("自住型商品房", Tradability.SUBSIDISED),
        ("宅基地", Tradability.RURAL),
        ("农村自建房", Tradability.RURAL),
        ("张家村3组12号农民房", Tradability.RURAL),
        ("集体土地", Tradability.RURAL),
        ("法院查封", Tradability.RESTRICTED),
        ("限制交易", Tradability.RESTRICTED),
        ("公房路12号", Tradability.UNKNOWN),
        ("公房新村3幢", Tradability.UNKNOWN),
        ("已购公房", Tradability.UNKNOWN),
        ("非小产权", Tradability.UNKNOWN),
        ("未查封", Tradability.UNKNOWN),
        ("不是小产权", Tradability.UNKNOWN),
        ("已解除查封", Tradability.UNKNOWN),
        ("已解查封", Tradability.UNKNOWN),
        ("查封已解除", Tradability.UNKNOWN),
        ("未解除查封", Tradability.RESTRICTED),
        ("经济适用房小区旁的商品房", Tradability.UNKNOWN),
        ("宅基地旁3号楼", Tradability.UNKNOWN),
        ("保障房对面", Tradability.UNKNOWN),
        ("商品房", Tradability.UNKNOWN),
        ("望京西园3区", Tradability.UNKNOWN),
    ],
)
def test_words_about_the_title_are_read_in_their_context(words, tradability):
    assert stated_tradability((normalise(words),)) is tradability


@pytest.mark.requirement("AD5")
@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("地下车位12号", PropertyType.PARKING),
        ("负一层车库B2-123", PropertyType.PARKING),
        ("3号楼储藏室", PropertyType.PARKING),
        ("3号楼地下室", PropertyType.PARKING),
        ("工业厂房", PropertyType.INDUSTRIAL),
        ("3号仓库", PropertyType.INDUSTRIAL),
        ("工业", PropertyType.INDUSTRIAL),
        ("商住公寓", PropertyType.MIXED_USE_FLAT),
        ("酒店式公寓", PropertyType.MIXED_USE_FLAT),
        ("loft公寓", PropertyType.MIXED_USE_FLAT),
        ("LOFT", PropertyType.MIXED_USE_FLAT),
        ("soho", PropertyType.MIXED_USE_FLAT),
        ("40年产权", PropertyType.MIXED_USE_FLAT),
        ("底商", PropertyType.SHOP),
        ("沿街门面", PropertyType.SHOP),
        ("写字楼", PropertyType.OFFICE),
        ("写字間", PropertyType.OFFICE),
        ("联排别墅", PropertyType.VILLA),
        ("独栋别墅", PropertyType.VILLA),
        ("普通住宅", PropertyType.APARTMENT),
        ("商品房", PropertyType.APARTMENT),
        ("车库入口旁3号楼", PropertyType.UNKNOWN),
        ("车位对面3号楼", PropertyType.UNKNOWN),
        ("带车位", PropertyType.UNKNOWN),
        ("送储藏室", PropertyType.UNKNOWN),
        ("含2个车位", PropertyType.UNKNOWN),
        ("及地下车位", PropertyType.UNKNOWN),
        ("附属地下室", PropertyType.UNKNOWN),
        ("车位已售", PropertyType.UNKNOWN),
        ("花园别墅区3号楼", PropertyType.UNKNOWN),
        ("别墅路8号", PropertyType.UNKNOWN),
        ("仓库街12号", PropertyType.UNKNOWN),
        ("苏州工业园区", PropertyType.UNKNOWN),
        ("工业路5号", PropertyType.UNKNOWN),
        ("望京SOHOA座", PropertyType.UNKNOWN),
        ("住宅小区", PropertyType.UNKNOWN),
        ("望京西园3区", PropertyType.UNKNOWN),
    ],
)
def test_words_about_the_kind_of_house_are_read_in_their_context(words, kind):
    assert type_in_words(normalise(words)) is kind


@pytest.mark.parametrize(
    ("stated", "kind"),
    [
        ("OFFICE", PropertyType.OFFICE),
        (" villa ", PropertyType.VILLA),
        ("商住", PropertyType.MIXED_USE_FLAT),
        ("工业", PropertyType.INDUSTRIAL),
        ("宇宙飞船", PropertyType.UNKNOWN),
        (None, PropertyType.UNKNOWN),
        ("", PropertyType.UNKNOWN),
    ],
)
def test_a_channel_states_the_type_as_code_or_in_words(stated, kind):
    assert stated_type(stated) is kind


@pytest.mark.requirement("AD5")
@pytest.mark.parametrize("tradability", [kind for kind in Tradability if kind.name not in ("UNKNOWN", "TRADABLE")])
def test_every_title_that_is_no_commodity_house_is_refused_with_its_reason(tradability):
    refused = refusal(tradability, PropertyType.APARTMENT, None)
    assert refused.reason is Reason.NOT_TRADABLE
    assert "商品房" in refused.text


@pytest.mark.requirement("AD5")
@pytest.mark.parametrize("kind", [PropertyType.PARKING, PropertyType.INDUSTRIAL])
def test_parking_and_industry_are_refused_whatever_the_table_enables(kind):
    assert refusal(Tradability.TRADABLE, kind, frozenset(PropertyType)).reason is Reason.TYPE_NOT_ENABLED


@pytest.mark.requirement("AD5")
def test_unknown_title_and_type_are_valued():
    assert refusal(Tradability.UNKNOWN, PropertyType.UNKNOWN, frozenset({PropertyType.APARTMENT})) is None


@pytest.mark.requirement("AD5")
def test_a_mixed_use_flat_counts_once_enabled():
    kind = PropertyType.MIXED_USE_FLAT
    assert refusal(Tradability.UNKNOWN, kind, frozenset({PropertyType.APARTMENT})).reason is Reason.TYPE_NOT_ENABLED
    assert refusal(Tradability.UNKNOWN, kind, frozenset({kind})) is None

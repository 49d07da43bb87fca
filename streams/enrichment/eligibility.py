"""The eligibility gates: outside the mainland (AD4), and what is no tradable commodity house (AD5)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from schemas.codes import PropertyType, Reason, Tradability
from streams.enrichment.parse import ParsedAddress

# 香港中路 (Qingdao), 澳门路 (Shanghai) and 台湾街 (Xiamen) are streets of the mainland; 纽约花园 is a compound.
_NAMED_AFTER = (
    r"(?![东西南北中]?(?:[一二三四五六七八九十0-9])?(?:路(?![环氹])|街|道|巷|胡同|花园|花苑|家园|城|广场|小镇|风情|印象|村|新村|庄园|山庄|宫"
    r"|公馆|公寓|大厦|商厦|商城|商场|小区|苑|园|世家|国际|豪庭|名都|名城|名苑|名居|半岛|湾畔|阳光|故事|梧桐|领事|使馆|酒店|饭店|郡|居|馆|里))"
)
_GREATER_CHINA = re.compile(
    rf"^(?:中国|中华人民共和国)?(?:香港|澳门|台湾){_NAMED_AFTER}"
    r"|^(?:香港|澳门)特别行政区|^(?:中国)?台湾省|^中华民国"
    r"|^(?:九龙|新界|港岛)(?!坡|湖|县|镇|山|仓|路|街|花园|公园|城|大道|村|小区|苑|新村|广场|大厦)"
    rf"|^(?:尖沙咀|旺角|铜锣湾|油麻地|深水埗|将军澳|油尖旺|荃湾|屯门|元朗){_NAMED_AFTER}"
    rf"|^(?:氹仔|路环|路氹){_NAMED_AFTER}"
    r"|^(?:台北|新北|高雄|台中|台南|桃园|基隆|新竹|嘉义)市"
    r"|^(?:台北|高雄|台中|台南)[\u4e00-\u9fff]{1,2}区"
    r"|^(?:屏东|花莲|宜兰|苗栗|彰化|南投|云林|澎湖|新竹|嘉义|台东|台北|高雄|台中|台南|桃园)县"
)
_COUNTRIES = (
    "美国|英国|日本|韩国|朝鲜|新加坡|马来西亚|泰国|越南|缅甸|老挝|柬埔寨|印度尼西亚|印尼|印度|菲律宾|斯里兰卡|尼泊尔|巴基斯坦|孟加拉国?|蒙古国|哈萨克斯坦"
    "|澳大利亚|澳洲|新西兰|加拿大|德国|法国|意大利|西班牙|葡萄牙|俄罗斯|荷兰|瑞士|瑞典|挪威|丹麦|芬兰|冰岛|奥地利|比利时|卢森堡|爱尔兰|希腊|塞浦路斯|马耳他"
    "|匈牙利|捷克|波兰|乌克兰|土耳其|阿联酋|阿拉伯联合酋长国|沙特|卡塔尔|以色列|埃及|南非|肯尼亚|尼日利亚|巴西|墨西哥|阿根廷|智利|秘鲁|古巴"
)
_CITIES_ABROAD = (
    "纽约|洛杉矶|旧金山|西雅图|波士顿|芝加哥|休斯顿|拉斯维加斯|伦敦|曼彻斯特|巴黎|柏林|慕尼黑|法兰克福|罗马|米兰|马德里|巴塞罗那|里斯本|莫斯科|东京|大阪|京都"
    "|横滨|名古屋|札幌|福冈|首尔|釜山|济州|曼谷|清迈|芭提雅|普吉|吉隆坡|槟城|新山|雅加达|马尼拉|河内|胡志明|金边|西哈努克|仰光|迪拜|悉尼|墨尔本|布里斯班"
    "|奥克兰|温哥华|多伦多|蒙特利尔"
)
_ABROAD = re.compile(
    rf"^(?:{_COUNTRIES})(?!族|际){_NAMED_AFTER}"
    rf"|^(?:{_CITIES_ABROAD})(?:特别市|市|都|州|郡|府|岛|省){_NAMED_AFTER}"
)
_LATIN = re.compile(r"[A-Z]")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
# Spaces are gone by now: HONGKONG. Greater China first, because such addresses end in CHINA too.
_LATIN_GREATER_CHINA = re.compile(
    r"HONGKONG|KOWLOON|NEWTERRITORIES|TSIMSHATSUI|WANCHAI|MONGKOK|CAUSEWAYBAY|SHATIN|TSUENWAN|KWUNTONG|MACAU|MACAO|TAIPA|COLOANE"
    r"|TAIWAN|TAIPEI|KAOHSIUNG|TAICHUNG|TAINAN|HSINCHU|KEELUNG"
)
_LATIN_MAINLAND = re.compile(
    r"CHINA|BEIJING|SHANGHAI|TIANJIN|CHONGQING|GUANGZHOU|SHENZHEN|HANGZHOU|NANJING|SUZHOU|CHENGDU|WUHAN|NINGBO|QINGDAO"
    r"|XIAMEN|ZHEJIANG|JIANGSU|GUANGDONG|SICHUAN|SHANDONG|FUJIAN|HUBEI|HUNAN|HENAN|HEBEI"
)
_LATIN_ABROAD = re.compile(
    r"USA$|UNITEDSTATES|NEWYORK|CALIFORNIA|LOSANGELES|SANFRANCISCO|BOSTON|SEATTLE|CHICAGO|TEXAS|FLORIDA|LONDON|MANCHESTER|ENGLAND"
    r"|SCOTLAND|UNITEDKINGDOM|TOKYO|OSAKA|KYOTO|JAPAN|SEOUL|BUSAN|KOREA|SINGAPORE|MALAYSIA|KUALALUMPUR|JOHOR|THAILAND|BANGKOK|PHUKET|VIETNAM|HANOI"
    r"|INDONESIA|JAKARTA|PHILIPPINES|MANILA|INDIA$|MUMBAI|DUBAI|UAE$|SYDNEY|MELBOURNE|BRISBANE|AUSTRALIA|AUCKLAND|NEWZEALAND|TORONTO"
    r"|VANCOUVER|MONTREAL|CANADA|PARIS|FRANCE|BERLIN|MUNICH|FRANKFURT|GERMANY|ITALY|ROMA|MILAN|SPAIN|MADRID|BARCELONA|PORTUGAL|LISBON"
    r"|NETHERLANDS|AMSTERDAM|SWITZERLAND|ZURICH|RUSSIA|MOSCOW|MEXICO|BRAZIL|STREET|AVENUE|BOULEVARD|[A-Z]DRIVE"
)

# A word that goes on as the name of a street, a compound or a place beside it says nothing: 公房路, 车库入口旁.
_NOT_A_NAME = (
    r"(?!路|街|胡同|巷|里(?!面)|小区|花园|花苑|家园|苑|新?村|站|桥|广场|公园|大厦|区|入口|出口|通道|旁|对面|对过|附近|隔壁|楼上|上面|后面|前面|门口"
    r"|[东西南北]?侧|[东西南北]边)"
)
# 非小产权, 未查封, 已解除查封; 已购公房: bought from the employer, a commodity house since.
_NOT_DENIED = r"(?<![非无未没])(?<!不是)(?<!不属于)(?<!已购)(?<!已售)(?<!原)(?<!(?<!未)解除)(?<!已解)"
_NOT_OVER = r"(?!已?经?解除|已?经?解封)"  # 查封已解除
# 带车位, 送储藏室, 2个车位, 及地下车位: beside the house, not the house.
_NOT_BESIDES = r"(?<![有带含送赠配无加及和个附双])(?<![有带含送赠配无加及和个附双属]地下)(?<!附属)"
_PARKING = r"产权车位|机动车位|停车位|车位|停车库|车库|泊位|储藏室|储藏间|贮藏室|储物间|杂物间|地下室"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a house is not eligible, with the words that go to the customer."""

    reason: Reason
    text: str


# What people write into an address or a type field, most specific first.
_TRADABILITY_WORDS: tuple[tuple[re.Pattern[str], Tradability], ...] = tuple(
    (re.compile(f"{_NOT_DENIED}(?:{words}){_NOT_OVER}{_NOT_A_NAME}"), tradability)
    for words, tradability in (
        ("小产权房?|乡产权房?|村产权房?|集体产权房?|大队房|无产权证?|没有产权", Tradability.SMALL_TITLE),
        (
            "直管公房|自管公房|公有住房|公有住宅|公共租赁(?:住房)?|公租房|廉租住?房|使用权房|承租公房|公房|军产房?|单位产权房?|周转房|央产房未上市",
            Tradability.PUBLIC_HOUSING,
        ),
        (
            (
                "经济适用住?房|经适住?房|两限商品房|两限房|限价商品房|限价房|共有产权(?:住?房)?|自住型商品房|自住商品房|保障性租赁住房|保障性住房|保障房|保租房"
                "|安居型商品房|安居房|解困房|人才公寓房|人才房"
            ),
            Tradability.SUBSIDISED,
        ),
        (
            "宅基地|农村自建房|自建房|自建楼|村民住宅|村民自建|农民房|农民自建|农村住宅|农村房屋|农房|集体土地|集体用地|集体建设用地",
            Tradability.RURAL,
        ),
        ("限制交易|禁止交易|不可交易|不能交易|限制转让|查封|被封|冻结", Tradability.RESTRICTED),
    )
)
_TRADABILITY_TEXTS = {
    Tradability.SMALL_TITLE: "小产权房",
    Tradability.PUBLIC_HOUSING: "公房",
    Tradability.SUBSIDISED: "保障性住房",
    Tradability.RURAL: "宅基地房屋",
    Tradability.RESTRICTED: "限制交易房屋",
}
_TYPE_WORDS: tuple[tuple[re.Pattern[str], PropertyType], ...] = tuple(
    (re.compile(f"(?:{words}){_NOT_A_NAME}"), kind)
    for words, kind in (
        (
            f"{_NOT_BESIDES}(?:{_PARKING})(?!号|已售|另售|除外|另计)",
            PropertyType.PARKING,
        ),
        (
            "工业厂房|厂房|仓储用房|仓库|车间|工业用房|工业用地|工业用途|工业性质|工业房产|工业地产|^工业类?$|^仓储$",
            PropertyType.INDUSTRIAL,
        ),
        (
            (
                "商住公寓|商住两用|商住楼|商住房|商住|酒店式公寓|酒店公寓|酒店式|服务式公寓|商务公寓|商业公寓|商用公寓|公寓式酒店|公寓式办公|办公公寓"
                "|(?:LOFT|SOHO)(?:公寓|户型|结构|产品|办公)|^(?:LOFT|SOHO)$|(?:40|四十)年产权"
            ),
            PropertyType.MIXED_USE_FLAT,
        ),
        (
            "商铺|底商|门面房?|店面|店铺|铺位|档口|摊位|商业用房|商业网点|商业服务网点|沿街商业|临街商业|商业门面|^商业$",
            PropertyType.SHOP,
        ),
        ("写字楼|写字间|办公楼|办公用房|商务楼|商办楼|^办公$", PropertyType.OFFICE),
        ("别墅|联排|叠拼|叠墅|叠加|双拼|排屋|合院", PropertyType.VILLA),
        ("普通住宅|商品住宅|住宅|住房|居住用房|商品房", PropertyType.APARTMENT),
    )
)
_PARKING_WORDS = re.compile(_PARKING)
_TYPE_TEXTS = {
    PropertyType.APARTMENT: "住宅",
    PropertyType.VILLA: "别墅",
    PropertyType.SHOP: "商铺",
    PropertyType.OFFICE: "写字楼",
    PropertyType.MIXED_USE_FLAT: "商住公寓",
    PropertyType.INDUSTRIAL: "工业用房",
    PropertyType.PARKING: "车位、储藏室等附属用房",
    PropertyType.UNKNOWN: "未知类型房屋",
}


def is_outside_mainland(parsed: ParsedAddress) -> bool:
    """Whether an address lies in Hong Kong, Macao, Taiwan or abroad; a mainland division in front settles it."""
    if parsed.place.parts:
        return False
    text = parsed.text
    if _CHINESE.search(text):
        return bool(_GREATER_CHINA.match(text) or _ABROAD.match(text))
    if not _LATIN.search(text):
        return False
    if _LATIN_GREATER_CHINA.search(text):
        return True
    return bool(_LATIN_ABROAD.search(text) and not _LATIN_MAINLAND.search(text))


def stated_tradability(texts: Iterable[str]) -> Tradability:
    """What the words say of the title; UNKNOWN where they say nothing."""
    return next(
        (kind for text in texts for words, kind in _TRADABILITY_WORDS if words.search(text)), Tradability.UNKNOWN
    )


def without_parking(text: str) -> str:
    """A text without parking spaces and store rooms: behind a flat they lie beside it."""
    return _PARKING_WORDS.sub("", text)


def type_in_words(text: str) -> PropertyType:
    """The property type that a text names; UNKNOWN where it names none."""
    return next((kind for words, kind in _TYPE_WORDS if words.search(text)), PropertyType.UNKNOWN)


def stated_type(stated: str | None) -> PropertyType:
    """The property type a channel states, as our code or in Chinese; UNKNOWN for nothing and for what is neither."""
    if not stated:
        return PropertyType.UNKNOWN
    code = stated.strip().upper()
    return PropertyType(code) if code in PropertyType.__members__ else type_in_words(stated)


def refusal(
    tradability: Tradability, property_type: PropertyType, enabled: frozenset[PropertyType] | None
) -> Refusal | None:
    """Why a house is not eligible; `None`: it is. Unknown title is valued and flagged, not refused.

    Args:
        tradability: What is known of the title.
        property_type: What is known of the type; UNKNOWN passes.
        enabled: Types the coverage row enables; `None` leaves that question out.
    """
    if tradability in _TRADABILITY_TEXTS:
        return Refusal(
            reason=Reason.NOT_TRADABLE,
            text=f"该房屋为{_TRADABILITY_TEXTS[tradability]}，不属于可上市交易的商品房，暂不提供估值。",
        )
    unknown = property_type is PropertyType.UNKNOWN
    never = property_type in {PropertyType.INDUSTRIAL, PropertyType.PARKING}
    if not unknown and (never or (enabled is not None and property_type not in enabled)):
        return Refusal(
            reason=Reason.TYPE_NOT_ENABLED,
            text=f"该房屋类型（{_TYPE_TEXTS[property_type]}）不在本地区的估值服务范围内，暂不提供估值。",
        )
    return None

"""The eligibility gates: outside the mainland (AD4), and what is no tradable commodity house (AD5)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from schemas.codes import PropertyType, Reason, Tradability
from streams.enrichment.parse import ParsedAddress

# 香港中路 (Qingdao), 澳门路 (Shanghai) and 台湾街 (Xiamen) are streets of the mainland.
_A_STREET = r"(?![东西南北中]?(?:[一二三四五六七八九十0-9])?(?:路|街|道|大道|花园|花苑|城|广场|小镇|风情|村|庄园|宫))"
_GREATER_CHINA = re.compile(
    rf"^(?:中国)?(?:香港|澳门|台湾){_A_STREET}"
    r"|^(?:九龙|新界|港岛)(?!坡|湖|县|镇|山|仓|路|街|花园)"
    r"|^(?:台北|新北|高雄|台中|台南|基隆|新竹|嘉义|桃园)市"
    r"|^(?:屏东|花莲|宜兰|苗栗|彰化|南投|云林|澎湖|新竹|嘉义)县"
)
_COUNTRIES = (
    "美国|英国|日本|韩国|朝鲜|新加坡|马来西亚|泰国|越南|缅甸|老挝|柬埔寨|印度尼西亚|印度|菲律宾|澳大利亚|新西兰|加拿大|德国|法国|意大利|西班牙|葡萄牙|俄罗斯"
    "|荷兰|瑞士|瑞典|挪威|丹麦|芬兰|奥地利|比利时|爱尔兰|希腊|土耳其|阿联酋|沙特|以色列|埃及|南非|巴西|墨西哥|阿根廷|智利"
)
_ABROAD = re.compile(
    rf"^(?:{_COUNTRIES})(?![东西南北中]?(?:路|街|村|宫|城|花园|花苑|小镇|风情|印象|国际|庄园|公馆|广场|大厦|领事|使馆))"
)
_LATIN = re.compile(r"[A-Z]")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_LATIN_ABROAD = re.compile(
    r"HONGKONG|KOWLOON|MACAU|MACAO|TAIWAN|TAIPEI|USA$|UNITEDSTATES|NEWYORK|CALIFORNIA|LONDON|UNITEDKINGDOM|TOKYO|JAPAN|SEOUL"
    r"|KOREA|SINGAPORE|SYDNEY|MELBOURNE|AUSTRALIA|TORONTO|VANCOUVER|CANADA|PARIS|FRANCE|BERLIN|GERMANY|DUBAI|BANGKOK|STREET|AVENUE"
)

_NOT_A_NAME = r"(?!路|街|胡同|巷|里|小区|花园|苑|村)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a house is not eligible, with the words that go to the customer."""

    reason: Reason
    text: str


# What people write into an address or a type field, most specific first.
_TRADABILITY_WORDS: tuple[tuple[re.Pattern[str], Tradability], ...] = tuple(
    (re.compile(f"(?:{words}){_NOT_A_NAME}"), tradability)
    for words, tradability in (
        ("小产权|乡产权|集体产权房?", Tradability.SMALL_TITLE),
        ("直管公房|公有住房|公租房|廉租房|使用权房|公房|军产房|央产房未上市", Tradability.PUBLIC_HOUSING),
        ("经济适用房|经适房|两限房|限价房|共有产权房?|保障性住房|保障房", Tradability.SUBSIDISED),
        ("宅基地|农村自建房|自建房|村民住宅|农民房|集体土地", Tradability.RURAL),
        ("限制交易|查封", Tradability.RESTRICTED),
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
        ("车位|停车位|车库", PropertyType.PARKING),
        ("工业厂房|厂房|仓库|车间|工业用房", PropertyType.INDUSTRIAL),
        ("商住公寓|商住两用|酒店式公寓|LOFT公寓|商住", PropertyType.MIXED_USE_FLAT),
        ("商铺|底商|门面房?|店面|铺位", PropertyType.SHOP),
        ("写字楼|办公楼|办公用房", PropertyType.OFFICE),
        ("别墅|联排|叠拼", PropertyType.VILLA),
        ("普通住宅|商品住宅|住宅|住房", PropertyType.APARTMENT),
    )
)
_TYPE_TEXTS = {
    PropertyType.APARTMENT: "住宅",
    PropertyType.VILLA: "别墅",
    PropertyType.SHOP: "商铺",
    PropertyType.OFFICE: "写字楼",
    PropertyType.MIXED_USE_FLAT: "商住公寓",
    PropertyType.INDUSTRIAL: "工业用房",
    PropertyType.PARKING: "车位",
    PropertyType.UNKNOWN: "未知类型房屋",
}


def is_outside_mainland(parsed: ParsedAddress) -> bool:
    """Whether an address lies in Hong Kong, Macao, Taiwan or abroad; a mainland division in front settles it."""
    if parsed.place.parts:
        return False
    text = parsed.text
    if _CHINESE.search(text):
        return bool(_GREATER_CHINA.match(text) or _ABROAD.match(text))
    return bool(_LATIN.search(text) and _LATIN_ABROAD.search(text))


def stated_tradability(texts: Iterable[str]) -> Tradability:
    """What the words say of the title; UNKNOWN where they say nothing."""
    return next(
        (kind for text in texts for words, kind in _TRADABILITY_WORDS if words.search(text)), Tradability.UNKNOWN
    )


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

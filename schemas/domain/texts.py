"""The Chinese words for every code that people see. Templates for customers: no code may be without its text."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from schemas.codes import (
    LimitingFactor,
    PropertyTag,
    PropertyType,
    Reason,
    ServiceType,
    Status,
    Tradability,
    VerificationOutcome,
)

STATUS_TEXTS: Final[Mapping[Status, str]] = MappingProxyType(
    {
        Status.RECEIVED: "已受理",
        Status.PROCESSING: "处理中",
        Status.NEEDS_CLARIFICATION: "待确认地址",
        Status.PENDING_MANUAL: "待人工估值",
        Status.COMPLETED_AUTO: "自动估值完成",
        Status.COMPLETED_MANUAL: "人工估值完成",
        Status.UNABLE_TO_VALUE: "无法估值",
        Status.OUT_OF_COVERAGE: "超出服务范围",
        Status.NOT_ELIGIBLE: "非可上市交易商品房",
        Status.REJECTED_INVALID: "请求无效",
        Status.FAILED: "处理失败",
        Status.CANCELLED: "已撤销",
        Status.EXPIRED: "已失效",
    }
)

REASON_TEXTS: Final[Mapping[Reason, str]] = MappingProxyType(
    {
        Reason.FIELD_INVALID: "请求中有字段不符合要求，请按提示修改后重新提交",
        Reason.UNKNOWN_CHANNEL: "渠道代码未登记",
        Reason.SERVICE_NOT_ALLOWED: "该渠道未开通所申请的服务",
        Reason.ACTION_NOT_ALLOWED: "该操作当前不允许",
        Reason.CORPORATE_LOAN: "本服务仅受理个人贷款业务，不受理对公贷款",
        Reason.DUPLICATE_CONFLICT: "同一请求编号已用于内容不同的请求，请更换请求编号",
        Reason.QUOTA_EXCEEDED: "请求次数超过限额，请稍后再试",
        Reason.ALREADY_FINAL: "该笔业务已有最终结果，不能再撤销或变更",
        Reason.NOT_FOUND: "未找到该请求编号对应的业务",
        Reason.CANCELLED_BY_CHANNEL: "已按渠道要求撤销",
        Reason.REUSED: "同一房屋的估值结果仍在有效期内，沿用原结果",
        Reason.LATE: "处理时间较长，结果稍后送达",
        Reason.MAINTENANCE: "系统维护中，维护结束后自动处理",
        Reason.SYSTEM_DEGRADED: "系统部分功能受限，结果稍后送达",
        Reason.COMPARISON_ONLY: "已由人工处理，模型结果仅供比对",
        Reason.OUTSIDE_MAINLAND: "房屋不在中国大陆境内，暂不提供服务",
        Reason.AREA_NOT_COVERED: "房屋所在区县尚未开通服务",
        Reason.TYPE_NOT_ENABLED: "该类房屋尚未开通估值服务",
        Reason.NOT_TRADABLE: "房屋不属于可上市交易的商品房",
        Reason.ADDR_AMBIGUOUS: "地址对应多个小区，请确认具体小区",
        Reason.ADDR_PARTIAL: "地址不完整，请补充小区、楼栋或房号",
        Reason.ADDR_UNKNOWN: "地址未能识别，需人工核实",
        Reason.CLARIFICATION_REMINDER: "地址尚待确认，请尽快选择具体小区或重新提交",
        Reason.CLARIFICATION_TIMEOUT: "地址未在规定时间内确认",
        Reason.AREA_IMPLAUSIBLE: "面积与该小区房屋情况不符，需人工核实",
        Reason.THIN_COMPARABLES: "周边可比成交较少，需人工估值",
        Reason.WIDE_RANGE: "价格区间较宽，需人工估值",
        Reason.LOW_CONFIDENCE: "自动估值的把握不足，需人工估值",
        Reason.MODEL_DISAGREEMENT: "不同方法的估值结果差异较大，需人工估值",
        Reason.OUTLIER_PRICE: "估值结果与周边价格水平差异较大，需人工核实",
        Reason.COMPARISON_RULE_UNMET: "可比实例未全部满足市场比较法的要求，需人工复核",
        Reason.UNSEEN_TYPE: "该类房屋缺少历史成交，需人工估值",
        Reason.NO_MODEL: "该地区或该类房屋暂无自动估值模型，需人工估值",
        Reason.SOURCE_NOT_LICENSED: "自动估值所依据的数据来源目前未获授权，需人工估值",
        Reason.CITY_HUMAN_ONLY: "该城市目前仅提供人工估值",
        Reason.SEGMENT_HOLD: "该区域的自动估值暂停，需人工估值",
        Reason.HIGH_VALUE: "房屋价值较高，需人工复核",
        Reason.FORCED_BY_BANK: "按银行要求进行人工估值",
        Reason.VERIFY_MISMATCH: "所填房屋信息与核验结果不一致，需人工核实",
        Reason.VERIFY_NOT_FOUND: "未查到所填房屋，请核对房屋地址",
        Reason.DISPUTE: "对估值结果有异议，进行复估",
        Reason.DESK_REPLY: "经向渠道核实，继续人工估值",
        Reason.QA_SAMPLE: "质量抽检",
        Reason.REVIEWED: "经人工复核确定",
        Reason.INSUFFICIENT_EVIDENCE: "市场依据不足，无法给出估值",
    }
)

LIMITING_FACTOR_TEXTS: Final[Mapping[LimitingFactor, str]] = MappingProxyType(
    {
        LimitingFactor.FEW_COMPARABLES: "可比成交较少",
        LimitingFactor.STALE_COMPARABLES: "可比成交距价值时点较久",
        LimitingFactor.STALE_SOURCE: "部分数据来源未及时更新",
        LimitingFactor.WIDE_DISPERSION: "可比成交价格离散较大",
        LimitingFactor.AREA_OUT_OF_RANGE: "面积超出该小区常见范围",
        LimitingFactor.ADDRESS_PARTIAL: "地址仅识别到部分层级",
        LimitingFactor.ATTRIBUTE_IMPUTED: "部分房屋属性为推断所得",
        LimitingFactor.FAST_MARKET: "近期市场价格变动较快",
        LimitingFactor.SEGMENT_HELD: "所在区域的自动估值暂停",
        LimitingFactor.MODEL_DISAGREEMENT: "不同估值方法的结果差异较大",
        LimitingFactor.NEW_COMMUNITY: "新建小区，缺少历史成交",
        LimitingFactor.UNUSUAL_PROPERTY: "房屋类型或条件较为特殊",
        LimitingFactor.TRADABILITY_UNKNOWN: "未核实房屋是否可上市交易",
        LimitingFactor.RENTS_UNKNOWN: "周边缺少租金资料，未能以收益法验证",
        LimitingFactor.LAND_TERM_ASSUMED: "土地剩余使用年限为假设值",
        LimitingFactor.RETROSPECTIVE: "价值时点早于模型与价格指数的发布日，仅采用当时已知的成交",
    }
)

PROPERTY_TYPE_TEXTS: Final[Mapping[PropertyType, str]] = MappingProxyType(
    {
        PropertyType.UNKNOWN: "未知",
        PropertyType.APARTMENT: "住宅",
        PropertyType.VILLA: "别墅",
        PropertyType.SHOP: "商铺",
        PropertyType.OFFICE: "写字楼",
        PropertyType.MIXED_USE_FLAT: "商住公寓",
        PropertyType.INDUSTRIAL: "工业用房",
        PropertyType.PARKING: "车位",
    }
)

TRADABILITY_TEXTS: Final[Mapping[Tradability, str]] = MappingProxyType(
    {
        Tradability.UNKNOWN: "未核实",
        Tradability.TRADABLE: "可上市交易商品房",
        Tradability.SMALL_TITLE: "小产权房",
        Tradability.PUBLIC_HOUSING: "公房",
        Tradability.SUBSIDISED: "保障性住房",
        Tradability.RURAL: "宅基地房屋",
        Tradability.RESTRICTED: "限制交易",
    }
)

PROPERTY_TAG_TEXTS: Final[Mapping[PropertyTag, str]] = MappingProxyType(
    {PropertyTag.DISPUTED: "争议多", PropertyTag.THINLY_TRADED: "交易稀少"}
)

# factors of adjustments and of reasons, in a table's few characters
FACTOR_TEXTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "TIME": "市场",
        "AREA": "面积",
        "FLOOR": "楼层",
        "BUILDING": "楼型",
        "AGE": "房龄",
        "RENOVATION": "装修",
        "LAYOUT": "户型",
        "LOCATION": "区位",
        "TAX": "税费",
        "INCOME": "收益法",
        "OTHER": "其他",
    }
)
SERVICE_TEXTS: Final[Mapping[ServiceType, str]] = MappingProxyType(
    {
        ServiceType.VALUATE: "估值",
        ServiceType.VERIFY: "房屋信息验证",
        ServiceType.VERIFY_AND_VALUATE: "房屋信息验证和估值",
    }
)

VERIFICATION_OUTCOME_TEXTS: Final[Mapping[VerificationOutcome, str]] = MappingProxyType(
    {
        VerificationOutcome.UNVERIFIABLE: "暂无法核验房屋信息",
        VerificationOutcome.CONFIRMED: "房屋信息核验一致",
        VerificationOutcome.MISMATCH: "房屋信息与记录不一致",
        VerificationOutcome.NOT_FOUND: "未查到该房屋",
    }
)
VERIFICATION_FIELD_TEXTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "COMMUNITY": "小区",
        "BUILDING": "楼栋",
        "UNIT": "户室",
        "FLOOR": "所在楼层",
        "TOTAL_FLOORS": "总楼层",
        "BUILT_YEAR": "建成年份",
        "ROOMS": "居室数",
        "AREA": "建筑面积",
        "PROPERTY_TYPE": "物业类型",
        "USAGE": "规划用途",
        "TRADABILITY": "可上市交易",
    }
)

SOURCE_TEXTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "address": "申请地址",
        "property-registry": "房产登记",
        "community-dictionary": "楼盘字典",
        "building-register": "楼栋登记",
        "rental-listings": "租金挂牌",
        "model": "自动估值模型",
        "synthetic": "合成数据",
    }
)
"""Sources by their names in the register of licences, and our own parts that others rest on."""


def source_text(name: str) -> str:
    """The Chinese name of a source. One without: a neutral word, for a name of the register says nothing to readers."""
    return SOURCE_TEXTS.get(name, _OTHER_SOURCE)


_OTHER_SOURCE: Final = "其他数据来源"


def reason_text(code: str) -> str:
    """The Chinese text of a reason code. A code newer than this release has none yet: then a neutral sentence."""
    return REASON_TEXTS.get(Reason(code), _NEUTRAL) if code in Reason.__members__ else _NEUTRAL


_NEUTRAL = "需进一步处理"


def limiting_factor_text(code: str) -> str:
    """The Chinese text of a limiting factor; `FALLBACK_LEVEL_n` names how far the search for evidence had to go."""
    if code in LimitingFactor.__members__:
        return LIMITING_FACTOR_TEXTS[LimitingFactor(code)]
    reach = _FALLBACK_REACH.get(code.removeprefix("FALLBACK_LEVEL_"))
    return _OTHER_FACTOR if reach is None else f"小区自身成交不足，参考范围扩大至{reach}"


_OTHER_FACTOR = "其他限制因素"
_FALLBACK_REACH = MappingProxyType({"3": "周边小区", "4": "所在商圈", "5": "所在区县", "6": "所在城市"})

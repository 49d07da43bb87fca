"""The short Chinese words of the desk's screens. A code of a newer release is shown as it is."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from consumers.review_desk.deciding.decision import DeviationReason
from consumers.review_desk.deciding.history import Nearness
from consumers.review_desk.people.staff import Family, Grade, Role
from consumers.review_desk.queue.presence import PresenceState
from consumers.review_desk.regions import Region
from consumers.review_desk.task import Kind, TaskState
from schemas.codes import MatchLevel, Reason, ReviewOutcome
from schemas.domain.texts import (
    FACTOR_TEXTS,
    LIMITING_FACTOR_TEXTS,
    PROPERTY_TAG_TEXTS,
    PROPERTY_TYPE_TEXTS,
    TRADABILITY_TEXTS,
)

REASON: Final[Mapping[str, str]] = MappingProxyType(
    {
        Reason.ADDR_AMBIGUOUS: "地址有歧义",
        Reason.ADDR_PARTIAL: "地址不完整",
        Reason.ADDR_UNKNOWN: "地址未识别",
        Reason.AREA_IMPLAUSIBLE: "面积存疑",
        Reason.THIN_COMPARABLES: "可比实例不足",
        Reason.WIDE_RANGE: "区间过宽",
        Reason.LOW_CONFIDENCE: "置信度低",
        Reason.MODEL_DISAGREEMENT: "方法间差异大",
        Reason.OUTLIER_PRICE: "价格异常",
        Reason.COMPARISON_RULE_UNMET: "比较法规则未满足",
        Reason.UNSEEN_TYPE: "类型无先例",
        Reason.NO_MODEL: "无可用模型",
        Reason.SOURCE_NOT_LICENSED: "数据来源未获授权",
        Reason.CITY_HUMAN_ONLY: "城市仅限人工",
        Reason.SEGMENT_HOLD: "板块暂停自动",
        Reason.SYSTEM_DEGRADED: "系统受限",
        Reason.HIGH_VALUE: "高价值房屋",
        Reason.FORCED_BY_BANK: "银行指定人工",
        Reason.VERIFY_MISMATCH: "核验不一致",
        Reason.VERIFY_NOT_FOUND: "未查到房屋",
        Reason.DISPUTE: "复估",
        Reason.QA_SAMPLE: "质量抽检",
    }
)
OUTCOME: Final[Mapping[str, str]] = MappingProxyType(
    {
        ReviewOutcome.VALUE: "给出估值",
        ReviewOutcome.UNABLE: "依据不足，无法估值",
        ReviewOutcome.NOT_ELIGIBLE: "非可上市交易商品房",
        ReviewOutcome.OUT_OF_COVERAGE: "超出服务范围",
        ReviewOutcome.CLARIFY: "请渠道确认地址",
        ReviewOutcome.RETURN_TO_AUTO: "退回自动估值",
    }
)
DEVIATION: Final[Mapping[str, str]] = MappingProxyType(
    {
        DeviationReason.RECENT_DEALS: "近期成交价格已变动",
        DeviationReason.CONDITION: "装修、房龄等房屋状况不同",
        DeviationReason.POSITION: "楼层、朝向、位置差异",
        DeviationReason.ADDRESS_CORRECTED: "地址或面积经核实更正",
        DeviationReason.MODEL_DATA_POOR: "模型所用资料不足",
    }
)
STATE: Final[Mapping[str, str]] = MappingProxyType(
    {
        TaskState.PARKED: "待开工",
        TaskState.QUEUED: "待领取",
        TaskState.OFFERED: "派件中",
        TaskState.WORKING: "处理中",
        TaskState.ON_HOLD: "挂起",
        TaskState.WAIT_REPLY: "待渠道答复",
        TaskState.WAIT_SURVEY: "待勘察",
        TaskState.PENDING_APPROVAL: "待复核",
        TaskState.PANEL: "合议中",
        TaskState.DECIDED: "已办结",
        TaskState.RETURNED_TO_AUTO: "已退回自动",
        TaskState.CANCELLED: "已撤销",
    }
)
# Samples look like ordinary work to those who value: their words stay on the pages of quality control.
KIND: Final[Mapping[str, str]] = MappingProxyType(
    {
        Kind.VALUATION: "估值",
        Kind.DISPUTE: "复估",
        Kind.AUDIT: "自动结果抽检",
        Kind.SECOND_READING: "人工结论复读",
        Kind.SEEDED: "已知答案",
        Kind.OPINION: "合议意见",
    }
)
REGION: Final[Mapping[str, str]] = MappingProxyType(
    {
        Region.YANGTZE_DELTA: "长三角",
        Region.BOHAI_RIM: "环渤海",
        Region.PEARL_DELTA: "珠三角",
        Region.MIDWEST: "中西部",
    }
)
PROPERTY_CLASS: Final[Mapping[str, str]] = MappingProxyType(
    {"RESIDENTIAL": "住宅", "VILLA": "别墅", "COMMERCIAL": "商用", "": "其他"}
)
PRESENCE: Final[Mapping[str, str]] = MappingProxyType(
    {
        PresenceState.OFFLINE: "离线",
        PresenceState.READY: "就绪",
        PresenceState.OFFERED: "待接受",
        PresenceState.WORKING: "处理中",
        PresenceState.WRAP_UP: "收尾",
        PresenceState.BREAK: "小休",
    }
)
ROLE: Final[Mapping[str, str]] = MappingProxyType(
    {
        Role.REVIEWER: "估值员",
        Role.SENIOR: "高级估值师",
        Role.SUPERVISOR: "班长",
        Role.QA: "质检",
        Role.AUDITOR: "审计",
        Role.ADMIN: "系统管理员",
    }
)
GRADE: Final[Mapping[str, str]] = MappingProxyType(
    {Grade.G1: "新入职", Grade.G2: "估值员", Grade.G3: "高级估值师", Grade.G4: "专家"}
)
FAMILY: Final[Mapping[str, str]] = MappingProxyType(
    {
        Family.ADDRESS: "地址疑难",
        Family.THIN_MARKET: "可比稀少",
        Family.OUTLIER: "价格异常",
        Family.DISPUTE: "复估",
    }
)
NEARNESS: Final[Mapping[str, str]] = MappingProxyType(
    {Nearness.UNIT: "同一户", Nearness.BUILDING: "同楼幢", Nearness.COMMUNITY: "同小区"}
)
RULE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "MIN_COMPARABLES": "可比实例不少于3个",
        "MAX_AGE_DAYS": "成交距价值时点不超过2年",
        "MAX_SINGLE_ADJUSTMENT": "单项修正不超过20%",
        "MAX_TOTAL_ADJUSTMENT": "综合修正不超过30%",
        "MAX_ADJUSTED_RATIO": "修正后最高与最低之比不超过1.2",
    }
)
MATCH_LEVEL: Final[Mapping[str, str]] = MappingProxyType(
    {
        MatchLevel.NONE: "未匹配",
        MatchLevel.DISTRICT: "到区县",
        MatchLevel.ROAD: "到道路",
        MatchLevel.COMMUNITY: "到小区",
        MatchLevel.BUILDING: "到楼幢",
        MatchLevel.ROOM: "到户室",
    }
)
LOAN_STAGE: Final[Mapping[str, str]] = MappingProxyType(
    {"PRE_LOAN_INVESTIGATION": "贷前调查", "IN_LOAN_APPROVAL": "贷中审查审批", "OTHER": "其他"}
)
FACTOR: Final[Mapping[str, str]] = FACTOR_TEXTS
PROPERTY_TYPE: Final[Mapping[str, str]] = MappingProxyType({str(k): v for k, v in PROPERTY_TYPE_TEXTS.items()})
PROPERTY_TAG: Final[Mapping[str, str]] = MappingProxyType({str(k): v for k, v in PROPERTY_TAG_TEXTS.items()})
TRADABILITY: Final[Mapping[str, str]] = MappingProxyType({str(k): v for k, v in TRADABILITY_TEXTS.items()})
LIMITING_FACTOR: Final[Mapping[str, str]] = MappingProxyType({str(k): v for k, v in LIMITING_FACTOR_TEXTS.items()})


def said(words: Mapping[str, str], code: str | None) -> str:
    """The words for a code, or the code itself; a dash for none."""
    return "—" if code is None else words.get(code, code)


def queue_said(queue: str) -> str:
    """`YANGTZE_DELTA/RESIDENTIAL` as 长三角·住宅."""
    region, _, property_class = queue.partition("/")
    return f"{said(REGION, region)}·{said(PROPERTY_CLASS, property_class)}"

"""The short Chinese words of the desk's screens. A code of a newer release is shown as it is."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from consumers.review_desk.task import DeviationReason, TaskState
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
    {TaskState.QUEUED: "待领取", TaskState.CLAIMED: "处理中", TaskState.DECIDED: "已办结"}
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

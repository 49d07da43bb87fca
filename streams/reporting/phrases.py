"""The words of the slip, in Simplified Chinese: one catalogue, so that a lawyer can read it in one go."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from schemas.codes import LoanStage, MatchLevel, Product
from schemas.domain.texts import FACTOR_TEXTS
from schemas.events import ReasonPart

# A StrEnum member is its text, so these answer for codes as they travel too.
PRODUCT: Final[Mapping[str, str]] = MappingProxyType(
    {Product.HOUSE_PURCHASE_MORTGAGE: "个人住房按揭贷款", Product.HOUSE_SECURED: "房产抵押贷款"}
)
LOAN_STAGE: Final[Mapping[str, str]] = MappingProxyType(
    {
        LoanStage.PRE_LOAN_INVESTIGATION: "贷前调查",
        LoanStage.IN_LOAN_APPROVAL: "贷中审查审批",
        LoanStage.OTHER: "其他",
    }
)
MATCH_LEVEL: Final[Mapping[MatchLevel, str]] = MappingProxyType(
    {
        MatchLevel.NONE: "未匹配",
        MatchLevel.DISTRICT: "匹配至区县",
        MatchLevel.ROAD: "匹配至道路",
        MatchLevel.COMMUNITY: "匹配至小区",
        MatchLevel.BUILDING: "匹配至楼栋",
        MatchLevel.ROOM: "匹配至房号",
    }
)
DRIVER: Final[Mapping[str, str]] = MappingProxyType(
    {
        "TIME": "市场行情",
        "AREA": "建筑面积",
        "FLOOR": "所在楼层",
        "BUILDING": "楼型、总层数与电梯",
        "AGE": "建成年代",
        "RENOVATION": "装修状况",
        "LAYOUT": "户型",
        "LOCATION": "区位与周边成交水平",
        "TAX": "税费年限",
        "OTHER": "其他",
        "INCOME": "收益法校验",
    }
)
GRADE: Final[Mapping[str, str]] = MappingProxyType(
    {"G1": "估值员（见习）", "G2": "估值员", "G3": "高级估值师", "G4": "专家估值师"}
)

METHOD_MODEL: Final = "市场比较法与统计模型相结合"
METHOD_INCOME: Final = "市场比较法与收益法相结合"
METHOD_PERSON: Final = "人工估值（参考自动估值模型）"
METHOD_PERSON_ALONE: Final = "人工估值（市场比较法）"
MODEL_ON_TRIAL: Final = "（试运行模型）"
STANDING_CONDITIONS: Final = (
    "估值对象按可正常使用、产权清晰、无法定优先受偿款的状态考虑；未进行实地查勘，未核验不动产权属资料。",
    "单价精确到 1 元/㎡，总价为单价与建筑面积之积并四舍五入到 1 元；单价与总价不一致时以单价为准。",
    "本报告单仅供委托银行办理个人信贷业务参考，超过有效期或市场发生明显变化时应重新估值。",
)


def factor(code: str) -> str:
    """The word for an adjustment's factor; a code of a newer release reads 其他."""
    return FACTOR_TEXTS.get(code, FACTOR_TEXTS["OTHER"])


def driver(part: ReasonPart) -> str:
    """What moved the unit price, in a word; the event's own text for a factor of a newer release."""
    return DRIVER.get(part.factor, part.text)

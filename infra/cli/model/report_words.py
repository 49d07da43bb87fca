"""The words of the evaluation's report: what its readers at the bank call settings, methods, groups and figures."""

from typing import Final

SEGMENTS: Final = {"APARTMENT": "住宅", "VILLA": "别墅", "SHOP": "商铺", "OFFICE": "写字楼"}
SETTINGS: Final = {
    "full": "全部属性",
    "area": "仅地址与面积",
    "parsed": "地址（含楼层）与面积",
    "cold": "新小区（无历史成交）",
}
BASELINES: Final = {
    "comparables": "可比实例法（第一层模型）",
    "plain_catboost": "CatBoost（原始字段）",
    "community_mean_x_index": "小区均价 × 价格指数",
    "last_price_x_index": "最近成交价 × 价格指数",
    "city_mean": "全市均价",
}
CUTS: Final = {
    "by_period": "按时间段",
    "by_district": "按行政区",
    "by_area": "按建筑面积（㎡）",
    "by_price_fifth": "按总价五等分（1 为最低）",
    "by_comparables": "按小区历史成交数",
    "by_certainty_fifth": "按确定性五等分（1 为最高）",
    "by_city": "按城市",
}
WARNINGS: Final = {
    "COD_BELOW_5": "离散系数低于 5：真实成交数据上极少见，请检查是否有价格信息泄漏。",
    "SUREST_90_WITHIN_10_ABOVE_90": (
        "最确定的 90 % 中误差 10% 内占比超过 90 %：高于已知最好水平，请检查是否有价格信息泄漏。"
    ),
    "FEWER_THAN_30": "样本不足 30 套：以下各项指标仅供参考。",
    "REPEATED_DEALS": "超过 1 % 的成交以不同编号重复出现：同一笔成交可能既用于训练又用于检验。",
}
FLAGS: Final = {
    "LESS_ACCURATE": "准确度偏低",
    "MORE_ACCURATE": "准确度偏高",
    "VALUED_HIGHER": "估值偏高",
    "VALUED_LOWER": "估值偏低",
}
STEPS: Final = {"week": "按周", "month": "按自然月", "once": "一次性划分"}
TERMS: Final = {
    "误差 10% 内占比": "估值与成交价相差不超过成交价 10% 的占比；区间按 Wilson 方法计算。",
    "p10": "模型对每一笔估值给出的“误差 10% 内”的概率；校准误差越小，该概率越可信，分流即以此为准。",
    "自动估值比率与准确度": (
        "按确定性从高到低排列，只自动答复前若干比例时的准确度；理想排序需事先知道误差，是任何排序的上限。"
    ),
    "COD、PRD、PRB": (
        "国际估价官协会（IAAO）比率研究指标：离散程度、高低价房之间的一致性；PRD 可接受范围 0.98–1.03，PRB ±0.05。"
    ),
    "总价五等分": "按估值与成交价的平均值分组：单按成交价分组，最高一组必然显得被低估。",
    "与简单方法对照": "差额的置信区间以小区为单位成对重抽样得到，因为同一小区的误差彼此相关。",
    "新小区": "约五分之一的小区从历史中整体隐去后再估值，检验后备方法的质量。",
}


def group_name(group: str) -> str:
    """A group of a cut as the reader sees it."""
    return "未知" if group == "unknown" else group

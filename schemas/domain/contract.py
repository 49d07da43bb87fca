"""The figures of the contract CZBK20170118: the only place where they are written.

A number that the contract fixes is named here once, with its id, and every rule, clock and screen takes it from here;
a literal elsewhere that restates one fails `tests/contract/test_contract_figures.py`. Where the tender is silent and we
decided, `assumed` is true. Measured values are compared unrounded, and the boundary value passes.
"""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final, Generic, TypeVar

V = TypeVar("V", Decimal, int, timedelta)


class Unit(StrEnum):
    """What a figure counts. `DURATION` is wall time; working days are those of the desk clock (`worktime.py`)."""

    SHARE = "share"
    DURATION = "duration"
    WORKING_DAYS = "working days"
    MONTHS = "calendar months"
    YEARS = "years"
    SQUARE_METRES = "m2"
    PER_SECOND = "per second"
    COUNT = "count"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure(Generic[V]):
    """One figure. `id` is its row in the contract's table of numbers; several figures may share a row."""

    id: str
    text: str
    value: V
    unit: Unit
    assumed: bool = False


def _share(id_: str, text: str, value: str, *, assumed: bool = False) -> Figure[Decimal]:
    return Figure(id=id_, text=text, value=Decimal(value), unit=Unit.SHARE, assumed=assumed)


def _time(id_: str, text: str, value: timedelta, *, assumed: bool = False) -> Figure[timedelta]:
    return Figure(id=id_, text=text, value=value, unit=Unit.DURATION, assumed=assumed)


def _whole(id_: str, text: str, value: int, unit: Unit, *, assumed: bool = False) -> Figure[int]:
    return Figure(id=id_, text=text, value=value, unit=unit, assumed=assumed)


AUTOMATIC_RATIO: Final = _share("C-01", "自动估值比率，不低于", "0.90")
AUTOMATIC_RATIO_WARNING: Final = _share("C-01", "自动估值比率预警线", "0.92", assumed=True)
LEAST_SAMPLE: Final = _whole("C-01", "统计所需最少笔数", 30, Unit.COUNT, assumed=True)

ONLINE_ANSWER: Final = _time("C-02", "联机单笔响应，不超过", timedelta(seconds=10))
INTERIM_ANSWER: Final = _time("C-02", "未出结果时发送处理中答复", timedelta(seconds=8), assumed=True)
INTAKE_BUDGET: Final = _time("C-02", "受理环节时间", timedelta(seconds=0.5), assumed=True)
ENRICHMENT_BUDGET: Final = _time("C-02", "地址与要素环节时间", timedelta(seconds=3), assumed=True)
SCORING_BUDGET: Final = _time("C-02", "估值环节时间", timedelta(seconds=2), assumed=True)
ROUTING_BUDGET: Final = _time("C-02", "分流环节时间", timedelta(seconds=0.5), assumed=True)
RESULT_BUDGET: Final = _time("C-02", "结果发布时间", timedelta(seconds=2), assumed=True)

MANUAL_ANSWER: Final = _whole("C-03", "人工估值响应，不超过", 1, Unit.WORKING_DAYS)

DEVIATION: Final = _share("C-04", "与线下人工估值的偏离度，绝对值不超过", "0.10")
APPRAISAL_DISTANCE: Final = _time("C-04", "线下估值与价值时点的最大间隔", timedelta(days=90), assumed=True)
APPRAISAL_AREA_GAP: Final = _whole("C-04", "同一楼栋视为同一房屋的面积差", 1, Unit.SQUARE_METRES)
WITHIN_DEVIATION_ALARM: Final = _share("C-04", "偏离度达标占比告警线", "0.85", assumed=True)
WITHIN_DEVIATION_HOLD: Final = _share("C-04", "偏离度达标占比停用线", "0.70", assumed=True)

BATCH_LEAST: Final = _time("C-05", "批量作业最短办结时限", timedelta(hours=1), assumed=True)
BATCH_PACE: Final = _whole("C-05", "计算批量时限的处理速度", 5, Unit.PER_SECOND, assumed=True)

AVAILABILITY: Final = _share("C-06", "7×24小时可用率，不低于", "0.999", assumed=True)

MAINTENANCE_NOTICE: Final = _whole("C-07", "停机维护提前书面通知，不少于", 5, Unit.WORKING_DAYS)

OUTAGE_NOTICE: Final = _time("C-08", "发现故障后通知行方，不超过", timedelta(minutes=5), assumed=True)
OUTAGE_DETECTION: Final = _time("C-08", "发现故障，不超过", timedelta(seconds=60), assumed=True)

FAULT_ON_SITE: Final = _whole("C-09", "故障到场，不超过", 1, Unit.WORKING_DAYS)
FAULT_SOLUTION: Final = _whole("C-10", "故障提出解决方案，不超过", 1, Unit.WORKING_DAYS)
FAULT_CLOSED: Final = _whole("C-11", "故障解决，不超过", 3, Unit.WORKING_DAYS)

LINE_INTEGRATION: Final = _whole("C-12", "签约后完成专线对接，不超过", 2, Unit.MONTHS)

SERVICE_TERM: Final = _whole("C-13", "自上线起的服务期", 1, Unit.YEARS)
TERM_WARNINGS: Final = tuple(
    _time("C-13", "服务期届满提醒", timedelta(days=days), assumed=True) for days in (60, 30, 7)
)

PROVINCES: Final = _whole("C-14", "浙江以外的省市", 12, Unit.COUNT)
ZHEJIANG_CITIES: Final = _whole("C-14", "浙江省内的市", 11, Unit.COUNT)
OUTLETS: Final = _whole("C-14", "分支机构，约", 150, Unit.COUNT)

INTERNAL_CHANNELS: Final = _whole("C-15", "行内渠道", 1, Unit.COUNT)
EXTERNAL_CHANNELS: Final = _whole("C-15", "对客渠道", 6, Unit.COUNT)

KEY_STAFF_TENURE: Final = _whole("C-16", "主要人员任职年限，不少于", 1, Unit.YEARS)

ACKNOWLEDGEMENT: Final = _time("C-18", "受理回执（99分位），不超过", timedelta(seconds=2), assumed=True)

# How far a stated area may lie from its record and still be confirmed: the larger of the two (row VF1, assumed). The
# contract's table of numbers has no row for it, so neither is a `Figure`.
VERIFIED_AREA_GAP_M2: Final = Decimal(1)
VERIFIED_AREA_SHARE: Final = Decimal("0.01")

FIGURES: Final[tuple[Figure[Decimal] | Figure[int] | Figure[timedelta], ...]] = (
    AUTOMATIC_RATIO,
    AUTOMATIC_RATIO_WARNING,
    LEAST_SAMPLE,
    ONLINE_ANSWER,
    INTERIM_ANSWER,
    INTAKE_BUDGET,
    ENRICHMENT_BUDGET,
    SCORING_BUDGET,
    ROUTING_BUDGET,
    RESULT_BUDGET,
    MANUAL_ANSWER,
    DEVIATION,
    APPRAISAL_DISTANCE,
    APPRAISAL_AREA_GAP,
    WITHIN_DEVIATION_ALARM,
    WITHIN_DEVIATION_HOLD,
    BATCH_LEAST,
    BATCH_PACE,
    AVAILABILITY,
    MAINTENANCE_NOTICE,
    OUTAGE_NOTICE,
    OUTAGE_DETECTION,
    FAULT_ON_SITE,
    FAULT_SOLUTION,
    FAULT_CLOSED,
    LINE_INTEGRATION,
    SERVICE_TERM,
    *TERM_WARNINGS,
    PROVINCES,
    ZHEJIANG_CITIES,
    OUTLETS,
    INTERNAL_CHANNELS,
    EXTERNAL_CHANNELS,
    KEY_STAFF_TENURE,
    ACKNOWLEDGEMENT,
)
"""Every figure, in the order of the contract. C-17 concerns the procurement alone and has none."""

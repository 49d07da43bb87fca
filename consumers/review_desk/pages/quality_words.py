"""Rows, chart and words of the page of quality. A sign and a word tell what agrees, never colour alone."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from consumers.review_desk.pages.written import day_and_time, or_dash, share, wan
from consumers.review_desk.quality.agreement import AUTOMATIC, Check, Figures, Pair, QualityRules
from consumers.review_desk.quality.corrections import Found, segment_said
from consumers.review_desk.quality.patterns import Scope
from consumers.review_desk.quality.rows import Planted
from consumers.review_desk.quality.seeds import Basis
from consumers.review_desk.words import OUTCOME, REASON, STATE, queue_said, said
from schemas.codes import ReviewOutcome
from schemas.domain.contract import LEAST_SAMPLE

CHECK: Final[Mapping[str, str]] = MappingProxyType(
    {Check.SECOND_READING: "人工复读", Check.SEEDED: "已知答案", Check.AUDIT: "自动抽检"}
)
BASIS: Final[Mapping[str, str]] = MappingProxyType(
    {Basis.OFFLINE_APPRAISAL: "线下估值", Basis.DEAL: "成交", Basis.QA: "质检认定"}
)
SCOPE: Final[Mapping[str, str]] = MappingProxyType(
    {Scope.COMMUNITY: "小区", Scope.CITY: "城市", Scope.MODEL: "模型版本"}
)
_AGREES, _DIFFERS = "✓ 一致", "✗ 不一致"
_INK, _SOFT, _GRID = "#1d4f91", "#6b7a8d", "#e8edf3"


def agreement_row(name: str, one: Figures) -> dict[str, Any]:
    """A line of figures. Below thirty it says that they are insufficient."""
    low, high = one.interval_10
    return {
        "id": name,
        "name": name,
        "n": one.n,
        "share_10": _percent(one.share_10),
        "share_5": _percent(one.share_5),
        "interval": f"{low:.0%} – {high:.0%}",
        "mean": "—" if one.mean_deviation is None else share(one.mean_deviation),
        "enough": "" if one.is_enough else f"样本不足（少于{LEAST_SAMPLE.value}笔）",
    }


def pair_row(number: int, pair: Pair, rules: QualityRules) -> dict[str, Any]:
    """A decision beside what it was checked by."""
    return {
        "id": number,
        "task_id": pair.task_id if pair.check is Check.SECOND_READING else "",
        "day": f"{pair.read_on:%m-%d}",
        "check": said(CHECK, pair.check),
        "reviewer": "模型" if pair.reviewer == AUTOMATIC else pair.reviewer,
        "reader": pair.reader or "已知答案",
        "queue": queue_said(pair.queue),
        "reasons": "、".join(said(REASON, reason) for reason in pair.reasons),
        "value": _answer(pair.outcome, pair.value),
        "reference": _answer(pair.reference_outcome, pair.reference),
        "deviation": "—" if pair.deviation is None else share(pair.deviation),
        "agrees": _AGREES if pair.agrees(rules.tolerance) else _DIFFERS,
    }


def seed_row(one: Planted, rules: QualityRules) -> dict[str, Any]:
    """A known answer and what was answered."""
    score = "—"
    if one.decided_at is not None:
        right = one.decided is not None and abs(one.decided - one.value) <= rules.tolerance * one.value
        score = _AGREES if right else _DIFFERS
    return {
        "id": one.task_id,
        "planted": day_and_time(one.planted_at),
        "address": one.address,
        "basis": f"{said(BASIS, one.basis)} {one.source}".strip(),
        "answer": wan(one.value),
        "state": said(STATE, one.state),
        "reviewer": or_dash(one.reviewer),
        "decided": "—" if one.outcome is None else _answer(ReviewOutcome(one.outcome), one.decided),
        "score": score,
    }


def pattern_row(one: Found, *, may_close: bool) -> dict[str, Any]:
    """A pattern of failure."""
    state = "‼ 待核查" if one.closed_at is None else f"✓ 已关闭（{one.closed_by}：{one.closed_because}）"
    return {
        "id": one.pattern_id,
        "found": day_and_time(one.found_at),
        "where": f"{said(SCOPE, one.scope)} {one.name}",
        "signals": one.signals,
        "segments": "、".join(map(segment_said, one.segments)) or "—",
        "first": day_and_time(one.first_at),
        "state": state,
        "act": may_close and one.closed_at is None,
    }


def agreement_chart(reviewers: Mapping[str, Figures]) -> dict[str, Any]:
    """Each reviewer's share within 10 % as a dot on their interval; hollow below thirty decisions."""
    names = list(reviewers)[::-1]
    spans = [
        {
            "type": "line",
            "silent": True,
            "symbol": "none",
            "data": [[low * 100, name], [high * 100, name]],
            "lineStyle": {"color": _SOFT, "width": 2},
        }
        for name in names
        for low, high in [reviewers[name].interval_10]
    ]
    dots = [
        {
            "value": [(one.share_10 or 0.0) * 100, name],
            "name": f"{name}：{_percent(one.share_10)}，{one.n} 笔",
            "itemStyle": {"color": _INK if one.is_enough else "#ffffff", "borderColor": _INK, "borderWidth": 2},
        }
        for name, one in reviewers.items()
    ]
    return {
        "animation": False,
        "aria": {"enabled": True},
        "grid": {"left": 8, "right": 24, "top": 10, "bottom": 26, "containLabel": True},
        "tooltip": {"trigger": "item", "formatter": "{b}"},
        "xAxis": {
            "type": "value",
            "min": 0,
            "max": 100,
            "axisLabel": {"formatter": "{value}%", "fontSize": 11},
            "splitLine": {"lineStyle": {"color": _GRID}},
        },
        "yAxis": {"type": "category", "data": names, "axisLabel": {"fontSize": 12}},
        "series": [*spans, {"type": "scatter", "symbolSize": 11, "data": dots, "z": 3}],
    }


def _percent(value: float | None) -> str:
    return "—" if value is None else f"{value:.1%}"


def _answer(outcome: ReviewOutcome, value: int | None) -> str:
    return said(OUTCOME, outcome) if value is None else wan(value)

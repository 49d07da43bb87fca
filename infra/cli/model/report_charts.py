"""The charts of the evaluation's report, from the figures of one setting."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from infra.cli.model.charts import BLUE, GREY, ORANGE, Axis, Curve, Group, axis_around, curve_chart, group_chart
from infra.cli.model.report_words import CUTS, group_name
from schemas.domain.measures import wilson
from streams.scoring.certainty import COVERAGE

Figures = Mapping[str, Any]
_WHOLE: Final = Axis(title="", low=0, high=1, step=0.2)


def charts(figures: Figures) -> str:
    """All charts of a setting, two beside each other where there is room."""
    drawn = [
        ("自动估值比率与准确度", _risk_coverage(figures["risk_coverage"])),
        ("p10 校准：预测概率与实际占比", _calibration(figures["p10_reliability"])),
        ("预测区间覆盖率，按确定性五等分（虚线为承诺值）", _coverage(figures["by_certainty_fifth"])),
        *(
            (f"误差 10% 内占比，{CUTS[cut]}（虚线为总体）", _shares(CUTS[cut], figures[cut], figures["ppe10"]))
            for cut in ("by_price_fifth", "by_comparables", "by_area", "by_period", "by_district")
        ),
    ]
    cells = "".join(f"<figure><figcaption>{caption}</figcaption>{svg}</figure>" for caption, svg in drawn)
    return f'<div class="charts">{cells}</div>'


def _risk_coverage(risk: Figures) -> str:
    named = (
        ("by_p10", "按 p10", BLUE, False),
        ("by_comparables", "按可比实例数", ORANGE, False),
        ("oracle", "理想排序", GREY, True),
    )
    curves = [
        Curve(name=name, points=list(zip(risk["share"], risk[key], strict=True)), colour=colour, dashed=dashed)
        for key, name, colour, dashed in named
    ]
    lowest = min(*risk["by_p10"], *risk["by_comparables"])
    accuracy = axis_around("误差 10% 内占比", [lowest, 1.0])
    return curve_chart(
        "自动估值比率与准确度", curves, replace(_WHOLE, title="自动答复的比例（最确定者在先）"), accuracy
    )


def _calibration(bins: Sequence[Figures]) -> str:
    points = [(row["forecast"], row["observed"]) for row in bins]
    curves = [
        Curve(name="完全校准", points=[(0, 0), (1, 1)], colour=GREY, dashed=True),
        Curve(name="本模型", points=points, colour=BLUE, dots=True),
    ]
    forecast, observed = (replace(_WHOLE, title=title) for title in ("预测：误差 10% 内概率", "实际占比"))
    return curve_chart("p10 校准", curves, forecast, observed)


def _coverage(fifths: Mapping[str, Figures]) -> str:
    groups = [_covered(name, row["n"], row.get("interval_coverage")) for name, row in fifths.items()]
    return _groups("预测区间覆盖率", groups, "落在区间内的占比", COVERAGE, step=0.05)


def _covered(name: str, n: int, share: float | None) -> Group:
    interval = None if share is None else wilson(round(share * n), n)
    return Group(name=f"第 {name} 组", n=n, share=share, interval=interval)


def _shares(title: str, rows: Mapping[str, Figures], overall: float) -> str:
    groups = [
        Group(name=group_name(name), n=row["n"], share=row.get("ppe10"), interval=row.get("ppe10_interval"))
        for name, row in rows.items()
    ]
    return _groups(title, groups, "误差 10% 内占比", overall)


def _groups(title: str, groups: Sequence[Group], what: str, reference: float, *, step: float = 0.1) -> str:
    ends = [value for group in groups for value in (group.share, *(group.interval or ())) if value is not None]
    return group_chart(title, groups, axis_around(what, [*ends, reference], step), reference)

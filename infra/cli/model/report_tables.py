"""The tables of the evaluation's report."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from infra.cli.model.report_words import BASELINES, FLAGS, SETTINGS, group_name
from streams.scoring.certainty import COVERAGE

Figures = Mapping[str, Any]


def summary(by_setting: Mapping[str, Figures]) -> str:
    """The figures of all settings side by side."""
    rows: list[tuple[str, list[str]]] = [
        ("样本数", [f"{one['n']:,}" for one in by_setting.values()]),
        ("误差中位数 MdAPE", _each(by_setting, "mdape")),
        ("误差 5% 内占比", _each(by_setting, "ppe5")),
        ("误差 10% 内占比", _each(by_setting, "ppe10")),
        ("　其 95% 置信区间", [_range(one["ppe10_interval"]) for one in by_setting.values()]),
        ("误差 20% 内占比", _each(by_setting, "ppe20")),
        *(
            (f"最确定的 {share}%：误差 10% 内占比", [_percent(one["ppe10_at"][share]) for one in by_setting.values()])
            for share in ("95", "90", "80", "70", "50")
        ),
        ("偏差（比率中位数 − 1）", [_signed(one["bias"]) for one in by_setting.values()]),
        ("离散系数 COD", [f"{one['cod']:.2f}" for one in by_setting.values()]),
        ("价格相关差 PRD", [_number(one["prd"]) for one in by_setting.values()]),
        ("价格相关偏差 PRB", [_prb(one) for one in by_setting.values()]),
        (f"{COVERAGE:.0%} 预测区间：实际覆盖率", _each(by_setting, "interval_coverage")),
        ("预测区间平均半宽", _each(by_setting, "interval_width")),
        ("p10 期望校准误差", [_number(one["ece_p10"]) for one in by_setting.values()]),
        ("FSD 检查（应接近 1）", [_number(one["fsd_check"]) for one in by_setting.values()]),
    ]
    return _table(["指标", *(SETTINGS[setting] for setting in by_setting)], [[name, *cells] for name, cells in rows])


def compared(by_setting: Mapping[str, Figures]) -> str:
    """The model above the baselines, in each setting."""
    head = [
        "已知信息",
        "方法",
        "MdAPE",
        "10% 内占比",
        "20% 内占比",
        "COD",
        "PRD",
        "本模型高出（10% 内）",
        "95% 置信区间",
    ]
    rows: list[list[str]] = []
    ours: list[int] = []
    for setting, figures in by_setting.items():
        ours.append(len(rows))
        rows.append([SETTINGS[setting], "本模型", *_accuracy(figures), "", ""])
        for name, title in BASELINES.items():
            other = figures["baselines"][name]
            gain = f"{100 * other['ppe10_gain']:+.1f} 点"
            low, high = other["ppe10_gain_interval"]
            rows.append(["", title, *_accuracy(other), gain, f"{100 * low:+.1f} ~ {100 * high:+.1f}"])
    return _table(head, rows, ours=ours)


def _accuracy(figures: Figures) -> list[str]:
    shares = [_percent(figures[name]) for name in ("mdape", "ppe10", "ppe20")]
    return [*shares, f"{figures['cod']:.2f}", _number(figures["prd"])]


def reliability(figures: Figures) -> str:
    """What was forecast of p10, and what came of it."""
    rows = [
        [f"{row['n']:,}", _percent(row["forecast"]), _percent(row["observed"]), _range(row["interval"])]
        for row in figures["p10_reliability"]
    ]
    return _table(["样本数", "平均预测概率", "实际占比", "95% 置信区间"], rows)


def cut(rows: Mapping[str, Figures]) -> str:
    """Accuracy and intervals by group."""
    head = ["组别", "样本数", "MdAPE", "10% 内占比", "95% 置信区间", "偏差", "区间覆盖率", "区间半宽"]
    return _table(head, [_cut_row(name, row) for name, row in rows.items()])


def _cut_row(name: str, row: Figures) -> list[str]:
    if "ppe10" not in row:
        return [group_name(name), f"{row['n']:,}", "样本过少", "", "", "", "", ""]
    return [
        group_name(name),
        f"{row['n']:,}",
        _percent(row["mdape"]),
        _percent(row["ppe10"]),
        _range(row["ppe10_interval"]),
        _signed(row["bias"]),
        _percent(row["interval_coverage"]),
        _percent(row["interval_width"]),
    ]


def disparity(table: Figures) -> str:
    """Accuracy and bias by district and price band, with flags."""
    margin = table["margin"]
    said = (
        f"<p>某组的 95% 置信区间整体偏离总体超过容差（10% 内占比 {100 * margin['ppe10']:.0f} 个百分点，"
        f"偏差 {100 * margin['bias']:.0f} 个百分点）时予以标记。</p>"
    )
    head = ["组别", "样本数", "10% 内占比", "95% 置信区间", "偏差", "95% 置信区间", "标记"]
    rows = [["总体", *_disparity_cells(table["overall"])]]
    rows += [
        [
            (f"总价第 {row['group']} 组" if row["by"] == "price_fifth" else group_name(row["group"])),
            *_disparity_cells(row),
        ]
        for row in table["groups"]
    ]
    return said + _table(head, rows, flags=6)


def _disparity_cells(row: Figures) -> list[str]:
    if "ppe10" not in row:
        return [f"{row['n']:,}", "样本过少", "", "", "", ""]
    flags = "、".join(FLAGS[flag] for flag in row.get("flags", ()))
    low, high = row["bias_interval"]
    between = f"{_signed(low)} ~ {_signed(high)}"
    return [
        f"{row['n']:,}",
        _percent(row["ppe10"]),
        _range(row["ppe10_interval"]),
        _signed(row["bias"]),
        between,
        flags,
    ]


def _table(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, ours: Sequence[int] = (), flags: int | None = None
) -> str:
    def row(place: int, cells: Sequence[str]) -> str:
        classes = [' class="flag"' if at == flags else "" for at in range(len(cells))]
        drawn = "".join(f"<td{kind}>{escape(cell)}</td>" for kind, cell in zip(classes, cells, strict=True))
        return f'<tr class="ours">{drawn}</tr>' if place in ours else f"<tr>{drawn}</tr>"

    kind = ' class="methods"' if ours else ""
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join(row(place, cells) for place, cells in enumerate(rows))
    return f'<div class="scroll"><table{kind}><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _each(by_setting: Mapping[str, Figures], name: str) -> list[str]:
    return [_percent(one[name]) for one in by_setting.values()]


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def _signed(share: float) -> str:
    return f"{round(100 * share, 1) + 0.0:+.1f}%"  # + 0.0 makes of -0.0 what a reader expects


def _range(interval: Sequence[float]) -> str:
    return f"{100 * interval[0]:.1f}–{100 * interval[1]:.1f}%"


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:.3f}"


def _prb(figures: Figures) -> str:
    low, high = figures["prb_interval"]
    return f"{_number(figures['prb'])}（{_number(low)} ~ {_number(high)}）"

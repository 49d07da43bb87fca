"""The report of an evaluation as one HTML page that needs nothing else: figures, charts, tables, how to read them."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from html import escape
from pathlib import Path
from typing import Any, Final

from infra.cli.model.report_charts import charts
from infra.cli.model.report_tables import compared, cut, disparity, reliability, summary
from infra.cli.model.report_words import CUTS, SEGMENTS, SETTINGS, STEPS, TERMS, WARNINGS

Figures = Mapping[str, Any]
_STYLE: Final = Path(__file__).with_name("report.css")


def page(figures: Mapping[str, Mapping[str, Figures]], *, files: Sequence[str], on: date) -> str:
    """The whole page, from figures by segment and setting. Names of files, no paths; no row of the data."""
    any_figures = next(iter(next(iter(figures.values())).values()))
    sections = [
        part for place, (segment, by_setting) in enumerate(figures.items())
        for part in _segment(segment, by_setting, first=place == 0)
    ]  # fmt: skip
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="zh-CN"><head><meta charset="utf-8"><title>自动估值模型检验报告</title>',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<style>{_STYLE.read_text(encoding='utf-8')}</style></head><body>",
            "<h1>自动估值模型检验报告</h1>",
            _about(any_figures["walk_forward"], files, on),
            *sections,
            _reading(),
            "</body></html>\n",
        ]
    )


def _about(walk: Figures, files: Sequence[str], on: date) -> str:
    data = "、".join(map(escape, files)) or "运行中系统的成交数据"
    lag = f"成交在 {walk['lag_days']} 天后方视为已知。" if walk["lag_days"] else ""
    return (
        f'<p class="quiet">数据：{data}；报告日期：{on}</p>'
        f"<p>检验期 {walk['from']} 至 {walk['before']}（不含），{STEPS[walk['step']]}："
        f"每一段只用该段开始之前已知的成交训练，再预测该段的每一笔成交。{lag}误差均以<strong>成交价</strong>为参照；单笔成交价含议价等偶然因素，"
        "不等同于人工估价。检验样本未按价格剔除。</p>"
    )


def _segment(segment: str, by_setting: Mapping[str, Figures], *, first: bool) -> Iterator[str]:
    name = escape(SEGMENTS.get(segment, segment))
    yield f'<h2 class="{"first" if first else "next"}">{name}：总体准确度</h2>'
    for setting, figures in by_setting.items():
        yield from (f'<p class="warning">{SETTINGS[setting]}：{WARNINGS[code]}</p>' for code in figures["warnings"])
    yield summary(by_setting)
    yield "<h3>与简单方法对照</h3>"
    yield compared(by_setting)
    for setting, figures in by_setting.items():
        yield f"<h2>{name}：{SETTINGS[setting]}</h2>"
        yield charts(figures)
        yield "<h3>p10 校准表</h3>"
        yield reliability(figures)
        for key, title in CUTS.items():
            yield f"<h3>{title}</h3>"
            yield cut(figures[key])
        yield "<h3>群体差异检查</h3>"
        yield disparity(figures["disparity"])


def _reading() -> str:
    listed = "".join(f"<dt>{term}</dt><dd>{meaning}</dd>" for term, meaning in TERMS.items())
    return f"<h2>指标说明</h2><dl>{listed}</dl>"

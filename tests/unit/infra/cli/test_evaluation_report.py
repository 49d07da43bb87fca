"""The report of an evaluation: whole, self-contained, in Chinese; its charts drawn to scale."""

import re
from datetime import date
from html.parser import HTMLParser

import numpy as np
import pytest

from infra.cli.model.charts import Axis, Curve, Group, axis_around, curve_chart, group_chart
from infra.cli.model.evaluate import flattened
from infra.cli.model.evaluation_report import page
from schemas.events import Deal
from streams.scoring.evaluation import Forecast
from streams.scoring.figures import report


def figures(setting):
    rng = np.random.default_rng(3)
    deals = np.empty(120, object)
    deals[:] = [
        Deal(
            deal_id=f"d{at}", community_id=f"c{at % 30}", city="甲市", district=("东区", "<西区>")[at % 2],
            deal_date=date(2026, 6, 1), area_m2=80.0, unit_price=10_000.0,
        )
        for at in range(120)
    ]  # fmt: skip
    price = np.exp(9 + 0.3 * rng.standard_normal(120))
    value = price * np.exp(0.1 * rng.standard_normal(120))
    forecast = Forecast(
        start=date(2026, 6, 1), deals=deals, price=price, value=value, lower=value * 0.85, upper=value * 1.15,
        p10=rng.random(120), fsd=np.full(120, 0.1), comparables=np.arange(120) % 14,
        baselines=dict.fromkeys(
            ("comparables", "plain_catboost", "community_mean_x_index", "last_price_x_index", "city_mean"), value * 1.1
        ),
    )  # fmt: skip
    walk = {"step": "week", "from": "2026-06-01", "before": "2026-07-01", "lag_days": 14, "reference": "deal"}
    return {**report([forecast]), "segment": "APARTMENT", "setting": setting, "walk_forward": walk}


@pytest.fixture(scope="module")
def by_setting():
    return {setting: figures(setting) for setting in ("full", "area")}


@pytest.fixture(scope="module")
def html(by_setting):
    return page({"APARTMENT": by_setting}, files=["deals.csv"], on=date(2026, 7, 2))


class _Tags(HTMLParser):
    """Which tags there are, and whether each that was opened was closed."""

    def __init__(self):
        super().__init__()
        self.seen, self.open = [], []

    def handle_starttag(self, tag, _attributes):
        self.seen.append(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, _attributes):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_else(html):
    tags = _Tags()
    tags.feed(html)
    assert tags.open == []
    assert not {"script", "link", "img", "iframe"} & set(tags.seen)
    assert not re.search(r"https?://|url\(|@import", html)


def test_settings_stand_side_by_side_with_the_baselines_in_one_table(html):
    assert "<th>指标</th><th>全部属性</th><th>仅地址与面积</th>" in html
    for method in ("本模型", "可比实例法", "CatBoost（原始字段）", "小区均价 × 价格指数", "最近成交价", "全市均价"):
        assert html.count(f">{method}") == 2 if method != "本模型" else html.count(f"<td>{method}") == 2


def test_each_setting_has_its_charts_and_tables(html):
    assert html.count("<svg ") == 2 * 8
    for title in ("自动估值比率与准确度", "p10 校准表", "按行政区", "按总价五等分（1 为最低）", "群体差异检查"):
        assert html.count(title) >= 2
    assert "14 天后方视为已知" in html


def test_names_from_the_data_are_escaped(html):
    assert "<西区>" not in html
    assert "&lt;西区&gt;" in html


def test_doubts_are_said_before_any_figure(by_setting):
    doubtful = {"area": {**by_setting["area"], "warnings": ["COD_BELOW_5"]}}
    told = page({"APARTMENT": doubtful}, files=[], on=date(2026, 7, 2))
    assert told.index("离散系数低于 5") < told.index("误差中位数")


def test_a_curve_is_drawn_to_scale():
    svg = curve_chart("t", [Curve(name="a", points=[(0, 0), (1, 1)], colour="#000", dots=True)], _axis(), _axis())
    (left, bottom), (right, top) = (tuple(map(float, at)) for at in re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', svg))
    assert left < right
    assert top < bottom
    assert svg.count("50%") == 2  # a tick on each axis


def test_a_group_without_a_share_has_its_name_and_count_alone():
    svg = group_chart("t", [Group(name="甲", n=9, share=None), Group(name="乙", n=1_200, share=0.5)], _axis(), 0.7)
    assert svg.count("<circle") == 1
    assert ">甲<" in svg
    assert ">1,200<" in svg


def test_what_lies_outside_an_axis_is_drawn_at_its_border():
    assert (_axis().part(-1), _axis().part(0.25), _axis().part(7)) == (0, 0.25, 1)


def test_an_axis_reaches_around_its_values():
    axis = axis_around("share", [0.52, 0.81])
    assert (axis.low, axis.high) == (pytest.approx(0.5), pytest.approx(0.9))
    assert len(list(axis.ticks())) == 5


def _axis():
    return Axis(title="x", low=0, high=1, step=0.5)


@pytest.mark.parametrize(
    ("nested", "one_setting", "flat"),
    [
        ({"APARTMENT": {"area": 1}}, True, 1),
        ({"APARTMENT": {"area": 1, "full": 2}}, False, {"area": 1, "full": 2}),
        ({"APARTMENT": {"area": 1}}, False, {"area": 1}),
        ({"APARTMENT": {"area": 1}, "VILLA": {"area": 2}}, True, {"APARTMENT": 1, "VILLA": 2}),
        ({"APARTMENT": {"area": 1}, "VILLA": {"full": 2}}, False, {"APARTMENT": {"area": 1}, "VILLA": {"full": 2}}),
    ],
)
def test_one_segment_and_one_setting_stand_at_the_top_level(nested, one_setting, flat):
    assert flattened(nested, one_setting=one_setting) == flat

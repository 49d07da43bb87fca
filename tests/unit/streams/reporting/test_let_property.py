"""The slip of property that is let: both methods, and why comparables are few."""

from dataclasses import replace

import pytest

from schemas.codes import PropertyType
from schemas.events import IncomeApproach
from streams.reporting import sample
from streams.reporting.content import slip

INCOME = IncomeApproach(
    unit_price=41_200,
    monthly_rent=212.456,
    net_income=1829.5,
    rate=0.0612,
    growth=0.02,
    remaining_years=27.9,
    term_assumed=True,
    rate_basis="MARKET",
    rents=12,
    yields=135,
    fsd=0.17,
    weight=0.448,
    assumptions_version="2026-11",
)


@pytest.fixture
def shop():
    result = sample.automatic()
    return replace(
        result,
        attributes=replace(result.attributes, property_type=PropertyType.SHOP),
        valuation=replace(result.valuation, income_value=3_712_120, income=INCOME),
    )


@pytest.mark.requirement("VM5", "RP2")
def test_both_methods_stand_on_the_slip(shop, terms):
    method = dict(slip(shop, terms).content["method"])
    assert method["估值方法"] == "市场比较法与收益法相结合"
    assert method["收益法试算"] == "3,712,120 元（权重 44.8%）"
    assert method["市场租金"] == "212.46 元/㎡·月（12 宗）"
    assert method["报酬率"] == "6.1%，收益年限 27.9 年，假设"


@pytest.mark.requirement("VM5")
def test_a_known_land_term_is_not_called_assumed(shop, terms):
    known = replace(shop.valuation, income=replace(INCOME, term_assumed=False))
    method = dict(slip(replace(shop, valuation=known), terms).content["method"])
    assert method["报酬率"] == "6.1%，收益年限 27.9 年"


@pytest.mark.requirement("VM2")
def test_why_comparables_are_few_is_said(shop, terms):
    few = replace(shop.valuation, comparables_text="周边仅有2宗已知成交")
    conditions = slip(replace(shop, valuation=few), terms).content["conditions"]
    assert "可比实例不足三个的原因：周边仅有2宗已知成交。" in conditions
    assert not any("不足三个" in text for text in slip(shop, terms).content["conditions"])


def test_the_longer_slip_is_drawn_on_one_page(shop, terms, renderer):
    drawn = renderer.render(slip(shop, terms).content, issued_at_s=int(shop.resulted_at.timestamp()))
    assert drawn.pages == 1

"""What stands beside a value: comparables or why there are fewer, sources, grade, vintage; and what must never be."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.domain.confidence import GRADES, confidence_grade
from schemas.domain.rounding import unit_price as whole_yuan
from streams.scoring.explanation import ORDER, reasons, stepwise_prices
from streams.scoring.hedonics import FACTORS
from streams.scoring.selection import Shortage
from streams.scoring.vintages import vintage_day

PARTS = st.lists(st.floats(-0.3, 0.3), min_size=len(FACTORS), max_size=len(FACTORS))


@pytest.mark.requirement("VM2")
@given(base=st.floats(6.0, 13.0), parts=PARTS, moved=st.none() | st.floats(-0.3, 0.3))
def test_reasons_add_up_to_the_unit_price_whatever_the_parts(base, parts, moved):
    """`moved`: what the income method does after all parts of the comparison."""
    (steps,) = stepwise_prices(np.array([base]), np.array([parts])).tolist()
    unit_price = whole_yuan(float(np.exp(base + sum(parts) + (moved or 0.0))))
    told = reasons([*steps, unit_price] if moved is not None else steps, unit_price)
    assert steps[0] + sum(reason.unit_price_change for reason in told) == unit_price
    assert [reason.factor for reason in told] == [f for f in (*ORDER, "INCOME") if f in {r.factor for r in told}]
    for reason in told:
        assert reason.unit_price_change != 0
        assert reason.text.endswith("%）")
        assert ("上调" in reason.text) == (reason.unit_price_change > 0)


@pytest.mark.requirement("VM2")
def test_every_answer_has_three_comparables_with_distance_date_and_price_or_says_why_not(stage, tools):
    batch = [
        *(tools.asked(i, community_id=f"c{i:03d}", area=f"{45 + 3 * i}.00") for i in range(30)),
        tools.asked(90, community_id=None, district="西区"),
        tools.asked(91, area="310.00"),
        tools.asked(92, value_date=tools.today - timedelta(days=195)),
    ]
    for valuation in tools.valuations(stage, batch):
        assert len(valuation.comparables) <= 6
        if len(valuation.comparables) < 3:
            assert valuation.comparables_text
            assert "FEW_COMPARABLES" in valuation.limiting_factors
        else:
            assert valuation.comparables_text == ""
        for comparable in valuation.comparables:
            assert comparable.distance_m is not None
            assert comparable.adjusted_unit_price > 0
            assert comparable.source == "test"
    by_district = tools.valuations(stage, batch)[30]
    assert by_district.comparables == ()


@pytest.mark.parametrize(
    ("shortage", "says"),
    [
        ((0, 0, 0, 0), "周边没有可用作可比实例的已知成交"),
        ((2, 0, 0, 0), "周边仅有2宗已知成交"),
        ((5, 1, 2, 0), "周边最相近的5宗已知成交，其中1宗成交已逾两年、2宗修正幅度超出规则，未采用"),
        ((3, 0, 0, 2), "周边最相近的3宗已知成交，其中2宗与其余成交的价格相差过大，未采用"),
    ],
)
def test_a_shortage_is_told_with_its_counts(shortage, says):
    nearby, old, far, apart = shortage
    assert Shortage(nearby=nearby, too_old=old, adjusted_too_far=far, apart=apart).text() == says


@pytest.mark.requirement("VM2")
def test_sources_are_those_of_all_deals_that_carried_weight_and_not_of_the_shown_ones_alone(stage, view, tools):
    question = [tools.asked(area="75.50")]
    before = tools.valuations(stage, question)[0]
    assert before.sources == ("test",)
    shown = {comparable.deal_id for comparable in before.comparables}
    behind = next(deal for deal in tools.deals() if deal.community_id == "c004" and deal.deal_id not in shown)
    view.apply([tools.put_deal(replace(behind, source="other"))])
    after = tools.valuations(stage, question)[0]
    assert {comparable.deal_id for comparable in after.comparables} == shown
    assert after.sources == ("other", "test")


@pytest.mark.requirement("VM2")
def test_a_value_by_its_district_alone_names_the_sources_of_the_city(stage, tools):
    (valuation,) = tools.valuations(stage, [tools.asked(community_id=None, district="西区")])
    assert valuation.sources == ("test",)


@pytest.mark.requirement("VM2")
def test_a_value_names_model_snapshot_and_vintage(stage, artefact, tools):
    (valuation,) = tools.valuations(stage, [tools.asked()])
    assert valuation.index_version == valuation.model.version == artefact.manifest["version"]
    assert vintage_day(valuation.index_version) == tools.today
    assert valuation.data_as_of < tools.today


def test_a_value_before_the_day_of_the_vintage_says_so_and_knows_no_later_deal(stage, view, tools):
    then = tools.today - timedelta(days=1)
    now, past = tools.valuations(stage, [tools.asked(), tools.asked(1, value_date=then)])
    assert "RETROSPECTIVE" not in now.limiting_factors
    assert "RETROSPECTIVE" in past.limiting_factors
    assert past.data_as_of < then
    twin = replace(tools.deals()[0], deal_id="late", community_id="c004", area_m2=75.5, deal_date=then)
    view.apply([tools.put_deal(replace(twin, unit_price=1e5))])
    assert tools.valuations(stage, [tools.asked(1, value_date=then)])[0] == past


@pytest.mark.requirement("VM2")
@given(confidence=st.integers(0, 99))
def test_the_grade_rises_with_the_confidence(confidence):
    assert GRADES.index(confidence_grade(confidence + 1)) <= GRADES.index(confidence_grade(confidence))


@pytest.mark.requirement("VM2")
def test_a_bigger_flat_is_never_worth_less_in_total(stage, tools):
    """Rule (c) of the output contract, over the sizes that are sold there."""
    areas = [Decimal(45) + Decimal("4.5") * step for step in range(21)]
    for community in (f"c{number:03d}" for number in range(0, 36, 3)):
        batch = [tools.asked(i, community_id=community, area=f"{area:.2f}") for i, area in enumerate(areas)]
        values = [valuation.value for valuation in tools.valuations(stage, batch)]
        falls = [
            (str(areas[i]), values[i + 1] - values[i]) for i in range(len(values) - 1) if values[i + 1] < values[i]
        ]
        assert falls == [], f"{community}: total value falls after these areas"


@pytest.mark.requirement("VM2")
def test_an_odd_flat_without_comparables_is_never_sure(stage, tools):
    """12 m² where nothing below 45 was ever sold: whatever neighbours say, nobody has seen such a flat."""
    odd, lost, usual = tools.valuations(
        stage,
        [
            tools.asked(area="12.00"),
            tools.asked(1, area="12.00", community_id=None, district="西区"),
            tools.asked(2, area="75.50"),
        ],
    )
    for valuation in (odd, lost):
        assert "UNUSUAL_PROPERTY" in valuation.limiting_factors
        assert valuation.p10 < usual.p10
        assert valuation.confidence < 60
        assert confidence_grade(valuation.confidence) == "低"


@pytest.mark.requirement("VM2")
def test_the_interval_of_an_unusual_size_is_wide_and_not_absurd(stage, tools):
    usual, small, large = tools.valuations(
        stage, [tools.asked(area="75.50"), tools.asked(1, area="30.00"), tools.asked(2, area="180.00")]
    )
    for odd in (small, large):
        assert odd.upper / odd.value > usual.upper / usual.value
        assert odd.value / 3 < odd.lower < odd.upper < 3 * odd.value
        assert odd.fsd > usual.fsd


@pytest.mark.requirement("VM2", "VM7")
def test_the_longer_the_market_is_silent_the_less_sure_is_a_value(stage, tools):
    days = (0, 45, 120, 365, 900)
    asked = [tools.asked(i, value_date=tools.today + timedelta(days=day)) for i, day in enumerate(days)]
    valuations = tools.valuations(stage, asked)
    p10 = [valuation.p10 for valuation in valuations]
    assert p10 == sorted(p10, reverse=True)
    assert p10[-1] < p10[0] / 2
    fsd = [valuation.fsd for valuation in valuations]
    assert fsd == sorted(fsd)


def test_cities_that_the_dictionary_learns_without_deals_are_asked_about_in_vain_and_harm_nobody(view, stage, tools):
    new = [replace(tools.communities()[0], community_id=f"n{i}", city=f"新市{i}", district=None) for i in range(3)]
    view.apply([tools.put_community(community) for community in new])
    for community in new:
        (answer,) = tools.valuations(stage, [tools.asked(community_id=community.community_id, city=community.city)])
        assert answer is None
    (known,) = tools.valuations(stage, [tools.asked()])
    assert known is not None

"""Each trap of the valuation guide §5.2 is planted here, and seen to be refused or to change nothing."""

from dataclasses import fields, replace
from datetime import timedelta

import numpy as np
import pytest

from infra.reference.mapping import MappingError, Target, own_names, parse_mapping
from schemas.domain.forbidden_inputs import (
    LATER_THAN_THE_PRICE,
    OF_THE_PERSON,
    WHOLE_NAMES,
    forbidden_among,
    forbidden_further,
)
from schemas.events import Attributes, Deal
from streams.scoring.comparables import FEATURES
from streams.scoring.evaluation import Setting, evaluable, known_before, walk_forward
from streams.scoring.figures import report, warnings
from streams.scoring.hedonics import FIELDS
from streams.scoring.leaks import LeakError, refuse_leaks, repeated
from streams.scoring.model import ForbiddenFeatureError, refuse_forbidden
from streams.scoring.subjects import EVERYTHING, Subjects
from streams.scoring.training import train

_MAPPED = {
    "target": "deals",
    "columns": {"deal_id": "id", "deal_date": "day", "area_m2": "area", "unit_price": "price", "community_id": "home"},
    "constants": {"city": "北京市"},
}


# ---- splits ---------------------------------------------------------------------------------------------------------


def test_spans_that_overlap_are_refused(market_deals, span):
    start, stop = span
    with pytest.raises(ValueError, match="never split at random"):
        walk_forward(market_deals, [(start, stop), (start, stop)], settings=(Setting.AREA,))


def test_spans_that_run_backwards_are_refused(market_deals, span):
    start, stop = span
    with pytest.raises(ValueError, match="never split at random"):
        walk_forward(market_deals, [(stop, start)], settings=(Setting.AREA,))


@pytest.fixture(scope="session")
def planted(tools, market_deals, span):
    """The same walk with every trap of time at once; the forecasts must be those of the honest one.

    Own prices tenfold; a boom after the span; a boom before it that became known only later; half of what is asked
    left out, so that whatever was fitted with rows of the test part would be fitted otherwise.
    """
    start, stop = span
    inside = [deal for deal in evaluable(market_deals) if start <= deal.deal_date < stop]
    lies = [replace(deal, unit_price=deal.unit_price * 10) for deal in inside[::2]]
    early = [deal for deal in market_deals if deal.deal_date < start]
    later = [
        replace(deal, deal_id=f"later-{deal.deal_id}", unit_price=deal.unit_price * 5, deal_date=stop)
        for deal in early[:200]
    ]
    unknown = [
        replace(deal, deal_id=f"unknown-{deal.deal_id}", unit_price=deal.unit_price * 5, known_on=start)
        for deal in early[:200]
    ]
    told = [*early, *lies, *later, *unknown]
    found = walk_forward(told, [span], settings=(Setting.AREA,), communities=tools.communities())
    return found[Setting.AREA][0]


def test_later_prices_own_prices_and_other_test_rows_change_no_forecast(walk, planted):
    (honest,) = walk[Setting.AREA]
    for name in ("value", "lower", "upper", "p10", "fsd"):
        told = dict(zip((deal.deal_id for deal in honest.deals), getattr(honest, name), strict=True))
        np.testing.assert_allclose(getattr(planted, name), [told[deal.deal_id] for deal in planted.deals], rtol=1e-9)


def test_baselines_see_no_later_price_either(walk, planted):
    (honest,) = walk[Setting.AREA]
    for name, values in planted.baselines.items():
        told = dict(zip((deal.deal_id for deal in honest.deals), honest.baselines[name], strict=True))
        np.testing.assert_allclose(values, [told[deal.deal_id] for deal in planted.deals], rtol=1e-9, err_msg=name)


def test_outliers_stay_in_the_test_part(planted):
    """Tenfold prices lie far beyond the band that training deals are cleaned by; every one is counted as a miss."""
    figures = report([planted])
    assert figures["n"] == len(planted.deals) > 30
    assert figures["ppe10"] < 0.02


def test_outliers_leave_the_training_part(market_deals, span):
    start, _ = span
    wrong = replace(market_deals[0], deal_id="wrong", unit_price=market_deals[0].unit_price * 20)
    assert "wrong" not in {deal.deal_id for deal in known_before([*market_deals, wrong], start)}


def test_a_deal_registered_late_is_not_known_before(market_deals, span):
    start, _ = span
    early = next(deal for deal in market_deals if deal.deal_date < start)
    late = replace(early, deal_id="late", known_on=start)
    in_time = replace(early, deal_id="in time", known_on=start - timedelta(days=1))
    known = {deal.deal_id for deal in known_before([*market_deals, late, in_time], start)}
    assert ("late" in known, "in time" in known) == (False, True)


# ---- the same deal twice --------------------------------------------------------------------------------------------


def test_a_deal_stands_on_one_side_alone(market_deals, span):
    start, stop = span
    asked = next(deal for deal in market_deals if start <= deal.deal_date < stop)
    again = replace(asked, deal_date=start - timedelta(days=20))  # the same id, dated back into the training part
    once = evaluable([asked, again])
    assert len(once) == 1
    assert known_before(once, start) == []


def test_a_deal_repeated_under_another_id_is_counted(market_deals):
    again = [replace(deal, deal_id=f"again-{deal.deal_id}") for deal in market_deals[:25]]
    assert repeated([*market_deals, *again]) == 25 + repeated(market_deals)


# ---- columns --------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("VM1")
@pytest.mark.parametrize(
    "column",
    [
        "DOM", "followers", "communityAverage", "asking_price", "listing_price", "挂牌价", "关注人数", "loan_amount",
        "customer_age", "channel", "branch_code", "客户经理",
    ],
)  # fmt: skip
def test_a_mapping_reads_no_forbidden_column(column):
    columns = _MAPPED["columns"] | {"rooms": column}
    with pytest.raises(MappingError, match=column):
        parse_mapping(_MAPPED | {"columns": columns}, "m.toml")
    with pytest.raises(MappingError, match="may not be read"):
        parse_mapping(_MAPPED | {"further": {"harmless": column}}, "m.toml")


@pytest.mark.requirement("VM1")
@pytest.mark.parametrize("name", ["dom", "followers", "community_average", "asking_price", "loan_amount", "sold_price"])
def test_a_forbidden_name_is_refused_as_a_further_number(market_deals, name):
    with pytest.raises(MappingError, match=name):
        parse_mapping(_MAPPED | {"further": {name: "column_7"}}, "m.toml")
    with pytest.raises(MappingError, match=name):
        own_names(Target.DEALS, ("deal_id", f"further.{name}"))
    with pytest.raises(LeakError, match=name):
        refuse_leaks([replace(deal, further={name: 1.0}) for deal in market_deals])


@pytest.mark.requirement("VM1")
@pytest.mark.parametrize("name", ["dom", "followers", "community_average", "asking_price", "loan_amount"])
def test_training_refuses_a_forbidden_number(tools, market_deals, name):
    planted = [replace(deal, further={name: 1.0}) for deal in market_deals]
    with pytest.raises(ForbiddenFeatureError, match=name):
        train(planted, until=tools.today)


@pytest.mark.parametrize("of", [lambda deal: deal.unit_price / 7, lambda deal: -deal.unit_price * deal.area_m2])
def test_a_number_made_of_the_price_is_found_under_any_name(market_deals, of):
    made = [replace(deal, further={"grade": of(deal), "land_m2": deal.area_m2 * 2}) for deal in market_deals]
    with pytest.raises(LeakError, match="grade orders the deals as their prices do") as caught:
        refuse_leaks(made)
    assert "land_m2" not in str(caught.value)


def test_an_honest_number_is_let_through(market_deals):
    refuse_leaks([replace(deal, further={"land_m2": deal.area_m2 * 2, "waterfront": 0.0}) for deal in market_deals])


def test_figures_too_good_to_be_true_say_so(walk):
    (honest,) = walk[Setting.AREA]
    seen = replace(honest, value=honest.price * 1.01, lower=honest.price * 0.9, upper=honest.price * 1.1)
    assert set(report([seen])["warnings"]) == {"COD_BELOW_5", "SUREST_90_WITHIN_10_ABOVE_90"}
    assert warnings({"cod": 7.1, "ppe10_at": {"90": 0.81}, "n": 5_731}) == []


# ---- persons and channels -------------------------------------------------------------------------------------------


@pytest.mark.requirement("VM1")
def test_no_input_of_a_valuation_speaks_of_a_person_a_loan_or_a_way_in():
    inputs = {
        *FEATURES, *FIELDS, *EVERYTHING, *Subjects.__slots__,
        *(one.name for one in fields(Attributes)), *(one.name for one in fields(Deal)),
    }  # fmt: skip
    assert forbidden_among(inputs) == ()
    refuse_forbidden(inputs)


@pytest.mark.requirement("VM1")
@pytest.mark.parametrize("word", sorted({*LATER_THAN_THE_PRICE, *OF_THE_PERSON, *WHOLE_NAMES}))
def test_files_and_models_refuse_the_same_words(word):
    assert forbidden_among([word]) == (word,)
    assert forbidden_further([word]) == (word,)
    with pytest.raises(ForbiddenFeatureError):
        refuse_forbidden([word])


@pytest.mark.requirement("VM1")
@pytest.mark.parametrize("channel", ["app", "wechat", "staff", "core", "batch"])
def test_the_same_house_has_the_same_value_on_every_channel(stage, tools, channel):
    plain = tools.asked()
    other = replace(plain, request=replace(plain.request, channel=channel, branch_code="0755", product="HOUSE_SECURED"))
    first, second = tools.valuations(stage, [plain, other])
    assert first == second

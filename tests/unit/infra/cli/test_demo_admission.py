from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from infra.cli.demo.admission import admissions
from schemas.codes import PropertyType, SegmentState
from schemas.events import Deal
from streams.routing.policy import parse
from streams.routing.policy_file import DEFAULT_POLICY

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
UNTIL = date(2026, 11, 20)
POLICY = parse(DEFAULT_POLICY.read_bytes())


def manifest(ppe10=0.85, segment="APARTMENT"):
    calibration = {"id": "20261001-20261120", "settings": {"area": {"ppe10": ppe10}}}
    return {"name": "avm", "version": "1", "segment": segment, "calibration": calibration}


def deals(city: str, count: int, kind=PropertyType.APARTMENT) -> list[Deal]:
    """One a day, backwards from the day before UNTIL, over and over the last 40 days."""
    return [
        Deal(
            deal_id=f"{city}{number}",
            community_id="c",
            city=city,
            deal_date=UNTIL - timedelta(days=1 + number % 40),
            area_m2=90.0,
            unit_price=50_000.0,
            property_type=kind,
        )
        for number in range(count)
    ]


@pytest.mark.requirement("VM6")
def test_the_demonstration_promotes_by_the_rule_what_reaches_it_and_says_where_it_does_not():
    standings = admissions([manifest()], [*deals("杭州市", 300), *deals("宁波市", 299)], POLICY, NOW)
    told = {one.city: (one.state, one.by_rule, one.figures.deals) for one in standings}
    assert told == {"杭州市": (SegmentState.AUTOMATIC, True, 300), "宁波市": (SegmentState.AUTOMATIC, False, 299)}
    assert "未达准入规则" in next(one.reason for one in standings if not one.by_rule)


def test_a_model_that_is_not_near_enough_reaches_no_rule_and_other_classes_stay_with_people():
    shops = deals("杭州市", 400, PropertyType.SHOP)
    (flats,) = admissions([manifest(0.7), manifest(0.7, "SHOP")], [*deals("杭州市", 400), *shops], POLICY, NOW)
    assert (flats.property_class, flats.by_rule, flats.figures.ppe10) == ("RESIDENTIAL", False, 0.7)


def test_a_market_of_years_ago_is_admitted_openly_outside_the_rule():
    years_later = NOW + timedelta(days=3650)
    (standing,) = admissions([manifest()], deals("杭州市", 300), POLICY, years_later)
    assert (standing.state, standing.by_rule) == (SegmentState.AUTOMATIC, False)
    assert "未达准入规则" in standing.reason


def test_deals_outside_the_twelve_months_and_after_the_calibration_count_for_nothing():
    old = [replace(deal, deal_date=UNTIL - timedelta(days=366)) for deal in deals("杭州市", 300)]
    late = [replace(deal, deal_date=UNTIL) for deal in deals("杭州市", 300)]
    (standing,) = admissions([manifest()], [*old, *late, *deals("杭州市", 10)], POLICY, NOW)
    assert (standing.figures.deals, standing.figures.accepted) == (10, 10)

"""When the model fails again and again in one place."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from consumers.review_desk.quality.patterns import PatternRules, Scope, Signal, Subject, patterns

RULES = PatternRules()
NOW = datetime(2026, 3, 6, 4, 0, tzinfo=UTC)
COMMUNITY = Subject(scope=Scope.COMMUNITY, name="c-1")


def signals(number: int, *, first: int = 0, **changes) -> list[Signal]:
    one = Signal(
        valuation_id="", at=NOW, city="杭州市", property_class="RESIDENTIAL", community_id="c-1", model="residential 3"
    )
    return [
        replace(one, valuation_id=f"v-{place}", at=NOW + timedelta(minutes=place), **changes)
        for place in range(first, first + number)
    ]


@pytest.mark.requirement("RT7")
def test_three_in_a_community_hold_it_alone():
    (found,) = patterns(signals(3), {}, RULES)
    assert (found.subject, found.first_at) == (COMMUNITY, NOW)
    assert [segment.key for segment in found.segments] == ["杭州市|RESIDENTIAL|c-1"]
    assert patterns(signals(2), {}, RULES) == ()


@pytest.mark.requirement("RT7")
def test_ten_in_a_city_hold_every_class_it_shows_in():
    spread = [replace(one, community_id=f"c-{place}", model=None) for place, one in enumerate(signals(10))]
    spread[0] = replace(spread[0], property_class="VILLA")
    (found,) = patterns(spread, {}, RULES)
    assert found.subject == Subject(scope=Scope.CITY, name="杭州市")
    assert [segment.key for segment in found.segments] == ["杭州市|RESIDENTIAL", "杭州市|VILLA"]
    assert patterns(spread[:9], {}, RULES) == ()


@pytest.mark.requirement("RT7")
def test_ten_of_a_model_version_hold_the_cities_it_failed_in():
    spread = [
        replace(one, community_id=None, city="杭州市" if place % 2 else "宁波市")
        for place, one in enumerate(signals(10))
    ]
    (found,) = patterns(spread, {}, RULES)
    assert found.subject == Subject(scope=Scope.MODEL, name="residential 3")
    assert [segment.key for segment in found.segments] == ["宁波市|RESIDENTIAL", "杭州市|RESIDENTIAL"]


@pytest.mark.requirement("RT7")
def test_a_valuation_disputed_and_then_corrected_counts_once():
    twice = signals(2) + [replace(one, at=one.at + timedelta(hours=3)) for one in signals(2)]
    assert patterns(twice, {}, RULES) == ()


@pytest.mark.requirement("RT7")
def test_an_open_pattern_fires_no_second_time_and_a_closed_one_counts_anew():
    made = signals(4)
    assert patterns(made, {COMMUNITY: None}, RULES) == ()
    closed = {COMMUNITY: made[-1].at}
    assert patterns(made + signals(2, first=10), closed, RULES) == ()
    (again,) = patterns(made + signals(3, first=10), closed, RULES)
    assert [one.valuation_id for one in again.signals] == ["v-10", "v-11", "v-12"]


@pytest.mark.requirement("RT7")
def test_the_same_pattern_has_the_same_id_however_it_grows():
    assert patterns(signals(3), {}, RULES)[0].pattern_id == patterns(signals(5), {}, RULES)[0].pattern_id


@pytest.mark.requirement("RT7")
def test_a_valuation_that_begins_a_second_pattern_of_the_same_place_gives_it_an_id_of_its_own():
    disputed_then_corrected = [signals(1)[0], replace(signals(1)[0], at=NOW + timedelta(days=2))]
    (first,) = patterns(disputed_then_corrected[:1] + signals(2, first=1), {}, RULES)
    later = disputed_then_corrected[1:] + [replace(one, at=NOW + timedelta(days=3)) for one in signals(2, first=7)]
    (second,) = patterns(later, {COMMUNITY: NOW + timedelta(days=1)}, RULES)
    assert first.signals[0].valuation_id == second.signals[0].valuation_id
    assert first.pattern_id != second.pattern_id


def test_a_place_that_is_not_known_makes_no_pattern():
    assert patterns(signals(12, city="", community_id=None, model=None), {}, RULES) == ()

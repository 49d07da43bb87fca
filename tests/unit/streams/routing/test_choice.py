"""The threshold is what the cases bear, and the policy file changes in that one place."""

import numpy as np
import pytest

from schemas.domain.channels import Profile
from schemas.domain.measures import wilson
from streams.routing.choice import choose
from streams.routing.curve import Case
from streams.routing.policy import PolicyError, PropertyClass, parse
from streams.routing.policy_file import DEFAULT_POLICY
from streams.routing.policy_text import with_min_p10

STAFF = (None, PropertyClass.RESIDENTIAL, Profile.STAFF)


def cases(*groups):
    """Groups of (count, p10, share near)."""
    return [
        Case(segment="*", p10=p10, deviation=0.05 if at < near * count else 0.3)
        for count, p10, near in groups
        for at in range(count)
    ]


def test_the_largest_share_whose_lower_bound_holds_is_chosen():
    found = choose(cases((400, 0.9, 0.95), (400, 0.7, 0.75), (200, 0.3, 0.3)), 0.8)
    assert (found.share, found.min_p10) == (0.8, 0.7)
    assert found.within_10 == pytest.approx(0.85)
    assert found.lower == wilson(680, 800)[0] >= 0.8


def test_a_mean_that_reaches_the_target_is_not_enough():
    """85 of 100 within 10 % may well be 77 in truth."""
    assert choose(cases((100, 0.9, 0.85)), 0.8) is None
    assert choose(cases((1_000, 0.9, 0.85)), 0.8).share == 1.0


def test_few_cases_choose_nothing():
    assert choose(cases((29, 0.9, 1.0)), 0.8) is None
    assert choose(cases((30, 0.9, 1.0)), 0.8).cases == 30
    assert choose([], 0.8) is None


def test_the_threshold_lets_through_exactly_what_was_counted():
    rng = np.random.default_rng(1)
    chances = rng.random(3_000)
    made = [Case(segment="*", p10=float(p), deviation=0.0 if rng.random() < p else 0.5) for p in chances]
    found = choose(made, 0.75)
    assert 0.2 < found.share < 0.9
    assert sum(case.p10 >= found.min_p10 for case in made) == found.cases


def test_only_the_threshold_and_the_version_of_a_policy_change():
    before = DEFAULT_POLICY.read_text(encoding="utf-8")
    after = with_min_p10(before, {STAFF: 0.6176}, version="2027-01")
    changed = [(old, new) for old, new in zip(before.splitlines(), after.splitlines(), strict=True) if old != new]
    assert [new.split("#")[0].strip() for _, new in changed] == ['version = "2027-01"', "min_p10 = 0.6176"]
    assert changed[1][0].index("#") == changed[1][1].index("#")
    assert parse(after.encode()).thresholds[STAFF].min_p10 == 0.6176


def test_a_city_gets_an_entry_of_its_own_once():
    before = DEFAULT_POLICY.read_text(encoding="utf-8")
    key = ("成都市", PropertyClass.RESIDENTIAL, Profile.STAFF)
    once = with_min_p10(before, {key: 0.7}, version="a")
    twice = with_min_p10(once, {key: 0.8}, version="b")
    assert once.startswith(before.split("version")[0])
    assert twice.count('city = "成都市"') == 1
    policy = parse(twice.encode())
    assert policy.thresholds[key].min_p10 == 0.8
    assert policy.thresholds[STAFF] == parse(before.encode()).thresholds[STAFF]


def test_a_text_that_is_no_policy_is_refused():
    with pytest.raises(PolicyError):
        with_min_p10('version = "1"\n', {}, version="2")

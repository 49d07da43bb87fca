from dataclasses import replace

import pytest

from schemas.codes import Reason
from schemas.domain.channels import Profile
from streams.routing.policy import PropertyClass
from streams.routing.rehearsal import rehearse


@pytest.mark.requirement("RT9")
def test_a_rehearsal_counts_what_a_new_policy_would_change(scored, policy):
    key = (None, PropertyClass.RESIDENTIAL, Profile.STAFF)
    stricter = dict(policy.thresholds) | {key: replace(policy.thresholds[key], min_p10=0.7, max_fsd=0.3)}
    events = [
        scored(valuation_id="sure"),
        scored(valuation_id="less-sure", p10=0.6),
        scored(valuation_id="wide", fsd=0.25),
        scored(valuation_id="wide", fsd=0.25),  # delivered twice
    ]
    outcome = rehearse(events, policy, replace(policy, thresholds=stricter))
    assert (outcome.valuations, outcome.automatic_before, outcome.automatic_after) == (3, 2, 2)
    assert (outcome.newly_automatic, outcome.newly_reviewed) == (1, 1)
    assert outcome.reasons_before == {Reason.WIDE_RANGE: 1}
    assert outcome.reasons_after == {Reason.LOW_CONFIDENCE: 1}


@pytest.mark.requirement("RT6", "RT9")
def test_what_was_scored_for_comparison_alone_is_not_rehearsed(scored, policy):
    afterwards = {"concerns": (Reason.COMPARISON_ONLY,)}
    events = [
        scored(valuation_id="outage"),
        replace(scored(valuation_id="outage"), **afterwards),
        replace(scored(valuation_id="alone"), **afterwards),
    ]
    outcome = rehearse(events, policy, policy)
    assert (outcome.valuations, outcome.automatic_after, outcome.reasons_after) == (1, 1, {})


@pytest.mark.requirement("RT3")
def test_where_figures_from_outside_are_known_a_rehearsal_says_how_near_the_automatic_ones_are(scored, policy):
    key = (None, PropertyClass.RESIDENTIAL, Profile.STAFF)
    stricter = dict(policy.thresholds) | {key: replace(policy.thresholds[key], min_p10=0.7)}
    events = [scored(valuation_id="near"), scored(valuation_id="far", p10=0.6), scored(valuation_id="unknown")]
    outcome = rehearse(
        events, policy, replace(policy, thresholds=stricter), unit_prices={"near": 50_000, "far": 30_000}
    )
    assert (outcome.compared_before, outcome.within_10_before) == (2, 0.5)
    assert (outcome.compared_after, outcome.within_10_after) == (1, 1.0)


@pytest.mark.requirement("RT3")
def test_a_rehearsal_leaves_segments_to_people_that_are_not_admitted(scored, policy, admitted):
    elsewhere = scored(valuation_id="elsewhere", city="上海市")
    outcome = rehearse([scored(), elsewhere], policy, policy, state_of=admitted.state_of)
    assert (outcome.automatic_after, outcome.within_10_after) == (1, None)
    assert outcome.reasons_after == {Reason.CITY_HUMAN_ONLY: 1}

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

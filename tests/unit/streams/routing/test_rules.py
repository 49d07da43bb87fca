from dataclasses import replace
from decimal import Decimal
from uuid import UUID, uuid5

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.codes import Automation, MatchLevel, PropertyType, Reason
from schemas.domain.channels import Profile
from schemas.events import RuleCheck
from streams.routing.policy import Hold, PropertyClass
from streams.routing.rules import is_audited, priority, reasons_for_review

UNMET = (RuleCheck(rule="adjusted_spread", met=False, figure=1.3),)


def test_an_ordinary_valuation_may_stand(scored, policy):
    assert reasons_for_review(scored(), policy, Profile.STAFF) == ()


@pytest.mark.requirement("RT1")
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"force_manual": True}, Reason.FORCED_BY_BANK),
        ({"concerns": ("ADDR_UNKNOWN",)}, Reason.ADDR_UNKNOWN),
        ({"concerns": ("FROM_TOMORROW",)}, "FROM_TOMORROW"),
        ({"valuation": None, "concerns": ("ADDR_UNKNOWN",)}, Reason.ADDR_UNKNOWN),
        ({"automation": Automation.HUMAN_ONLY}, Reason.CITY_HUMAN_ONLY),
        ({"automation": Automation.SUSPENDED}, Reason.SEGMENT_HOLD),
        ({"property_type": PropertyType.MIXED_USE_FLAT}, Reason.UNSEEN_TYPE),
        ({"match_level": MatchLevel.ROAD}, Reason.ADDR_PARTIAL),
        ({"community_id": None}, Reason.ADDR_PARTIAL),
        ({"probability": 0.89}, Reason.ADDR_AMBIGUOUS),
        ({"area_m2": Decimal("158.00")}, Reason.AREA_IMPLAUSIBLE),
        ({"limiting_factors": ("AREA_OUT_OF_RANGE",)}, Reason.AREA_IMPLAUSIBLE),
        ({"limiting_factors": ("SEGMENT_HELD",)}, Reason.SEGMENT_HOLD),
        ({"fallback_level": 6}, Reason.THIN_COMPARABLES),
        ({"p10": 0.54}, Reason.LOW_CONFIDENCE),
        ({"fsd": 0.21}, Reason.WIDE_RANGE),
        ({"comparables": ()}, Reason.THIN_COMPARABLES),
        ({"comparison_value": 4_300_000}, Reason.MODEL_DISAGREEMENT),
        ({"unit_price": 61_300}, Reason.OUTLIER_PRICE),
        ({"value": 20_000_001}, Reason.HIGH_VALUE),
        ({"value": 10_000_001, "comparison_value": None, "rule_checks": UNMET}, Reason.COMPARISON_RULE_UNMET),
    ],
)
def test_each_rule_alone_forces_a_review_and_gives_its_reason(scored, policy, changes, reason):
    if "value" in changes:
        changes = {"comparison_value": None} | changes
    assert reasons_for_review(scored(**changes), policy, Profile.STAFF) == (reason,)


@pytest.mark.requirement("RT1")
@pytest.mark.parametrize(
    "changes",
    [
        {"p10": 0.55},
        {"fsd": 0.20},
        {"probability": 0.90},
        {"value": 20_000_000, "comparison_value": None},
        {"value": 10_000_000, "comparison_value": None, "rule_checks": UNMET},
        {"comparison_value": 6_250_000, "value": 5_312_500},  # exactly 15 % apart
        {"unit_price": 61_200},  # exactly 20 % above the dearest comparable
        {"area_m2": Decimal("157.50")},  # exactly 50 % above the largest comparable
        {"fallback_level": 5},
        {"match_level": MatchLevel.COMMUNITY},
        {"property_type": PropertyType.UNKNOWN},
    ],
)
def test_a_value_at_the_boundary_passes(scored, policy, changes):
    assert reasons_for_review(scored(**changes), policy, Profile.STAFF) == ()


@pytest.mark.requirement("RT1")
def test_all_reasons_are_given_each_once_and_hard_ones_first(scored, policy):
    spoiled = scored(force_manual=True, concerns=("THIN_COMPARABLES",), comparables=(), p10=0.1, fsd=0.5)
    assert reasons_for_review(spoiled, policy, Profile.STAFF) == (
        Reason.FORCED_BY_BANK,
        Reason.THIN_COMPARABLES,
        Reason.LOW_CONFIDENCE,
        Reason.WIDE_RANGE,
    )


@pytest.mark.parametrize(
    ("area", "implausible"), [("19.99", True), ("20.00", False), ("400.00", False), ("400.01", True)]
)
def test_an_area_is_measured_by_the_band_of_its_class(scored, policy, area, implausible):
    reasons = reasons_for_review(scored(area_m2=Decimal(area), valuation=None), policy, Profile.STAFF)
    assert (Reason.AREA_IMPLAUSIBLE in reasons) is implausible


@pytest.mark.parametrize(
    ("hold", "held"),
    [
        ({"city": "北京市"}, True),
        ({"city": "北京市", "property_type": PropertyType.SHOP}, False),
        ({"community_id": "c-1"}, True),
        ({"community_id": "c-2"}, False),
        ({"property_type": PropertyType.APARTMENT}, True),
    ],
)
def test_a_held_segment_never_leaves_automatically(scored, policy, hold, held):
    fields = {"city": None, "property_type": None, "community_id": None} | hold
    holding = replace(policy, holds=(Hold(**fields, reason="核查"),))
    assert (reasons_for_review(scored(), holding, Profile.STAFF) == (Reason.SEGMENT_HOLD,)) is held


@pytest.mark.requirement("RT1")
def test_thresholds_differ_by_class_by_profile_and_by_city(scored, policy):
    unsure = scored(p10=0.55, property_type=PropertyType.SHOP)
    assert reasons_for_review(unsure, policy, Profile.STAFF) == (Reason.LOW_CONFIDENCE,)
    assert reasons_for_review(scored(p10=0.52), policy, Profile.STAFF) == (Reason.LOW_CONFIDENCE,)
    assert reasons_for_review(scored(p10=0.52), policy, Profile.PUBLIC) == ()
    key = ("北京市", PropertyClass.RESIDENTIAL, Profile.STAFF)
    stricter = replace(policy.thresholds_for(*key), min_p10=0.85)
    in_beijing = replace(policy, thresholds=dict(policy.thresholds) | {key: stricter})
    assert reasons_for_review(scored(), in_beijing, Profile.STAFF) == (Reason.LOW_CONFIDENCE,)
    assert reasons_for_review(scored(city="上海市"), in_beijing, Profile.STAFF) == ()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(p10=st.floats(0, 1), less=st.floats(0, 1))
def test_a_surer_value_never_gets_more_reasons(scored, policy, p10, less):
    low, high = sorted((p10, less))
    surer = set(reasons_for_review(scored(p10=high), policy, Profile.STAFF))
    assert surer <= set(reasons_for_review(scored(p10=low), policy, Profile.STAFF))


def test_the_lot_for_the_audit_is_the_same_on_every_replay_and_hits_its_share(policy):
    ids = [str(uuid5(UUID(int=7), str(number))) for number in range(20_000)]
    audited = replace(policy, audit_share=0.02)
    drawn = [identity for identity in ids if is_audited(identity, audited)]
    assert drawn == [identity for identity in ids if is_audited(identity, audited)]
    assert 340 < len(drawn) < 460  # 400 expected, sd 20
    assert not any(is_audited(identity, policy) for identity in ids[:1000])
    assert all(is_audited(identity, replace(policy, audit_share=1.0)) for identity in ids[:1000])


def test_loan_approval_goes_first_and_more_money_at_risk_goes_before_less(scored):
    plain = priority(scored(), Profile.STAFF)
    assert priority(scored(loan_stage="IN_LOAN_APPROVAL"), Profile.CUSTOMER) > plain
    assert priority(scored(p10=0.2), Profile.STAFF) > plain > priority(scored(value=100_000), Profile.STAFF)
    assert plain > priority(scored(), Profile.CUSTOMER)


@pytest.mark.requirement("RT6")
@pytest.mark.parametrize("concerns", [(), (Reason.NO_MODEL,), (Reason.SYSTEM_DEGRADED,)])
def test_a_subject_without_a_model_is_the_system_s_fault_and_said_so(scored, policy, concerns):
    found = reasons_for_review(scored(valuation=None, concerns=concerns), policy, Profile.STAFF)
    assert found[0] == Reason.SYSTEM_DEGRADED
    assert set(found) <= {Reason.SYSTEM_DEGRADED, Reason.NO_MODEL}

"""What staff see of the evidence behind a value, and others do not."""

import json
from dataclasses import replace
from datetime import date

import pytest

from producers.gateway.arrivals import State
from producers.gateway.views import view
from schemas.domain.channels import Profile
from schemas.events import SourceUsed
from tests.fakes.answers import a_full_answer, a_request


@pytest.fixture
def state():
    result = a_full_answer(a_request())
    valuation = replace(
        result.valuation,
        confidence=81,
        sources=("s-1", "s-2"),
        income_value=3_000_000,
        comparables_text="周边仅有2宗",
        lineage=(SourceUsed(source="s-1", reference="HT-1", newest_on=date(2026, 11, 20)),),
    )
    return State(result=replace(result, valuation=valuation))


@pytest.mark.requirement("VM2", "VM5")
@pytest.mark.parametrize("profile", [Profile.STAFF, Profile.INTERNAL])
def test_staff_see_grade_sources_and_the_second_method(state, profile):
    shown = view(state, profile)["valuation"]
    assert shown["confidence_grade"] == "高"
    assert shown["sources"] == ["s-1", "s-2"]
    assert shown["income_value"] == 3_000_000
    assert shown["comparables_text"] == "周边仅有2宗"
    assert shown["lineage"] == [{"source": "s-1", "reference": "HT-1", "newest_on": "2026-11-20", "is_stale": False}]
    assert "income" not in shown


@pytest.mark.requirement("IN4")
@pytest.mark.parametrize("profile", [Profile.CUSTOMER, Profile.PUBLIC])
def test_others_see_none_of_it(state, profile):
    text = json.dumps(view(state, profile), ensure_ascii=False)
    for secret in ("confidence", "s-1", "HT-1", "income", "周边仅有"):
        assert secret not in text

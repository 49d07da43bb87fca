import json
from dataclasses import dataclass, fields, is_dataclass

import pytest

from producers.gateway.arrivals import State
from producers.gateway.views import view
from schemas.codes import Status
from schemas.domain.channels import Profile
from schemas.domain.projection import project
from tests.fakes.answers import a_full_answer, a_report, a_request, an_address, an_answer

REQUEST = a_request()
FULL = State(result=a_full_answer(REQUEST), report=a_report(REQUEST))

CUSTOMER = {
    "valuation_id", "client_request_id", "status", "status_text", "final", "value", "lower", "upper", "value_date",
    "valid_until", "reason_text", "disclaimer", "problems", "report", "due_at", "expected_at", "queue_position",
    "verification",
}  # fmt: skip
PUBLIC = {
    "valuation_id", "client_request_id", "status", "status_text", "final", "lower", "upper", "disclaimer", "problems",
}  # fmt: skip


@pytest.mark.requirement("IN4")
@pytest.mark.parametrize(("profile", "allowed"), [(Profile.CUSTOMER, CUSTOMER), (Profile.PUBLIC, PUBLIC)])
def test_nothing_leaves_but_what_the_profile_allows(profile, allowed):
    assert set(view(FULL, profile)) == allowed


@pytest.mark.requirement("IN4")
@pytest.mark.parametrize("profile", [Profile.CUSTOMER, Profile.PUBLIC])
def test_customers_and_the_public_never_see_comparables_reviewers_or_models(profile):
    text = json.dumps(view(FULL, profile), ensure_ascii=False)
    for secret in ("d-1", "G3", "REVIEWED", "comparables", "artefact", "文三路", "p10", "reports/1.pdf", "K7Q2"):
        assert secret not in text


def test_staff_see_the_evidence_and_none_of_the_internals():
    shown = view(FULL, Profile.STAFF)
    assert shown["valuation"]["comparables"][0]["deal_id"] == "d-1"
    assert shown["reasons"] == ["REVIEWED"]
    assert shown["report"]["report_no"] == "HV-20260302-0001"
    text = json.dumps(shown)
    for internal in ("artefact_sha256", "calibration_id", "verification_code", "reports/1.pdf", "f" * 64):
        assert internal not in text


def test_candidates_are_named_without_their_probability():
    asked = State(result=an_answer(REQUEST, Status.NEEDS_CLARIFICATION, address=an_address()))
    for profile in Profile:
        assert [set(candidate) for candidate in view(asked, profile)["candidates"]] == [
            {"community_id", "name", "city", "district"}
        ] * 2


def test_every_status_can_be_shown_to_everybody():
    for status in Status:
        for profile in Profile:
            shown = json.loads(json.dumps(view(State(result=an_answer(REQUEST, status)), profile)))
            assert shown["final"] is status.is_final
            assert shown["status_text"]


def test_the_full_answer_of_these_tests_sets_every_field():
    unset = {field.name for field in fields(FULL.result) if getattr(FULL.result, field.name) in (None, (), "")}
    assert unset == set()


def test_a_record_in_a_field_is_sent_only_when_its_fields_are_named():
    @dataclass
    class Outer:
        inner: object

    assert is_dataclass(Outer(REQUEST))
    with pytest.raises(TypeError, match="Requested"):
        project(Outer(REQUEST), {"inner": None})

import json
from dataclasses import dataclass, field, fields, make_dataclass, replace

import pytest

from schemas.codes import Status
from schemas.domain.channels import Profile
from schemas.domain.projection import CONFIDENCE_TEXTS, answer_body, names, project
from schemas.events import ReasonPart, Resulted
from tests.fakes.answers import a_full_answer, a_report, a_request, a_valuation, an_address, an_answer

REQUEST = a_request()
FULL = a_full_answer(REQUEST)
BY_MODEL = an_answer(REQUEST, valuation=a_valuation())
OTHERS = [Profile.CUSTOMER, Profile.PUBLIC]

# comparables' identity, people, sources, evidence, internal numbers
SECRETS = ["d-1", "c-1", "G3", "QZ-7", "REVIEWED", "comparables", "artefact", "registry-beijing", "row-4711", "98.20",
           "文三路", "p10", "reports/1.pdf", "K7Q2", "0c0c0c0c", "biz"]  # fmt: skip


@pytest.mark.requirement("IN4", "RS4")
@pytest.mark.parametrize("profile", OTHERS)
@pytest.mark.parametrize("result", [FULL, replace(FULL, human=None)], ids=["by a person", "by the model"])
def test_customers_and_the_public_learn_nothing_of_comparables_people_or_evidence(result, profile):
    text = json.dumps(answer_body(result, a_report(REQUEST), profile), ensure_ascii=False)
    assert [secret for secret in SECRETS if secret in text] == []


@pytest.mark.requirement("RS4")
@pytest.mark.parametrize("profile", Profile)
def test_a_field_that_an_event_gets_one_day_stays_inside_until_it_is_allowed(profile):
    newer = make_dataclass("Resulted", [("phone", str, field(kw_only=True))], bases=(Resulted,), frozen=True)
    known = {each.name: getattr(FULL, each.name) for each in fields(FULL)}
    assert answer_body(newer(**known, phone="13800138000"), None, profile) == answer_body(FULL, None, profile)


@pytest.mark.requirement("RS4")
def test_a_record_in_an_allowed_field_is_refused_until_its_own_fields_are_named():
    @dataclass
    class Outer:
        inner: object

    with pytest.raises(TypeError, match="Requested"):
        project(Outer(REQUEST), names("inner"))


def test_staff_see_who_signed_by_number_what_was_verified_and_what_was_issued_again():
    shown = answer_body(FULL, a_report(REQUEST), Profile.STAFF)
    assert shown["human"]["signatories"][0]["signing_no"] == "QZ-7"
    assert shown["verification"]["checks"][0]["evidence"] == "row-4711"
    assert shown["reused_from"] == FULL.reused_from
    assert shown["degraded_sources"] == ["registry-beijing"]


def test_customers_read_how_sure_a_value_is_and_what_moved_it_without_figures():
    reasons = (
        ReasonPart(factor="AREA", text="建筑面积：上调380元/㎡（+0.9%）", unit_price_change=380, share=0.009),
        ReasonPart(factor="OTHER", text="异常成交的修匀：上调900元/㎡", unit_price_change=900, share=0.02),
        ReasonPart(factor="AGE", text="建成年代：下调410元/㎡（-1.0%）", unit_price_change=-410, share=-0.01),
    )
    shown = answer_body(replace(BY_MODEL, valuation=replace(a_valuation(), reasons=reasons)), None, Profile.CUSTOMER)
    assert shown["confidence_grade"] == "高"
    assert shown["confidence_text"] == CONFIDENCE_TEXTS["高"]
    assert shown["influences"] == [
        {"text": "建成年代", "direction": "DOWN"},
        {"text": "建筑面积", "direction": "UP"},
    ]


@pytest.mark.parametrize(
    "result",
    [FULL, an_answer(REQUEST, Status.PENDING_MANUAL, valuation=a_valuation())],
    ids=["a person's value", "a value that is not given"],
)
def test_the_model_s_certainty_is_not_told_of_a_value_that_is_not_the_model_s(result):
    shown = answer_body(result, None, Profile.CUSTOMER)
    assert {"confidence_grade", "confidence_text", "influences"}.isdisjoint(shown)


def test_customers_read_of_a_verification_what_disagrees_and_not_what_the_register_has():
    assert answer_body(FULL, None, Profile.CUSTOMER)["verification"] == {
        "outcome": "MISMATCH",
        "text": "有1项与登记不一致",
        "checks": [{"field": "AREA", "outcome": "MISMATCH", "text": "所填建筑面积与登记不一致"}],
    }


def test_the_public_get_no_report_and_no_verification():
    assert {"report", "verification", "value"}.isdisjoint(answer_body(FULL, a_report(REQUEST), Profile.PUBLIC))


RESOLVED = replace(an_address(), candidates=(), community_id="c-7", community_name="望京花园东区", building="3")
HERE = {"community_id": "c-7", "community_name": "望京花园东区"}


@pytest.mark.parametrize("profile", OTHERS)
def test_who_asked_reads_which_community_was_valued_and_no_more_of_the_address(profile):
    assert answer_body(replace(BY_MODEL, address=RESOLVED), None, profile)["address"] == HERE
    by_a_person = replace(FULL, address=RESOLVED)
    assert answer_body(by_a_person, None, profile)["address"] == HERE


@pytest.mark.parametrize("profile", OTHERS)
@pytest.mark.parametrize(
    "result",
    [
        an_answer(REQUEST, Status.PENDING_MANUAL, address=RESOLVED),
        an_answer(REQUEST, Status.NEEDS_CLARIFICATION, address=RESOLVED),
        replace(BY_MODEL, address=replace(RESOLVED, community_id=None, community_name=None)),
        replace(FULL, address=replace(RESOLVED, candidates=an_address().candidates)),
    ],
    ids=["nothing valued yet", "a question", "no community", "a person may have taken another candidate"],
)
def test_a_community_that_nobody_stands_for_is_not_told(result, profile):
    assert "address" not in answer_body(result, None, profile)


@pytest.mark.requirement("RP6")
def test_a_report_that_is_known_to_be_revoked_says_so_to_whoever_sees_it():
    for profile in (Profile.STAFF, Profile.INTERNAL, Profile.CUSTOMER):
        assert answer_body(FULL, a_report(REQUEST), profile, revoked=True)["report"]["revoked"] is True
        assert "revoked" not in answer_body(FULL, a_report(REQUEST), profile)["report"]
    assert "report" not in answer_body(FULL, a_report(REQUEST), Profile.PUBLIC, revoked=True)

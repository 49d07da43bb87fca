"""The question about an address: until when it may be answered, and what becomes of one that nobody answered."""

import pytest

from schemas.codes import Automation, Occasion, Reason, Status
from schemas.domain.channels import channel
from schemas.domain.clarification import ClarificationPolicy
from schemas.events import Enriched
from streams.enrichment.stage import EnrichmentStage
from tests.unit.streams.enrichment.conftest import NOW

_AMBIGUOUS = "北京市阳光花园3号楼501"


@pytest.mark.requirement("AD2")
@pytest.mark.parametrize("code", ["CREDIT_MGMT", "NET_BANK", "WEBSITE"])
def test_a_question_says_until_when_a_reply_is_in_time(answer_to, code):
    asked = answer_to(_AMBIGUOUS, channel=code)
    assert asked.status is Status.NEEDS_CLARIFICATION
    assert asked.due_at == ClarificationPolicy().reply_by(asked.resulted_at, channel(code).profile)


@pytest.mark.requirement("AD2")
@pytest.mark.parametrize("code", ["CREDIT_MGMT", "NET_BANK", "WEBSITE"])
def test_where_nothing_can_be_chosen_more_is_asked_for_under_a_new_number_and_nothing_waits(answer_to, code):
    asked = answer_to("从未见过的名字3号楼", channel=code)
    assert (asked.status, asked.reasons) == (Status.NEEDS_CLARIFICATION, (Reason.ADDR_PARTIAL,))
    assert (asked.address.candidates, asked.due_at) == ((), None)
    assert "请补充所在城市" in asked.reason_text
    assert "使用新的请求编号重新提交" in asked.reason_text


@pytest.mark.requirement("AD2")
@pytest.mark.parametrize("code", ["CREDIT_MGMT", "NET_BANK"])
def test_without_a_reply_people_go_on_when_the_city_is_known(answer_to, code):
    enriched = answer_to(_AMBIGUOUS, channel=code, revision=2)
    assert isinstance(enriched, Enriched)
    assert enriched.concerns == (Reason.ADDR_AMBIGUOUS, Reason.CLARIFICATION_TIMEOUT)


@pytest.mark.requirement("AD2")
@pytest.mark.parametrize(
    ("address", "code"), [(_AMBIGUOUS, "WEBSITE"), ("从未见过的名字3号楼", "NET_BANK"), ("你好", "CREDIT_MGMT")]
)
def test_without_a_reply_it_expires_for_the_public_and_where_not_even_the_city_is_known(answer_to, address, code):
    expired = answer_to(address, channel=code, revision=2)
    assert (expired.status, expired.reasons) == (Status.EXPIRED, (Reason.CLARIFICATION_TIMEOUT,))
    assert expired.revision == 2
    assert "重新提交" in expired.reason_text


DESK = {"revision": 2, "occasion": Occasion.DESK_REPLY}


@pytest.mark.requirement("IN9", "RD10")
@pytest.mark.parametrize(
    ("address", "choice", "community", "concerns"),
    [
        (_AMBIGUOUS, "y1", "y1", ()),
        (_AMBIGUOUS, None, None, (Reason.ADDR_AMBIGUOUS, Reason.CLARIFICATION_TIMEOUT)),
        (_AMBIGUOUS, "never offered", None, (Reason.ADDR_AMBIGUOUS,)),
        ("北京市海淀区碧水小产权新村3号楼501", "s1", "s1", (Reason.NOT_TRADABLE,)),
        ("北京市朝阳区望京西园三区3号楼501", None, "w3", (Reason.CLARIFICATION_TIMEOUT,)),
    ],
)
def test_what_came_of_a_question_of_the_desk_goes_back_to_people_with_what_the_gates_would_have_said(
    answer_to, address, choice, community, concerns
):
    enriched = answer_to(address, chosen_community_id=choice, **DESK)
    assert isinstance(enriched, Enriched)
    assert enriched.address.community_id == community
    assert enriched.concerns == concerns


@pytest.mark.requirement("IN9", "RD10")
def test_people_decide_too_when_the_house_turns_out_to_lie_where_the_service_is_not_open(answer_to):
    enriched = answer_to("阳光花园3号楼501", chosen_community_id="y3", **DESK)
    assert isinstance(enriched, Enriched)
    assert enriched.address.city == "南京市"
    assert enriched.concerns == (Reason.AREA_NOT_COVERED,)
    assert enriched.coverage.automation is Automation.HUMAN_ONLY


@pytest.mark.requirement("IN9")
def test_a_returned_case_has_the_reviewer_s_community_and_teaches_nothing_new(a_view, accepted):
    stage = EnrichmentStage(a_view(), lambda: NOW)
    returned = accepted(
        _AMBIGUOUS, channel="CREDIT_MGMT", revision=2, occasion=Occasion.RETURNED, chosen_community_id="y2"
    )
    (outcome,) = stage.handle([returned])
    (output,) = outcome.outputs
    assert output.event.address.community_id == "y2"

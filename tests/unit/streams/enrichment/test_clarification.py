"""The question about an address: until when it may be answered, and what becomes of one that nobody answered."""

import pytest

from schemas.codes import Reason, Status
from schemas.domain.channels import channel
from schemas.domain.clarification import ClarificationPolicy
from schemas.events import Enriched

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

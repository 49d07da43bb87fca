"""Watermark, correction and revocation: what a report must say of itself."""

import io
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pypdf import PdfReader

from schemas.codes import ModelRole, ServiceType, VerificationOutcome
from schemas.events import ReportRevoked
from streams.reporting import sample
from streams.reporting.attachment import NoContentError, attached_content
from streams.reporting.content import slip
from streams.reporting.notices import preliminary_because, revoked

PRELIMINARY = "初步价格 仅供参考"


@pytest.fixture
def licensed():
    """The automatic sample with a market that is not made up."""
    result = sample.automatic()
    rows = tuple(replace(row, source="registry") for row in result.valuation.comparables)
    return replace(result, valuation=replace(result.valuation, comparables=rows, sources=("registry",)))


def on_trial(result):
    model = replace(result.valuation.model, role=ModelRole.CHALLENGER)
    return replace(result, valuation=replace(result.valuation, model=model))


def verified(result, outcome):
    told = replace(sample.shipped("verified").verification, outcome=outcome)
    return replace(result, service_type=ServiceType.VERIFY_AND_VALUATE, verification=told)


@pytest.mark.requirement("RP2")
@pytest.mark.parametrize(
    ("change", "because"),
    [
        (on_trial, ("MODEL_ON_TRIAL",)),
        (lambda result: replace(result, degraded_sources=("rents",)), ("DEGRADED",)),
        (lambda result: verified(result, VerificationOutcome.MISMATCH), ("UNCONFIRMED",)),
        (lambda result: verified(result, VerificationOutcome.NOT_FOUND), ("UNCONFIRMED",)),
        (lambda result: verified(result, VerificationOutcome.UNVERIFIABLE), ()),
        (lambda result: verified(result, VerificationOutcome.CONFIRMED), ()),
        (lambda result: result, ()),
    ],
)
def test_an_automatic_value_is_preliminary_for_a_reason_and_says_it(licensed, terms, change, because):
    result = change(licensed)
    content = slip(result, terms).content
    assert preliminary_because(result) == because
    assert content["watermark"] == (PRELIMINARY if because else None)
    assert [notice["title"] for notice in content["notices"]] == (["初步价格"] if because else [])


def test_a_reviewer_s_value_is_never_preliminary(licensed):
    assert preliminary_because(replace(on_trial(licensed), human=sample.manual().human)) == ()


@pytest.mark.requirement("RP6")
def test_a_successor_names_the_superseded_report_and_the_reason(terms, renderer):
    result = sample.shipped("correction")
    content = slip(result, terms).content
    assert content["notices"][0] == {
        "tone": "correction",
        "title": "更正",
        "text": f"本报告替代 {result.supersedes}，原报告作废。更正原因：经人工复估重新确定",
    }
    assert content["supersedes"] == result.supersedes


@pytest.mark.requirement("RP6")
def test_an_answer_superseded_before_its_report_was_known_is_not_named_by_the_id_of_its_event(terms):
    result = replace(sample.shipped("correction"), supersedes="0c9b2c7e-55e2-5d0a-9a55-3f1b6a0d7c21")
    content = slip(result, terms).content
    assert (
        content["notices"][0]["text"] == "本报告替代同一笔估值此前出具的报告，原报告作废。更正原因：经人工复估重新确定"
    )
    assert (content["supersedes"], content["fields"]["supersedes"]) == (None, None)


@pytest.mark.requirement("RP6")
def test_a_copy_of_a_revoked_report_is_marked_and_the_original_is_not_changed(terms, renderer):
    result = sample.automatic()
    drawn = slip(result, terms)
    pdf = renderer.render(drawn.content, issued_at_s=0).pdf
    revocation = ReportRevoked(
        valuation_id=result.valuation_id,
        report_no=drawn.report_no,
        channel=result.channel,
        reason="面积录入有误",
        revoked_at=datetime(2026, 11, 25, 2, 0, tzinfo=UTC),
        by="E1001",
        replaced_by="GJ-20261125-W5PB-QSFR-E9WE-2",
    )
    stamped = revoked(attached_content(pdf), revocation, terms.texts)
    page = text_of(renderer.render(stamped, issued_at_s=0).pdf)
    assert (
        "本报告于2026年11月25日作废，不得再作为业务依据。作废原因：面积录入有误。请以报告GJ-20261125-W5PB-QSFR-E9WE-2为准"
        in page
    )
    assert drawn.content["digest"] in page
    assert drawn.verification_code in page
    assert renderer.render(drawn.content, issued_at_s=0).pdf == pdf
    assert "作废" not in text_of(pdf)


def test_a_pdf_of_an_older_release_has_no_content_attached():
    with pytest.raises(NoContentError, match="no content attached"):
        attached_content(b"%PDF-1.7 nothing")


@pytest.mark.requirement("RP1", "VF1")
def test_a_verification_alone_gets_a_note_without_any_value(terms):
    content = slip(sample.shipped("note"), terms).content
    assert (content["kind"], content["title"], content["value"]) == ("NOTE", "房屋信息验证意见", None)
    assert content["verification"]["outcome"] == "存在不一致"
    found = {row["field"]: (row["stated"], row["found"], row["outcome"]) for row in content["verification"]["checks"]}
    assert found["建成年代"] == ("2021", "2014", "存在不一致")
    assert found["规划用途"] == ("住宅", "—", "无法核验")


@pytest.mark.requirement("RP2")
def test_a_manual_report_is_signed_by_two_by_number_and_by_no_name(terms):
    signatures = slip(sample.manual(), terms).content["signatures"]
    assert [(one["capacity"], one["signing_no"], one["grade"]) for one in signatures] == [
        ("估价", "QZ-00017", "高级估值师"),
        ("复核", "QZ-00004", "专家估值师"),
    ]
    assert slip(sample.automatic(), terms).content["signatures"] == []


@pytest.mark.requirement("RP2")
@pytest.mark.parametrize(
    ("signed", "four_eyes", "told"),
    [
        (("VALUER",), False, [("QZ-00017", None), (None, "未要求")]),
        (("VALUER",), True, [("QZ-00017", None), (None, "签字编号未登记")]),
        (("APPROVER",), True, [(None, "签字编号未登记"), ("QZ-00004", None)]),
        ((), False, [(None, "签字编号未登记"), (None, "未要求")]),
    ],
)
def test_a_missing_signature_says_why_it_is_missing(terms, renderer, signed, four_eyes, told):
    human = sample.manual().human
    signatories = tuple(one for one in human.signatories if one.capacity in signed)
    result = replace(sample.manual(), human=replace(human, four_eyes=four_eyes, signatories=signatories))
    content = slip(result, terms).content
    assert [(one["signing_no"], one["text"]) for one in content["signatures"]] == told
    page = text_of(renderer.render(content, issued_at_s=0).pdf)
    assert all(text in page for _, text in told if text)


@pytest.mark.requirement("RT8", "IN10")
def test_sources_that_were_away_and_a_reused_answer_stand_among_the_conditions(terms):
    degraded = slip(sample.shipped("preliminary"), terms).content["conditions"]
    assert "出具时以下数据来源暂不可用，未能采用：楼栋登记、租金挂牌。" in degraded
    without_model = replace(sample.automatic(), degraded_sources=("model", "property-registry"))
    assert (
        "出具时以下数据来源暂不可用，未能采用：自动估值模型、房产登记。"
        in slip(without_model, terms).content["conditions"]
    )
    reused = sample.shipped("reused")
    assert any(reused.reused_from in one for one in slip(reused, terms).content["conditions"])


def text_of(pdf: bytes) -> str:
    pages = PdfReader(io.BytesIO(pdf)).pages
    return re.sub(r"[\s\u200b]", "", "".join(page.extract_text() for page in pages))

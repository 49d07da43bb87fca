"""A customer's report tells nothing of other people's deals or of the model, on its page and in its attached JSON."""

import io
import json
import re
from dataclasses import replace

import pytest
from pypdf import PdfReader

from schemas.domain.channels import CHANNELS, Profile
from streams.reporting import sample
from streams.reporting.attachment import attached_content
from streams.reporting.content import slip

pytestmark = pytest.mark.requirement("RP1", "RP2")

INSIDE = {Profile.STAFF, Profile.INTERNAL}
CUSTOMERS = sorted(code for code, channel in CHANNELS.items() if channel.profile is Profile.CUSTOMER)
STAFF = sorted(code for code, channel in CHANNELS.items() if channel.profile in INSIDE)


@pytest.fixture(scope="module")
def answer():
    """A valuation with everything a report could tell, and every secret unlike anything else on the page."""
    made = sample.shipped("verified")
    rows = tuple(
        replace(row, community_id=f"syn-hz-77{place}", community_name=f"邻家花园{place}号", distance_m=1_777)
        for place, row in enumerate(made.valuation.comparables)
    )
    told = replace(made.verification, unavailable_sources=("court-register",))
    return replace(
        made,
        channel="MOBILE_BANK",
        valuation=replace(made.valuation, comparables=rows),
        verification=told,
        policy=replace(made.policy, version="2026-11-b"),
        degraded_sources=("租金挂牌",),
        reused_from="0c9b2c7e-55e2-5d0a-9a55-3f1b6a0d7c21",
    )


def secrets_of(answer) -> set[str]:
    valuation = answer.valuation
    found = {answer.policy.version, answer.policy.sha256[:8], valuation.model.version, valuation.index_version}
    found |= {
        valuation.model.artefact_sha256[:16],
        valuation.model.name,
        answer.reused_from,
        f"{valuation.confidence} /",
    }
    found |= {"court-register", "租金挂牌", "楼栋登记", "88.91", f"{valuation.base_unit_price:,}"}
    for row in valuation.comparables:
        found |= {row.community_name, row.deal_date.isoformat(), f"{row.unit_price:,}", f"{row.adjusted_unit_price:,}"}
        found |= {str(row.unit_price), str(row.adjusted_unit_price)}
    for part in valuation.reasons:
        found |= {f"{part.unit_price_change:+,}", f"{part.share * 100:+.1f}%"}
    return found


@pytest.mark.parametrize("channel", [*CUSTOMERS, "A_CHANNEL_NOT_ENLISTED_HERE"])
def test_the_content_of_a_customer_s_report_holds_nothing_of_other_deals_and_of_the_model(terms, answer, channel):
    content = slip(replace(answer, channel=channel), terms).content
    told = json.dumps(content, ensure_ascii=False)
    assert {secret for secret in secrets_of(answer) if secret in told} == set()
    assert (content["comparables"], content["drivers"], content["chart"]) == ([], None, None)
    assert content["comparables_summary"].startswith(
        f"本次估值参考了 {len(answer.valuation.comparables)} 宗可比成交实例"
    )


def test_neither_does_its_page_nor_the_file_attached_to_it(terms, renderer, answer):
    pdf = renderer.render(slip(answer, terms).content, issued_at_s=0).pdf
    page = "".join(one.extract_text() for one in PdfReader(io.BytesIO(pdf)).pages)
    attached = json.dumps(attached_content(pdf), ensure_ascii=False)
    for secret in secrets_of(answer):
        assert secret not in attached
        assert re.sub(r"\s", "", secret) not in re.sub(r"[\s\u200b]", "", page)


def test_a_customer_reads_which_way_each_driver_moved_the_price_strongest_first(terms, answer):
    content = slip(answer, terms).content
    assert content["influences"][:2] == [["所在楼层", "上调"], ["建成年代", "下调"]]
    assert len(content["influences"]) == len(answer.valuation.reasons)
    assert (content["value"]["grade"], content["value"]["confidence"]) == ("高", None)
    by_a_person = slip(replace(sample.manual(), channel="MOBILE_BANK"), terms).content
    assert by_a_person["influences"] == []


@pytest.mark.parametrize("channel", STAFF)
def test_staff_read_all_of_it(terms, answer, channel):
    content = slip(replace(answer, channel=channel), terms).content
    told = json.dumps(content, ensure_ascii=False)
    secrets = secrets_of(answer) - {str(row.unit_price) for row in answer.valuation.comparables}
    secrets -= {str(row.adjusted_unit_price) for row in answer.valuation.comparables} | {"租金挂牌"}
    assert {secret for secret in secrets if secret not in told} == set()
    assert (content["comparables_summary"], content["influences"]) == (None, [])

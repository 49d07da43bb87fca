"""The page against the gateway itself: its challenge, its page tokens, its streams, its prices and its reports."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from producers.gateway.arrivals import State, arrival
from producers.gateway.ports import Archived
from producers.gateway.service import Waits
from schemas.codes import SourceKind, Status
from schemas.events import Deal, ReportRevoked, SourceLicence
from schemas.ids import valuation_id
from tests.browser.h5_server import served
from tests.fakes.answers import NOON, a_report, a_request, an_address, an_answer, as_message
from tests.fakes.gateway import a_house, event_of
from tests.unit.producers.gateway.suggestions.test_index import SMALL

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.requirement("IN4")]

PDF = b"%PDF-1.7 report"


def answered(requested):
    if "人工" in requested.address:
        return [an_answer(requested, Status.PENDING_MANUAL, due_at=NOON, queue_position=3)]
    if "两个" in requested.address and requested.chosen_community_id is None:
        return [an_answer(requested, Status.NEEDS_CLARIFICATION, address=an_address(), due_at=NOON)]
    place = next((one for one in SMALL if one.name in requested.address), None)
    if place is None:
        return [an_answer(requested)]
    address = replace(an_address(), candidates=(), community_id=place.community_id, community_name=place.name)
    return [an_answer(requested, address=address)]


@pytest.fixture
def house():
    return a_house(pipeline=answered, waits=Waits(answer_s=2))


async def opened(chromium, address, path="/"):
    context = await chromium.new_context(viewport={"width": 360, "height": 640}, locale="zh-CN")
    page = await context.new_page()
    page.set_default_timeout(20_000)
    page.asked = []
    page.on("request", lambda request: page.asked.append(request.url))
    await page.goto(address + path)
    return page


async def ask(page, address):
    await page.fill("#address", address)
    await page.keyboard.press("Escape")
    await page.fill("#area_m2", "89.50")
    await page.click("#ask")


@pytest.mark.requirement("IN5")
async def test_a_visitor_works_for_a_range_and_is_refused_one_too_many(house, chromium):
    async with served(house.app) as address:
        page = await opened(chromium, address)
        for number in range(10):
            await ask(page, f"杭州市西湖区某某小区{number}幢")
            assert await page.inner_text("#range") == "410 – 490万元"
            assert await page.locator("#value, #cards .main").count() == 0
            await page.click("#back")
        await ask(page, "杭州市西湖区某某小区11幢")
        await page.wait_for_selector("text=查询次数已达上限")
        assert [url for url in page.asked if not url.startswith((address, "data:"))] == []
        await page.context.close()


async def test_a_customers_pending_value_comes_by_the_stream_with_its_report(house, chromium):
    async with served(house.app) as address:
        async with house.client("NET_BANK") as bank:
            token = (await bank.post("/v1/page-tokens", json={"subject_token": "customer-7"})).json()["token"]
        page = await opened(chromium, address, f"/#token={token}")
        await ask(page, "杭州市西湖区人工小区")
        await page.wait_for_selector("text=第 3 位")
        requested = event_of(house.publisher.sent[0])
        assert requested.channel == "NET_BANK"
        report = a_report(requested, PDF, revision=2)
        house.reports.contents[report.uri] = PDF
        house.board.post(arrival(*as_message(an_answer(requested, Status.COMPLETED_MANUAL, revision=2))))
        assert await page.inner_text("#value") == "447.5万元"
        house.board.post(arrival(*as_message(report)))
        async with page.expect_download() as coming:
            await page.click("text=下载估价报告单")
        assert (await coming.value).suggested_filename == "HV-20260302-0001.pdf"
        await page.context.close()


async def test_a_question_is_answered_and_the_community_that_was_valued_brings_its_prices(house, chromium):
    house.index.apply({one.community_id: one for one in SMALL}, {})
    named = next(one for one in SMALL if one.name == "望京花园")
    prices = house.parts.prices
    prices.sources.licences["registry"] = SourceLicence(
        source="registry",
        kind=next(iter(SourceKind)),
        holder="某交易所",
        reference="L-1",
        allowed_uses=("COMPARABLES",),
        valid_from=date(2026, 1, 1),
        approved_by="A1",
        second_approver="A2",
        approved_at=NOON,
    )
    deals = [
        Deal(
            deal_id=f"d{n}",
            community_id=named.community_id,
            city="北京市",
            deal_date=date(2025, 1 + n % 4, 9),
            area_m2=90.0,
            unit_price=50_000.0 + n,
            source="registry",
        )
        for n in range(16)
    ]
    prices.history.apply({deal.deal_id: deal for deal in deals})
    async with served(house.app) as address:
        page = await opened(chromium, address)
        await ask(page, "两个小区")
        await page.click(".choice >> nth=1")
        await page.wait_for_selector("#range")
        await page.click("#back")
        await page.fill("#address", "北京望京花园3号楼")  # typed in full, no suggestion taken
        await page.keyboard.press("Escape")
        await page.click("#ask")
        await page.wait_for_selector("#prices .chart")
        assert "2025年1月" in await page.get_attribute(".chart", "aria-label")
        assert await page.inner_text(".of") == f"估值小区：{named.name}"
        await page.context.close()


@pytest.mark.requirement("RP6")
async def test_a_report_is_checked_by_its_code_and_a_revoked_one_names_its_successor(house, chromium):
    requested = a_request()
    number = "HV-20260302-0001"
    house.ledger.reports[number] = a_report(requested)
    house.ledger.valuations[requested.valuation_id] = Archived(
        channel=requested.channel, state=State(result=an_answer(requested))
    )
    async with served(house.app) as address:
        page = await opened(chromium, address, "/verify")
        await page.fill("#report_no", number)
        await page.fill("#code", "WRONG")
        await page.click("button.main")
        await page.wait_for_selector("text=未查到与该报告编号和验证码相符的报告单")
        await page.fill("#code", " K7Q2 ")
        await page.click("button.main")
        await page.wait_for_selector("text=当前有效")
        assert "2026-04-01" in await page.inner_text("dl")
        assert await page.get_attribute("a.main", "href") == f"/verify/{number}/report?code=K7Q2"
        house.ledger.revocations[number] = ReportRevoked(
            valuation_id=valuation_id("CREDIT_MGMT", "r-1"),
            report_no=number,
            channel="CREDIT_MGMT",
            reason="SUPERSEDED",
            revoked_at=datetime(2026, 3, 5, 2, tzinfo=UTC),
            replaced_by="HV-20260305-0007",
        )
        await page.reload()
        await page.wait_for_selector("text=该报告单已作废")
        assert "HV-20260305-0007" in await page.inner_text("dl")
        await page.context.close()

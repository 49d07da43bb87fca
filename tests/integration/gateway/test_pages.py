"""The two pages in a real browser: what people see, on a telephone and on a desk, without any outside request."""

import asyncio
import shutil
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
import uvicorn

from producers.gateway.service import Waits
from schemas.codes import Status
from tests.fakes.answers import a_report, a_request, an_address, an_answer
from tests.fakes.gateway import a_house
from tests.unit.producers.gateway.suggestions.test_index import SMALL

pytestmark = pytest.mark.browser

_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


def answered(requested):
    if "两个" in requested.address and requested.chosen_community_id is None:
        return [an_answer(requested, Status.NEEDS_CLARIFICATION, address=an_address())]
    if "外地" in requested.address:
        return [an_answer(requested, Status.OUT_OF_COVERAGE)]
    return [an_answer(requested)]


@asynccontextmanager
async def served(house):
    server = uvicorn.Server(uvicorn.Config(house.app, port=0, log_config=None))
    running = asyncio.create_task(server.serve())
    async with asyncio.timeout(30):
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


@asynccontextmanager
async def a_page(width, height):
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no Chromium on this machine: run `bash tests/prepare.sh`")
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=_ARGUMENTS)
        page = await browser.new_page(viewport={"width": width, "height": height})
        page.asked = []
        page.on("request", lambda request: page.asked.append(request.url))
        yield page
        await browser.close()


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1366, 768)])
async def test_a_visitor_gets_a_range_and_nothing_is_loaded_from_outside(width, height):
    async with served(a_house(pipeline=answered, waits=Waits(answer_s=2))) as url, a_page(width, height) as page:
        await page.goto(url)
        await page.fill("#address", "杭州市西湖区某某小区3幢")
        await page.fill("#area_m2", "89.50")
        await page.click("#ask")
        await page.wait_for_selector("#range:visible")
        assert await page.inner_text("#range") == "410 – 490 万元"
        assert "参考性较强" in await page.inner_text("#words")
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert [asked for asked in page.asked if not asked.startswith((url, "data:"))] == []


async def test_wrong_fields_are_told_beside_them_and_nothing_is_sent():
    house = a_house(pipeline=answered)
    async with served(house) as url, a_page(390, 844) as page:
        await page.goto(url)
        await page.fill("#area_m2", "0")
        await page.click("#ask")
        assert await page.inner_text("#address-wrong") == "请填写房屋地址"
        assert "大于 0" in await page.inner_text("#area_m2-wrong")
        assert house.publisher.sent == []


async def test_a_visitor_chooses_among_candidates_and_learns_what_is_not_served():
    async with served(a_house(pipeline=answered, waits=Waits(answer_s=2))) as url, a_page(390, 844) as page:
        await page.goto(url)
        await page.fill("#area_m2", "89.50")
        await page.fill("#address", "两个小区")
        await page.click("#ask")
        await page.click(".choice >> nth=1")
        await page.wait_for_selector("#range:visible")
        await page.fill("#address", "外地小区")
        await page.click("#ask")
        await page.wait_for_selector("text=超出服务范围")
        assert await page.is_hidden("#range")


async def test_a_report_is_verified_on_its_page():
    house = a_house()
    house.ledger.reports["HV-20260302-0001"] = a_report(a_request())
    async with served(house) as url, a_page(390, 844) as page:
        await page.goto(f"{url}/verify/HV-20260302-0001?code=K7Q2")
        assert await page.inner_text(".verdict") == "该报告单由本系统出具"
        assert "2026-03-02 12:00" in await page.inner_text("dl")


def a_house_with_communities():
    house = a_house(pipeline=answered, waits=Waits(answer_s=2))
    house.index.apply({one.community_id: one for one in SMALL}, {})
    return house


@pytest.mark.requirement("AD6")
async def test_communities_are_suggested_while_typing_and_taken_by_keyboard():
    async with served(a_house_with_communities()) as url, a_page(1366, 768) as page:
        await page.goto(url)
        await page.click("#address")
        await page.keyboard.type("wangjing")
        await page.wait_for_selector("#offers li >> nth=3")
        assert await page.inner_text("#offers li >> nth=0") == "望京西园三区\n北京市 朝阳区"
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("ArrowDown")
        assert await page.get_attribute("#address", "aria-activedescendant") == "offer-1"
        await page.keyboard.press("Enter")
        assert await page.input_value("#address") == "北京市朝阳区望京花园东区"
        assert await page.is_hidden("#offers")
        await page.keyboard.type("3号楼")  # goes on behind it
        assert await page.input_value("#address") == "北京市朝阳区望京花园东区3号楼"
        assert await page.is_hidden("#answer")


@pytest.mark.requirement("AD6")
async def test_on_a_telephone_a_suggestion_is_taken_by_a_tap_and_the_typed_part_is_marked():
    async with served(a_house_with_communities()) as url, a_page(390, 844) as page:
        await page.goto(url)
        await page.click("#address")
        await page.keyboard.insert_text("北京望京花")
        await page.wait_for_selector("#offers li")
        assert await page.inner_text("#offers li >> nth=0 >> b") == "望京花"
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert (await page.locator("#offers li").first.bounding_box())["height"] >= 44
        await page.click("#offers li >> nth=1")
        assert await page.input_value("#address") == "北京市朝阳区望京花园"
        assert await page.is_hidden("#offers")


async def test_escape_and_leaving_the_field_close_the_suggestions_and_a_failure_is_silent():
    house = a_house_with_communities()
    async with served(house) as url, a_page(390, 844) as page:
        await page.goto(url)
        await page.click("#address")
        for leaving in ("Escape", "Tab"):
            await page.fill("#address", "")
            await page.click("#address")
            await page.keyboard.insert_text("望京")
            await page.wait_for_selector("#offers li")
            await page.keyboard.press(leaving)
            await page.wait_for_selector("#offers", state="hidden")
        house.loaded[0] = False
        async with page.expect_event("response", lambda response: response.status == 503):
            await page.fill("#address", "望京花园")
        assert await page.is_hidden("#offers")


@pytest.mark.requirement("AD2")
async def test_a_question_says_until_when_it_may_be_answered():
    def asked_back(requested):
        until = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
        return [an_answer(requested, Status.NEEDS_CLARIFICATION, address=an_address(), due_at=until)]

    async with served(a_house(pipeline=asked_back, waits=Waits(answer_s=2))) as url, a_page(390, 844) as page:
        await page.goto(url)
        await page.fill("#area_m2", "89.50")
        await page.fill("#address", "两个小区")
        await page.click("#ask")
        await page.wait_for_selector(".choice")
        assert "3/2 16:30 前确认" in await page.inner_text("#words")

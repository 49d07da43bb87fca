"""The chat page that plays WeChat, in a real browser."""

import pytest

from tests.browser.h5_server import served
from tests.unit.producers.wechat.house import PENDING, QUESTION, VALUE, a_house

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.requirement("IN4")]


async def test_a_house_is_valued_in_a_chat_part_by_part_and_what_comes_later_appears(chromium):
    async with a_house(sealed=True) as house, served(house.app) as address:
        context = await chromium.new_context(viewport={"width": 360, "height": 640}, locale="zh-CN")
        page = await context.new_page()
        page.set_default_timeout(20_000)
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        await page.goto(f"{address}/simulator/")
        await page.wait_for_selector("text=您好，这里可以查询")

        async def say(text):
            await page.fill("#text", text)
            await page.press("#text", "Enter")

        house.gateway.next = QUESTION
        await say("北京市朝阳区望京花园")
        await page.wait_for_selector("text=请回复建筑面积")
        await say("89.5")
        await page.wait_for_selector("text=您说的是哪个小区")
        house.gateway.next = PENDING
        await say("2")
        await page.wait_for_selector("text=办结后通知您")
        house.gateway.next = VALUE
        house.later(minutes=5)
        await page.wait_for_selector("text=估值结果：447.5 万元")
        await page.click("nav button >> nth=2")
        await page.wait_for_selector("text=请通过经办客户经理")
        assert not await page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert [url for url in asked if not url.startswith((address, "data:"))] == []
        await context.close()

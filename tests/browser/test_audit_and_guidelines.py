"""The pages 审计回放 and 指引与公告 in a real browser."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from infra.postgres import audit
from infra.postgres.audit import Act

pytestmark = [pytest.mark.browser, pytest.mark.postgres, pytest.mark.asyncio(loop_scope="session")]


def of(name: str) -> str:
    return f"[data-testid={name}]"


async def says(page, name: str, text: str) -> None:
    """Wait until an element says this."""
    await page.locator(of(name)).filter(has_text=text).first.wait_for()


@pytest.mark.requirement("SE4")
async def test_an_auditor_steps_through_a_chain_and_sees_that_it_is_whole_and_that_it_is_not(desk, page_of):
    subject = str(uuid.uuid4())
    now = datetime.now(UTC)
    with desk.pool.connection() as connection:
        for number, action in enumerate(("LOOK", "HOLD", "DECIDE")):
            act = Act(actor="lin", action=action, at=now + timedelta(seconds=number), details={"state": "WORKING"})
            audit.append(connection, subject, act)
    page = await page_of("audit")
    await page.goto(f"{desk.address}/audit?subject={subject}")
    await says(page, "verdict", "✔ 链条完整")
    await says(page, "place", "1 / 3")
    await page.evaluate("document.activeElement.blur()")
    for place in ("2 / 3", "3 / 3", "3 / 3"):
        await page.keyboard.press("ArrowRight")
        await says(page, "place", place)
    await says(page, "step", "作出结论")
    await page.keyboard.press("ArrowLeft")
    await says(page, "step", "挂起")

    with desk.pool.connection() as connection:
        connection.execute("alter table audit_line disable trigger user")
        connection.execute("update audit_line set actor = 'wu' where subject = %s and sequence = 2", [subject])
        connection.execute("alter table audit_line enable always trigger audit_line_stays")
        connection.execute("alter table audit_line enable always trigger audit_table_stays")
    await page.goto(f"{desk.address}/audit?subject={subject}")
    await says(page, "verdict", "✖ 链条已被破坏")
    await page.get_by_text("第 2 行：该行内容被改动").wait_for()


async def test_an_unknown_subject_has_nothing_to_verify_and_is_not_called_whole(desk, page_of):
    page = await page_of("audit")
    await page.goto(f"{desk.address}/audit?subject={uuid.uuid4()}")
    await says(page, "verdict", "没有记录可核验")
    assert "good" not in (await page.locator(of("verdict")).get_attribute("class") or "")


@pytest.mark.requirement("RD13")
async def test_a_mandatory_bulletin_is_written_with_a_preview_found_and_confirmed(desk, page_of):
    sun, lin = await page_of("sun"), await page_of("lin")
    await sun.goto(f"{desk.address}/guidelines")
    await says(sun, "version", "2026-")
    await sun.evaluate("document.activeElement.blur()")
    await sun.keyboard.press("b")
    await sun.get_by_label("标题").fill("停用旧指数")
    await sun.get_by_label("正文（Markdown）").fill("自**今日**起停用旧指数")
    await sun.locator(f"{of('preview')} strong").filter(has_text="今日").wait_for()
    await sun.click(of("mandatory"))
    await sun.click(of("publish"))
    await says(sun, "must-read", "1 条必读公告未确认")

    await lin.goto(f"{desk.address}/guidelines")
    await says(lin, "must-read", "1 条必读公告未确认")
    await lin.fill(f"input{of('search')}, {of('search')} input", "旧指数")
    await says(lin, "found", "停用旧指数")
    await lin.fill(f"input{of('search')}, {of('search')} input", "收益法")
    await says(lin, "found", "商业、办公用房估值")
    await lin.click(of("read"))
    await lin.locator(of("must-read")).wait_for(state="detached")

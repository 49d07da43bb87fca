"""人员与权限 in a real browser: the register is looked after there, and what is taken away is gone at once."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from argon2 import PasswordHasher

from consumers.review_desk.people.staff_register import StaffRegister
from tests.browser.desk_server import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.postgres, pytest.mark.asyncio(loop_scope="session")]


@pytest.fixture
def register(desk):
    """The register, with mei in it, who has this desk's password."""
    staff = StaffRegister(desk.pool, clock=lambda: datetime.now(UTC))
    mei = replace(desk.put("mei", name="梅审"), is_active=True)
    hashed = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    staff.put(mei, "tests", password_hash=hashed)
    return staff


@pytest.mark.requirement("SE3", "GV6")
async def test_an_administrator_keeps_the_register_and_who_is_retired_is_led_out_of_an_open_page(
    desk, register, page_of
):
    theirs = await page_of("mei")
    await theirs.goto(desk.address)
    await theirs.wait_for_selector("[data-testid=presence]")

    admin = await page_of("admin")
    await admin.goto(f"{desk.address}/staff")
    await admin.get_by_role("cell", name="梅审").click()
    await admin.keyboard.press("Enter")
    await admin.get_by_label("技能（如").fill("ADDRESS=9")
    await admin.click("[data-testid=keep]")
    await admin.wait_for_selector("text=应写作 技能=1 至 技能=5")
    await admin.get_by_label("技能（如").fill("ADDRESS=4")
    await admin.get_by_label("需回避的小区编号").fill("c-17;c-18")
    await admin.click("[data-testid=keep]")
    await admin.wait_for_selector("text=已保存")
    kept = register.person("mei")
    assert (dict(kept.skills), kept.conflicts) == ({"ADDRESS": 4}, {"c-17", "c-18"})

    await admin.get_by_role("cell", name="梅审").click()  # already chosen: opens it
    await admin.get_by_label("状态").click()
    await admin.get_by_role("option", name="停用").click()
    await admin.click("[data-testid=keep]")
    await admin.wait_for_selector("text=○ 该人员已停用")
    await theirs.wait_for_url(f"{desk.address}/login")


@pytest.mark.requirement("GV6")
async def test_a_supervisor_sees_the_register_and_edits_the_conflicts_alone(desk, register, page_of):
    page = await page_of("sun")
    await page.goto(f"{desk.address}/staff")
    await page.get_by_role("cell", name="梅审").click()
    await page.keyboard.press("Enter")
    await page.get_by_label("需回避的小区编号").fill("c-9")
    assert await page.get_by_label("等级").count() == 0
    await page.click("[data-testid=keep]")
    await page.wait_for_selector("text=已保存")
    assert register.person("mei").conflicts == {"c-9"}


@pytest.mark.requirement("SE3")
async def test_a_page_one_has_no_right_to_says_so_and_leads_back(desk, page_of):
    page = await page_of("lin")
    await page.goto(f"{desk.address}/staff")
    assert "没有“查看人员”的权限" in await page.inner_text("[data-testid=refusal]")
    await page.click("text=返回首页")
    await page.wait_for_selector("[data-testid=presence]")


@pytest.mark.requirement("SE3")
async def test_somebody_logs_in_by_the_form_and_out_again(desk, page_of):
    page = await page_of(None)
    await page.goto(f"{desk.address}/staff")
    await page.fill("#username", "admin")
    await page.fill("#password", "wrong")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("text=用户名或密码不正确")
    await page.fill("#username", "admin")
    await page.fill("#password", PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_selector("text=退出")
    await page.click("text=退出")
    await page.wait_for_url(f"{desk.address}/login")
    await page.goto(f"{desk.address}/staff")
    assert page.url == f"{desk.address}/login"

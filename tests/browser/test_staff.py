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
    await admin.get_by_label("需回避的小区编号").fill("c-17;c-18")
    skills = admin.get_by_label("技能（1 可尝试")
    await skills.fill("地址疑难 3")
    await admin.get_by_role("option", name="地址疑难 3 级").click()
    await admin.keyboard.press("Escape")
    await admin.click("[data-testid=keep]")
    await admin.wait_for_selector("text=地址疑难选了两个等级")
    await skills.fill("地址疑难 4")
    await admin.get_by_role("option", name="地址疑难 4 级").click()
    await admin.keyboard.press("Escape")
    await admin.click("[data-testid=keep]")
    await admin.wait_for_selector("text=已保存")
    kept = register.person("mei")
    assert (kept.skills["ADDRESS"], kept.conflicts) == (3, {"c-17", "c-18"})

    await admin.get_by_role("cell", name="梅审").click()  # already chosen: opens it
    await admin.get_by_label("状态").click()
    await admin.get_by_role("option", name="停用").click()
    await admin.click("[data-testid=keep]")
    await admin.wait_for_selector("text=○ 该人员已停用")
    await theirs.wait_for_url(f"{desk.address}/login?ended=1*")
    await theirs.wait_for_selector("text=会话已结束，请重新登录")


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


@pytest.mark.requirement("SE3", "RD11")
async def test_an_open_page_goes_on_as_the_page_of_whoever_logs_in_after_in_the_same_browser(desk, page_of):
    page = await page_of("lin")
    await page.goto(desk.address)
    await page.locator("header").get_by_text("林审").wait_for()
    other = await page.context.new_page()
    await other.goto(f"{desk.address}/login")
    await other.fill("#username", "wu")
    await other.fill("#password", PASSWORD)
    await other.keyboard.press("Enter")
    await other.wait_for_selector("[data-testid=presence]")
    await page.locator("header").get_by_text("吴核").wait_for()
    task = desk.open("r-1")
    await page.click("[data-testid=claim]")
    await page.wait_for_url(f"**/tasks/{task.task_id}*")
    assert desk.task(task.task_id).reviewer == "wu"


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
    assert page.url == f"{desk.address}/staff"  # where they wanted to
    await page.click("text=退出")
    await page.wait_for_url(f"{desk.address}/login")
    await page.goto(f"{desk.address}/staff")
    assert page.url == f"{desk.address}/login?next=%2Fstaff"

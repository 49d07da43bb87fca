"""The supervisor's pages in a real browser: reading along, taking away, pausing, holding, the wallboard, the roster."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from consumers.review_desk.oversight.roster import Roster
from consumers.review_desk.people.staff import Grade, Role
from consumers.review_desk.people.staff_register import StaffRegister
from consumers.review_desk.task import TaskState
from schemas.codes import SegmentState
from schemas.domain.worktime import shanghai_date
from schemas.events import SegmentStanding
from tests.fakes.loops import eventually
from tests.fakes.valuations import CODEC

pytestmark = [pytest.mark.browser, pytest.mark.postgres, pytest.mark.asyncio(loop_scope="session")]

_REASON = "新人带教，看其如何选例"


def of(name: str) -> str:
    return f"[data-testid={name}]"


async def says(page, name: str, text: str) -> None:
    """Wait until an element says this."""
    await page.locator(of(name)).filter(has_text=text).first.wait_for()


async def at_supervisors(page, desk, row: str) -> None:
    """The supervisor's page, once it shows a task."""
    await page.goto(f"{desk.address}/supervisor")
    await says(page, "tasks", row)


async def give_reason(page, reason: str = _REASON) -> None:
    await page.wait_for_selector(f"{of('ask')} textarea")
    await page.fill(f"{of('ask')} textarea", reason)
    await page.click(of("ask-confirm"))


@pytest.mark.requirement("RD15")
async def test_a_supervisor_reads_along_as_the_draft_grows_and_the_reviewer_is_told(desk, page_of):
    task = desk.open("watched")
    lin, sun = await page_of("lin"), await page_of("sun")
    await lin.goto(f"{desk.address}/pool")
    await says(lin, "pool", "翠苑三区")
    await lin.keyboard.press("p")
    await lin.wait_for_url(f"**/tasks/{task.task_id}*")
    await lin.wait_for_selector(of("submit"))

    await at_supervisors(sun, desk, "林审")
    await sun.keyboard.press("w")
    await give_reason(sun, "短")
    await sun.wait_for_selector("text=不少于4个字")
    await sun.keyboard.press("w")
    await give_reason(sun)
    await sun.wait_for_url("**/watch/*")
    await says(sun, "watched-state", "处理中 · 林审")

    await lin.keyboard.press("e")
    await lin.wait_for_function("document.activeElement.matches('[data-testid=rationale]')")
    await lin.keyboard.insert_text("楼层偏低，按三例修正")
    await says(sun, "watched-draft", "楼层偏低，按三例修正")
    assert await sun.locator("main :is(input, textarea):not([inert] *)").count() == 0
    assert desk.task(task.task_id).reviewer == "lin"
    weight = lin.locator(of("comparables")).get_by_label("第1例权重")
    await weight.fill("55")
    await weight.press("Tab")
    await sun.wait_for_function("document.querySelector('[aria-label=第1例权重]')?.value === '55'")
    await lin.reload()
    await says(lin, "notices", _REASON)


@pytest.mark.requirement("RD7", "RD15")
async def test_a_supervisor_calls_a_panel_for_what_waits_for_an_approval(desk, page_of):
    task = desk.open("nobody-may-approve")
    lin, sun = await page_of("lin"), await page_of("sun")
    await at_supervisors(sun, desk, "翠苑三区")
    await sun.keyboard.press("h")
    await sun.wait_for_selector("text=只有待复核或合议中的任务可以安排合议")

    await lin.goto(f"{desk.address}/pool")
    await says(lin, "pool", "翠苑三区")
    await lin.keyboard.press("p")
    await lin.wait_for_selector(of("submit"))
    await lin.click("text=直接给价")
    await lin.fill(of("unit-price"), "47000")
    await lin.locator(of("because")).click()
    await lin.get_by_role("option", name="近期成交价格已变动").click()
    await lin.wait_for_selector(".q-menu", state="detached")
    await lin.keyboard.press("Escape")
    await lin.fill(of("rationale"), "三例修正后加权，近期同小区成交上行")
    await lin.keyboard.press("Control+Enter")
    await lin.wait_for_selector("text=已提交复核")

    await says(sun, "tasks", "待复核")
    await sun.keyboard.press("h")
    await give_reason(sun)
    await sun.wait_for_selector("text=已召集合议")
    assert desk.task(task.task_id).state is TaskState.PANEL


@pytest.mark.requirement("RD15")
async def test_a_supervisor_passes_a_task_on_by_keyboard_and_pauses_its_queue(desk, page_of):
    task = desk.open("moved")
    lin, sun = await page_of("lin"), await page_of("sun")
    await lin.goto(f"{desk.address}/pool")
    await says(lin, "pool", "翠苑三区")
    await lin.keyboard.press("p")
    await lin.wait_for_url(f"**/tasks/{task.task_id}*")

    await at_supervisors(sun, desk, "林审")
    await sun.keyboard.press("m")
    await sun.wait_for_selector(f"{of('ask')} textarea")
    await sun.locator(f"{of('ask')} .q-select").click()
    await sun.locator(".q-menu .q-item").filter(has_text="吴核").click()
    await give_reason(sun, "林审临时离岗")
    await says(sun, "tasks", "待领取")
    moved = desk.task(task.task_id)
    assert (moved.state, moved.reviewer, moved.preferred) == (TaskState.QUEUED, None, "wu")

    await sun.click(of("act-YANGTZE_DELTA/RESIDENTIAL").replace("/", "\\/"))
    await give_reason(sun, "数据源更新中")
    await says(sun, "queues", "已暂停")
    wu = await page_of("wu")
    await wu.goto(f"{desk.address}/pool")
    await wu.wait_for_selector("text=现在没有可领取的任务")


@pytest.mark.requirement("RT7", "RD15")
async def test_a_supervisor_holds_a_segment_and_routing_is_told(desk, page_of):
    sun = await page_of("sun")
    await sun.goto(f"{desk.address}/supervisor")
    await sun.click(of("hold-segment"))
    await sun.wait_for_selector(f"{of('ask')} textarea")
    assert "恢复须两人" in await sun.inner_text(of("ask"))
    await sun.locator(f"{of('ask')} input").first.fill("杭州市")
    await give_reason(sun, "三日内三起复估")
    await sun.wait_for_selector("text=板块已暂停")
    with desk.pool.connection() as connection:
        query = "select value from outbox where topic = 'policy.segments'"
        ((value,),) = connection.execute(query).fetchall()
    standing = CODEC.decode(bytes(value), SegmentStanding)
    assert (standing.segment, standing.state) == ("杭州市|RESIDENTIAL", SegmentState.HELD)
    assert (standing.by, standing.reason) == ("SUN", "三日内三起复估")


@pytest.mark.requirement("OP5")
async def test_the_wallboard_follows_by_itself_and_fits_the_screen(desk, page_of):
    desk.open("first")
    sun = await page_of("sun", width=1920, height=1080)
    await sun.goto(f"{desk.address}/wallboard")
    await says(sun, "tile-waiting", "1")
    before = await sun.locator(of("tile-waiting")).bounding_box()
    desk.open("second")
    await sun.locator(f"{of('tile-waiting')} .big").get_by_text("2", exact=True).wait_for()
    assert await sun.locator(of("tile-waiting")).bounding_box() == before
    overflow = (
        "document.documentElement.scrollHeight > innerHeight || document.documentElement.scrollWidth > innerWidth"
    )
    assert not await sun.evaluate(overflow)
    assert await sun.locator("button, input, a").count() == 0


@pytest.mark.requirement("RD8", "RD16")
async def test_a_shift_is_swapped_with_the_supervisors_agreement(desk, page_of):
    register = StaffRegister(desk.pool, clock=lambda: datetime.now(UTC))
    desk.put("ban", name="班长", grade=Grade.G4, roles=frozenset({Role.SUPERVISOR}))
    roster = Roster(desk.pool, person=register.person, clock=lambda: datetime.now(UTC), new_id=uuid.uuid4)
    start = datetime.now(UTC) + timedelta(days=7)
    shift = roster.put(register.person("ban"), "lin", start, start + timedelta(hours=4))
    week = f"{desk.address}/roster?week={shanghai_date(start)}"

    lin, sun = await page_of("lin"), await page_of("sun")
    await lin.goto(week)
    await lin.locator(f"{of('week')} .chip").first.click()
    await lin.wait_for_selector(of("ask"))
    await lin.locator(f"{of('ask')} .q-select").click()
    await lin.locator(".q-menu .q-item").filter(has_text="吴核").click()
    await lin.locator(f"{of('ask')} input").last.fill("孩子家长会")
    await lin.click(of("ask-confirm"))
    await says(lin, "swaps", "孩子家长会")

    await sun.goto(week)
    assert await sun.locator(of("forecast")).count() == 1
    await sun.locator(f"{of('swaps')} button").filter(has_text="批准").first.click()
    await says(sun, "swaps", "没有待批准的调班")

    def is_swapped() -> bool:
        return [one.username for one in roster.between(start, shift.ends_at)] == ["wu"]

    eventually(is_swapped)

"""What others read of a case, in a real browser: a second person before their verdict, a colleague who is asked."""

import httpx
import pytest

from consumers.review_desk.task import TaskState
from tests.browser.desk_server import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.postgres, pytest.mark.asyncio(loop_scope="session")]

_NOTE = "三例修正后均值，高于模型，近期成交已变动"


def of(name: str) -> str:
    return f"[data-testid={name}]"


async def says(page, name: str, text: str) -> None:
    """Wait until an element says this."""
    await page.locator(of(name)).filter(has_text=text).first.wait_for()


async def listens(page) -> None:
    """Wait until the page talks to the desk, and so hears keys."""
    await page.wait_for_function("document.querySelector('[data-testid=presence]')?.innerText.trim()")


@pytest.fixture
def lin(desk):
    """Somebody at the interface: `lin("/tasks/claim", …)` posts and gives the answer."""
    token = httpx.post(f"{desk.address}/api/login", json={"username": "lin", "password": PASSWORD}).json()["token"]
    with httpx.Client(base_url=f"{desk.address}/api", headers={"Authorization": f"Bearer {token}"}) as client:

        def post(path, **body):
            answer = client.post(path, json=body)
            assert answer.is_success, answer.text
            return answer.json()

        yield post


@pytest.mark.requirement("RD4")
async def test_a_second_person_reads_the_whole_case_with_its_first_opinion_and_approves_it_there(desk, page_of, lin):
    task = desk.open("examined")
    claimed = lin("/tasks/claim")["task"]
    lin(
        f"/tasks/{task.task_id}/decision",
        version=claimed["version"],
        outcome="VALUE",
        rationale=_NOTE,
        unit_price=47_000,
        comparable_ids=["deal-1", "deal-2", "deal-3"],
        deviation_because="RECENT_DEALS",
        comparison=[{"deal_id": "deal-1", "adjustments": {"LOCATION": 0.07}, "weight": 0.45}],
    )
    assert desk.task(task.task_id).state is TaskState.PENDING_APPROVAL

    page = await page_of("wu")
    await page.goto(f"{desk.address}/approvals")
    await says(page, "approvals", "林审 · G2")
    await listens(page)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/approvals?task={task.task_id}")
    await says(page, "first-rationale", _NOTE)
    sheet = page.locator(of("comparables"))
    assert await sheet.get_by_label("第1例权重").input_value() == "45"
    assert await sheet.get_by_label("第1例区位修正").input_value() == "7.0"
    assert await page.locator("main :is(input, textarea):not([inert] *)").count() == 0
    await page.click(of("back"))
    await says(page, "approvals", "林审 · G2")
    await page.go_back()
    await says(page, "first-rationale", _NOTE)
    await listens(page)
    await page.keyboard.press("y")
    await page.wait_for_selector("text=没有等您复核的结论")
    (decided,) = desk.published()
    assert (decided.unit_price, decided.reviewer, decided.approver) == (47_000, "lin", "wu")

    await page.goto(f"{desk.address}/approvals?task={task.task_id}")
    await page.wait_for_selector("text=该结论已不在等您复核")


@pytest.mark.requirement("RD10")
async def test_a_colleague_who_is_asked_sees_which_case_it_is_and_may_read_it(desk, page_of, lin):
    task = desk.open("asked")
    lin("/tasks/claim")
    page = await page_of("lin")
    await page.goto(f"{desk.address}/tasks/{task.task_id}")
    await page.get_by_role("button", name="征询").click()
    await page.locator(of("ask")).get_by_role("combobox").click()
    await page.get_by_role("option", name="吴核").click()
    await page.locator(f"{of('ask')} textarea").fill("该楼是否临街")
    await page.click(of("ask-confirm"))
    await page.get_by_role("tab", name="备注与征询（1）").wait_for()

    wu = await page_of("wu")
    await wu.goto(desk.address)
    await says(wu, "my-tasks", "林审：该楼是否临街")
    await says(wu, "my-tasks", "翠苑三区")
    await listens(wu)
    await wu.keyboard.press("Enter")
    link = wu.locator(of("ask")).get_by_text("看案件")
    async with wu.context.expect_page() as opened:
        await link.click()
    case = await opened.value
    await case.locator("main").get_by_text("申请与房屋").wait_for()
    await wu.locator(f"{of('ask')} textarea").fill("不临街，背靠小区绿地")
    await wu.click(of("ask-confirm"))
    await page.get_by_role("tab", name="备注与征询（2）").wait_for()


@pytest.mark.parametrize("path", ["/tasks/nonsense", "/tasks/00000000-0000-4000-8000-000000000000"])
async def test_an_address_of_no_task_says_so_and_leads_back(desk, page_of, path):
    page = await page_of("lin")
    answer = await page.goto(desk.address + path)
    assert answer.status == 200
    assert "没有这项任务" in await page.inner_text(of("refusal"))
    assert "sql" not in (await page.content()).lower().replace("mysql", "")

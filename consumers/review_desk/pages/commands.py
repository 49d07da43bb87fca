"""The dialogues of a supervisor's commands: each asks the reason, and tells what came of it."""

from asyncio import to_thread
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from nicegui import ui

from consumers.review_desk.office import Office
from consumers.review_desk.oversight.notices import Notice, Severity
from consumers.review_desk.oversight.segment_holds import PROPERTY_CLASSES
from consumers.review_desk.oversight.supervisor_moves import CommandError
from consumers.review_desk.pages.asking import Field, ask
from consumers.review_desk.people.staff import Person, Role
from consumers.review_desk.regions import Region
from consumers.review_desk.task import NotAllowedError, Task, TaskState, TaskUnavailableError
from consumers.review_desk.words import PROPERTY_CLASS, REGION, queue_said

_ROLES: Final = {Role.REVIEWER: "估值员", Role.SENIOR: "高级估值师", Role.QA: "质检", Role.SUPERVISOR: "班长"}
_SEVERITIES: Final = {Severity.INFO: "ⓘ 通知", Severity.WARNING: "⚠ 提醒", Severity.URGENT: "‼ 紧急"}
_ALL: Final = ""
_UNTIL_SEEN: Final = 0
_HOURS: Final = {_UNTIL_SEEN: "直到本人知悉", 1: "1 小时", 4: "4 小时", 24: "24 小时", 72: "3 天"}
_STATES: Final = {"BREAK": "‖ 小休", "READY": "● 就绪", "OFFLINE": "○ 离线（交回其任务）"}
_TO_QUEUE: Final = ""
_NOBODY: Final = ""
REASON: Final = Field("reason", "原因（必填，记入审计并告知本人）", long=True)
_WHY: Final = Field("reason", "原因（必填，记入审计）", long=True)  # where the command is about nobody


async def command(done: str, doing: Callable[..., Any], *arguments: Any, **named: Any) -> bool:
    """Run a command; say that it was done, or why not. Returns whether it was done."""
    try:
        await to_thread(doing, *arguments, **named)
    except (CommandError, NotAllowedError, TaskUnavailableError) as error:
        ui.notify(error.why, type="warning", position="top", timeout=8000, close_button="知道了")
        return False
    ui.notify(done, type="positive", position="top")
    return True


async def broadcast(office: Office, person: Person) -> None:
    """发通知."""
    answers = await ask(
        "发通知",
        Field("text", "内容", long=True),
        Field("severity", "级别", choices=_SEVERITIES, value=Severity.INFO),
        Field("role", "对象", choices={_ALL: "全体", **_ROLES}, value=_ALL, required=False),
        Field("region", "区域", choices={_ALL: "全部区域", **REGION}, value=_ALL, required=False),
        Field("hours", "显示多久", choices=_HOURS, value=4, required=False),
        confirm="发出",
    )
    if answers is None:
        return
    now = office.clock()
    notice = Notice(
        severity=Severity(answers["severity"]),
        text=answers["text"],
        written_by=person.username,
        written_at=now,
        shown_until=now + timedelta(hours=answers["hours"]) if answers["hours"] else None,
        roles=frozenset({Role(answers["role"])}) if answers["role"] else frozenset(),
        regions=frozenset({Region(answers["region"])}) if answers["region"] else frozenset(),
    )
    await command("通知已发出", office.supervision.broadcast, person, notice)


async def hold_segment(office: Office, person: Person) -> None:
    """暂停板块自动估值."""
    classes = {code: PROPERTY_CLASS[code] for code in PROPERTY_CLASSES}
    answers = await ask(
        "暂停板块的自动估值：立即生效，该板块的新案件全部转人工。恢复须两人批准，由策略管理员办理。",
        Field("city", "城市（全称，如 杭州市）"),
        Field("kind", "物业类别", choices=classes, value="RESIDENTIAL"),
        Field("community", "小区编号（可空：整个板块）", required=False),
        _WHY,
        confirm="立即暂停",
    )
    if answers is not None:
        where = (answers["city"], answers["kind"], answers["reason"])
        hold, community = office.supervision.hold_segment, answers["community"] or None
        await command("板块已暂停，新案件全部转人工", hold, person, *where, community_id=community)


async def hand_over(office: Office, person: Person, names: Mapping[str, str], username: str | None) -> None:
    """离岗交接: everything somebody has open goes to a colleague or back to the queues."""
    answers = await ask(
        "离岗交接：名下全部未办结任务连同草稿一次交出",
        Field("username", "交出人", choices=names, value=username),
        Field("to", "接收人", choices={_TO_QUEUE: "退回各队列", **names}, value=_TO_QUEUE, required=False),
        REASON,
        confirm="交接",
    )
    if answers is None:
        return
    try:
        to = answers["to"] or None
        done = await to_thread(office.supervision.hand_over, person, answers["username"], to, answers["reason"])
    except (CommandError, NotAllowedError) as error:
        ui.notify(error.why, type="warning", position="top", timeout=8000, close_button="知道了")
        return
    left = "；".join(sorted(set(done.left.values())))
    said = f"已交出 {len(done.moved)} 件" + (f"，{len(done.left)} 件未交出：{left}" if done.left else "")
    ui.notify(said, type="warning" if done.left else "positive", position="top", timeout=8000)


async def panel_of(office: Office, person: Person, task: Task, names: Mapping[str, str]) -> None:
    """合议: call one for what nobody may approve; for one that cannot end, give its seats anew or name its chair."""
    supervision = office.supervision
    if task.state is TaskState.PENDING_APPROVAL:
        answers = await ask(f"召集合议：{task.address}", REASON, confirm="召集")
        if answers is not None:
            about = (person, task.task_id, answers["reason"])
            await command("已召集合议", supervision.call_panel, *about, version=task.version)
    elif task.state is TaskState.PANEL:
        chair = Field(
            "chair", "主持人", choices={_NOBODY: "不指定，重新安排未提交的席位", **names}, value=_NOBODY, required=False
        )
        answers = await ask(f"合议：{task.address}", chair, REASON, confirm="安排")
        if answers is None:
            return
        if answers["chair"]:
            to_chair = (person, task.task_id, answers["chair"], answers["reason"])
            await command("已指定主持人", supervision.name_chair, *to_chair, version=task.version)
        else:
            anew = (person, task.task_id, answers["reason"])
            await command("席位已重新安排", supervision.reseat, *anew, version=task.version)
    else:
        ui.notify("只有待复核或合议中的任务可以安排合议", type="warning", position="top")


async def set_state(office: Office, person: Person, username: str, name: str) -> None:
    """调整某人状态."""
    answers = await ask(f"调整 {name} 的状态", Field("state", "设为", choices=_STATES, value="BREAK"), REASON)
    if answers is not None:
        change = office.supervision.set_state
        await command("状态已调整，已告知本人", change, person, username, answers["state"], answers["reason"])


async def pause_or_resume(office: Office, person: Person, queue: str, *, is_paused: bool) -> None:
    """暂停或恢复队列."""
    verb = "恢复派单" if is_paused else "暂停派单"
    said = "恢复后立即继续派单。" if is_paused else "暂停后不再派出或领取；处理中的任务不受影响，时限照计。"
    answers = await ask(f"{queue_said(queue)} · {verb}。{said}", _WHY, confirm=verb)
    if answers is not None:
        change = office.supervision.resume_queue if is_paused else office.supervision.pause_queue
        await command(f"已{verb}", change, person, queue, answers["reason"])

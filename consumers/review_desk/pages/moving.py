"""What can be done with a task in work besides deciding it: pass on, put aside, ask a colleague, give back."""

from asyncio import to_thread
from datetime import timedelta
from typing import Final

from nicegui import ui

from consumers.review_desk.office import Office
from consumers.review_desk.pages.asking import Field, ask, told
from consumers.review_desk.pages.keeping import Keeper
from consumers.review_desk.people.access import Permission, may
from consumers.review_desk.people.staff import Person
from consumers.review_desk.work.assignment import EXPERTS

_HOLDS: Final = {15: "15 分钟", 30: "30 分钟", 60: "1 小时", 120: "2 小时", 240: "4 小时"}
_GROUP: Final = "group:"


class Moves:
    """The commands. Each saves the draft first, so that whoever goes on finds it."""

    def __init__(self, office: Office, person: Person, keeper: Keeper) -> None:
        """For the task that `keeper` keeps."""
        self._office, self._person, self._keeper = office, person, keeper

    async def transfer(self) -> None:
        """转交: to a colleague or to a group, with the draft and all notes."""
        people = await to_thread(self._colleagues)
        choices = {f"{_GROUP}{EXPERTS}": "专家组", **people}
        answers = await ask(
            "转交任务（草稿、备注一并转交，时限不变）",
            Field("to", "转给", choices=choices),
            Field("note", "说明（仅内部）", long=True),
            confirm="转交",
        )
        if answers is None or not await self._keeper.save():
            return
        to, note, desk, task_id = answers["to"], answers["note"], self._office.desk, self._keeper.task.task_id
        if to.startswith(_GROUP):
            doing = to_thread(desk.to_group, task_id, self._person, to.removeprefix(_GROUP), note)
        else:
            doing = to_thread(desk.transfer, task_id, self._person, to, note)
        await self._leave_after(doing)

    async def hold(self) -> None:
        """挂起 for a while; the clock runs on."""
        answers = await ask(
            "挂起任务（时限照常计算）",
            Field("reason", "原因（仅内部）"),
            Field("minutes", "多久", choices=_HOLDS, value=30),
            confirm="挂起",
        )
        if answers is None or not await self._keeper.save():
            return
        until = self._office.clock() + timedelta(minutes=answers["minutes"])
        task_id = self._keeper.task.task_id
        await self._leave_after(to_thread(self._office.desk.hold, task_id, self._person, answers["reason"], until))

    async def consult(self) -> None:
        """征询: ask a colleague; the task stays here."""
        people = await to_thread(self._colleagues)
        answers = await ask(
            "征询同事（任务仍在您手上）",
            Field("colleague", "问谁", choices=people),
            Field("question", "问题（仅内部）", long=True),
            confirm="发出",
        )
        if answers is None:
            return
        task_id = self._keeper.task.task_id
        asking = to_thread(self._office.desk.consult, task_id, self._person, answers["colleague"], answers["question"])
        if await told(asking):
            ui.notify("已发出，答复见“备注与征询”", type="positive", position="top")

    async def release(self) -> None:
        """退回公共池, with the draft."""
        if await ask("退回公共池：草稿保留，由他人继续。", confirm="退回") is None:
            return
        if await self._keeper.save():
            await self._leave_after(to_thread(self._office.desk.release, self._keeper.task.task_id, self._person))

    async def renew(self) -> None:
        """Extend the lease."""
        if await told(to_thread(self._office.desk.renew, self._keeper.task.task_id, self._person)):
            await self._keeper.save()

    async def _leave_after(self, doing: object) -> None:
        if await told(doing):  # type: ignore[arg-type]
            self._keeper.stop()
            ui.navigate.to("/")

    def _colleagues(self) -> dict[str, str]:
        region = self._keeper.task.region
        return {
            one.username: f"{one.name}（{one.grade}）"
            for one in self._office.staff.people()
            if one.username != self._person.username and may(one, Permission.WORK, region)
        }

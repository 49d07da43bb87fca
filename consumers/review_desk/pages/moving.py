"""What can be done with a task in work besides deciding it: pass on, put aside, ask a colleague, give back."""

from asyncio import to_thread
from datetime import timedelta
from typing import Final

from nicegui import ui

from consumers.review_desk.office import Office
from consumers.review_desk.pages.asking import Answers, Field, ask, told
from consumers.review_desk.pages.keeping import Keeper
from consumers.review_desk.people.access import Permission, may
from consumers.review_desk.people.staff import Person
from consumers.review_desk.queue.assignment import EXPERTS
from consumers.review_desk.task import TaskUnavailableError

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
            does=self._transferred,
        )
        self._leave_after(answers)

    async def _transferred(self, answers: Answers) -> None:
        to, note, desk = answers["to"], answers["note"], self._office.desk
        task_id = await self._saved()
        if to.startswith(_GROUP):
            await to_thread(desk.to_group, task_id, self._person, to.removeprefix(_GROUP), note)
        else:
            await to_thread(desk.transfer, task_id, self._person, to, note)

    async def hold(self) -> None:
        """挂起 for a while; the clock runs on."""
        answers = await ask(
            "挂起任务（时限照常计算）",
            Field("reason", "原因（仅内部）"),
            Field("minutes", "多久", choices=_HOLDS, value=30),
            confirm="挂起",
            does=self._held,
        )
        self._leave_after(answers)

    async def _held(self, answers: Answers) -> None:
        until = self._office.clock() + timedelta(minutes=answers["minutes"])
        await to_thread(self._office.desk.hold, await self._saved(), self._person, answers["reason"], until)

    async def consult(self) -> None:
        """征询: ask a colleague; the task stays here."""
        people = await to_thread(self._colleagues)
        answers = await ask(
            "征询同事（任务仍在您手上）",
            Field("colleague", "问谁", choices=people),
            Field("question", "问题（仅内部）", long=True),
            confirm="发出",
            does=self._asked,
        )
        if answers is not None:
            ui.notify("已发出，答复见“备注与征询”", type="positive", position="top")

    async def _asked(self, answers: Answers) -> None:
        task_id, (colleague, question) = self._keeper.task.task_id, (answers["colleague"], answers["question"])
        await to_thread(self._office.desk.consult, task_id, self._person, colleague, question)

    async def release(self) -> None:
        """退回公共池, with the draft."""
        self._leave_after(await ask("退回公共池：草稿保留，由他人继续。", confirm="退回", does=self._released))

    async def _released(self, _: Answers) -> None:
        await to_thread(self._office.desk.release, await self._saved(), self._person)

    async def renew(self) -> None:
        """Extend the lease."""
        if await told(to_thread(self._office.desk.renew, self._keeper.task.task_id, self._person)):
            await self._keeper.save()

    async def _saved(self) -> str:
        """Save the draft that goes along; returns the task's id. Raises `TaskUnavailableError` where it fails."""
        if not await self._keeper.save():
            raise TaskUnavailableError("草稿未能保存，未执行；请稍后再试", None)
        return self._keeper.task.task_id

    def _leave_after(self, answers: Answers | None) -> None:
        if answers is not None:
            self._keeper.stop()
            ui.navigate.to("/")

    def _colleagues(self) -> dict[str, str]:
        region = self._keeper.task.region
        return {
            one.username: f"{one.name}（{one.grade}）"
            for one in self._office.staff.people()
            if one.username != self._person.username and may(one, Permission.WORK, region)
        }

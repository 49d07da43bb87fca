"""Submitting a decision, and on to the next task."""

from asyncio import to_thread

import psycopg
from nicegui import ui

from consumers.review_desk.deciding.decision import IncompleteDecisionError
from consumers.review_desk.office import Office
from consumers.review_desk.pages.form import DecisionForm
from consumers.review_desk.pages.form_words import SURVEY
from consumers.review_desk.pages.keeping import Keeper
from consumers.review_desk.people.staff import Person
from consumers.review_desk.task import NotAllowedError, TaskState, TaskUnavailableError


class Deciding:
    """One submission at a time, however often the key is pressed."""

    def __init__(self, office: Office, person: Person) -> None:
        """For the tasks of one person."""
        self._office, self._person = office, person
        self._busy = False

    @property
    def is_busy(self) -> bool:
        """Whether a submission is being worked on."""
        return self._busy

    async def submit(self, form: DecisionForm, keeper: Keeper, confirmed_community_id: str | None) -> None:
        """Decide as the form says, then go to the next task; what is wrong is shown in the form."""
        if self._busy:
            return
        if form.slip:
            form.refuse(form.slip)
            return
        self._busy = True
        form.wait(is_waiting=True)
        try:
            state = await self._decided(form, keeper, confirmed_community_id)
            if state is not None:
                keeper.stop()
                await self._go_on(state)
        finally:
            self._busy = False
            form.wait(is_waiting=False)

    async def _decided(
        self, form: DecisionForm, keeper: Keeper, confirmed_community_id: str | None
    ) -> TaskState | None:
        if not await keeper.save():  # what was typed comes back with the task, should it come back
            return None
        task = keeper.task
        try:
            if form.outcome == SURVEY:
                due_at = self._office.clock() + form.survey_within
                return await to_thread(
                    self._office.surveys.order, task.task_id, self._person, form.rationale, due_at, version=task.version
                )
            conclusion = form.conclusion(confirmed_community_id)
            return await to_thread(
                self._office.decisions.decide, task.task_id, self._person, conclusion, version=task.version
            )
        except IncompleteDecisionError as error:
            form.show(error.violations)
        except TaskUnavailableError as error:
            keeper.lose(error.why)
        except NotAllowedError as error:
            ui.notify(error.why, type="warning", position="top", timeout=0, close_button="知道了")
        except psycopg.OperationalError:
            ui.notify("数据库暂不可用，未提交；内容留在本页，请稍后再试", type="warning", position="top")
        return None

    async def _go_on(self, state: TaskState) -> None:
        try:
            following = await to_thread(self._office.desk.claim_next, self._person)
        except (TaskUnavailableError, NotAllowedError):
            following = None
        place = "/" if following is None else f"/tasks/{following.task_id}"
        ui.navigate.to(f"{place}?done={state}")

"""备注与征询: what people of the desk have written about a case. None of it leaves the desk."""

from asyncio import to_thread
from collections.abc import Callable
from typing import Final

import psycopg
from nicegui import ui

from consumers.review_desk.office import Office
from consumers.review_desk.pages.asking import FIELD, told
from consumers.review_desk.pages.names import Names
from consumers.review_desk.pages.written import day_and_time
from consumers.review_desk.people.staff import Person
from consumers.review_desk.queue.notes import Consultation, Note, NoteKind
from consumers.review_desk.task import NotAllowedError, TaskUnavailableError

_KIND: Final = {
    NoteKind.NOTE: "备注",
    NoteKind.TRANSFER: "→ 转交",
    NoteKind.HOLD: "‖ 挂起",
    NoteKind.QUESTION: "？征询",
    NoteKind.ANSWER: "！答复",
}


class Remarks:
    """The notes of one task, and a field to add to them."""

    def __init__(
        self,
        office: Office,
        person: Person,
        task_id: str,
        *,
        writes: bool,
        on_count: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Build inside the current element.

        Args:
            office: Whose services are asked.
            person: Who reads.
            task_id: Whose notes.
            writes: Whether this person may add notes, having the task in work.
            on_count: Told how many notes, questions and answers there are, whenever that changes.
        """
        self._office, self._person, self._task_id = office, person, task_id
        self._names, self._on_count = Names(office.staff), on_count
        self._shown: tuple[object, ...] | None = None
        ui.label("仅内部留存，不会出现在发给银行的任何消息中。").classes("soft")
        self._list = ui.element("div").style("display: grid; gap: 3px; width: 100%").props("data-testid=notes")
        if writes:
            self._field = (
                ui.input("写一条备注，回车保存")
                .props(f"{FIELD} data-testid=note")
                .style("width: 100%; margin-top: 4px")
            ).on("keydown.enter", self._add)
        ui.timer(0, self.refresh, once=True)

    async def refresh(self) -> None:
        """Show what was written since."""
        try:
            found = await to_thread(self._ask)
        except (TaskUnavailableError, NotAllowedError, psycopg.OperationalError):
            return  # the form says so where it matters; what is shown stays
        self._show(*found)

    def _ask(self) -> tuple[tuple[Note, ...], tuple[Consultation, ...]]:
        desk = self._office.desk
        notes, consultations = desk.notes(self._task_id, self._person), desk.consultations(self._task_id)
        self._names.learn(note.author for note in notes)
        self._names.learn(name for one in consultations for name in (one.asked_by, one.asked_of))
        return notes, consultations

    async def _add(self) -> None:
        text = (self._field.value or "").strip()
        if text and await told(to_thread(self._office.desk.add_note, self._task_id, self._person, text)):
            self._field.value = ""
            await self.refresh()

    def _show(self, notes: tuple[Note, ...], consultations: tuple[Consultation, ...]) -> None:
        if (notes, consultations) == self._shown:
            return
        self._shown = (notes, consultations)
        self._on_count(said_in(notes, consultations))
        name = self._names.of
        self._list.clear()
        with self._list:
            for note in notes:
                _line(
                    _KIND.get(NoteKind(note.kind), note.kind),
                    name(note.author),
                    day_and_time(note.written_at),
                    note.text,
                )
            for one in consultations:
                _line(
                    "？征询", f"{name(one.asked_by)} → {name(one.asked_of)}", day_and_time(one.asked_at), one.question
                )
                if one.answered_at is None:
                    _line("… 待答复", name(one.asked_of), "", "")
                else:
                    _line("！答复", name(one.asked_of), day_and_time(one.answered_at), one.answer or "")
            if not notes and not consultations:
                ui.label("还没有备注").classes("soft")


def said_in(notes: tuple[Note, ...], consultations: tuple[Consultation, ...]) -> int:
    """How much has been written: notes, questions, and the answers that have come."""
    return len(notes) + len(consultations) + sum(one.answered_at is not None for one in consultations)


def _line(kind: str, who: str, when: str, text: str) -> None:
    columns = "display: grid; grid-template-columns: 58px max-content max-content 1fr; gap: 8px"
    with ui.element("div").style(columns):
        ui.label(kind).classes("soft")
        ui.label(who)
        ui.label(when).classes("soft num")
        ui.label(text).style("white-space: pre-wrap")

"""全案: a case as a second person examines it, with the first opinion beside the evidence. Y approves, N sends back."""

from typing import Final

from nicegui import ui

from consumers.review_desk.deciding.approving import Approval
from consumers.review_desk.deciding.case import Case
from consumers.review_desk.deciding.conclusion_json import as_json
from consumers.review_desk.office import Office
from consumers.review_desk.pages.comparables import Sheet
from consumers.review_desk.pages.evidence import show_asked, show_guidelines, show_history, show_model
from consumers.review_desk.pages.frame import frame, panel
from consumers.review_desk.pages.keys import Keys
from consumers.review_desk.pages.pictures import Pictures
from consumers.review_desk.pages.remarks import Remarks
from consumers.review_desk.pages.second_opinion import approve, send_back, show_first, show_verdicts
from consumers.review_desk.people.staff import Person

BACK: Final = "/approvals"
_COLUMNS: Final = (
    "display: grid; gap: 8px; padding: 8px; width: 100%; align-items: start; "
    "grid-template-columns: clamp(300px, 23vw, 360px) minmax(0, 1fr) clamp(296px, 25vw, 380px)"
)
_COLUMN: Final = "display: grid; grid-template-columns: minmax(0, 1fr); gap: 8px; min-width: 0"


class Examining:
    """One browser's view of one conclusion that waits. Nothing of it can be changed here but by the two verdicts."""

    def __init__(self, office: Office, person: Person, one: Approval, case: Case, author: str) -> None:
        """`case` as this person sees it; `author`: the name of who concluded it."""
        self._office, self._person, self._one, self._case, self._author = office, person, one, case, author

    def build(self) -> None:
        """Lay the page out as the workplace is, with the first opinion where its form stands."""
        keys = Keys()
        with frame(self._office, self._person, "复核") as bar:
            with bar:
                ui.link("返回复核", BACK).classes("quiet").props("data-testid=back")
            with ui.element("main").style(_COLUMNS).props("data-testid=examined"):
                with ui.element("div").style(_COLUMN):
                    show_asked(self._case)
                    show_model(self._case)
                with ui.element("div").style(_COLUMN):
                    self._build_sheet()
                    with panel("历史结论"):
                        show_history(self._case)
                    with panel("指引"):
                        show_guidelines(self._case)
                    with panel("备注与征询"):
                        Remarks(self._office, self._person, self._one.task.task_id, writes=False)
                with (
                    ui.element("div").style(f"{_COLUMN}; position: sticky; top: 52px"),
                    panel("估值人的结论"),
                ):
                    show_first(self._one, self._author)
                    with ui.element("div").classes("row").style("margin-top: 8px"):
                        show_verdicts(self._approve, self._send_back)
        keys.add("y", "通过", self._approve)
        keys.add("n", "退回并说明", self._send_back)
        keys.add("Backspace", "返回复核", lambda: ui.navigate.to(BACK))
        keys.listen()

    def _build_sheet(self) -> None:
        """The comparables as the author left them."""
        pictures = Pictures(self._case)
        concluded = self._one.first.conclusion
        with panel("可比实例（估值人的取舍、修正与权重）"):
            sheet = Sheet(self._case.comparables, self._case.subject.value_date, as_json(concluded), lambda: None)
            sheet.freeze()
        pictures.draw(sheet, concluded.unit_price)

    async def _approve(self) -> None:
        if await approve(self._office, self._person, self._one):
            ui.navigate.to(f"{BACK}?done=APPROVE")

    async def _send_back(self) -> None:
        if await send_back(self._office, self._person, self._one):
            ui.navigate.to(f"{BACK}?done=SEND_BACK")

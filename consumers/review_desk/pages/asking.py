"""Small dialogues that ask for what a command needs: a reason, a text, a colleague."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final

from nicegui import ui

from consumers.review_desk.task import NotAllowedError, TaskUnavailableError

FIELD: Final = "dense outlined hide-bottom-space stack-label"
Answers = Mapping[str, Any]


async def ask(title: str, *fields: "Field", confirm: str = "确定") -> Answers | None:
    """Show the dialogue and return what was entered by field name; `None` when it was closed.

    The first field has the focus; Enter (Ctrl+Enter in a text) confirms, Esc closes. A required field that is empty
    keeps the dialogue open and says so.
    """
    with ui.dialog() as dialogue, ui.card().style("min-width: 380px; gap: 8px").props("data-testid=ask"):
        ui.label(title).style("font-weight: 600")
        inputs = {field.name: field.build() for field in fields}
        problem = ui.label("").classes("bad").style("min-height: 20px").props("role=alert")

        def submit() -> None:
            missing = [field.label for field in fields if field.required and not inputs[field.name].value]
            problem.text = f"请填写：{'、'.join(missing)}" if missing else ""
            if not missing:
                dialogue.submit({name: element.value for name, element in inputs.items()})

        for element in inputs.values():
            element.on("keydown.enter" if not isinstance(element, ui.textarea) else "keydown.ctrl.enter", submit)
        with ui.element("div").classes("row").style("justify-content: flex-end; width: 100%"):
            ui.button("取消", on_click=lambda: dialogue.submit(None)).props("flat dense no-caps")
            ui.button(confirm, on_click=submit).props("unelevated dense no-caps data-testid=ask-confirm")
    try:
        answers: Answers | None = await dialogue
    finally:
        dialogue.delete()
    return answers


class Field:
    """One thing asked for: a choice when there are `choices`, else a text."""

    def __init__(
        self,
        name: str,
        label: str,
        *,
        choices: Mapping[Any, str] | Sequence[str] | None = None,
        value: Any = None,
        long: bool = False,
        required: bool = True,
    ) -> None:
        """`long`: a text of several lines. `value`: what stands there at first."""
        self.name, self.label, self.required = name, label, required
        self._choices, self._value, self._long = choices, value, long

    def build(self) -> Any:
        """Build the input inside the current element."""
        if self._choices is not None:
            choices = dict(self._choices) if isinstance(self._choices, Mapping) else list(self._choices)
            return ui.select(choices, label=self.label, value=self._value).props(FIELD).style("width: 100%")
        kind: Callable[..., Any] = ui.textarea if self._long else ui.input
        rows = " rows=4" if self._long else ""
        return kind(self.label, value=self._value or "").props(f"{FIELD}{rows} autofocus").style("width: 100%")


async def told(doing: Coroutine[Any, Any, Any]) -> bool:
    """Await a command; a refusal is shown in the words it came with. Returns whether it was done."""
    try:
        await doing
    except (TaskUnavailableError, NotAllowedError) as error:
        ui.notify(error.why, type="warning", position="top", timeout=8000, close_button="知道了")
        return False
    return True

"""Small dialogues that ask for what a command needs: a reason, a text, a colleague."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Final

from nicegui import ui

from consumers.review_desk.oversight.supervisor_moves import CommandError
from consumers.review_desk.task import NotAllowedError, TaskUnavailableError

FIELD: Final = "dense outlined hide-bottom-space stack-label"
Answers = Mapping[str, Any]
# Enter chooses in a list of choices and breaks a line in a long text: it confirms only where it means nothing else.
_CONFIRMS: Final = """(event) => {
  if (event.key !== 'Enter' || event.isComposing || event.keyCode === 229 || event.repeat) return;
  const line = event.target.matches('input') && !event.target.closest('.q-select');
  if (event.ctrlKey || line) { event.preventDefault(); emit(); }
}"""


async def ask(
    title: str,
    *fields: "Field",
    confirm: str = "确定",
    does: Callable[[Answers], Awaitable[Any]] | None = None,
    link: tuple[str, str] | None = None,
) -> Answers | None:
    """Show the dialogue and return what was entered by field name; `None` when it was closed.

    The first field has the focus; Enter in a line of text, Ctrl+Enter everywhere confirms, Esc closes. A required field
    that is empty keeps the dialogue open and says so. `does` is what the answers are for: where it is refused, the
    dialogue stays open with what was typed, and says why. `link`: text and path of a page to read beside it.
    """
    with (
        ui.dialog() as dialogue,
        ui.card().style("min-width: 380px; max-width: 560px; gap: 8px").props("data-testid=ask") as card,
    ):
        ui.label(title).style("font-weight: 600")
        if link is not None:
            ui.link(*link, new_tab=True)
        inputs = {field.name: field.build(is_first=field is fields[0]) for field in fields}
        problem = ui.label("").classes("bad").style("min-height: 20px").props("role=alert data-testid=ask-problem")
        is_busy = False

        async def submit() -> None:
            nonlocal is_busy
            if is_busy:
                return
            is_busy = True
            try:
                answers = {name: element.value for name, element in inputs.items()}
                problem.text = _missing(fields, answers) or await _refusal(does, answers)
            finally:
                is_busy = False
            if not problem.text:
                dialogue.submit(answers)

        card.on("keydown", submit, js_handler=_CONFIRMS)
        with ui.element("div").classes("row").style("justify-content: flex-end; width: 100%"):
            ui.button("取消", on_click=lambda: dialogue.submit(None)).props("flat dense no-caps")
            ui.button(confirm, on_click=submit).props("unelevated dense no-caps data-testid=ask-confirm")
    try:
        answers: Answers | None = await dialogue
    finally:
        if not dialogue.is_deleted:  # it is where the page has gone meanwhile
            dialogue.delete()
    return answers


def _missing(fields: Sequence["Field"], answers: Answers) -> str:
    missing = [field.label for field in fields if field.required and not answers[field.name]]
    return f"请填写：{'、'.join(missing)}" if missing else ""


async def _refusal(does: Callable[[Answers], Awaitable[Any]] | None, answers: Answers) -> str:
    """Do it; returns why it was refused, empty when it was done."""
    if does is None:
        return ""
    try:
        await does(answers)
    except (TaskUnavailableError, NotAllowedError, CommandError) as error:
        return f"✗ {error.why}"
    return ""


class Field:
    """One thing asked for: a choice when there are `choices`, else a text."""

    def __init__(  # noqa: PLR0913 - each names itself where a dialogue is asked for
        self,
        name: str,
        label: str,
        *,
        choices: Mapping[Any, str] | Sequence[str] | None = None,
        value: Any = None,
        long: bool = False,
        required: bool = True,
        readonly: bool = False,
    ) -> None:
        """`long`: a text of several lines. `value`: what stands there at first. `readonly`: it is only to be read."""
        self.name, self.label, self.required = name, label, required
        self._choices, self._value, self._long, self._readonly = choices, value, long, readonly

    def build(self, *, is_first: bool = False) -> Any:
        """Build the input inside the current element; the first of a dialogue takes the cursor."""
        look = f"{FIELD} autofocus" if is_first else FIELD
        look = f"{look} readonly" if self._readonly else look
        if self._choices is not None:
            choices = dict(self._choices) if isinstance(self._choices, Mapping) else list(self._choices)
            return ui.select(choices, label=self.label, value=self._value).props(look).style("width: 100%")
        kind: Callable[..., Any] = ui.textarea if self._long else ui.input
        rows = " rows=4" if self._long else ""
        return kind(self.label, value=self._value or "").props(f"{look}{rows}").style("width: 100%")


async def told(doing: Coroutine[Any, Any, Any]) -> bool:
    """Await a command; a refusal is shown in the words it came with. Returns whether it was done."""
    try:
        await doing
    except (TaskUnavailableError, NotAllowedError, CommandError) as error:
        ui.notify(error.why, type="warning", position="top", timeout=8000, close_button="知道了")
        return False
    return True

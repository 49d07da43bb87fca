"""The windows in which guidelines and bulletins are written, with a preview beside the text."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from nicegui import ui

from consumers.review_desk.knowledge.guideline_set import Guideline, GuidelineDraft, GuidelineError, check, check_words
from consumers.review_desk.pages.asking import FIELD
from consumers.review_desk.regions import Region
from consumers.review_desk.words import FAMILY, PROPERTY_CLASS, REGION

_NEW: Final = "（新指引）"
_WIDE: Final = "width: 1000px; max-width: 96vw; gap: 8px"
_HALVES: Final = "display: grid; grid-template-columns: 1fr 1fr; gap: 12px; width: 100%"
_PREVIEW: Final = "border: 1px solid var(--line); border-radius: 4px; padding: 6px 10px; height: 420px; overflow: auto"


class _Window:
    """A window with fields on the left and the text as it will look on the right; publishing is its last button."""

    def __init__(self, title: str) -> None:
        with ui.dialog() as self._dialogue, ui.card().style(_WIDE).props("data-testid=publishing"):
            ui.label(title).style("font-weight: 600")
            with ui.element("div").style(_HALVES):
                self._left = ui.element("div").style("display: grid; gap: 8px; align-content: start")
                with ui.element("div"):
                    ui.label("预览").classes("soft")
                    with ui.element("div").style(_PREVIEW).props("data-testid=preview"):
                        self._preview_title = ui.label("").classes("figure")
                        self._preview = ui.markdown("")
            self._problem = ui.label("").classes("bad").style("min-height: 20px").props("role=alert")
            with ui.element("div").classes("row").style("justify-content: flex-end; width: 100%"):
                ui.button("取消", on_click=lambda: self._dialogue.submit(None)).props("flat dense no-caps")
                ui.button("发布", on_click=self._publish).props("unelevated dense no-caps data-testid=publish").style(
                    "padding: 0 12px"
                )

    def text_fields(self, title: str, text: str) -> tuple[ui.input, ui.textarea]:
        """Title and text, which the preview follows."""
        with self._left:
            first = ui.input("标题", value=title, on_change=self._show).props(f"{FIELD} autofocus")
            second = ui.textarea("正文（Markdown）", value=text, on_change=self._show).props(f"{FIELD} rows=14")
        self._title, self._words = first, second
        self._show()
        return first, second

    def _show(self) -> None:
        if hasattr(self, "_words"):
            self._preview_title.text = self._title.value or ""
            self._preview.set_content(self._words.value or "")

    def _publish(self) -> None:
        try:
            made = self.made()
        except GuidelineError as error:
            self._problem.text = error.why
            return
        self._dialogue.submit(made)

    def made(self) -> Any:
        """What was written, checked. Raises `GuidelineError`."""
        raise NotImplementedError

    async def ask(self) -> Any:
        """What is to be published; `None` when it was closed."""
        try:
            return await self._dialogue
        finally:
            self._dialogue.delete()


class GuidelineForm(_Window):
    """A new guideline, or a new version of the one that is shown."""

    def __init__(self, shown: Guideline | None) -> None:
        """Begin with what is shown."""
        super().__init__("发布指引：生成全套指引的下一版本，立即生效")
        self._shown = shown
        with self._left:
            choices = {"": _NEW} | ({shown.guideline_id: f"修订：{shown.title}"} if shown else {})
            self._which = ui.select(
                choices, value=shown.guideline_id if shown else "", label="指引", on_change=self._changed
            ).props(FIELD)
            self._id = ui.input("编号（小写字母与连字符）").props(FIELD)
            self._id.visible = shown is None
        self._heading, self._body = self.text_fields(shown.title if shown else "", shown.text if shown else "")
        with self._left:
            self._skills = _several("物业类别（不选：全部）", PROPERTY_CLASS, shown.skills if shown else ())
            self._families = _several("原因类别（不选：全部）", FAMILY, shown.families if shown else ())
            self._cities = ui.input(
                "城市（以顿号分隔，不填：全部）", value="、".join(shown.cities if shown else ())
            ).props(FIELD)
            self._gone = ui.checkbox("停用这项指引").props("dense")

    def _changed(self) -> None:
        self._id.visible = not self._which.value

    def made(self) -> GuidelineDraft:
        """See the base class."""
        draft = GuidelineDraft(
            guideline_id=self._which.value or (self._id.value or "").strip(),
            title=self._heading.value or "",
            text=self._body.value or "",
            cities=tuple(part.strip() for part in (self._cities.value or "").split("、") if part.strip()),
            skills=tuple(self._skills()),
            families=tuple(self._families()),
            withdrawn=bool(self._gone.value),
        )
        check(draft)
        return draft


class BulletinForm(_Window):
    """A bulletin for some regions or all."""

    def __init__(self) -> None:
        """Begin empty."""
        super().__init__("发布公告")
        self._heading, self._body = self.text_fields("", "")
        with self._left:
            self._regions = _several("区域（不选：全部）", REGION, ())
            self._must = ui.checkbox("必读：未确认已阅者不能就绪").props("dense data-testid=mandatory")

    def made(self) -> tuple[str, str, bool, tuple[Region, ...]]:
        """See the base class."""
        title, text = self._heading.value or "", self._body.value or ""
        check_words(title, text)
        return title, text, bool(self._must.value), tuple(map(Region, self._regions()))


def _several(label: str, choices: Any, value: Sequence[str]) -> Callable[[], Sequence[str]]:
    said = {str(code): word for code, word in choices.items()}
    field = ui.select(said, label=label, value=list(value), multiple=True).props(f"{FIELD} use-chips options-dense")
    return lambda: field.value or []

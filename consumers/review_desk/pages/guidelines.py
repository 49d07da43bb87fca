"""指引与公告: search, versions, what has to be read, and publishing with a preview."""

from asyncio import to_thread
from functools import partial
from typing import Final

from fastapi import Request
from nicegui import ui

from consumers.review_desk.knowledge.bulletins import Bulletin
from consumers.review_desk.knowledge.guideline_set import RELEASE, Guideline, GuidelineError
from consumers.review_desk.knowledge.guidelines import Found
from consumers.review_desk.office import Office
from consumers.review_desk.pages.asking import FIELD, told
from consumers.review_desk.pages.frame import frame, panel
from consumers.review_desk.pages.keys import Does, Keys
from consumers.review_desk.pages.names import Names
from consumers.review_desk.pages.publishing import BulletinForm, GuidelineForm
from consumers.review_desk.pages.written import day_and_time
from consumers.review_desk.people.access import Permission, may
from consumers.review_desk.people.staff import Person
from consumers.review_desk.words import FAMILY, PROPERTY_CLASS, REGION, said

_ROW: Final = "cursor: pointer; padding: 5px 8px; border-radius: 4px; width: 100%"


def add_guidelines(office: Office) -> None:
    """Register the page."""

    @ui.page("/guidelines")
    async def guidelines(request: Request) -> None:
        page = GuidelinesPage(office, request.state.person)
        await page.refresh()


class GuidelinesPage:
    """One browser's view of guidelines and bulletins."""

    def __init__(self, office: Office, person: Person) -> None:
        """Build the page, still empty."""
        self._office, self._person, self._names = office, person, Names(office.staff)
        self._listed: tuple[Guideline, ...] = ()
        self._chosen: Guideline | None = None
        writes = may(person, Permission.WRITE_GUIDELINES)
        keys = Keys()
        with frame(office, person, "指引与公告") as bar, ui.element("main").classes("page"):
            with bar:
                self._version = ui.label("").classes("num quiet").props("data-testid=version")
            columns = "display: grid; grid-template-columns: 330px minmax(0, 1fr) 360px; gap: 10px; align-items: start"
            with ui.element("div").style(columns):
                with panel("指引") as title:
                    if writes:
                        with title:
                            self._button("发布指引", "n", self._write_guideline)
                    self._field = (
                        ui.input("查找（全文）", on_change=self._search)
                        .props(f"{FIELD} clearable debounce=250 data-testid=search")
                        .style("width: 100%; margin-bottom: 6px")
                    )
                    self._list = ui.element("div").style("width: 100%").props("data-testid=list")
                with panel("正文") as title:
                    with title:
                        self._heading = ui.element("div").classes("row").style("flex: 1; font-weight: 400")
                    self._text = ui.element("div").style("width: 100%; min-height: 300px").props("data-testid=text")
                with panel("公告") as title:
                    if writes:
                        with title:
                            self._button("发布公告", "b", self._write_bulletin)
                    self._board = ui.element("div").style("width: 100%; display: grid; gap: 8px")
        keys.add("/", "到查找框", lambda: self._field.run_method("focus"))
        keys.add("j", "下一项指引", lambda: self._step(1))
        keys.add("k", "上一项指引", lambda: self._step(-1))
        if writes:
            keys.add("n", "发布指引", self._write_guideline)
            keys.add("b", "发布公告", self._write_bulletin)
        keys.listen()

    @staticmethod
    def _button(text: str, key: str, does: Does) -> None:
        with ui.button(on_click=does).props("flat dense no-caps"):
            ui.html(f"{text}<kbd>{key.upper()}</kbd>", sanitize=False)

    async def refresh(self) -> None:
        """Show what is in force now."""
        office = self._office
        self._listed = await to_thread(office.guidelines.in_force)
        version = await to_thread(office.guidelines.version_in_force)
        self._version.text = f"现行版本 {version}"
        self._show_list(self._listed)
        here = next(
            (one for one in self._listed if self._chosen and one.guideline_id == self._chosen.guideline_id), None
        )
        if here or self._listed:
            await self._choose(here or self._listed[0])
        self._show_board(await to_thread(self._ask_board))

    def _ask_board(self) -> tuple[Bulletin, ...]:
        found = self._office.guidelines.bulletins(self._person)
        self._names.learn(one.published_by for one in found)
        return found

    # ---- guidelines -------------------------------------------------------------------------------------------------

    async def _search(self) -> None:
        text = (self._field.value or "").strip()
        if not text:
            self._show_list(self._listed)
            return
        self._show_found(await to_thread(self._office.guidelines.search, text, self._person))

    def _show_list(self, shown: tuple[Guideline, ...]) -> None:
        self._list.clear()
        with self._list:
            for one in shown:
                at = self._chosen is not None and one.guideline_id == self._chosen.guideline_id
                ground = "background: #eaf1fb; box-shadow: inset 3px 0 0 var(--mark)" if at else ""
                row = ui.element("div").style(f"{_ROW}; {ground}").props("tabindex=0 role=button")
                with row.on("click", partial(self._choose, one)).on("keydown.enter", partial(self._choose, one)):
                    ui.label(one.title).style("font-weight: 600")
                    ui.label(_concerns(one)).classes("soft").style("font-size: 12px")

    def _show_found(self, found: tuple[Found, ...]) -> None:
        self._list.clear()
        with self._list:
            ui.label(f"找到 {len(found)} 处" if found else "没有找到，换个说法试试").classes("soft").props(
                "role=status"
            )
            for one in found:
                row = ui.element("div").style(_ROW).props("tabindex=0 role=button data-testid=found")
                show = partial(self._open_found, one)
                with row.on("click", show).on("keydown.enter", show):
                    kind = "指引" if one.guideline else "公告"
                    ui.label(f"{kind} · {one.title}").style("font-weight: 600")
                    ui.label(one.excerpt).classes("soft").style("font-size: 12px")

    async def _open_found(self, found: Found) -> None:
        if found.guideline is not None:
            await self._choose(found.guideline)
        elif found.bulletin is not None:
            self._heading.clear()
            self._text.clear()
            with self._text:
                ui.label(found.bulletin.title).classes("figure")
                ui.markdown(found.bulletin.text)

    async def _choose(self, one: Guideline) -> None:
        self._chosen = one
        if not (self._field.value or "").strip():
            self._show_list(self._listed)
        versions = await to_thread(self._office.guidelines.versions, one.guideline_id)
        await to_thread(self._names.learn, [each.published_by for each in versions])
        self._heading.clear()
        with self._heading:
            ui.element("div").style("flex: 1")
            ui.select(
                {each.number: _version_said(each, self._names) for each in versions},
                value=one.number,
                on_change=lambda event: self._show_text(next(v for v in versions if v.number == event.value)),
            ).props(f"{FIELD} options-dense data-testid=versions").style("min-width: 260px")
        self._show_text(one)

    def _show_text(self, one: Guideline) -> None:
        self._text.clear()
        with self._text:
            ui.label(one.title).classes("figure")
            with ui.element("div").classes("row"):
                ui.label(_concerns(one)).classes("chip calm")
                if one.in_force_at > self._office.clock():
                    ui.label("尚未生效").classes("chip")
                elif self._listed and one.number not in {each.number for each in self._listed}:
                    ui.label("旧版本" if not one.withdrawn else "已停用").classes("chip")
            ui.markdown(one.text)

    async def _step(self, steps: int) -> None:
        if not self._listed:
            return
        ids = [one.guideline_id for one in self._listed]
        at = ids.index(self._chosen.guideline_id) if self._chosen and self._chosen.guideline_id in ids else 0
        await self._choose(self._listed[(at + steps) % len(ids)])

    # ---- bulletins --------------------------------------------------------------------------------------------------

    def _show_board(self, shown: tuple[Bulletin, ...]) -> None:
        self._board.clear()
        must = [one for one in shown if one.mandatory and one.read_at is None]
        with self._board:
            if must:
                text = f"⚠ {len(must)} 条必读公告未确认，确认后才能就绪"
                ui.label(text).classes("frozen").props("role=status data-testid=must-read")
            if not shown:
                ui.label("没有公告").classes("soft")
            for one in (*must, *(each for each in shown if each not in must)):
                self._show_bulletin(one)

    def _show_bulletin(self, one: Bulletin) -> None:
        with ui.element("article").style("border-bottom: 1px solid var(--line); padding-bottom: 6px"):
            with ui.element("div").classes("row"):
                ui.label(one.title).style("font-weight: 600")
                if one.mandatory:
                    ui.label("必读").classes("chip")
            regions = "、".join(said(REGION, region) for region in one.regions) or "全部区域"
            ui.label(f"{day_and_time(one.published_at)} · {self._names.of(one.published_by)} · {regions}").classes(
                "soft num"
            )
            ui.markdown(one.text)
            if one.read_at is not None:
                ui.label(f"✔ 已阅 {day_and_time(one.read_at)}").classes("good num")
            elif one.mandatory:
                ui.button("确认已阅", on_click=partial(self._read, one)).props(
                    "unelevated dense no-caps data-testid=read"
                ).style("padding: 0 10px")

    async def _read(self, one: Bulletin) -> None:
        await to_thread(self._office.guidelines.mark_read, one.bulletin_id, self._person)
        await self.refresh()

    # ---- publishing -------------------------------------------------------------------------------------------------

    async def _write_guideline(self) -> None:
        draft = await GuidelineForm(self._chosen).ask()
        if draft is None:
            return
        try:
            if await told(to_thread(self._office.guidelines.publish, self._person, draft)):
                await self.refresh()
        except GuidelineError as error:
            ui.notify(error.why, type="warning", position="top")

    async def _write_bulletin(self) -> None:
        made = await BulletinForm().ask()
        if made is None:
            return
        publish = self._office.guidelines.publish_bulletin
        title, text, mandatory, regions = made
        doing = to_thread(publish, self._person, title, text, mandatory=mandatory, regions=regions)
        if await told(doing):
            await self.refresh()


def _concerns(one: Guideline) -> str:
    skills = "、".join(said(PROPERTY_CLASS, skill) for skill in one.skills)
    families = "、".join(said(FAMILY, family) for family in one.families)
    return " · ".join(part for part in ("、".join(one.cities), skills, families) if part) or "所有案件"


def _version_said(one: Guideline, names: Names) -> str:
    author = "随版本发布" if one.published_by == RELEASE else names.of(one.published_by)
    return f"{one.version} · {day_and_time(one.in_force_at)} 起 · {author}"

"""What all pages of the desk share: the bar with its navigation, presence, notices, the watermark, titled boxes.

A page is built so:

    @ui.page("/somewhere")
    async def somewhere(request: Request) -> None:
        person = request.state.person
        found = await to_thread(office.service.something, person)   # ask first, then build
        with frame(office, person, "标题") as bar:                   # `bar`: the place for the page's own buttons
            with ui.element("main").classes("page"):                # one column with the usual margins
                with panel("一栏") as title: ...
                    facts(("名", "值"), ("长名", "长值", "wide"))
        keys = Keys(); keys.add("n", "新建", create); keys.listen()  # `keys.py`; `?` lists them
"""

from asyncio import to_thread
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from html import escape
from typing import Final
from urllib.parse import quote

import psycopg
from nicegui import ElementFilter, ui

from consumers.review_desk.office import Office
from consumers.review_desk.oversight.notices import Notice, Severity
from consumers.review_desk.pages.look import STYLE
from consumers.review_desk.pages.written import day_and_time, since
from consumers.review_desk.people.access import Permission, may
from consumers.review_desk.people.staff import Person
from consumers.review_desk.queue.presence import Presence


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A page in the navigation, and what must be allowed to be led there. The page itself asks again."""

    path: str
    name: str
    needs: Permission


PLACES: Final = (
    Place(path="/", name="我的任务", needs=Permission.WORK),
    Place(path="/pool", name="公共池", needs=Permission.SEE_POOL),
    Place(path="/approvals", name="复核", needs=Permission.APPROVE),
    Place(path="/panel", name="合议", needs=Permission.WORK),
    Place(path="/search", name="查询", needs=Permission.SEARCH),
    Place(path="/disputes", name="复估", needs=Permission.WORK_ORDERS),
    Place(path="/work-orders", name="工单", needs=Permission.WORK_ORDERS),
    Place(path="/supervisor", name="班长台", needs=Permission.SUPERVISE),
    Place(path="/wallboard", name="大屏", needs=Permission.SEE_WALLBOARD),
    Place(path="/quality", name="质检", needs=Permission.SEE_QUALITY),
    Place(path="/guidelines", name="指引与公告", needs=Permission.READ_GUIDELINES),
    Place(path="/audit", name="审计回放", needs=Permission.SEE_AUDIT),
    Place(path="/roster", name="排班与技能", needs=Permission.SEE_ROSTER),
    Place(path="/staff", name="人员与权限", needs=Permission.SEE_STAFF),
)
_NEWS_EVERY: Final = timedelta(seconds=5)  # an offer seen on another page leaves time enough to take it
_PRESENCE: Final = "desk-presence"  # marks the bar's word, so that a page may bring it up to date
_LOUDNESS: Final = {Severity.INFO: "ⓘ 通知", Severity.WARNING: "⚠ 提醒", Severity.URGENT: "‼ 紧急"}
# A sign as well as a word: never colour alone.
PRESENCE: Final = {
    "OFFLINE": "○ 离线",
    "READY": "● 就绪",
    "OFFERED": "◆ 待接受",
    "WORKING": "▶ 处理中",
    "WRAP_UP": "◐ 收尾",
    "BREAK": "‖ 小休",
}


@contextmanager
def frame(office: Office, person: Person, heading: str) -> Iterator[ui.element]:
    """The page around what is built inside; gives the place in its bar for what else belongs there."""
    ui.add_css(STYLE)
    ui.page_title(f"{heading} · 估价复核台")
    ui.colors(primary="#1d4f91", positive="#1b6f45", warning="#9a4a05", negative="#a32018")
    _watermark(person)
    with ui.element("header").classes("bar"):
        ui.label("估价复核台").classes("name")
        _navigation(person, heading)
        ui.element("div").classes("grow")
        bar = ui.element("div").style("display: flex; gap: 10px; align-items: center")
        state = ui.label("").classes("state num").props("data-testid=presence").mark(_PRESENCE)
        ui.label(f"{person.name} · {person.grade}").classes("quiet")
        ui.link("退出", "/logout").classes("quiet")
    # In a corner above the page: one that comes while somebody types must not move what they look at.
    notices = ui.element("div").classes("notices").props("data-testid=notices role=status")
    is_home = heading == PLACES[0].name  # where offers have a place of their own
    state.visible = may(person, Permission.WORK)
    _Signs(office, person, state, notices, tells_offers=not is_home).start()
    yield bar


def tell_presence(presence: Presence, now: datetime) -> None:
    """Bring the bar to what the page has just seen, so that the two never say different things."""
    for label in ElementFilter(kind=ui.label, marker=_PRESENCE):
        label.text = presence_text(presence, now)


def presence_text(presence: Presence, now: datetime) -> str:
    """`▶ 处理中 12分`."""
    return f"{PRESENCE.get(presence.state, presence.state)} {since(presence.since, now)}"


def places_of(person: Person) -> tuple[Place, ...]:
    """Return where the bar leads this person, in its order."""
    return tuple(place for place in PLACES if may(person, place.needs))


def _navigation(person: Person, heading: str) -> None:
    with ui.element("nav").props('aria-label="主导航"'):
        for place in places_of(person):
            link = ui.link(place.name, place.path)
            if place.name == heading:
                link.classes("here").props("aria-current=page")


@dataclass(frozen=True, slots=True, kw_only=True)
class _News:
    """What a sign of life brings back. `presence`: as the bar says it; empty for who does not value."""

    presence: str = ""
    is_offered: bool = False
    notices: tuple[Notice, ...] = ()


class _Signs:
    """The signs of life of a page, and what they bring back: presence, an offer, notices."""

    def __init__(
        self, office: Office, person: Person, state: ui.label, notices: ui.element, *, tells_offers: bool
    ) -> None:
        self._office, self._person, self._state, self._notices = office, person, state, notices
        self._tells_offers = tells_offers
        self._shown = _News()
        self._is_unfolded = False

    def start(self) -> None:
        ui.timer(min(self._office.policy.heartbeat, _NEWS_EVERY).total_seconds(), self._tell)

    async def _tell(self) -> None:
        try:
            news = await to_thread(self._ask)
        except psycopg.OperationalError:
            self._state.text = "⚠ 连接中断"  # what is typed stays on the page; the next sign of life tries again
            return
        self._state.text = news.presence
        if (news.notices, news.is_offered) != (self._shown.notices, self._shown.is_offered):
            self._notices.clear()
            with self._notices:
                if news.is_offered and self._tells_offers:
                    self._show_offer()
                if news.notices:
                    self._show_notices(news.notices)
        self._shown = news

    def _ask(self) -> _News:
        notices = self._office.supervision.notices(self._person)
        if not may(self._person, Permission.WORK):
            return _News(notices=notices)
        self._office.desk.heartbeat(self._person)
        work = self._office.desk.my_work(self._person)
        presence = presence_text(work.presence, self._office.clock())
        return _News(presence=presence, is_offered=work.offered is not None, notices=notices)

    def _show_offer(self) -> None:
        with ui.element("div").classes("row loud"):
            ui.label("◆ 派件").style("font-weight: 600; white-space: nowrap")
            seconds = int(self._office.policy.offer.total_seconds())
            ui.label(f"有任务派给您，{seconds} 秒内有效").style("flex: 1")
            ui.link("去接受", PLACES[0].path)

    def _show_notices(self, notices: tuple[Notice, ...]) -> None:
        """One line however many there are, so that they never cover the work; the rest unfolds above it."""
        first = notices[0]
        with ui.element("div").classes("all") as unfolded:
            for notice in notices:
                self._show(notice)
        unfolded.visible = self._is_unfolded

        def fold() -> None:
            self._is_unfolded = unfolded.visible = not unfolded.visible

        is_loud = any(notice.severity is not Severity.INFO for notice in notices)
        with ui.element("div").classes("row loud" if is_loud else "row"):
            count = f"（{len(notices)} 条）" if len(notices) > 1 else ""
            ui.label(f"{_LOUDNESS[first.severity]}{count}").style("font-weight: 600; white-space: nowrap")
            ui.label(first.text).classes("line")
            with ui.button(on_click=fold).props("flat dense no-caps data-testid=notices-fold"):
                ui.html("展开 / 收起<kbd>0</kbd>", sanitize=False)
            ui.button("全部知道了", on_click=partial(self._all_seen, notices)).props(
                "flat dense no-caps data-testid=notices-all-seen"
            )

    async def _all_seen(self, notices: tuple[Notice, ...]) -> None:
        for notice in notices:
            if notice.notice_id:
                await to_thread(self._office.supervision.acknowledge, self._person, notice.notice_id)
        self._is_unfolded = False
        await self._tell()

    def _show(self, notice: Notice) -> None:
        with ui.element("div").classes("row" if notice.severity is Severity.INFO else "row loud") as line:
            ui.label(_LOUDNESS[notice.severity]).style("font-weight: 600; white-space: nowrap")
            ui.label(notice.text).style("flex: 1")
            ui.label(day_and_time(notice.written_at)).classes("soft num").style("white-space: nowrap")
            does = partial(self._seen, notice) if notice.notice_id else line.delete
            ui.button("知道了" if notice.notice_id else "收起", on_click=does).props("flat dense no-caps")

    async def _seen(self, notice: Notice) -> None:
        await to_thread(self._office.supervision.acknowledge, self._person, notice.notice_id)
        await self._tell()


def _watermark(person: Person) -> None:
    """Every screen says whose it was (requirement RD11)."""
    drawing = (
        "<svg xmlns='http://www.w3.org/2000/svg' width='320' height='180'>"
        f"<text x='20' y='120' font-size='18' transform='rotate(-20 20 120)'>{escape(watermark(person))}</text></svg>"
    )
    url = f"data:image/svg+xml,{quote(drawing)}"
    ui.element("div").classes("watermark").style(f'background-image: url("{url}")')


def watermark(person: Person) -> str:
    """What is written across the screens of a person: name and account."""
    return f"{person.name} {person.username}"


@contextmanager
def panel(title: str, number: int | None = None) -> Iterator[ui.element]:
    """A titled box; gives its title line, for more to stand there. With a `number` that key of the page leads to it."""
    with ui.element("section").classes("panel") as box:
        if number is not None:
            box.props(f'id=panel-{number} tabindex=-1 aria-label="{title}"')
        with ui.element("div").classes("title") as line:
            if number is not None:
                ui.html(f"<kbd>{number}</kbd>", sanitize=False)
            ui.label(title)
        yield line


def facts(*pairs: tuple[str, str] | tuple[str, str, str]) -> None:
    """Names and values in two columns. A third part `wide` gives a value the whole line."""
    with ui.element("div").classes("facts"):
        for name, value, *wide in pairs:
            ui.label(name).classes("key")
            ui.label(value).classes(" ".join(wide))

"""大屏: the desk on a wall. Dark, large, nothing to press; figures change where they stand, so nothing flickers."""

from asyncio import to_thread
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from fastapi import Request
from nicegui import ui

from consumers.review_desk.office import Office
from consumers.review_desk.oversight.wallboard import QueueLine, Share, Snapshot, Spread, Wallboard
from consumers.review_desk.queue.presence import PresenceState
from consumers.review_desk.words import queue_said
from schemas.domain.worktime import SHANGHAI

_REFRESH_S: Final = 4.0  # with the time a snapshot takes, below the five seconds that are promised
_ROWS: Final = 12

Cell = tuple[str, str]

# Light text on near black, read from across a room. Signs and words carry the meaning; orange and blue are told apart
# by everybody.
_STYLE: Final = """
body { background: #0d1520; color: #e9eff7; font-family: "Noto Sans CJK SC", "Noto Sans SC", "PingFang SC",
       "Microsoft YaHei", sans-serif; overflow: hidden; }
.nicegui-content { padding: 0; }
.wall { display: grid; grid-template-rows: auto auto auto minmax(0, 1fr); gap: 1.4vh; width: 100vw; height: 100vh;
        padding: 1.6vh 1.6vw; font-variant-numeric: tabular-nums; }
.wall .top { display: flex; justify-content: space-between; align-items: baseline; font-size: 2.6vh; color: #a9b9cd; }
.wall .top b { font-size: 3.2vh; color: #fff; letter-spacing: .1em; }
.wall .tiles { display: grid; grid-template-columns: repeat(6, minmax(0, 1fr)); gap: 1vw; }
.wall .tile { background: #17222f; border: 1px solid #26374b; border-left: .35vw solid #3d5674; border-radius: .4vw;
              padding: 1vh 1vw; min-width: 0; }
.wall .tile .name { font-size: 2.1vh; color: #a9b9cd; white-space: nowrap; }
.wall .tile .big { font-size: 7.2vh; line-height: 1.12; font-weight: 700; white-space: nowrap; }
.wall .tile .small { font-size: 1.9vh; color: #a9b9cd; min-height: 2.8vh; white-space: nowrap; overflow: hidden; }
.wall .tile.less .big { font-size: 5.6vh; line-height: 1.44; }
.wall .loud { border-left-color: #ffb454; } .wall .loud .big { color: #ffb454; }
.wall .good { border-left-color: #6cb6ff; } .wall .good .big { color: #6cb6ff; }
.wall .lower { display: grid; grid-template-columns: 1.55fr 1fr; gap: 1vw; min-height: 0; }
.wall table { width: 100%; border-collapse: collapse; font-size: 2.15vh; }
.wall th { color: #a9b9cd; font-weight: 500; text-align: right; padding: .45vh .5vw; white-space: nowrap;
           border-bottom: 1px solid #33475e; font-size: 1.9vh; }
.wall td { text-align: right; padding: .5vh .5vw; white-space: nowrap; border-bottom: 1px solid #1e2c3c; }
.wall tr.empty td { border-color: transparent; }
.wall th:first-child, .wall td:first-child, .wall .people :is(th, td):nth-child(2) { text-align: left; }
.wall td.calm { color: #6d8099; }
.wall td.loud { color: #ffb454; font-weight: 700; } .wall .box { background: #121c28; border: 1px solid #26374b;
           border-radius: .4vw; padding: .8vh .8vw; overflow: hidden; }
"""
_LARGE: Final[Mapping[str, str]] = {
    "waiting": "待领取",
    "oldest": "最久等待",
    "left": "最近时限",
    "in_work": "处理中",
    "done": "今日办结",
    "breached": "超时未办结",
}
_SMALLER: Final[Mapping[str, str]] = {
    "today": "今日按时率",
    "long": "近30日按时率",
    "handling": "处理用时 中位/P95",
    "queueing": "等待用时 中位/P95",
    "people": "在岗 / 可派",
    "others": "挂起 / 待答复 / 待复核",
}
_QUEUE_HEADS: Final = ("队列", "待领", "处理", "挂起", "答复", "复核", "临期", "超时", "办结", "最久等待")
_PEOPLE_HEADS: Final = ("人员", "状态", "当前任务", "今日", "平均")
# A sign as well as a word: never colour alone.
STATES: Final = {
    PresenceState.WORKING: "▶ 处理中",
    PresenceState.OFFERED: "◆ 待接受",
    PresenceState.READY: "● 就绪",
    PresenceState.WRAP_UP: "◐ 收尾",
    PresenceState.BREAK: "‖ 小休",
    PresenceState.OFFLINE: "○ 离线",
}
_ORDER: Final = tuple(STATES)


def add_wallboard(office: Office) -> None:
    """Register the page."""
    board = Wallboard(office.pool, policy=office.policy, clock=office.clock)

    @ui.page("/wallboard")
    async def wallboard(request: Request) -> None:
        regions = request.state.person.regions
        screen = _Screen(await to_thread(board.snapshot, regions))

        async def refresh() -> None:
            screen.show(await to_thread(board.snapshot, regions))

        ui.timer(_REFRESH_S, refresh, immediate=False)


class _Screen:
    """The elements of the screen, made once; `show` changes what they say."""

    def __init__(self, snapshot: Snapshot) -> None:
        ui.add_css(_STYLE)
        ui.page_title("大屏 · 估价复核台")
        with ui.element("div").classes("wall").props("data-testid=wallboard"):
            with ui.element("div").classes("top"):
                ui.html("<b>估价复核台 · 运行大屏</b>", sanitize=False)
                self._clock = ui.label()
            self._tiles = {**_tiles(_LARGE, ""), **_tiles(_SMALLER, "less")}
            with ui.element("div").classes("lower"):
                self._queues = _Grid("queues", _QUEUE_HEADS)
                self._people = _Grid("people", _PEOPLE_HEADS)
        self.show(snapshot)

    def show(self, now: Snapshot) -> None:
        """Put the figures of a snapshot where those before stood."""
        self._clock.text = now.at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
        for key, (big, small, mood) in tiles_of(now).items():
            tile, figure, note = self._tiles[key]
            figure.text, note.text = big, small
            tile.classes(add=mood, remove=" ".join({"loud", "good"} - {mood}))
        self._queues.show([_queue_cells(line, now.at) for line in _pressing_first(now)])
        self._people.show(_people_cells(now))


class _Grid:
    """A table whose rows are made once and filled anew."""

    def __init__(self, name: str, heads: Sequence[str]) -> None:
        self._rows: list[tuple[ui.element, list[ui.label]]] = []
        with ui.element("div").classes(f"box {name}"), ui.element("table"):
            with ui.element("thead"), ui.element("tr"):
                for head in heads:
                    with ui.element("th"):
                        ui.label(head)
            with ui.element("tbody"):
                for _ in range(_ROWS):
                    with ui.element("tr") as row:
                        self._rows.append((row, [_cell() for _ in heads]))

    def show(self, rows: Sequence[Sequence[Cell]]) -> None:
        """Fill the rows from the top; further ones than there is place for are left out."""
        for place, (line, labels) in enumerate(self._rows):
            is_filled = place < len(rows)
            line.classes(add="" if is_filled else "empty", remove="empty" if is_filled else "")
            cells = rows[place] if is_filled else [("", "")] * len(labels)
            for label, (text, mood) in zip(labels, cells, strict=True):
                label.text = text
                label.classes(add=mood, remove=" ".join({"loud", "calm"} - {mood}))


def tiles_of(now: Snapshot) -> dict[str, tuple[str, str, str]]:
    """Figure, note and mood (`loud`, `good` or none) of each tile."""
    due, oldest, breached = now.next_due_at, now.oldest_at, now.total("breached")
    is_late = due is not None and due < now.at
    there = len(now.people) - now.people_in(PresenceState.OFFLINE)
    free = now.people_in(PresenceState.READY, PresenceState.WRAP_UP)
    others = " / ".join(str(now.total(column)) for column in ("on_hold", "wait_reply", "approvals"))
    return {
        "waiting": (str(now.total("waiting")), f"待开工 {now.total('parked')}", ""),
        "oldest": ("—" if oldest is None else clocked(now.at - oldest), "时:分，自转人工起", ""),
        "left": (
            "—" if due is None else clocked(abs(due - now.at)),
            "✖ 已超时" if is_late else "时:分，剩余",
            "loud" if is_late else "",
        ),
        "in_work": (str(now.total("in_work")), f"临期 {now.total('at_risk')}", ""),
        "done": (str(now.done_today), "今日 0 时起", "good"),
        "breached": (
            str(breached),
            f"✖ 已升级 {now.total('escalated')}" if breached else "✔ 无",
            "loud" if breached else "",
        ),
        "today": (*_share(now.today), ""),
        "long": (*_share(now.thirty_days), ""),
        "handling": (_both(now.handling), "分钟，今日办结", ""),
        "queueing": (_both(now.waiting), "分钟，今日办结", ""),
        "people": (f"{there} / {free}", f"小休 {now.people_in(PresenceState.BREAK)}", ""),
        "others": (others, f"待勘察 {now.total('wait_survey')}", ""),
    }


def clocked(span: timedelta) -> str:
    """`3:07` hours and minutes; `2天` and more without."""
    minutes = int(span.total_seconds()) // 60
    days, rest = divmod(minutes, 24 * 60)
    return f"{days}天{rest // 60}时" if days else f"{rest // 60}:{rest % 60:02}"


def _share(share: Share) -> tuple[str, str]:
    """A whole number of percent would round 99.6 % up to a promise that was not kept: one place, cut off."""
    if share.share is None:
        return "—", "暂无到期案件"
    return f"{share.in_time * 1000 // share.ended / 10:.1f}%", f"{share.in_time} / {share.ended}"


def _both(spread: Spread) -> str:
    if spread.median is None or spread.p95 is None:
        return "—"
    return f"{_minutes(spread.median)} / {_minutes(spread.p95)}"


def _minutes(span: timedelta) -> str:
    return f"{span.total_seconds() / 60:.0f}"


def _pressing_first(now: Snapshot) -> list[QueueLine]:
    return sorted(now.queues, key=lambda line: (-line.breached, -line.at_risk, -line.waiting, line.queue))


def _queue_cells(line: QueueLine, at: datetime) -> list[Cell]:
    counts = (line.waiting, line.in_work, line.on_hold, line.wait_reply, line.approvals)
    return [
        _queue_name(line),
        *((str(count), "" if count else "calm") for count in counts),
        (str(line.at_risk), "" if line.at_risk else "calm"),
        (f"✖ {line.breached}" if line.breached else "0", "loud" if line.breached else "calm"),
        (str(line.done), "" if line.done else "calm"),
        ("—", "calm") if line.oldest_at is None else (clocked(at - line.oldest_at), ""),
    ]


def _queue_name(line: QueueLine) -> Cell:
    sign = "‖ 暂停 " if line.is_paused else "⚠ 无人领取 " if line.blocked_since else ""
    return f"{sign}{queue_said(line.queue)}", "loud" if sign else ""


def _people_cells(now: Snapshot) -> list[list[Cell]]:
    there = sorted(now.people, key=lambda line: (_ORDER.index(line.state), line.username))
    return [
        [
            (f"{line.name} {line.grade}", ""),
            (STATES[line.state], "calm" if line.state is PresenceState.OFFLINE else ""),
            ("—", "calm") if line.working_since is None else (clocked(now.at - line.working_since), ""),
            (str(line.done), "" if line.done else "calm"),
            ("—", "calm") if line.handling is None else (f"{_minutes(line.handling)}分", ""),
        ]
        for line in there
    ]


def _tiles(names: Mapping[str, str], size: str) -> dict[str, tuple[ui.element, ui.label, ui.label]]:
    made = {}
    with ui.element("div").classes("tiles"):
        for key, name in names.items():
            with ui.element("div").classes(f"tile {size}").props(f"data-testid=tile-{key}") as tile:
                ui.label(name).classes("name")
                made[key] = (tile, ui.label().classes("big"), ui.label().classes("small"))
    return made


def _cell() -> ui.label:
    label = ui.label()
    label.tag = "td"
    return label

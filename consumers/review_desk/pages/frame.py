"""What all pages of the desk share: colours, the bar on top, the watermark."""

from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from urllib.parse import quote

from nicegui import ui

from consumers.review_desk.accounts import Reviewer

_STYLE = """
:root { --ink: #1f2a37; --soft: #64748b; --line: #e2e8f0; --paper: #ffffff; --ground: #f3f5f8; --mark: #1d4f91;
        --good: #1b7f4b; --warn: #b45309; --bad: #b42318; }
body { background: var(--ground); color: var(--ink); font: 13px/1.5 "Noto Sans CJK SC", "Noto Sans SC", "PingFang SC",
       "Microsoft YaHei", sans-serif; }
.nicegui-content { padding: 0; gap: 0; width: 100%; }
.bar { display: flex; align-items: center; gap: 14px; height: 44px; padding: 0 14px; background: #14345e; color: #fff;
       width: 100%; position: sticky; top: 0; z-index: 20; }
.bar .name { font-size: 15px; font-weight: 600; letter-spacing: 1px; }
.bar .grow { flex: 1; }
.bar .quiet { color: #b9c9e0; }
.panel { background: var(--paper); border: 1px solid var(--line); border-radius: 6px; padding: 8px 10px; width: 100%; }
.panel > .title { font-weight: 600; color: var(--mark); margin-bottom: 4px; display: flex; align-items: center;
                  gap: 8px; }
.facts { display: grid; grid-template-columns: max-content 1fr max-content 1fr; gap: 1px 10px; width: 100%; }
.facts .key { color: var(--soft); white-space: nowrap; }
.facts .wide { grid-column: 2 / -1; }
.chip { display: inline-block; padding: 0 7px; border-radius: 9px; background: #fdf3e1; color: var(--warn);
        font-size: 12px; line-height: 19px; white-space: nowrap; }
.chip.calm { background: #e8eef7; color: var(--mark); }
.soft { color: var(--soft); } .good { color: var(--good); } .warn { color: var(--warn); } .bad { color: var(--bad); }
.figure { font-size: 20px; font-weight: 600; font-variant-numeric: tabular-nums; line-height: 1.3; }
.num { font-variant-numeric: tabular-nums; }
.q-table th { font-weight: 600; color: var(--soft); background: #f8fafc; font-size: 12px; }
.q-table td, .q-table th { padding: 3px 8px !important; height: 28px !important; }
.q-table tbody td { font-size: 13px; font-variant-numeric: tabular-nums; }
.queue .q-table tbody tr { cursor: pointer; }
.watermark { position: fixed; inset: 0; pointer-events: none; z-index: 50; opacity: .05; }
.keys { color: #b9c9e0; font-size: 12px; }
kbd { border: 1px solid currentColor; border-radius: 3px; padding: 0 4px; font: inherit; font-size: 11px; opacity: .8; }
"""


@contextmanager
def frame(reviewer: Reviewer, heading: str) -> Iterator[ui.element]:
    """The page around what is built inside; gives the place in its bar for what else belongs there."""
    ui.add_css(_STYLE)
    ui.page_title(f"{heading} · 估价复核台")
    ui.colors(primary="#1d4f91", positive="#1b7f4b", warning="#b45309", negative="#b42318")
    _watermark(reviewer.username)
    with ui.element("header").classes("bar"):
        ui.link("估价复核台", "/").classes("name").style("color: #fff; text-decoration: none")
        ui.label(heading).classes("quiet")
        ui.element("div").classes("grow")
        bar = ui.element("div").style("display: flex; gap: 14px; align-items: center")
        ui.label(f"{reviewer.name} · {reviewer.grade}").classes("quiet")
        ui.link("退出", "/logout").style("color: #b9c9e0")
    yield bar


def _watermark(username: str) -> None:
    """Every screen says whose it was (requirement RD11)."""
    drawing = (
        "<svg xmlns='http://www.w3.org/2000/svg' width='320' height='180'>"
        f"<text x='20' y='120' font-size='18' transform='rotate(-20 20 120)'>{escape(username)}</text></svg>"
    )
    url = f"data:image/svg+xml,{quote(drawing)}"
    ui.element("div").classes("watermark").style(f'background-image: url("{url}")')


@contextmanager
def panel(title: str) -> Iterator[ui.element]:
    """A titled box; gives its title line, for more to stand there."""
    with ui.element("section").classes("panel"):
        with ui.element("div").classes("title") as line:
            ui.label(title)
        yield line


def facts(*pairs: tuple[str, str] | tuple[str, str, str]) -> None:
    """Names and values in two columns. A third part `wide` gives a value the whole line."""
    with ui.element("div").classes("facts"):
        for name, value, *wide in pairs:
            ui.label(name).classes("key")
            ui.label(value).classes(" ".join(wide))

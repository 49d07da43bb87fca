"""How the desk's screens look: one sheet of style for all pages. Meaning is never told by colour alone."""

from typing import Final

STYLE: Final = """
:root { --ink: #1f2a37; --soft: #5b6878; --line: #dfe5ec; --paper: #ffffff; --ground: #f3f5f8; --mark: #1d4f91;
        --good: #1b6f45; --warn: #9a4a05; --bad: #a32018; --pale: #f8fafc; }
body { background: var(--ground); color: var(--ink); font: 13px/1.5 "Noto Sans CJK SC", "Noto Sans SC", "PingFang SC",
       "Microsoft YaHei", sans-serif; scrollbar-gutter: stable; }
.nicegui-content { padding: 0; gap: 0; width: 100%; }
.bar { display: flex; align-items: center; gap: 12px; height: 44px; padding: 0 14px; background: #14345e; color: #fff;
       width: 100%; position: sticky; top: 0; z-index: 20; white-space: nowrap; }
.bar .name { font-size: 15px; font-weight: 600; letter-spacing: 1px; color: #fff; text-decoration: none; }
.bar .grow { flex: 1; } .bar .quiet, .bar a.quiet { color: #b9c9e0; text-decoration: none; }
.bar nav { display: flex; gap: 2px; overflow-x: auto; scrollbar-width: none; }
.bar nav a { color: #cfdaea; text-decoration: none; padding: 3px 8px; border-radius: 4px; }
.bar nav a:hover { background: #24497c; } .bar nav a.here { background: #fff; color: #14345e; font-weight: 600; }
.bar .state { padding: 1px 8px; border: 1px solid #7f97b8; border-radius: 10px; font-size: 12px; min-width: 96px;
              text-align: center; }
.notices { position: fixed; left: 12px; bottom: 10px; width: min(620px, 46vw); z-index: 40; display: grid; gap: 4px; }
.notices div.row { padding: 2px 6px 2px 12px; background: #fff7e0; border: 1px solid #ecd9a3; border-radius: 6px;
                 flex-wrap: nowrap; box-shadow: 0 1px 5px rgb(31 42 55 / 18%); }
.notices div.row.loud { background: #fdecea; border-color: #eab8b3; }
.notices .all { display: grid; gap: 4px; max-height: 50vh; overflow: auto; }
.notices .line { flex: 1; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
body:has(.notices > *) main { padding-bottom: 56px !important; }
.q-notifications__list--top { top: 46px !important; }
.q-notification { --q-dark: #fff; --q-warning: #9a4a05; --q-info: #1d4f91; color: #fff; }
.q-notification .q-btn { text-decoration: underline; }
.q-table tbody tr, table.sheet tbody tr { scroll-margin-top: 76px; scroll-margin-bottom: 8px; }
body.submitting [data-testid=submit] { pointer-events: none; opacity: .6; }
body.submitting [data-testid=submit] .q-btn__content::after { content: "…提交中"; margin-left: 6px; }
main.page { padding: 10px 14px; width: 100%; display: grid; gap: 10px; grid-template-columns: minmax(0, 1fr); }
.panel { background: var(--paper); border: 1px solid var(--line); border-radius: 6px; padding: 8px 10px; width: 100%;
         min-width: 0; scroll-margin-top: 52px; }
.panel > .title { font-weight: 600; color: var(--mark); margin-bottom: 4px; display: flex; align-items: center;
                  gap: 8px; min-height: 22px; }
.panel:focus { outline: 2px solid var(--mark); outline-offset: 1px; }
.facts { display: grid; grid-template-columns: max-content 1fr max-content 1fr; gap: 1px 10px; width: 100%; }
.facts .key { color: var(--soft); white-space: nowrap; } .facts .wide { grid-column: 2 / -1; }
.chip { display: inline-block; padding: 0 7px; border-radius: 9px; background: #fdf3e1; color: var(--warn);
        font-size: 12px; line-height: 19px; white-space: nowrap; }
.chip.calm { background: #e8eef7; color: var(--mark); } .chip.bad { background: #fdecea; color: var(--bad); }
.soft { color: var(--soft); } .good { color: var(--good); } .warn { color: var(--warn); } .bad { color: var(--bad); }
.figure { white-space: nowrap; font-size: 20px; font-weight: 600;
           font-variant-numeric: tabular-nums; line-height: 1.3; }
.num { font-variant-numeric: tabular-nums; } .right { text-align: right; } .row { display: flex; gap: 8px;
        align-items: center; flex-wrap: wrap; }
.q-table th { font-weight: 600; color: var(--soft); background: var(--pale); font-size: 12px; }
.q-table td, .q-table th { padding: 3px 8px !important; height: 28px !important; }
.q-table tbody td { font-size: 13px; font-variant-numeric: tabular-nums; }
.q-table tbody tr.at td:first-child { box-shadow: inset 3px 0 0 var(--mark); }
.q-table tbody tr.at td { background: #eaf1fb; }
.picking .q-table tbody tr { cursor: pointer; }
.q-table__bottom--nodata { color: var(--soft); } .q-table__bottom--nodata .q-icon { display: none; }
.watermark { position: fixed; inset: 0; pointer-events: none; z-index: 50; opacity: .055; }
.help { display: grid; grid-template-columns: max-content 1fr; gap: 4px 16px; align-items: center; }
kbd { border: 1px solid currentColor; border-radius: 3px; padding: 0 5px; font: inherit; font-size: 11px;
      background: var(--pale); color: var(--soft); }
button kbd { background: transparent; color: inherit; opacity: .8; margin-left: 5px; }
table.sheet { border-collapse: collapse; width: 100%; font-size: 12px; }
table.sheet th { position: sticky; top: 0; z-index: 1; background: var(--pale); color: var(--soft); font-weight: 600;
                 text-align: left; padding: 3px 4px; white-space: nowrap; border-bottom: 1px solid var(--line); }
table.sheet td { padding: 2px 4px; border-bottom: 1px solid #eef2f6; line-height: 16px; vertical-align: middle;
                 white-space: nowrap; }
table.sheet th.right, table.sheet td.right { text-align: right; }
table.sheet .below { font-size: 11px; line-height: 14px; } table.sheet .strong { font-weight: 600; }
table.sheet tr.at td { background: #eaf1fb; }
table.sheet tr.at td:first-child { box-shadow: inset 3px 0 0 var(--mark); }
table.sheet tr.left-out td { color: var(--soft); } table.sheet tr.left-out td.strong { text-decoration: line-through; }
table.sheet input[type=number] { width: 40px; height: 24px; border: 1px solid var(--line); border-radius: 3px;
                 padding: 0 3px; text-align: right; font: inherit; font-variant-numeric: tabular-nums;
                 background: #fff; -moz-appearance: textfield; appearance: textfield; }
table.sheet input[type=number]::-webkit-inner-spin-button { display: none; }
table.sheet input:focus { outline: 2px solid var(--mark); border-color: transparent; }
table.sheet input[type=checkbox] { vertical-align: middle; accent-color: var(--mark); }
.frozen { background: #fdecea; border: 2px solid var(--bad); border-radius: 6px; padding: 8px 10px; color: var(--bad); }
.saved { min-height: 18px; font-size: 12px; color: var(--soft); }
.q-btn { min-height: 28px; } .q-field--dense .q-field__control { min-height: 34px; }
"""

"""The two pages for people: asking for a range, and checking a report. Neither loads anything from outside."""

from functools import cache
from html import escape
from pathlib import Path
from string import Template

from schemas.domain.worktime import SHANGHAI
from schemas.events import Reported

_FOLDER = Path(__file__).parent


@cache
def ask_page() -> str:
    """Address and area in, a reference range out; served for the public channel."""
    return (_FOLDER / "ask.html").read_text(encoding="utf-8")


def verification_page(report_no: str, reported: Reported | None) -> str:
    """Whether the report with this number is ours. `None`: no report has this number and code together."""
    if reported is None:
        verdict, kind = "未查到与该编号和校验码相符的报告单", "bad"
        rows = {"报告单编号": report_no}
    else:
        verdict, kind = "该报告单由本系统出具", "good"
        rows = {
            "报告单编号": reported.report_no,
            "出具时间": reported.issued_at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M"),
            "页数": str(reported.pages),
            "文件摘要 SHA-256": reported.sha256,
            "合同编号": reported.contract_ref,
        }
    lines = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in rows.items())
    return _verify_template().substitute(verdict=escape(verdict), kind=kind, rows=lines)


@cache
def _verify_template() -> Template:
    return Template((_FOLDER / "verify.html").read_text(encoding="utf-8"))

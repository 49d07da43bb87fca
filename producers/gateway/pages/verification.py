"""The page behind the QR code of a report: whether it is ours, and whether it still counts."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from html import escape
from string import Template
from typing import Final
from urllib.parse import quote

from producers.gateway.pages.site import FOLDER, asset_base
from schemas.domain.worktime import SHANGHAI
from schemas.events import Reported, ReportRevoked


class Standing(StrEnum):
    """What a report is worth today."""

    VALID = "VALID"
    EXPIRED = "EXPIRED"
    REVOKED = "REVOKED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    colour: str
    sign: str
    title: str
    advice: str


_VERDICTS: Final = {
    Standing.VALID: _Verdict(
        colour="good", sign="✓", title="该报告单由本系统出具，当前有效", advice="请核对纸面内容与系统存档文件一致。"
    ),
    Standing.EXPIRED: _Verdict(
        colour="warn", sign="!", title="该报告单由本系统出具，已过有效期", advice="如需继续使用，请重新申请估值。"
    ),
    Standing.REVOKED: _Verdict(colour="bad", sign="×", title="该报告单已作废", advice="请勿再使用这份报告单。"),
    Standing.UNKNOWN: _Verdict(
        colour="bad",
        sign="?",
        title="未查到与该报告编号和验证码相符的报告单",
        advice="请核对报告单上所印的报告编号和验证码。核对无误仍查不到的，该文件可能不是由本系统出具。",
    ),
}

_DIGESTS: Final = (
    "文件摘要用于核对 PDF 文件是否被改动。报告单上所印的“内容摘要”按报告内容另行计算，两者不同，请勿互相比对。"
)


def standing_of(
    reported: Reported | None, *, revoked: ReportRevoked | None, valid_until: date | None, today: date
) -> Standing:
    """The standing of a report. Revocation outweighs expiry; the day `valid_until` itself is still valid."""
    if reported is None:
        return Standing.UNKNOWN
    if revoked is not None:
        return Standing.REVOKED
    if valid_until is not None and today > valid_until:
        return Standing.EXPIRED
    return Standing.VALID


def verification_page(
    report_no: str,
    reported: Reported | None,
    *,
    code: str = "",
    revoked: ReportRevoked | None = None,
    valid_until: date | None = None,
    today: date | None = None,
) -> str:
    """Whether the report with this number is ours, and still counts.

    `reported` is `None` where no report has this number and code together: a wrong code learns nothing, not even that
    the number exists. `code` is the one that was right; with it the archived file can be fetched. Without
    `today` nothing is said to be expired.
    """
    until = valid_until if today is not None else None
    standing = standing_of(reported, revoked=revoked, valid_until=until, today=today or date.min)
    verdict = _VERDICTS[standing]
    rows = "".join(
        f"<dt>{escape(term)}</dt><dd>{escape(text)}</dd>"
        for term, text in _rows(report_no, reported, revoked, valid_until)
    )
    parts = [
        f'<section class="card" data-standing="{standing}">{_headline(verdict)}<dl class="facts">{rows}</dl>',
    ]
    if reported is not None:
        parts.append(
            f'<p class="note">文件摘要（PDF 文件的 SHA-256）</p><p class="note digest">{escape(reported.sha256)}</p>'
            f'<p class="note">{_DIGESTS}</p>'
        )
        if code:
            address = f"/verify/{quote(report_no, safe='')}/report?code={quote(code, safe='')}"
            name = "查看存档文件（已作废）" if standing is Standing.REVOKED else "查看存档文件（PDF）"
            parts.append(f'<a class="main" href="{escape(address)}">{name}</a>')
    parts.append("</section>")
    if reported is None:
        parts.append(_form(report_no))
    return _page("".join(parts))


def _headline(verdict: _Verdict) -> str:
    sign = f'<span class="sign {verdict.colour}" aria-hidden="true">{verdict.sign}</span>'
    return f'<p class="verdict" role="status">{sign}{escape(verdict.title)}</p><p>{escape(verdict.advice)}</p>'


def entry_page() -> str:
    """Where a number and a code are typed in."""
    return _page(_form(""))


def _rows(
    report_no: str, reported: Reported | None, revoked: ReportRevoked | None, valid_until: date | None
) -> Iterator[tuple[str, str]]:
    yield "报告编号", report_no
    if reported is None:
        return
    yield "出具时间", f"{reported.issued_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
    if valid_until is not None:
        yield "有效期至", f"{valid_until:%Y-%m-%d}"
    if revoked is not None:
        yield "作废时间", f"{revoked.revoked_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
        if revoked.replaced_by is not None:
            yield "替代报告", revoked.replaced_by
    if reported.supersedes_report_no is not None:
        yield "替代的报告", reported.supersedes_report_no
    yield "页数", str(reported.pages)
    yield "合同编号", reported.contract_ref


def _form(report_no: str) -> str:
    return (
        '<form class="card check" action="/verify" method="get"><label for="report_no">报告编号</label>'
        '<input id="report_no" name="report_no" required maxlength="64" autocomplete="off" autocapitalize="characters"'
        f' spellcheck="false" placeholder="印在报告单首页，以 GJ 开头" value="{escape(report_no)}">'
        '<label for="code">验证码</label>'
        '<input id="code" name="code" required maxlength="64" autocomplete="off" autocapitalize="characters"'
        ' spellcheck="false" placeholder="例如 7Q2K-9XMD-04VN" aria-describedby="code-hint">'
        '<p class="hint" id="code-hint">印在报告单末页。不分大小写，空格和连字符可以省略</p>'
        '<button class="main" type="submit">核验</button></form>'
    )


def _page(cards: str) -> str:
    return _template().substitute(assets=asset_base(), cards=cards)


@cache
def _template() -> Template:
    return Template((FOLDER / "verify.html").read_text(encoding="utf-8"))

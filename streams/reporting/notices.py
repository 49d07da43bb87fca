"""What a report must say of itself before anything else: made-up market, preliminary, correction, revoked.

- 合成市场数据: any market data or any source of the verification is made up.
- 初步价格: an automatic value whose model is on trial, which was made while a source was away, or for which facts that
  were stated were found to differ or not found at all.
- 更正: it takes the place of an earlier report, which it names with the reason where it has a number.
- 已作废: a copy of a report that no longer counts; the stored original never changes.

A reviewer's value is never preliminary: a person stands for it. Interim answers and PENDING_MANUAL have no report.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from schemas.codes import ModelRole, Reason, VerificationOutcome
from schemas.domain.worktime import shanghai_date
from schemas.events import ReportRevoked, Resulted
from streams.reporting.identity import superseded_no
from streams.reporting.numbers import day
from streams.reporting.texts import Texts

_UNCONFIRMED = frozenset({VerificationOutcome.MISMATCH, VerificationOutcome.NOT_FOUND})


def watermark(result: Resulted, texts: Texts) -> str | None:
    """The words across every page, the gravest there are; `None` for an ordinary report."""
    if is_synthetic(result):
        return texts.word("notice", "SYNTHETIC_MARK")
    return texts.word("notice", "PRELIMINARY_MARK") if preliminary_because(result) else None


def notices(result: Resulted, texts: Texts) -> list[dict[str, str]]:
    """The banners below the head, in the order of their weight: `tone`, `title` and `text`."""
    return [*_notices(result, texts)]


def _notices(result: Resulted, texts: Texts) -> Iterator[dict[str, str]]:
    if result.supersedes is not None:
        why = texts.word("correction", Reason.DISPUTE if result.human else "OTHER")
        number = superseded_no(result)
        text = (
            texts.say("notice", "CORRECTION_TEXT", report_no=number, reason=why)
            if number is not None
            else texts.say("notice", "CORRECTION_UNNUMBERED", reason=why)
        )
        yield {"tone": "correction", "title": texts.word("notice", "CORRECTION"), "text": text}
    if is_synthetic(result):
        text = texts.word("notice", "SYNTHETIC_TEXT")
        yield {"tone": "warning", "title": texts.word("notice", "SYNTHETIC"), "text": text}
    if because := preliminary_because(result):
        text = "；".join(texts.word("preliminary", one) for one in because)
        yield {"tone": "warning", "title": texts.word("notice", "PRELIMINARY"), "text": text}


def is_synthetic(result: Resulted) -> bool:
    """Whether any market data behind the answer is made up; the report then says so in large letters."""
    if result.verification is not None and result.verification.synthetic:
        return True
    valuation = result.valuation
    if valuation is None:
        return False
    sources = (*valuation.sources, *(comparable.source for comparable in valuation.comparables))
    return any("synthetic" in source.lower() for source in sources)


def preliminary_because(result: Resulted) -> tuple[str, ...]:
    """Why a value is preliminary, as keys of the words; empty where it is not, and for a verification alone."""
    if result.value is None or result.human is not None:
        return ()
    valuation, verified = result.valuation, result.verification
    applies = {
        "MODEL_ON_TRIAL": valuation is not None and valuation.model.role is ModelRole.CHALLENGER,
        "DEGRADED": bool(result.degraded_sources),
        "UNCONFIRMED": verified is not None and verified.outcome in _UNCONFIRMED,
    }
    return tuple(reason for reason, does in applies.items() if does)


def revoked(content: Mapping[str, Any], revocation: ReportRevoked, texts: Texts) -> dict[str, Any]:
    """The content of the copy that is handed out of a report that no longer counts. Digest and code stay as issued."""
    on, why = day(shanghai_date(revocation.revoked_at)), revocation.reason
    text = texts.say("notice", "REVOKED_TEXT", day=on, reason=why)
    if revocation.replaced_by is not None:
        text += texts.say("notice", "REPLACED_TEXT", report_no=revocation.replaced_by)
    notice = {"tone": "revoked", "title": texts.word("notice", "REVOKED"), "text": text}
    return {
        **content,
        "watermark": texts.word("notice", "REVOKED_MARK"),
        "notices": [notice, *content["notices"]],
    }

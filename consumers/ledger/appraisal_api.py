"""Appraisals over HTTP: the rate of C-04, its cases, what outcomes say of the models, and rows to learn from."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from fastapi import APIRouter, HTTPException, status

from consumers.ledger.monitoring import WEEKS, watch
from consumers.ledger.outcomes import OutcomeQueries, stage_drift
from consumers.ledger.rates import Term, rate_report
from consumers.ledger.training_rows import TrainingRows
from schemas.codes import AppraisalKind
from schemas.domain.worktime import SHANGHAI

_EVER: Final = datetime(2000, 1, 1, tzinfo=UTC)
_WATCHED: Final = timedelta(days=400)  # twelve weeks, and enough before them for 200 items of a quiet segment


def routes(outcomes: OutcomeQueries, training: TrainingRows, clock: Callable[[], datetime]) -> APIRouter:
    """The pages. `clock` gives the end of a window that names none."""
    pages = APIRouter()

    @pages.get("/appraisals/rate")
    def rate(
        since: datetime = _EVER,
        until: datetime | None = None,
        term_first: date | None = None,
        term_last: date | None = None,
    ) -> dict[str, Any]:
        """The share within the promise, of offline appraisals reported in the window; `hold` is a proposal."""
        first, last = _window(since, until, clock)
        kinds = [AppraisalKind.OFFLINE_APPRAISAL]
        report = rate_report(
            outcomes.outcomes(first, last, kinds), outcomes.unmatched(first, last, kinds), _term(term_first, term_last)
        )
        return asdict(report) | {"hold": [asdict(one) for one in report.hold], "reference": "manual"}

    @pages.get("/appraisals/cases")
    def cases(since: datetime = _EVER, until: datetime | None = None, kind: str | None = None) -> dict[str, Any]:
        """Every value beside what came later, also the cases that do not count."""
        first, last = _window(since, until, clock)
        found = outcomes.outcomes(first, last, None if kind is None else [kind])
        return {"cases": [asdict(one) for one in found]}

    @pages.get("/appraisals/monitor")
    def monitor(until: datetime | None = None) -> dict[str, Any]:
        """Rolling measures, bias and interval coverage of every segment up to a day."""
        last = _window(_EVER, until, clock)[1]
        found = outcomes.outcomes(last - _WATCHED, last)
        day = (last - timedelta(microseconds=1)).astimezone(SHANGHAI).date()
        return {"day": day, "weeks": WEEKS, "segments": [asdict(one) for one in watch(found, day)]}

    @pages.get("/appraisals/loan-stages")
    def loan_stages(since: datetime = _EVER, until: datetime | None = None) -> dict[str, Any]:
        """Units valued before a loan and in it, and how far the two values lie apart."""
        pairs = outcomes.loan_stages(*_window(since, until, clock))
        return stage_drift(pairs) | {"pairs": [asdict(one) | {"drift": one.drift} for one in pairs]}

    @pages.get("/appraisals/training-rows")
    def training_rows(until: datetime | None = None) -> dict[str, Any]:
        """Decisions and appraisals known before `until`."""
        rows = training.known_before(_window(_EVER, until, clock)[1])
        return {"rows": [row.as_columns() for row in rows]}

    return pages


def _window(since: datetime, until: datetime | None, clock: Callable[[], datetime]) -> tuple[datetime, datetime]:
    last = until or clock()
    for name, at in (("since", since), ("until", last)):
        if at.tzinfo is None:
            detail = f"{name} needs a time zone, e.g. 2026-01-01T00:00:00Z"
            raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, detail)
    return since, last


def _term(first: date | None, last: date | None) -> Term | None:
    if first is None and last is None:
        return None
    if first is None or last is None or first > last:
        detail = "a term needs term_first and term_last, the first day and the last"
        raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, detail)
    return Term(first=first, last=last)

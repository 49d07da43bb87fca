"""What is known of one row, and how it changes with each event about it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, Final

from schemas.codes import Status
from schemas.domain.ends import is_end
from schemas.events import Reported, Resulted

# Nothing more comes for these without somebody acting.
_WITH_PEOPLE: Final = frozenset({Status.PENDING_MANUAL, Status.NEEDS_CLARIFICATION})
_UNDER_WAY: Final = frozenset({Status.RECEIVED, Status.PROCESSING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Former:
    """上次估值: what the collateral was valued at before, in whole yuan, and the report that a new value replaces."""

    value: int
    on: date
    report_no: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A row and its answer. Money in whole yuan; `status` `None`: nothing has come yet, `revision` 0: refused."""

    number: int
    valuation_id: str
    status: Status | None = None
    revision: int = 0
    value: int | None = None
    unit_price: int | None = None
    lower: int | None = None
    upper: int | None = None
    confidence_level: int | None = None
    value_date: date | None = None
    valid_until: date | None = None
    reason: str = ""
    report_no: str = ""
    superseded_by: str | None = None
    business_ref: str | None = None
    branch_code: str | None = None
    former: Former | None = None

    @property
    def is_with_people(self) -> bool:
        """Whether a reviewer or the bank has to act before anything more comes."""
        return self.status in _WITH_PEOPLE

    @property
    def is_settled(self) -> bool:
        """Whether it is no longer on its way: answered, or with people."""
        return self.status is not None and _is_settled(self.status)

    @property
    def is_ended(self) -> bool:
        """Whether what was accepted has its end: only a dispute changes that."""
        return self.status is not None and self.status.is_final and self.revision > 0

    @property
    def is_done(self) -> bool:
        """Whether nothing more comes by itself: a value has its report, or somebody has to act first."""
        is_final = self.status is not None and self.status.is_final
        return self.is_with_people or (is_final and (self.value is None or bool(self.report_no)))

    @property
    def change(self) -> float | None:
        """变动: the new value against the former one, −0.12 = 12 % less; `None` without either."""
        if self.former is None or self.value is None or self.status is None or not self.status.is_final:
            return None
        return self.value / self.former.value - 1


def answered(before: Answer, resulted: Resulted) -> Answer:
    """The row's answer after one more result; a receipt or an interim behind a better answer changes nothing."""
    if not _is_news(before, resulted):
        return before
    valuation = resulted.valuation
    return replace(
        before,
        status=resulted.status,
        revision=resulted.revision,
        value=resulted.value,
        unit_price=resulted.unit_price,
        lower=resulted.lower,
        upper=resulted.upper,
        confidence_level=valuation.confidence_level if valuation is not None and resulted.human is None else None,
        value_date=resulted.value_date,
        valid_until=resulted.valid_until,
        reason="；".join(problem.message for problem in resulted.problems) or resulted.reason_text,
    )


def reported(before: Answer, report: Reported) -> Answer:
    """The row's answer with its report; a later report supersedes. One of a value that came second is none of it."""
    is_another = before.is_ended and report.revision != before.revision
    return before if is_another and report.supersedes_report_no is None else replace(before, report_no=report.report_no)


def _is_news(before: Answer, resulted: Resulted) -> bool:
    """Whether a result takes the place of the row's answer.

    Of two ends the first counts, unless the second came of a dispute: a cancellation may cross a value. A refusal is
    the row's answer only while there is none; of a command it never is.
    """
    if resulted.revision == 0:
        return before.status is None and not resulted.update
    if before.is_ended:
        return is_end(resulted) and resulted.supersedes is not None
    return not (before.is_with_people and resulted.status in _UNDER_WAY)


def has_moved(answer: Answer, threshold: float) -> bool:
    """Whether a new value lies further from the former one than agreed. The agreed change itself is none yet.

    Reckoned in decimals: as binary fractions 4,922,500 would be more than 10 % above 4,475,000.
    """
    if answer.change is None or answer.value is None or answer.former is None:
        return False
    return abs(answer.value - answer.former.value) > Decimal(str(threshold)) * answer.former.value


def settled_now(changes: Iterable[tuple[Answer, Answer]]) -> int:
    """How many rows are no longer on their way after changes, each (before, after)."""
    return sum(after.is_settled - before.is_settled for before, after in changes)


@dataclass(frozen=True, slots=True, order=True)
class Standing:
    """How a row stands, as far as rows are counted."""

    status: str
    is_done: bool


@dataclass(frozen=True, slots=True)
class Shift:
    """By how much a count changes: rows of a standing, and reports among them."""

    rows: int
    reports: int


def shifts(changes: Iterable[tuple[Answer, Answer]]) -> dict[Standing, Shift]:
    """What rows that changed, each (before, after), do to the counts of their job; unmoved counts are left out."""
    rows: Counter[Standing] = Counter()
    reports: Counter[Standing] = Counter()
    for before, after in changes:
        for answer, by in ((before, -1), (after, 1)):
            if answer.status is None and not answer.report_no:
                continue
            standing = Standing(answer.status or "", answer.is_done)
            rows[standing] += by
            reports[standing] += by * bool(answer.report_no)
    moved = sorted(standing for standing in rows if rows[standing] or reports[standing])
    return {standing: Shift(rows[standing], reports[standing]) for standing in moved}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """A job in numbers. `manual` are with a reviewer; `open` have no final answer, sent or not; `on_the_way` are sent.

    A row is on its way until it is answered. Reports follow answers at their own pace and are counted apart: so many
    are due on the answers so far, and so many of these are known.
    """

    rows: int
    refused: int
    duplicates: int
    sent: int
    answered: int
    manual: int
    open: int
    on_the_way: int
    reports_due: int
    reports_known: int
    by_status: dict[str, int]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {name: getattr(self, name) for name in self.__slots__}

    @property
    def with_people(self) -> int:
        """Rows that wait for somebody: a reviewer, or the bank's reply about an address."""
        return sum(self.by_status.get(status, 0) for status in _WITH_PEOPLE)

    @property
    def reports_awaited(self) -> int:
        """Reports that are due and not known."""
        return self.reports_due - self.reports_known


def tally(standings: Iterable[tuple[Standing, Shift]], *, rows: int, refused: int, duplicates: int, sent: int) -> Tally:
    """Count a job from how its rows stand."""
    by_status: Counter[str] = Counter()
    known = awaited = 0
    for standing, count in standings:
        if not standing.status:
            continue
        by_status[standing.status] += count.rows
        if Status(standing.status).is_final:
            known += count.reports
            awaited += 0 if standing.is_done else count.rows
    by_status = +by_status
    manual = by_status[Status.PENDING_MANUAL]
    settled = sum(count for status, count in by_status.items() if _is_settled(Status(status)))
    return Tally(
        rows=rows,
        refused=refused,
        duplicates=duplicates,
        sent=sent,
        answered=settled - manual,
        manual=manual,
        open=rows - refused - duplicates - settled,
        on_the_way=max(0, sent - settled),
        reports_due=known + awaited,
        reports_known=known,
        by_status=dict(sorted(by_status.items())),
    )


def _is_settled(status: Status) -> bool:
    return status.is_final or status in _WITH_PEOPLE

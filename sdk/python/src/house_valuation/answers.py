"""What comes back. Money is whole yuan, areas are ㎡; `body` always holds the whole JSON object as it came."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Self

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong with one field, and how to mend it, in Chinese."""

    field: str
    code: str
    message: str

    @classmethod
    def of(cls, body: Body) -> Self:
        """Read one entry of `problems`."""
        return cls(field=body.get("field", ""), code=body.get("code", ""), message=body.get("message", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A community the address may mean; choose it with `calls.choose`."""

    community_id: str
    name: str
    city: str = ""
    district: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Where a valuation stands. What a channel may not see is `None`.

    `status` is one of RECEIVED, PROCESSING, NEEDS_CLARIFICATION, PENDING_MANUAL (interim) and COMPLETED_AUTO,
    COMPLETED_MANUAL, UNABLE_TO_VALUE, OUT_OF_COVERAGE, NOT_ELIGIBLE, REJECTED_INVALID, FAILED, CANCELLED, EXPIRED.
    `candidates` may be chosen from until `answer_by`.
    """

    valuation_id: str
    status: str
    status_text: str
    final: bool
    value: int | None = None
    unit_price: int | None = None
    lower: int | None = None
    upper: int | None = None
    area_m2: Decimal | None = None
    value_date: date | None = None
    valid_until: date | None = None
    due_at: datetime | None = None
    answer_by: datetime | None = None
    reason_text: str = ""
    question: str = ""
    candidates: tuple[Candidate, ...] = ()
    report_no: str | None = None
    body: Body = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, body: Body) -> Self:
        """Read the JSON of a valuation."""
        report = body.get("report") or {}
        return cls(
            valuation_id=body["valuation_id"],
            status=body["status"],
            status_text=body.get("status_text", ""),
            final=bool(body.get("final", False)),
            value=body.get("value"),
            unit_price=body.get("unit_price"),
            lower=body.get("lower"),
            upper=body.get("upper"),
            area_m2=Decimal(body["area_m2"]) if body.get("area_m2") is not None else None,
            value_date=_day(body.get("value_date")),
            valid_until=_day(body.get("valid_until")),
            due_at=_instant(body.get("due_at")),
            answer_by=_instant(body.get("answer_by")),
            reason_text=body.get("reason_text", ""),
            question=body.get("question", ""),
            candidates=tuple(
                Candidate(
                    community_id=one["community_id"],
                    name=one.get("name", ""),
                    city=one.get("city", ""),
                    district=one.get("district", ""),
                )
                for one in body.get("candidates", ())
            ),
            report_no=report.get("report_no"),
            body=body,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The 房屋估价报告单. Its bytes were compared with `sha256` (hex) where the service states it."""

    content: bytes = field(repr=False)
    media_type: str
    sha256: str
    revoked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrder:
    """工单: its state (RAISED, ACCEPTED, ANSWERED, REJECTED), when the next step is owed, and the answer."""

    work_order_id: str
    state: str
    due_at: datetime | None = None
    answer: str | None = None
    body: Body = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, body: Body) -> Self:
        """Read the JSON of a work order."""
        return cls(
            work_order_id=body["work_order_id"],
            state=body["state"],
            due_at=_instant(body.get("due_at")),
            answer=body.get("answer"),
            body=body,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """批量作业: QUEUED, RUNNING, PAUSED, DELIVERED (people still have some rows), COMPLETED or CANCELLED."""

    job_id: str
    state: str
    rows: int = 0
    refused: int = 0
    answered: int = 0
    deadline_at: datetime | None = None
    body: Body = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, body: Body) -> Self:
        """Read the JSON of a job."""
        return cls(
            job_id=body["job_id"],
            state=body["state"],
            rows=body.get("rows", 0),
            refused=body.get("refused", 0),
            answered=body.get("answered", 0),
            deadline_at=_instant(body.get("deadline_at")),
            body=body,
        )

    @property
    def has_results(self) -> bool:
        """Whether every row that people need not decide has its answer."""
        return self.state in {"DELIVERED", "COMPLETED"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Mean unit prices of a community by month (`YYYY-MM`, yuan per ㎡, number of deals), oldest first."""

    community_id: str
    name: str
    months: tuple[tuple[str, int, int], ...]

    @classmethod
    def of(cls, body: Body) -> Self:
        """Read the JSON of a price history."""
        months = tuple((one["month"], one["unit_price"], one["deals"]) for one in body.get("months", ()))
        return cls(community_id=body["community_id"], name=body.get("name", ""), months=months)


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None

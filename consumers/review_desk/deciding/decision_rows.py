"""Decisions and first opinions in PostgreSQL, each written inside the transaction that moves the task."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import TupleRow, dict_row
from psycopg.types.json import Jsonb

from consumers.review_desk.deciding.authority import Stakes, stakes_of
from consumers.review_desk.deciding.conclusion_json import as_json, conclusion_of, edits_as_json
from consumers.review_desk.deciding.decision import Conclusion, Signed, decided_event
from consumers.review_desk.deciding.signing import signatories_of
from consumers.review_desk.people.staff import Grade
from consumers.review_desk.store import Held
from consumers.review_desk.task import Kind, Task
from infra.postgres.audit import Act
from schemas.catalogue import Topic
from schemas.codes import ReviewOutcome
from schemas.domain.property_key import property_key
from schemas.domain.rounding import total
from schemas.events import ReviewRequested

_ASKS_AGAIN: Final = frozenset({ReviewOutcome.CLARIFY, ReviewOutcome.RETURN_TO_AUTO})
_KEEP: Final = """
    insert into decision (task_id, valuation_id, revision, kind, outcome, unit_price, value, lower, upper, reasons,
        comparable_ids, few_comparables_because, deviation_because, rationale, guideline_version, reviewer, grade,
        approver, claimed_at, decided_at, confirmed_community_id, blind, model_unit_price, limiting_factors, comparison,
        property_key)
    values (%(task_id)s, %(valuation_id)s, %(revision)s, %(kind)s, %(outcome)s, %(unit_price)s, %(value)s, %(lower)s,
        %(upper)s, %(reasons)s, %(comparable_ids)s, %(few_comparables_because)s, %(deviation_because)s, %(rationale)s,
        %(guideline_version)s, %(reviewer)s, %(grade)s, %(approver)s, %(claimed_at)s, %(decided_at)s,
        %(confirmed_community_id)s, %(blind)s, %(model_unit_price)s, %(limiting_factors)s, %(comparison)s,
        %(property_key)s)
"""
_SUBMIT: Final = """
    insert into approval (task_id, reviewer, grade, claimed_at, submitted_at, conclusion, value, model_unit_price,
        because, guideline_version)
    values (%(task_id)s, %(reviewer)s, %(grade)s, %(claimed_at)s, %(submitted_at)s, %(conclusion)s, %(value)s,
        %(model_unit_price)s, %(because)s, %(guideline_version)s)
    on conflict (task_id) do update set
        reviewer = excluded.reviewer, grade = excluded.grade, claimed_at = excluded.claimed_at,
        submitted_at = excluded.submitted_at, conclusion = excluded.conclusion, value = excluded.value,
        model_unit_price = excluded.model_unit_price, because = excluded.because,
        guideline_version = excluded.guideline_version, returned_by = null, returned_at = null, remark = null
"""
_FIRST: Final = "select * from approval where task_id = any(%s)"
_RETURN: Final = "update approval set returned_by = %s, returned_at = %s, remark = %s where task_id = %s"
_RETURNED: Final = "select exists (select from task where valuation_id = %s and state = 'RETURNED_TO_AUTO')"
_EARLIER: Final = """
    select unit_price from decision
    where valuation_id = %s and task_id <> %s and outcome = 'VALUE' and kind in ('VALUATION', 'DISPUTE')
    order by decided_at desc limit 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstOpinion:
    """What an author submitted, and, once it came back, by whom and with which remark.

    `value` is the total in yuan, `None` where it gives none; `model_unit_price` what the model said, if anything.
    `because`: why a second person is needed (Chinese).
    """

    reviewer: str
    grade: Grade
    claimed_at: datetime
    submitted_at: datetime
    conclusion: Conclusion
    value: int | None
    model_unit_price: int | None
    because: str
    guideline_version: str
    returned_by: str | None = None
    remark: str | None = None

    @property
    def stakes(self) -> Stakes:
        """How much hangs on it."""
        price = None if self.value is None else self.conclusion.unit_price
        return stakes_of(self.value, price, self.model_unit_price)


def finish(held: Held, task: Task, signed: Signed, act: Act, decisions: Topic) -> Task:
    """End a task: its row, its decision, its audit line and, unless it is internal, the event."""
    held.connection.execute(_KEEP, decision_row(held.task, held.review, signed))
    held.save(task, act)
    say(held, signed, act, decisions)
    return held.task


def say(held: Held, signed: Signed, act: Act, decisions: Topic) -> None:
    """Publish what was decided, once the transaction is done; of an internal task nothing.

    But for a sampled automatic answer: the ledger and the curve of the policy compare it with the model's. A sample
    asks nobody and goes back nowhere, whatever its reviewer would have done with any other task.
    """
    is_told = held.task.kind is Kind.AUDIT and signed.conclusion.outcome not in _ASKS_AGAIN
    if held.task.internal and not is_told:
        return
    signatories = signatories_of(held.connection, held.task.task_id, signed)
    event = decided_event(held.review, signed, task=held.task, signatories=signatories)
    held.publish(decisions, event, act, number=event_number(held.task, signed.conclusion.outcome))


def event_number(task: Task, outcome: ReviewOutcome) -> int:
    """What tells a decision's event from the others about its valuation.

    The answer to an asking has the number of its revision. A question to the channel, a return to the model and the
    decision on a dispute are facts beside it, each with a number drawn from its task.
    """
    is_answer = task.kind in {Kind.VALUATION, Kind.AUDIT} and outcome not in _ASKS_AGAIN
    return task.revision if is_answer else zlib.crc32(f"{task.task_id}|{task.revision}|{outcome}".encode())


def decision_row(task: Task, review: ReviewRequested, signed: Signed) -> dict[str, Any]:
    """The row of `decision`."""
    conclusion = signed.conclusion
    price = conclusion.unit_price if conclusion.outcome is ReviewOutcome.VALUE else None
    return {
        "task_id": task.task_id,
        "valuation_id": task.valuation_id,
        "revision": task.revision,
        "kind": task.kind,
        "outcome": conclusion.outcome,
        "unit_price": price,
        "value": value_of(conclusion, review),
        "lower": None if price is None else conclusion.lower,
        "upper": None if price is None else conclusion.upper,
        "reasons": list(task.reasons),
        "comparable_ids": list(conclusion.comparable_ids),
        "few_comparables_because": _storable(conclusion.few_comparables_because),
        "deviation_because": conclusion.deviation_because,
        "rationale": _storable(conclusion.rationale),
        "guideline_version": signed.guideline_version,
        "reviewer": signed.reviewer,
        "grade": signed.grade,
        "approver": signed.approver,
        "claimed_at": signed.claimed_at,
        "decided_at": signed.decided_at,
        "confirmed_community_id": conclusion.confirmed_community_id,
        "blind": task.blind,
        "model_unit_price": model_unit_price(review),
        "limiting_factors": list(conclusion.limiting_factors),
        "comparison": Jsonb(edits_as_json(conclusion.comparison)),
        "property_key": key_of(review, conclusion.confirmed_community_id),
    }


def value_of(conclusion: Conclusion, review: ReviewRequested) -> int | None:
    """The total in yuan that a conclusion comes to; `None` where it gives no value."""
    if conclusion.outcome is not ReviewOutcome.VALUE or conclusion.unit_price is None:
        return None
    return total(conclusion.unit_price, review.scored.request.area_m2)


def model_unit_price(review: ReviewRequested) -> int | None:
    """What the model said, in yuan per m²; `None` where it gave no value."""
    return None if review.scored.valuation is None else review.scored.valuation.unit_price


def key_of(review: ReviewRequested, confirmed_community_id: str | None = None) -> str | None:
    """The key of the house in the property registry; `None` while its community is open."""
    address = review.scored.address
    community_id = confirmed_community_id or address.community_id
    if not community_id:
        return None
    return property_key(community_id, address.building, address.unit, address.room)


def submit_first(connection: Connection[TupleRow], task_id: str, first: FirstOpinion) -> None:
    """Keep a first opinion, in the place of one that came back."""
    values = {
        "task_id": task_id,
        "reviewer": first.reviewer,
        "grade": first.grade,
        "claimed_at": first.claimed_at,
        "submitted_at": first.submitted_at,
        "conclusion": Jsonb(_storable_json(as_json(first.conclusion))),
        "value": first.value,
        "model_unit_price": first.model_unit_price,
        "because": first.because,
        "guideline_version": first.guideline_version,
    }
    connection.execute(_SUBMIT, values)


def first_opinion(connection: Connection[TupleRow], task_id: str) -> FirstOpinion | None:
    """The first opinion on a task, also one that came back."""
    return first_opinions(connection, [task_id]).get(task_id)


def first_opinions(connection: Connection[TupleRow], task_ids: list[str]) -> dict[str, FirstOpinion]:
    """The first opinions on these tasks, by task."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(_FIRST, [task_ids]).fetchall()
    return {str(row["task_id"]): _first_opinion_of(row) for row in rows}


def _first_opinion_of(row: Mapping[str, Any]) -> FirstOpinion:
    return FirstOpinion(
        reviewer=row["reviewer"],
        grade=Grade(row["grade"]),
        claimed_at=row["claimed_at"],
        submitted_at=row["submitted_at"],
        conclusion=conclusion_of(row["conclusion"]),
        value=row["value"],
        model_unit_price=row["model_unit_price"],
        because=row["because"],
        guideline_version=row["guideline_version"],
        returned_by=row["returned_by"],
        remark=row["remark"],
    )


def send_first_back(connection: Connection[TupleRow], task_id: str, by: str, at: datetime, remark: str) -> None:
    """Note on a first opinion that it came back, and why."""
    connection.execute(_RETURN, [by, at, _storable(remark), task_id])


def was_returned(connection: Connection[TupleRow], valuation_id: str) -> bool:
    """Whether a valuation was given back to the model before."""
    row = connection.execute(_RETURNED, [valuation_id]).fetchone()
    return bool(row and row[0])


def earlier_unit_price(connection: Connection[TupleRow], task: Task) -> int | None:
    """What a person said of the same valuation before, in yuan per m²."""
    row = connection.execute(_EARLIER, [task.valuation_id, task.task_id]).fetchone()
    return None if row is None else row[0]


def _storable(text: str | None) -> str | None:
    return None if text is None else text.replace("\x00", "\ufffd")


def _storable_json(stored: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _storable(value) if isinstance(value, str) else value for name, value in stored.items()}

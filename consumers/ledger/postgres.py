"""The ledger's tables, written. Everything runs inside the transaction of the ingest loop and bears repetition."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import timedelta
from functools import reduce
from itertools import groupby
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow, dict_row

from consumers.ledger import work_orders
from consumers.ledger.appraisals import compare_batch, take_turn
from consumers.ledger.audit import chain
from consumers.ledger.cancelled_reports import revoke_behind_ends
from consumers.ledger.clarifications import note_questions
from consumers.ledger.command_desk import note_commands
from consumers.ledger.disputes import note_disputes
from consumers.ledger.entry import Entry, entry_of, json_ready
from consumers.ledger.registry import append_corrections
from consumers.ledger.reusable import note_reusable
from consumers.ledger.revocations import note_revocations
from consumers.ledger.standing import Answer, Conclusion, Identity, Milestones, Standing, merged
from infra.postgres.ingest import Received
from schemas.domain.clarification import ClarificationPolicy
from schemas.errors import PermanentError
from schemas.events import (
    Appraised,
    Audited,
    PropertyRecord,
    ReviewAtRisk,
    WorkOrderProgressed,
    WorkOrderRaised,
)

# A whole batch is one JSON document: PostgreSQL takes it apart by column name, faster than row by row.
_EVENTS = """
    insert into ledger_event select * from jsonb_populate_recordset(null::ledger_event, %s::jsonb)
    on conflict (event_id) do nothing returning event_id
"""
_REPORTS = """
    insert into report select * from jsonb_populate_recordset(null::report, %s::jsonb)
    on conflict (report_no) do nothing returning report_no
"""
_TAKEN = """
    select n.report_no, n.valuation_id, r.valuation_id from jsonb_populate_recordset(null::report, %s::jsonb) n
        join report r on r.report_no = n.report_no and r.valuation_id <> n.valuation_id limit 1
"""
# In the order of ids, so that two ledgers with parts of the same valuations never wait for each other in a circle.
_NEW = """
    insert into valuation select * from jsonb_populate_recordset(null::valuation, %s::jsonb) order by valuation_id
    on conflict (valuation_id) do nothing returning valuation_id
"""
_KNOWN = "select * from valuation where valuation_id = any(%s) order by valuation_id for update"
_DISPUTE = "DISPUTE"  # as the desk says it in `kind`
_NO_EVENTS_OF_A_VALUATION = (PropertyRecord, Appraised, Audited, WorkOrderRaised, WorkOrderProgressed)
_NAMES = {part: tuple(field.name for field in fields(part)) for part in (Identity, Milestones, Answer, Conclusion)}
_EVENT_COLUMNS = tuple(field.name for field in fields(Entry) if field.name != "standing")
_OWN_COLUMNS = (*(name for names in _NAMES.values() for name in names), "final_at")
_CHANGED = f"""
    update valuation v set ({", ".join(_OWN_COLUMNS)}) = ({", ".join(f"n.{column}" for column in _OWN_COLUMNS)})
    from jsonb_populate_recordset(null::valuation, %s::jsonb) n where v.valuation_id = n.valuation_id
"""
_BREACHES = """
    insert into breach (valuation_id, promise, found_at)
    select valuation_id, 'ONLINE_ANSWER', answered_at from valuation
    where valuation_id = any(%s) and lane = 'online' and answered_at - received_at > %s
    on conflict do nothing
"""


_OVERDUE = """
    insert into breach (valuation_id, promise, found_at)
    select * from unnest(%s::uuid[], %s::text[], %s::timestamptz[]) on conflict do nothing
"""


class ReportNumberTakenError(PermanentError):
    """Two valuations have reports of one number; the second is not kept, and nobody is shown the first in its place."""

    def __init__(self, report_no: str, valuation_id: UUID, owner: UUID) -> None:
        super().__init__(
            f"report {report_no} of valuation {valuation_id} has the number of a report of valuation {owner}; "
            "ask for the valuation anew, and look into how reports are numbered"
        )


class LedgerWriter:
    """The effects of the ledger. `answer_within` is the promise (C-02b) whose every breach gets a row."""

    def __init__(self, *, answer_within: timedelta, clarification: ClarificationPolicy | None = None) -> None:
        self._answer_within = answer_within
        self._clarification = clarification or ClarificationPolicy()

    def __call__(self, connection: Connection[TupleRow], batch: Sequence[Received]) -> None:
        """Write the lines of a batch, move its valuations, and keep corrections of the registry and appraisals.

        What is said again moves nothing, also where it says something else: of that the audit has a line.
        """
        take_turn(connection, batch)
        append_corrections(connection, [one for one in batch if isinstance(one.event, PropertyRecord)])
        told = [(entry_of(one), one) for one in batch if not isinstance(one.event, _NO_EVENTS_OF_A_VALUATION)]
        entries = [entry for entry, _ in told]
        new = {row[0] for row in connection.execute(_EVENTS, [_json(_event_row(entry) for entry in entries)])}
        first, again = _first_of_each(told, new)
        chain(connection, first, again, [one for one in batch if isinstance(one.event, Audited)])
        reports = [_report_row(entry) for entry in entries if entry.kind == "Reported"]
        if reports:
            _keep_reports(connection, reports)
        moved = write_standings(connection, folded(entry for entry, _ in first))
        connection.execute(_BREACHES, [moved, self._answer_within])
        _note_overdue(connection, batch)
        note_questions(connection, batch, self._clarification)
        note_disputes(connection, batch)
        note_revocations(connection, batch)
        revoke_behind_ends(connection, batch)
        note_commands(connection, batch)
        note_reusable(connection, batch)
        work_orders.keep(connection, batch)
        compare_batch(connection, batch)


def promise_of(event: ReviewAtRisk) -> str:
    """Which promise a review breaks: a dispute has a working day of its own, whatever became of the first answer's."""
    return "DISPUTE_ANSWER" if event.kind == _DISPUTE else "MANUAL_ANSWER"


def _note_overdue(connection: Connection[TupleRow], batch: Sequence[Received]) -> None:
    """A row for every manual valuation that was not answered within its working day (C-03), and for every dispute."""
    events = [one.event for one in batch if isinstance(one.event, ReviewAtRisk) and one.event.is_breach]
    if events:
        rows = [(UUID(event.valuation_id), promise_of(event), event.due_at) for event in events]
        connection.execute(_OVERDUE, [list(column) for column in zip(*rows, strict=True)])


Told = tuple[Entry, Received]


def _first_of_each(told: Iterable[Told], new: set[UUID]) -> tuple[list[Told], list[Told]]:
    """The new events in their order, each as it was first told, and what says one again, be it in this batch."""
    first: dict[UUID, Told] = {}
    again: list[Told] = []
    for one in told:
        event_id = one[0].event_id
        if event_id in new and event_id not in first:
            first[event_id] = one
        else:
            again.append(one)
    return list(first.values()), again


def folded(entries: Iterable[Entry]) -> tuple[Standing, ...]:
    """What these lines say together, one standing for each valuation, in the order of ids."""
    said = sorted((entry.standing for entry in entries if entry.standing), key=lambda standing: standing.valuation_id)
    groups = groupby(said, key=lambda standing: standing.valuation_id)
    return tuple(reduce(merged, standings) for _, standings in groups)


def _keep_reports(connection: Connection[TupleRow], reports: Sequence[dict[str, Any]]) -> None:
    """Raises `ReportNumberTakenError`; the record becomes a dead letter."""
    told = _json(reports)
    if connection.execute(_REPORTS, [told]).rowcount == len(reports):
        return
    taken = connection.execute(_TAKEN, [told]).fetchone()  # else they are told again
    if taken is not None:
        raise ReportNumberTakenError(*taken)


def write_standings(connection: Connection[TupleRow], standings: Sequence[Standing]) -> list[UUID]:
    """Merge standings into the table and return their ids. `standings` names each valuation once."""
    if not standings:
        return []
    new = {row[0] for row in connection.execute(_NEW, [_json(map(_row, standings))]).fetchall()}
    by_id = {standing.valuation_id: standing for standing in standings}
    old = [key for key in by_id if key not in new]
    if old:
        with connection.cursor(row_factory=dict_row) as cursor:
            known = [standing_of(row) for row in cursor.execute(_KNOWN, [old]).fetchall()]
        together = [(standing, merged(standing, by_id[standing.valuation_id])) for standing in known]
        changed = [_row(after) for before, after in together if before != after]
        if changed:
            connection.execute(_CHANGED, [_json(changed)])
    return list(by_id)


def standing_of(row: dict[str, Any]) -> Standing:
    """Return a row of `valuation` as it was merged."""
    return Standing(
        valuation_id=row["valuation_id"],
        identity=_part(Identity, row),
        milestones=_part(Milestones, row),
        answer=_part(Answer, row),
        conclusion=_part(Conclusion, row),
    )


def _part(kind: type[Any], row: dict[str, Any]) -> Any:
    values = {name: row[name] for name in _NAMES[kind]}
    if "reasons" in values:
        values["reasons"] = tuple(values["reasons"])
    return kind(**values)


def _row(standing: Standing) -> dict[str, Any]:
    return {
        "valuation_id": standing.valuation_id,
        **_flat(standing.identity),
        **_flat(standing.milestones),
        **_flat(standing.answer),
        **_flat(standing.conclusion),
        "final_at": standing.final_at,
    }


def _flat(part: Identity | Milestones | Answer | Conclusion) -> dict[str, Any]:
    """Return the fields as they are; `asdict` would copy each, which is a fifth of the ledger's time."""
    return {name: getattr(part, name) for name in _NAMES[type(part)]}


def _event_row(entry: Entry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in _EVENT_COLUMNS}


def _report_row(entry: Entry) -> dict[str, Any]:
    return {
        "report_no": entry.payload["report_no"],
        "valuation_id": entry.valuation_id,
        "revision": entry.revision,
        "issued_at": entry.payload["issued_at"],
        "payload": entry.payload,
    }


def _json(rows: Iterable[dict[str, Any]]) -> str:
    r"""One JSON array. PostgreSQL stores no character \u0000; a channel may still send one."""
    return json.dumps(list(rows), default=json_ready, ensure_ascii=True).replace("\\u0000", "\\ufffd")

"""A valuation replayed from the audit: its answer rebuilt line by line, and held against what was published.

The chain names each event by its digest. The bytes of results are kept, so each is checked against its digest, decoded,
and folded as the ledger folded it when it came; what comes out must be what the ledger tells channels today.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Any, Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow, dict_row

from consumers.ledger.entry import entry_of
from consumers.ledger.standing import Answer, merged
from infra.postgres.audit import Line
from infra.postgres.audit_check import lines_of
from infra.postgres.ingest import Received
from schemas.catalogue import RESULTS
from schemas.codec import Codec
from schemas.codes import Lane
from schemas.domain.ends import is_end
from schemas.events import Resulted

_EVENTS: Final = "select event_id, kind, lane, appended_at, payload, wire from ledger_event where valuation_id = %s"
_STANDS: Final = "select * from valuation where valuation_id = %s"
_COMPARED: Final = (
    "status",
    "revision",
    "value",
    "unit_price",
    "lower",
    "upper",
    "reasons",
    "due_at",
    "valid_until",
    "human_touched",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of the chain, replayed. `fault` says what does not fit; empty: all does."""

    at: datetime
    actor: str
    action: str
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """The steps, the answer they lead to, the one that is published, and the last decision of people's, if any.

    `decided` is the event as the ledger has it, without the evidence. `result` the last result with an answer.
    """

    steps: tuple[Step, ...]
    rebuilt: Mapping[str, Any]
    published: Mapping[str, Any]
    unchained: tuple[str, ...]
    decided: Mapping[str, Any] | None
    result: Resulted | None

    @property
    def differences(self) -> tuple[str, ...]:
        """Everything that does not fit, in words; empty when the replay gives what was published."""
        return (
            *(f"{step.action} of {step.at.isoformat()}: {step.fault}" for step in self.steps if step.fault),
            *(f"{kind} is in the ledger and not in the chain" for kind in self.unchained),
            *(
                f"{name}: the replay gives {self.rebuilt.get(name)!r}, published is {self.published[name]!r}"
                for name in self.published
                if self.rebuilt.get(name) != self.published[name]
            ),
        )


class NothingToReplayError(LookupError):
    """The ledger has no line of this valuation."""


def replay(connection: Connection[TupleRow], valuation_id: str, codec: Codec) -> Replayed:
    """Replay a valuation.

    Raises:
        NothingToReplayError: See there.
    """
    lines = lines_of(connection, valuation_id)
    with connection.cursor(row_factory=dict_row) as cursor:
        events = {row["event_id"]: row for row in cursor.execute(_EVENTS, [valuation_id])}
        stands = cursor.execute(_STANDS, [valuation_id]).fetchone()
    if not lines and not events:
        raise NothingToReplayError(valuation_id)
    steps: list[Step] = []
    said: list[Received] = []
    for line in lines:
        told = json.loads(line.details)
        row = events.pop(UUID(told["event_id"]), None) if "event_id" in told else None
        fault = _fault(told, line, row)
        steps.append(Step(at=line.at, actor=line.actor, action=line.action, fault=fault))
        if row is not None and row["wire"] is not None and not fault:
            said.append(_received(row, told, codec))
    return Replayed(
        steps=tuple(steps),
        rebuilt=_rebuilt(said),
        published=_part(stands) if stands else {},
        unchained=tuple(sorted(row["kind"] for row in events.values())),
        decided=_last_decision(lines, connection, valuation_id),
        result=_last_answer(said),
    )


def _fault(told: Mapping[str, Any], line: Line, row: Mapping[str, Any] | None) -> str:
    if "event_id" not in told:  # an act of the gateway, or an event that was said again and moved nothing
        return ""
    if row is None:
        return "the event is not in the ledger any more"
    if row["kind"] != line.action or row["appended_at"] != line.at:
        return "the ledger's line names another kind or time"
    if row["wire"] is not None and hashlib.sha256(bytes(row["wire"])).hexdigest() != told["sha256"]:
        return "the bytes kept are not those that were on the topic"
    return ""


def _received(row: Mapping[str, Any], told: Mapping[str, Any], codec: Codec) -> Received:
    value = bytes(row["wire"])
    return Received(
        topic=RESULTS,
        lane=Lane(row["lane"]),
        partition=told["partition"],
        offset=told["offset"],
        appended_at=row["appended_at"],
        event=codec.decode(value, Resulted),
        headers=(),
        value=value,
    )


def _rebuilt(said: Sequence[Received]) -> Mapping[str, Any]:
    standings = [standing for one in said if (standing := entry_of(one).standing) is not None]
    if not standings:
        return {}
    return _part(_fields(reduce(merged, standings).answer))


def _fields(answer: Answer) -> Mapping[str, Any]:
    return {name: getattr(answer, name) for name in _COMPARED}


def _part(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: list(row[name]) if name == "reasons" else row[name] for name in _COMPARED}


def _last_answer(said: Sequence[Received]) -> Resulted | None:
    final = [one.event for one in said if is_end(one.event)]
    return max(final, key=lambda event: event.revision, default=None)


def _last_decision(
    lines: Sequence[Line], connection: Connection[TupleRow], valuation_id: str
) -> Mapping[str, Any] | None:
    ids = list(_decision_ids(lines))
    query = "select payload from ledger_event where valuation_id = %s and event_id = any(%s) order by appended_at desc"
    row = connection.execute(query, [valuation_id, ids]).fetchone()
    return None if row is None else dict(row[0])


def _decision_ids(lines: Sequence[Line]) -> Iterator[UUID]:
    return (UUID(json.loads(line.details)["event_id"]) for line in lines if line.action == "Decided")

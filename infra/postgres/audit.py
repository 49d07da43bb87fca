"""Who did what, written in the transaction that does it: append-only lines, hash-chained for each subject.

A line's hash covers everything it says and the hash before it, so that a changed, missing or inserted line shows. The
chain is taken up under a lock on its subject, which the transaction keeps to its end.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

BEGINNING: Final = "0" * 64  # what stands before the first line of a chain

_LOCK = "select pg_advisory_xact_lock(hashtextextended(current_schema || '.audit.' || %s, 0))"
_LAST = "select sequence, hash from audit_line where subject = %s order by sequence desc limit 1"
_APPEND = """
    insert into audit_line (subject, sequence, at, actor, action, details, previous, hash)
    values (%s, %s, %s, %s, %s, %s, %s, %s)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One act. `actor` is a user name, or the name of a program; `action` a code; `details` are JSON-ready."""

    actor: str
    action: str
    at: datetime
    details: Mapping[str, Any] = field(default_factory=dict)


def append(connection: Connection[TupleRow], subject: str, *acts: Act) -> None:
    """Append acts to the chain of a subject, inside the caller's transaction."""
    if not acts:
        return
    connection.execute(_LOCK, [subject])
    last = connection.execute(_LAST, [subject]).fetchone()
    sequence, previous = last or (0, BEGINNING)
    for act in acts:
        sequence += 1
        digest = line_hash(subject, sequence, act, previous)
        row = (subject, sequence, act.at, act.actor, act.action, Jsonb(dict(act.details)), previous, digest)
        connection.execute(_APPEND, row)
        previous = digest


def line_hash(subject: str, sequence: int, act: Act, previous: str) -> str:
    """SHA-256 over the previous hash and the canonical JSON (sorted keys, no blanks, UTF-8) of everything said."""
    said = {
        "subject": subject,
        "sequence": sequence,
        "at": act.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": act.actor,
        "action": act.action,
        "details": dict(act.details),
    }
    canonical = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{previous}{canonical}".encode()).hexdigest()

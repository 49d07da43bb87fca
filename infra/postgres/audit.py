"""Who did what, written in the transaction that does it: append-only lines, hash-chained for each subject.

A line's hash covers everything it says and the hash before it, so that a changed, missing or inserted line shows. The
end of a chain is a row of its own, locked from the taking up of the chain to the end of the transaction. Every minute a
seal covers the ends of all chains that moved, in one chain of its own: so a lost end or a lost chain shows, too.
How it is checked: `audit_check.py`.
"""

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import TupleRow

log = logging.getLogger(__name__)

BEGINNING: Final = "0" * 64  # what stands before the first line of a chain, and before the first seal
_CANONICAL: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
SEAL_EVERY: Final = timedelta(minutes=1)  # the most that can be cut off unseen, were the rows of the ends changed, too
_MOST_SEALED: Final = 20_000  # ends in one seal: after a rebuild millions have moved

# In the order of subjects, so that two writers with several chains in common never wait for each other in a circle.
_TAKE_UP = """
    insert into audit_head (subject) select unnest(%s::text[]) order by 1
    on conflict (subject) do update set subject = excluded.subject returning subject, sequence, hash
"""
_APPEND = """
    with line as (
        select * from unnest(%s::text[], %s::int[], %s::timestamptz[], %s::text[], %s::text[], %s::json[], %s::text[],
            %s::text[]) as l (subject, sequence, at, actor, action, details, previous, hash)
    ), kept as (
        insert into audit_line (subject, sequence, at, actor, action, details, previous, hash) select * from line
    )
    update audit_head h set sequence = l.sequence, hash = l.hash
    from (select distinct on (subject) * from line order by subject, sequence desc) l where h.subject = l.subject
"""
_SEAL_LOCK = "select pg_advisory_xact_lock(hashtextextended(current_schema || '.audit_seal', 0))"
_LAST_SEAL = "select number, at, hash from audit_seal order by number desc limit 1"
_MOVED = """
    update audit_head set sealed = sequence where subject in (
        select subject from audit_head where sequence > sealed order by subject limit %s for update skip locked
    ) returning subject, sequence, hash
"""
_SEAL = "insert into audit_seal (number, at, heads, previous, hash) values (%s, %s, %s, %s, %s)"
_SEALED = """
    insert into audit_sealed (seal, subject, sequence, hash)
    select %s, * from unnest(%s::text[], %s::int[], %s::text[])
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One act. `actor` is a user name, or the name of a program; `action` a code; `details` are JSON-ready."""

    actor: str
    action: str
    at: datetime
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line as it is stored. `details` is the canonical JSON text that was hashed."""

    subject: str
    sequence: int
    at: datetime
    actor: str
    action: str
    details: str
    previous: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """A seal over the ends of `heads` chains."""

    number: int
    at: datetime
    heads: int
    previous: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The end of a chain: its last line."""

    subject: str
    sequence: int
    hash: str


def append(connection: Connection[TupleRow], subject: str, *acts: Act) -> None:
    """Append acts to the chain of a subject, inside the caller's transaction."""
    append_all(connection, {subject: acts})


def append_all(connection: Connection[TupleRow], acts: Mapping[str, Sequence[Act]]) -> None:
    """Append to several chains at once, by subject: two round trips, however many lines."""
    wanted = {_storable(subject): told for subject, told in acts.items() if told}
    if not wanted:
        return
    heads = connection.execute(_TAKE_UP, [list(wanted)]).fetchall()
    lines: list[Line] = []
    for subject, sequence, hash_ in heads:
        lines += chained(Head(subject=subject, sequence=sequence, hash=hash_), wanted[subject])
    rows = [(m.subject, m.sequence, m.at, m.actor, m.action, m.details, m.previous, m.hash) for m in lines]
    connection.execute(_APPEND, [list(column) for column in zip(*rows, strict=True)])


def chained(head: Head, acts: Iterable[Act]) -> list[Line]:
    """The lines that acts become behind the end of a chain. Pure."""
    lines = []
    sequence, previous = head.sequence, head.hash
    for act in acts:
        sequence += 1
        actor, action, details = _storable(act.actor), _storable(act.action), canonical(act.details)
        digest = line_hash(head.subject, sequence, act.at, actor, action, details, previous)
        lines.append(
            Line(
                subject=head.subject,
                sequence=sequence,
                at=act.at,
                actor=actor,
                action=action,
                details=details,
                previous=previous,
                hash=digest,
            )
        )
        previous = digest
    return lines


def canonical(details: Mapping[str, Any]) -> str:
    """JSON with sorted keys and no blanks; equal details give equal text. Half of a surrogate pair becomes `?`."""
    return _CANONICAL.encode(dict(details)).encode(errors="replace").decode()


def line_hash(  # noqa: PLR0913, PLR0917 - everything a line says
    subject: str, sequence: int, at: datetime, actor: str, action: str, details: str, previous: str
) -> str:
    """SHA-256 (hex) over three lines of UTF-8: the hash before, a JSON list of who, what and when, and the details."""
    said = _CANONICAL.encode([subject, sequence, instant(at), actor, action])
    return hashlib.sha256(f"{previous}\n{said}\n{details}".encode()).hexdigest()


def instant(at: datetime) -> str:
    """As hashed and exported: UTC with microseconds."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _storable(text: str) -> str:
    r"""PostgreSQL keeps no character \u0000, and no half of a surrogate pair."""
    return text.replace("\x00", "\ufffd").encode(errors="replace").decode()


# ---- seals --------------------------------------------------------------------------------------------------------


def seal_when_due(connection: Connection[TupleRow], now: datetime) -> Seal | None:
    """Seal as `seal` does, unless the last seal is younger than a minute. For a tick that comes every second.

    The seal's hash goes into the log, whose copy elsewhere is an anchor (`audit_check.verify`).
    """
    last = connection.execute(_LAST_SEAL).fetchone()
    if last is not None and now - last[1] < SEAL_EVERY:
        return None
    made = seal(connection, now)
    if made is not None:
        log.info("audit sealed", extra={"seal": made.number, "heads": made.heads, "hash": made.hash})
    return made


def seal(connection: Connection[TupleRow], now: datetime) -> Seal | None:
    """Cover the ends of all chains that moved since the last seal; the last seal made, `None` when nothing moved.

    A chain whose end is locked by another transaction waits for the next seal.
    """
    connection.execute(_SEAL_LOCK)
    made: Seal | None = None
    while True:
        moved = [Head(subject=s, sequence=n, hash=h) for s, n, h in connection.execute(_MOVED, [_MOST_SEALED])]
        if not moved:
            return made
        made = _sealed(connection, sorted(moved, key=lambda head: head.subject), now)
        if len(moved) < _MOST_SEALED:
            return made


def _sealed(connection: Connection[TupleRow], heads: Sequence[Head], now: datetime) -> Seal:
    last = connection.execute(_LAST_SEAL).fetchone()
    number, previous = (last[0] + 1, last[2]) if last else (1, BEGINNING)
    digest = seal_hash(number, now, previous, heads)
    made = Seal(number=number, at=now, heads=len(heads), previous=previous, hash=digest)
    connection.execute(_SEAL, [made.number, made.at, made.heads, made.previous, made.hash])
    columns = [[h.subject for h in heads], [h.sequence for h in heads], [h.hash for h in heads]]
    connection.execute(_SEALED, [number, *columns])
    return made


def seal_hash(number: int, at: datetime, previous: str, heads: Iterable[Head]) -> str:
    """SHA-256 (hex) over the hash before, number and instant, and a line for each end, in the order of subjects."""
    digest = hashlib.sha256(f"{previous}\n{number} {instant(at)}\n".encode())
    for head in heads:
        digest.update(f"{json.dumps(head.subject)} {head.sequence} {head.hash}\n".encode())
    return digest.hexdigest()

"""Whether the audit still says what was written: chains, their ends and the seals over them.

Everything streams: memory does not grow with the number of lines. Of an exported file: `audit_file.py`.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import TupleRow

from infra.postgres.audit import BEGINNING, Head, Line, Seal, line_hash, seal_hash

_FETCH: Final = 2_000
_MOST_DEFECTS: Final = 20  # told in full; all are counted

EVERY_LINE = """
    select subject, sequence, at, actor, action, details::text, previous, hash from audit_line
    where %(subject)s::text is null or subject = %(subject)s order by subject, sequence
"""
_HEADS = """
    select h.subject, h.sequence, l.hash is null from audit_head h left join audit_line l using (subject, sequence)
    where h.sequence > 0 and l.hash is distinct from h.hash and (%(subject)s::text is null or subject = %(subject)s)
    order by 1
"""
_BEYOND = """
    select l.subject, min(l.sequence) from audit_line l left join audit_head h using (subject)
    where l.sequence > coalesce(h.sequence, 0) and (%(subject)s::text is null or l.subject = %(subject)s)
    group by 1 order by 1
"""
_SEALED_AWAY = """
    select h.subject, h.sealed from audit_head h left join audit_sealed s on s.subject = h.subject
        and s.sequence = h.sealed
    where h.sealed > 0 and s.seal is null and (%(subject)s::text is null or h.subject = %(subject)s) order by 1
"""
EVERY_SEAL = """
    select s.number, s.at, s.heads, s.previous, s.hash, d.subject, d.sequence, d.hash, l.hash
    from audit_seal s left join audit_sealed d on d.seal = s.number
    left join audit_line l on l.subject = d.subject and l.sequence = d.sequence
    order by s.number, d.subject collate "C"
"""
_SEALED_OF = """
    select d.seal, d.subject, d.sequence, d.hash, l.hash from audit_sealed d left join audit_line l
        on l.subject = d.subject and l.sequence = d.sequence
    where d.subject = %(subject)s and l.hash is distinct from d.hash order by d.sequence
"""
_UNSEALED = "select count(*) from audit_head where sequence > sealed"


class Fault(StrEnum):
    """What is wrong at a place."""

    CHANGED = "CHANGED"
    GAP = "GAP"
    BROKEN_LINK = "BROKEN_LINK"
    CUT = "CUT"
    BEYOND_END = "BEYOND_END"
    SEALED_LINE_MISSING = "SEALED_LINE_MISSING"
    SEALED_LINE_DIFFERS = "SEALED_LINE_DIFFERS"
    SEAL_CHANGED = "SEAL_CHANGED"
    SEAL_GAP = "SEAL_GAP"
    SEAL_BROKEN_LINK = "SEAL_BROKEN_LINK"
    SEAL_MISSING = "SEAL_MISSING"
    FILE_CHANGED = "FILE_CHANGED"


SAYS: Final = {
    Fault.CHANGED: "what the line says was changed: its hash does not fit",
    Fault.GAP: "one or more lines before it are missing",
    Fault.BROKEN_LINK: "the line before it is not the one it was written behind",
    Fault.CUT: "the chain was longer: its end is missing or another",
    Fault.BEYOND_END: "the line stands beyond the noted end of its chain: it was put in from outside",
    Fault.SEALED_LINE_MISSING: "a sealed line is gone: the end was cut off, or the whole chain",
    Fault.SEALED_LINE_DIFFERS: "a sealed line is another one now: the chain was written anew",
    Fault.SEAL_CHANGED: "the seal, or what it covers, was changed: its hash does not fit",
    Fault.SEAL_GAP: "one or more seals before it are missing",
    Fault.SEAL_BROKEN_LINK: "the seal before it is not the one it was written behind",
    Fault.SEAL_MISSING: "a seal that was noted is missing",
    Fault.FILE_CHANGED: "the file is not the one that its manifest describes",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """A broken place. `sequence` is a line's, or the number of a seal where `subject` is `seal`."""

    subject: str
    sequence: int
    fault: Fault

    def __str__(self) -> str:
        """`<subject> #<sequence>: <what is wrong>`."""
        return f"{self.subject} #{self.sequence}: {SAYS[self.fault]}"


@dataclass(slots=True, kw_only=True)
class Verdict:
    """What a check found. `defects` holds the first few; `broken` counts all. `unsealed`: chains that moved since."""

    lines: int = 0
    chains: int = 0
    seals: int = 0
    unsealed: int = 0
    last_seal: str = ""
    broken: int = 0
    defects: list[Defect]

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return self.broken == 0

    def blame(self, found: Iterable[Defect]) -> None:
        """Count defects, and keep the first."""
        for defect in found:
            self.broken += 1
            if len(self.defects) < _MOST_DEFECTS:
                self.defects.append(defect)


def faults_of_chain(lines: Iterable[Line]) -> Iterator[Defect]:
    """The defects of one chain, its lines in order. Pure. After a defect the check goes on from what is there."""
    sequence, previous = 0, BEGINNING
    for line in lines:
        if line.sequence != sequence + 1:
            yield _of(line, Fault.GAP)
        elif line.previous != previous:
            yield _of(line, Fault.BROKEN_LINK)
        if line.hash != _recomputed(line):
            yield _of(line, Fault.CHANGED)
        sequence, previous = line.sequence, line.hash


def faults_of_seals(seals: Iterable[tuple[Seal, Iterable[Head]]]) -> Iterator[Defect]:
    """The defects of the chain of seals, each with the ends it covers in the order of subjects. Pure."""
    number, previous = 0, BEGINNING
    for seal, heads in seals:
        digest = seal_hash(seal.number, seal.at, seal.previous, heads)
        if seal.number != number + 1:
            yield Defect(subject="seal", sequence=seal.number, fault=Fault.SEAL_GAP)
        elif seal.previous != previous:
            yield Defect(subject="seal", sequence=seal.number, fault=Fault.SEAL_BROKEN_LINK)
        if digest != seal.hash:
            yield Defect(subject="seal", sequence=seal.number, fault=Fault.SEAL_CHANGED)
        number, previous = seal.number, seal.hash


def _of(line: Line, fault: Fault) -> Defect:
    return Defect(subject=line.subject, sequence=line.sequence, fault=fault)


def _recomputed(line: Line) -> str:
    return line_hash(line.subject, line.sequence, line.at, line.actor, line.action, line.details, line.previous)


# ---- from the database --------------------------------------------------------------------------------------------


def verify(connection: Connection[TupleRow], *, subject: str | None = None, anchor: str | None = None) -> Verdict:
    """Check everything, or the chain of one subject, as it stands at one moment. Opens a transaction of its own.

    `anchor`: hash of a seal noted elsewhere (in a log, in the manifest of an export), which must be in the chain.
    """
    verdict = Verdict(defects=[])
    given = {"subject": subject}
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read, read only")
        connection.execute("set local statement_timeout = 0")  # all lines may be many
        check_chains(verdict, (line_of(row) for row in streamed(connection, EVERY_LINE, given)))
        for name, sequence, is_gone in streamed(connection, _HEADS, given):
            fault = Fault.CUT if is_gone else Fault.BROKEN_LINK
            verdict.blame([Defect(subject=name, sequence=sequence, fault=fault)])
        for query, fault in ((_BEYOND, Fault.BEYOND_END), (_SEALED_AWAY, Fault.SEAL_MISSING)):
            for name, sequence in streamed(connection, query, given):
                verdict.blame([Defect(subject=name, sequence=sequence, fault=fault)])
        if subject is None:
            _check_seals(connection, verdict, anchor)
        else:
            for _, name, sequence, _, now in streamed(connection, _SEALED_OF, given):
                verdict.blame([_of_sealed(name, sequence, now)])
        counted = connection.execute(_UNSEALED).fetchone()
        verdict.unsealed = counted[0] if counted else 0
    return verdict


def check_chains(verdict: Verdict, lines: Iterable[Line]) -> None:
    """Count lines and chains, and blame what is wrong in each. `lines` in the order of subject and sequence."""

    def counted() -> Iterator[Line]:
        for line in lines:
            verdict.lines += 1
            yield line

    for _, chain in groupby(counted(), key=lambda line: line.subject):
        verdict.chains += 1
        verdict.blame(faults_of_chain(chain))


def _check_seals(connection: Connection[TupleRow], verdict: Verdict, anchor: str | None) -> None:
    seen = anchor is None

    def seals() -> Iterator[tuple[Seal, Iterable[Head]]]:
        nonlocal seen
        for key, rows in groupby(streamed(connection, EVERY_SEAL, None), key=lambda row: row[:5]):
            seal = Seal(number=key[0], at=key[1], heads=key[2], previous=key[3], hash=key[4])
            verdict.seals += 1
            verdict.last_seal = seal.hash
            seen = seen or seal.hash == anchor
            yield seal, heads(rows)

    def heads(rows: Iterable[TupleRow]) -> Iterator[Head]:
        for *_, name, sequence, hash_, now in rows:
            if name is None:
                continue
            if now != hash_:
                verdict.blame([_of_sealed(name, sequence, now)])
            yield Head(subject=name, sequence=sequence, hash=hash_)

    verdict.blame(faults_of_seals(seals()))
    if not seen:
        verdict.blame([Defect(subject="seal", sequence=verdict.seals, fault=Fault.SEAL_MISSING)])


def _of_sealed(subject: str, sequence: int, now: str | None) -> Defect:
    fault = Fault.SEALED_LINE_MISSING if now is None else Fault.SEALED_LINE_DIFFERS
    return Defect(subject=subject, sequence=sequence, fault=fault)


def lines_of(connection: Connection[TupleRow], subject: str) -> tuple[Line, ...]:
    """The chain of a subject, oldest first."""
    return tuple(line_of(row) for row in connection.execute(EVERY_LINE.encode(), {"subject": subject}))


def line_of(row: TupleRow) -> Line:
    """The line of a row of `EVERY_LINE`."""
    names = ("subject", "sequence", "at", "actor", "action", "details", "previous", "hash")
    return Line(**dict(zip(names, row, strict=True)))


def streamed(connection: Connection[TupleRow], query: str, values: Any) -> Iterator[TupleRow]:
    """Rows as they come, a few thousand in memory at a time; inside a transaction."""
    with connection.cursor(f"audit_{hashlib.md5(query.encode(), usedforsecurity=False).hexdigest()}") as cursor:
        cursor.itersize = _FETCH
        yield from cursor.execute(query.encode(), values)

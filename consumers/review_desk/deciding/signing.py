"""Who stands for a manual value: 估价 and 复核, by the signing numbers of the register and never by name."""

from datetime import datetime
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

from consumers.review_desk.deciding.decision import Signed
from schemas.events import Signatory

VALUER: Final = "VALUER"
APPROVER: Final = "APPROVER"
_NUMBERS: Final = "select username, signing_no, grade from staff where username = any(%s) and signing_no <> ''"
_SUBMITTED: Final = "select submitted_at from approval where task_id = %s and reviewer = %s"


def signatories_of(connection: Connection[TupleRow], task_id: str, signed: Signed) -> tuple[Signatory, ...]:
    """The valuer, who signed when they submitted, and the approver, who signed when it was decided.

    Somebody the register does not know has no number and so no signature.
    """
    people = [(VALUER, signed.reviewer, _submitted_at(connection, task_id, signed))]
    if signed.approver is not None:
        people.append((APPROVER, signed.approver, signed.decided_at))
    rows = connection.execute(_NUMBERS, [[username for _, username, _ in people]]).fetchall()
    known = {username: (number, grade) for username, number, grade in rows}
    if signed.reviewer in known:
        known[signed.reviewer] = (known[signed.reviewer][0], signed.grade)  # the grade they had when they took it
    return tuple(
        Signatory(capacity=capacity, signing_no=known[username][0], grade=known[username][1], signed_at=at)
        for capacity, username, at in people
        if username in known
    )


def _submitted_at(connection: Connection[TupleRow], task_id: str, signed: Signed) -> datetime:
    if signed.approver is None:
        return signed.decided_at
    row = connection.execute(_SUBMITTED, [task_id, signed.reviewer]).fetchone()
    return signed.decided_at if row is None else row[0]

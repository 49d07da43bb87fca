"""Whose jobs are whose: a job belongs to one instance for a while, and to another when that one is no more."""

from datetime import datetime, timedelta
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

LEASE: Final = timedelta(seconds=30)
_RENEW_BEFORE: Final = timedelta(seconds=15)

# Of no effect where the job has become another's meanwhile.
EXTEND: Final = "update job set lease_until = %(until)s where job_id = %(job_id)s and holder = %(me)s"
# skip locked: two instances which look at the same moment get a job each instead of one waiting.
_CLAIM: Final = """
    update job set holder = %(me)s, lease_until = %(until)s
    where job_id in (
        select job_id from job
        where (state in ('QUEUED', 'RUNNING', 'DELIVERED') or (state = 'CANCELLED' and ended_at is null))
            and (holder is null or lease_until < %(now)s or (holder = %(me)s and lease_until < %(renew)s))
        order by state = 'DELIVERED', accepted_at limit 16 for update skip locked)
"""
_MINE: Final = """
    select job_id from job where holder = %s and lease_until > %s
        and (state in ('QUEUED', 'RUNNING', 'DELIVERED') or (state = 'CANCELLED' and ended_at is null))
    order by accepted_at, job_id
"""
_SENDING: Final = "select count(*) from job where state in ('QUEUED', 'RUNNING')"


def leased(connection: Connection[TupleRow], me: str, now: datetime) -> tuple[list[str], int]:
    """The jobs of `me`, with those that nobody holds any more, and how many jobs send, whosever they are."""
    keys = {"me": me, "now": now, "until": now + LEASE, "renew": now + _RENEW_BEFORE}
    connection.execute(_CLAIM, keys)
    mine = [job_id for (job_id,) in connection.execute(_MINE, [me, now])]
    row = connection.execute(_SENDING).fetchone()
    return mine, row[0] if row else 0

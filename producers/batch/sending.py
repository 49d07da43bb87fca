"""The sender: rows of leased jobs onto the batch lane, as many as the online lane bears, and jobs to their end.

Several instances may run. A job belongs to one of them for a while; one that was thought dead and is not sends the same
requests under the same numbers, and its note of how far it is finds another holder and changes nothing.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from psycopg.rows import dict_row

from infra.postgres import outbox
from infra.postgres.outbox import Publishes
from infra.postgres.pool import Pool, is_passing
from producers.batch.answers import Tally
from producers.batch.delivering import Delivering
from producers.batch.gathering import ANSWER, answer_of
from producers.batch.job import Job
from producers.batch.jobs import job_of, moved, tally_of
from producers.batch.pace import Limits, OnlineWatch, next_window, suffers
from producers.batch.rows import request_id
from producers.batch.voice import Voice
from schemas.codes import BatchState, Status

log = logging.getLogger(__name__)

_LEASE: Final = timedelta(seconds=30)
_RENEW_BEFORE: Final = timedelta(seconds=15)
_DELIVERY_LEASE: Final = timedelta(minutes=20)  # a file of a million rows takes minutes to write
_PROGRESS_EVERY: Final = timedelta(seconds=60)
_LOOK_S: Final = 2.0  # at the online lane
_PAUSE_S: Final = 0.2  # while nothing more may be sent
_IDLE_S: Final = 0.5  # while there is no job
_DATABASE_AGAIN_S: Final = 1.0

# skip locked: two instances which look at the same moment get a job each instead of one waiting.
_CLAIM: Final = """
    update job set holder = %(me)s, lease_until = %(until)s
    where job_id in (
        select job_id from job
        where (state in ('QUEUED', 'RUNNING', 'DELIVERED') or (state = 'CANCELLED' and ended_at is null))
            and (holder is null or lease_until < %(now)s or (holder = %(me)s and lease_until < %(renew)s))
        order by accepted_at for update skip locked)
"""
_MINE: Final = """
    select job_id from job where holder = %s and lease_until > %s
        and (state in ('QUEUED', 'RUNNING', 'DELIVERED') or (state = 'CANCELLED' and ended_at is null))
    order by accepted_at, job_id
"""
_EXTEND: Final = "update job set lease_until = %(until)s where job_id = %(job_id)s and holder = %(me)s"
_SENDING: Final = "select count(*) from job where state in ('QUEUED', 'RUNNING')"
_NEXT: Final = """
    select r.number, r.value, (select status from item i where i.job_id = r.job_id and i.number = r.number)
    from request r where r.job_id = %s and r.number > %s order by r.number limit %s
"""
_SENT: Final = """
    update job set sent_through = %(through)s, sent = sent + %(count)s, news_at = greatest(news_at, %(at)s)
    where job_id = %(job_id)s and holder = %(me)s and sent_through = %(from)s
"""
_WRITE_OFF: Final = "update job set written_off = %(count)s, news_at = %(at)s where job_id = %(job_id)s"
_OPEN_ROWS: Final = f"""
    select {ANSWER} from item i
    where i.job_id = %(job_id)s and i.number > %(after)s and i.number <= %(through)s and i.asks is not null
        and i.same_as is null and (i.status is null or i.status <> all(%(final)s))
    order by i.number limit %(limit)s
"""
_WITHDRAWN: Final = "update job set withdrawn_through = %(through)s where job_id = %(job_id)s and holder = %(me)s"
_FINAL: Final = [str(status) for status in Status if status.is_final]
_PROGRESSED: Final = """
    update job set progress_number = progress_number + 1, progressed_at = %(at)s where job_id = %(job_id)s
"""


@dataclass(slots=True, kw_only=True)
class Sender:
    """Works on jobs until it is stopped.

    Args:
        me: This instance; the same after a restart, so that it need not wait for its own lease.
        lag: How many records of the online lane wait to be worked on.
        patience: So long without any news of a job, what is on its way no longer holds it up.
    """

    pool: Pool
    voice: Voice
    publisher: Publishes
    delivering: Delivering
    watch: OnlineWatch
    lag: Callable[[], int]
    clock: Callable[[], datetime]
    monotonic_s: Callable[[], float]
    me: str
    limits: Limits
    patience: timedelta = timedelta(minutes=10)
    _window: int = 0
    _look_at: float = 0.0
    _has_jobs: bool = False
    _looked: dict[str, datetime] = field(default_factory=dict)

    def run(self, stop: threading.Event) -> None:
        """Work until `stop`. A database that is away is waited for.

        Raises:
            PublishError: The broker does not confirm; nothing is noted as sent that it may not have.
        """
        self._window = self.limits.most // 2
        while not stop.is_set():
            try:
                is_busy = self.turn()
                pause_s = _PAUSE_S if self._has_jobs else _IDLE_S
            except Exception as error:  # looked at once more: only an absent database is waited for
                if not is_passing(error):
                    raise
                log.warning("waiting for the database", extra={"error": type(error).__name__})
                stop.wait(_DATABASE_AGAIN_S)
                continue
            if not is_busy:
                stop.wait(pause_s)

    def turn(self) -> bool:
        """Do one step for each job that is ours; tell whether anything was done."""
        jobs, sending = self._mine()
        self._has_jobs = bool(jobs)
        if sending and jobs:
            self._look()
        share = max(1, (self._window or self.limits.most) // max(1, sending))
        steps = [self._step(job_id, share) for job_id in jobs]  # each of them, not up to the first that is busy
        return any(steps)

    def _look(self) -> None:
        """Look at the online lane once in a while, and narrow or widen the window."""
        if self.monotonic_s() < self._look_at:
            return
        self._look_at = self.monotonic_s() + _LOOK_S
        is_slow = suffers(self.watch, self.lag(), self.limits)
        self._window = next_window(self._window or self.limits.most, suffers=is_slow, limits=self.limits)

    def _mine(self) -> tuple[list[str], int]:
        now = self.clock()
        with self.pool.connection() as connection:
            keys = {"me": self.me, "now": now, "until": now + _LEASE, "renew": now + _RENEW_BEFORE}
            connection.execute(_CLAIM, keys)
            mine = [job_id for (job_id,) in connection.execute(_MINE, [self.me, now])]
            row = connection.execute(_SENDING).fetchone()
        return mine, row[0] if row else 0

    def _step(self, job_id: str, window: int) -> bool:
        with self.pool.connection() as connection:
            job = job_of(connection, job_id, None)
            now = tally_of(connection, job)
        match job.state:
            case BatchState.CANCELLED:
                return self._withdraw(job)
            case BatchState.DELIVERED:
                return self._complete(job, now)
            case BatchState.QUEUED:
                return self._begin(job_id)
            case BatchState.RUNNING:
                return self._go_on(job, now, window)
            case _:
                return False

    def _begin(self, job_id: str) -> bool:
        with self.pool.connection() as connection:
            job = job_of(connection, job_id, None, locked=True)
            if job.state is BatchState.QUEUED:
                moved(connection, job, BatchState.RUNNING, self.clock(), self.voice)
        return True

    def _go_on(self, job: Job, now: Tally, window: int) -> bool:
        self._tell_progress(job, now)
        on_the_way = max(0, now.on_the_way - job.written_off)
        if not job.is_all_sent and on_the_way < window:
            self._send(job, min(self.limits.chunk, window - on_the_way))
            return True
        if job.is_all_sent and on_the_way == 0:
            is_over = now.on_the_way == 0 and now.with_people == 0
            self._deliver(job, BatchState.COMPLETED if is_over else BatchState.DELIVERED)
            return True
        if self.clock() - job.news_at > self.patience:
            log.warning("no news of a job", extra={"job": job.job_id, "on_the_way": on_the_way})
            self._execute(_WRITE_OFF, job, count=now.on_the_way)
        return False

    def _send(self, job: Job, count: int) -> None:
        """Send the next rows, but those that an answer has come for: they went out just before a crash."""
        with self.pool.connection() as connection:
            rows = connection.execute(_NEXT, [job.job_id, job.sent_through, count]).fetchall()
        at = self.clock()
        self.publisher.publish([self.voice.asked(bytes(value), at) for _, value, status in rows if status is None])
        through = rows[-1][0] if rows else job.last_row
        self._execute(_SENT, job, through=through, count=len(rows), **{"from": job.sent_through})

    def _withdraw(self, job: Job) -> bool:
        keys = {"job_id": job.job_id, "after": job.withdrawn_through, "through": job.sent_through}
        with self.pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            found = cursor.execute(_OPEN_ROWS, keys | {"final": _FINAL, "limit": self.limits.chunk}).fetchall()
        answers = [answer_of(row) for row in found]
        if not answers:
            self._deliver(job, BatchState.CANCELLED)
            return True
        at = self.clock()
        self.publisher.publish(
            [self.voice.withdrawn(job, answer, request_id(job.job_id, answer.number), at) for answer in answers]
        )
        self._execute(_WITHDRAWN, job, through=answers[-1].number)
        return True

    def _complete(self, job: Job, now: Tally) -> bool:
        """People may have decided the last row; looked at when there is news."""
        if self._looked.get(job.job_id) == job.news_at:
            return False
        self._looked[job.job_id] = job.news_at
        if now.on_the_way or now.with_people:
            return False
        self._deliver(job, BatchState.COMPLETED)
        return True

    def _deliver(self, job: Job, state: BatchState) -> None:
        self._execute(_EXTEND, job, until=self.clock() + _DELIVERY_LEASE)
        self.delivering.deliver(job, state)
        self._execute(_EXTEND, job, until=self.clock() + _LEASE)
        log.info("job delivered", extra={"job": job.job_id, "state": state})

    def _tell_progress(self, job: Job, now: Tally) -> None:
        at = self.clock()
        if at - job.progressed_at < _PROGRESS_EVERY:
            return
        with self.pool.connection() as connection:
            connection.execute(_PROGRESSED, {"job_id": job.job_id, "at": at})
            outbox.write(connection, [self.voice.progressed(job_of(connection, job.job_id, None), now, at)])

    def _execute(self, statement: str, job: Job, **more: object) -> None:
        with self.pool.connection() as connection:
            connection.execute(statement, {"job_id": job.job_id, "me": self.me, "at": self.clock(), **more})

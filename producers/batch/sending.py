"""The sender: rows of leased jobs onto the batch lane, as many as the online lane bears, and jobs to their end.

Several instances may run. A job belongs to one of them for a while; one that was thought dead and is not sends the same
requests under the same numbers, and its note of how far it is finds another holder and changes nothing.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
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
from producers.batch.leases import EXTEND, LEASE, leased
from producers.batch.pace import Limits, OnlineWatch, next_window, suffers, worth_filling
from producers.batch.rows import request_id
from producers.batch.voice import Voice
from schemas.codes import BatchState, Status

log = logging.getLogger(__name__)

_DELIVERY_LEASE: Final = timedelta(minutes=20)  # a file of a million rows takes minutes to write
_PROGRESS_EVERY: Final = timedelta(seconds=60)
_LAST_REPORTS_S: Final = 5.0  # so long a delivery waits for them: a small file comes back whole
_LOOK_S: Final = 2.0  # at the online lane
_PAUSE_S: Final = 0.2  # while nothing more may be sent
_IDLE_S: Final = 0.5  # while there is nothing to send
_DATABASE_AGAIN_S: Final = 1.0

# Before rows go out: a job cancelled behind it withdraws them too, and one cancelled before it sends none.
_CLAIM_ROWS: Final = """
    update job set claimed_through = greatest(claimed_through, %(through)s)
    where job_id = %(job_id)s and holder = %(me)s and sent_through = %(from)s and state in ('QUEUED', 'RUNNING')
"""
_NEXT: Final = """
    select r.number, r.value, (select status from item i where i.job_id = r.job_id and i.number = r.number)
    from request r where r.job_id = %s and r.number > %s order by r.number limit %s
"""
_SENT: Final = """
    update job set sent_through = %(through)s, sent = sent + %(count)s, news_at = greatest(news_at, %(at)s)
    where job_id = %(job_id)s and holder = %(me)s and sent_through = %(from)s
"""
_WRITE_OFF: Final = """
    update job set written_off = %(count)s, news_at = %(at)s
    where job_id = %(job_id)s and holder = %(me)s and news_at = %(seen)s
"""
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
        patience: So long without any news of a job, rows on their way and reports awaited no longer hold it up. Silence
            counts from this process's start, and from when it had read the answers that had waited for it.
        beside: Where files are written, so that other jobs go on meanwhile; `None`: within the turn.
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
    beside: Executor | None = None
    _window: int = 0
    _look_at: float = 0.0
    _is_sending: bool = False
    _began_at: datetime | None = None
    _answered_s: dict[str, float] = field(default_factory=dict)
    _writing: dict[str, Future[None]] = field(default_factory=dict)

    def run(self, stop: threading.Event) -> None:
        """Work until `stop`. A database that is away is waited for.

        Raises:
            PublishError: The broker does not confirm; nothing is noted as sent that it may not have.
        """
        self._window = self.limits.most // 2
        while not stop.is_set():
            try:
                is_busy = self.turn()
                pause_s = _PAUSE_S if self._is_sending else _IDLE_S
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
        self._began_at = self._began_at or self.clock()
        jobs, sending = self._mine()
        self._is_sending = bool(sending and jobs)
        if self._is_sending:
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
        with self.pool.connection() as connection:
            return leased(connection, self.me, self.clock())

    def _step(self, job_id: str, window: int) -> bool:
        if self._is_being_written(job_id):
            return False
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
        room = window - on_the_way
        if not job.is_all_sent and room >= worth_filling(window, self.limits):
            self._fill(job, room)
            return True
        if job.is_all_sent and on_the_way == 0:
            if now.reports_awaited and not self._has_waited(job):
                return False
            is_over = not (now.on_the_way or now.with_people or now.reports_awaited)
            self._deliver(job, BatchState.COMPLETED if is_over else BatchState.DELIVERED)
            return True
        if self._is_quiet(job):
            log.warning("no news of a job", extra={"job": job.job_id, "on_the_way": on_the_way})
            self._execute(_WRITE_OFF, job, count=now.on_the_way, seen=job.news_at)
        return False

    def _is_quiet(self, job: Job) -> bool:
        """Whether there has been no news of a job for so long, though it would have been read."""
        since = filter(None, (job.news_at, self._began_at, self.watch.behind_at))
        return self.clock() - max(since) > self.patience

    def _has_waited(self, job: Job) -> bool:
        """Whether the last reports have had their time."""
        began_s = self._answered_s.setdefault(job.job_id, self.monotonic_s())
        return self.monotonic_s() - began_s >= _LAST_REPORTS_S

    def _fill(self, job: Job, room: int) -> None:
        """Send as many rows as there is room for, while the job is ours."""
        while room > 0 and not job.is_all_sent:
            count = min(self.limits.chunk, room)
            through = self._send(job, count)
            if through is None:
                return
            job, room = replace(job, sent_through=through), room - count

    def _send(self, job: Job, count: int) -> int | None:
        """Send the next rows, but those that an answer has come for: they went out just before a crash.

        Returns the number of the last one; `None` when the job is no longer ours, or not to be sent now.
        """
        with self.pool.connection() as connection:
            rows = connection.execute(_NEXT, [job.job_id, job.sent_through, count]).fetchall()
        at, through = self.clock(), rows[-1][0] if rows else job.last_row
        if not self._execute(_CLAIM_ROWS, job, through=through, **{"from": job.sent_through}):
            return None
        self.publisher.publish([self.voice.asked(bytes(value), at) for _, value, status in rows if status is None])
        is_noted = self._execute(_SENT, job, through=through, count=len(rows), **{"from": job.sent_through})
        return through if is_noted else None

    def _withdraw(self, job: Job) -> bool:
        keys = {"job_id": job.job_id, "after": job.withdrawn_through, "through": job.begun_through}
        with self.pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            found = cursor.execute(_OPEN_ROWS, keys | {"final": _FINAL, "limit": self.limits.chunk}).fetchall()
        answers = [answer_of(row) for row in found]
        if not answers:
            self._deliver(job, BatchState.CANCELLED)
            return True
        at = self.clock()
        if not self._execute(EXTEND, job, until=at + LEASE):
            return False
        self.publisher.publish(
            [self.voice.withdrawn(job, answer, request_id(job.job_id, answer.number), at) for answer in answers]
        )
        self._execute(_WITHDRAWN, job, through=answers[-1].number)
        return True

    def _complete(self, job: Job, now: Tally) -> bool:
        """People may have decided the last row, and the last report may have come, or be given up."""
        if now.on_the_way or now.with_people or (now.reports_awaited and not self._is_quiet(job)):
            return False
        if now.reports_awaited:
            log.warning("reports given up", extra={"job": job.job_id, "awaited": now.reports_awaited})
        self._deliver(job, BatchState.COMPLETED)
        return True

    def _deliver(self, job: Job, state: BatchState) -> None:
        """Write the files of a job that is still ours."""
        if not self._execute(EXTEND, job, until=self.clock() + _DELIVERY_LEASE):
            return
        self._answered_s.pop(job.job_id, None)
        if self.beside is None:
            self._write(job, state)
        else:
            self._writing[job.job_id] = self.beside.submit(self._write, job, state)

    def _write(self, job: Job, state: BatchState) -> None:
        self.delivering.deliver(job, state)
        self._execute(EXTEND, job, until=self.clock() + LEASE)
        log.info("job delivered", extra={"job": job.job_id, "state": state})

    def _is_being_written(self, job_id: str) -> bool:
        """Whether the files of a job are still being written. Raises what ended the writing."""
        writing = self._writing.get(job_id)
        if writing is None or not writing.done():
            return writing is not None
        del self._writing[job_id]
        writing.result()
        return False

    def _tell_progress(self, job: Job, now: Tally) -> None:
        at = self.clock()
        if at - job.progressed_at < _PROGRESS_EVERY:
            return
        with self.pool.connection() as connection:
            connection.execute(_PROGRESSED, {"job_id": job.job_id, "at": at})
            outbox.write(connection, [self.voice.progressed(job_of(connection, job.job_id, None), now, at)])

    def _execute(self, statement: str, job: Job, **more: object) -> bool:
        """Execute for a job; tell whether it was as the statement wants it."""
        with self.pool.connection() as connection:
            done = connection.execute(statement, {"job_id": job.job_id, "me": self.me, "at": self.clock(), **more})
            return done.rowcount > 0

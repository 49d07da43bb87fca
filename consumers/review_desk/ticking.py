"""What the desk does by itself, second by second, beside its pages. Each process does it; locks share it out."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

log = logging.getLogger(__name__)

Job = Callable[[datetime], object]


@contextmanager
def ticking(jobs: Sequence[Job], *, clock: Callable[[], datetime], every_s: float) -> Iterator[None]:
    """Run every job once per tick on a thread of its own, until the block is left.

    A job that fails is logged, once for each kind of failure in a row, and tried again at the next tick: the database
    may be away for a while, and a task that breaks a pass must not end assignment for everybody.
    """
    stop = threading.Event()

    def run() -> None:
        failing: dict[Job, str] = {}
        while not stop.wait(every_s):
            for job in jobs:
                _try(job, clock(), failing)

    thread = threading.Thread(target=run, name="desk-tick", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _try(job: Job, now: datetime, failing: dict[Job, str]) -> None:
    try:
        job(now)
    except Exception as error:
        kind = type(error).__name__
        if failing.get(job) != kind:
            log.exception("a pass of the desk failed; it is tried again", extra={"job": _name(job)})
        failing[job] = kind
    else:
        if failing.pop(job, None) is not None:
            log.info("a pass of the desk works again", extra={"job": _name(job)})


def _name(job: Job) -> str:
    return getattr(job, "__qualname__", type(job).__name__)

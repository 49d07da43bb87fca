"""What the desk does by itself goes on, whatever fails."""

import threading
from datetime import datetime

from consumers.review_desk.ticking import ticking
from tests.fakes.loops import eventually
from tests.fakes.valuations import NOON


class Job:
    """Fails the first `failures` times."""

    def __init__(self, failures: int = 0) -> None:
        self.ran: list[datetime] = []
        self._failures = failures

    def __call__(self, now: datetime) -> None:
        self.ran.append(now)
        if len(self.ran) <= self._failures:
            raise ConnectionError("the database is away")


def test_a_job_that_fails_is_tried_again_and_keeps_nobody_else_from_working(caplog):
    failing, sound = Job(failures=3), Job()
    with caplog.at_level("INFO"), ticking((failing, sound), clock=lambda: NOON, every_s=0.001):
        eventually(lambda: len(failing.ran) > 4 and len(sound.ran) > 4)
    assert set(sound.ran) == {NOON}
    said = [record.message for record in caplog.records if record.name.endswith("ticking")]
    assert said == ["a pass of the desk failed; it is tried again", "a pass of the desk works again"]


def test_nothing_runs_any_more_once_the_block_is_left():
    before = threading.active_count()
    job = Job()
    with ticking((job,), clock=lambda: NOON, every_s=0.001):
        eventually(lambda: job.ran)
    assert threading.active_count() == before

"""Sending a job and gathering its answers: windowed, paced by what comes back, and resumable."""

import queue
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from confluent_kafka import Message

from infra.kafka.producer import Record
from producers.batch.job import Answer, Answers, answered, reported
from producers.batch.rows import row_number
from schemas.catalogue import REPORTS, REQUESTS, RESULTS, Topic
from schemas.codec import Codec
from schemas.codes import Lane
from schemas.errors import PermanentError, TransientError
from schemas.events import Reported, Requested, Resulted
from schemas.headers import event_headers, event_type
from schemas.ids import event_id

SOURCE = "producers/batch"
_LOOK_S = 0.2


class Publisher(Protocol):
    """Sends records and blocks until the broker has them all; raises `PublishError`."""

    def publish(self, records: Sequence[Record]) -> None:
        """See `infra.kafka.producer.Publisher`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Topics:
    """The topics of a job."""

    requests: Topic = REQUESTS
    results: Topic = RESULTS
    reports: Topic = REPORTS

    @property
    def answers(self) -> tuple[str, str]:
        """Kafka topics on which answers come."""
        return self.results.named(Lane.BATCH), self.reports.named(Lane.BATCH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """`chunk` rows a publish; never more than `window` rows on their way, so that a job cannot flood the lane."""

    chunk: int = 200
    window: int = 2_000
    quiet_s: float = 30.0  # without any news for so long, the rest is written as open


class Inbox:
    """Answers of one job, from the follower's thread to the job's. Other jobs' messages are dropped."""

    def __init__(self, codec: Codec, job_id: str, channel: str, topics: Topics) -> None:
        self._codec, self._job_id, self._channel = codec, job_id, channel
        self._results = topics.answers[0]
        self._queue: queue.SimpleQueue[tuple[int, Resulted | Reported]] = queue.SimpleQueue()

    def take(self, message: Message) -> None:
        """One message of a results or reports topic; what cannot be read is nobody's answer."""
        expected: type[Resulted | Reported] = Resulted if message.topic() == self._results else Reported
        try:
            event = self._codec.decode(message.value(), expected)
        except (PermanentError, TransientError):
            return
        row = row_number(self._job_id, event.client_request_id)
        if row is not None and event.channel == self._channel:
            self._queue.put((row, event))

    def read(self, timeout_s: float) -> list[tuple[int, Resulted | Reported]]:
        """What has come, waiting up to `timeout_s` while there is nothing."""
        news: list[tuple[int, Resulted | Reported]] = []
        with suppress(queue.Empty):
            if timeout_s:
                news.append(self._queue.get(timeout=timeout_s))
            while True:
                news.append(self._queue.get_nowait())
        return news


@dataclass(slots=True, kw_only=True)
class Run:
    """One sitting of a job.

    `monotonic_s` is a clock in seconds; `new_trace` begins a W3C trace for a row; `on_change` is told how many rows
    have been dealt with, after every step.
    """

    codec: Codec
    topics: Topics
    publisher: Publisher
    inbox: Inbox
    answers: Answers
    pace: Pace
    monotonic_s: Callable[[], float]
    new_trace: Callable[[], str]
    on_change: Callable[[int], None]
    sent: int = 0
    _on_the_way: set[int] = field(default_factory=set)
    _incomplete: set[int] = field(default_factory=set)

    def send_and_gather(self, requests: Iterable[tuple[int, Requested]]) -> None:
        """Send what has no answer yet and wait until all is complete or nothing more comes.

        Raises:
            PublishError: The broker does not confirm; what is known so far is saved, and the job can be resumed.
        """
        unsent = iter(requests)
        self._take(0.0)
        self._incomplete.update(answer.row for answer in self.answers.all() if not answer.is_complete)
        try:
            while chunk := list(islice(unsent, self.pace.chunk)):
                fresh = [(row, requested) for row, requested in chunk if not self._is_settled(row)]
                self.publisher.publish([self._record(requested) for _, requested in fresh])
                self.sent += len(chunk)
                self._on_the_way.update(row for row, _ in fresh)
                self._incomplete.update(row for row, _ in fresh)
                self._gather(lambda: len(self._on_the_way) > self.pace.window - self.pace.chunk)
            self._gather(lambda: bool(self._incomplete))
        finally:
            self.answers.save()

    def _is_settled(self, row: int) -> bool:
        answer = self.answers.of(row)
        return answer is not None and answer.is_settled

    def _gather(self, more: Callable[[], bool]) -> None:
        """Take answers while `more()` and something keeps coming."""
        self._take(0.0)
        last_news = self.monotonic_s()
        while more() and self.monotonic_s() - last_news < self.pace.quiet_s:
            if self._take(_LOOK_S):
                last_news = self.monotonic_s()

    def _take(self, timeout_s: float) -> bool:
        news = self.inbox.read(timeout_s)
        for row, event in news:
            self._learn(row, event)
        self.answers.save()
        self.on_change(self.sent)
        return bool(news)

    def _learn(self, row: int, event: Resulted | Reported) -> None:
        before = self.answers.of(row) or Answer(row=row, valuation_id=event.valuation_id)
        after = answered(before, event) if isinstance(event, Resulted) else reported(before, event)
        if after != before:
            self.answers.put(after)
        if after.is_settled:
            self._on_the_way.discard(row)
        if after.is_complete:
            self._incomplete.discard(row)

    def _record(self, requested: Requested) -> Record:
        kind = event_type(requested)
        headers = event_headers(
            event_id=event_id(requested.valuation_id, kind, 1),
            event_type=kind,
            source=SOURCE,
            at=requested.requested_at,
            traceparent=self.new_trace(),
        )
        return Record(
            topic=self.topics.requests.named(Lane.BATCH),
            key=requested.valuation_id.encode(),
            value=self.codec.encode(requested),
            headers=headers,
        )

"""What a stage counts about itself."""

from collections.abc import Callable, Sequence
from time import monotonic
from typing import Final

from infra.telemetry import names
from infra.telemetry.metrics import Counter, Gauge, Metrics, Summary
from streams.runtime.guard import Settled
from streams.runtime.stage import RawMessage
from streams.runtime.window import Window

STUCK_AFTER_S: Final = 60.0  # longest batch plus all pauses is 10-15 s; a loop silent for a minute hangs


class Meters:
    """Counters of one stage; written by the stage's thread, read by the health server's."""

    def __init__(self, metrics: Metrics, window: Window[RawMessage], now: Callable[[], float]) -> None:
        """`now` gives seconds since the epoch, to compare with the timestamps of records."""
        self._window, self._now = window, now
        self._in_flight: Sequence[RawMessage] = ()
        self.last_tick = monotonic()
        add = metrics.add
        self.batches = add(names.BATCHES, Counter(), "batches handled")
        self.messages = add(names.MESSAGES, Counter(), "messages acknowledged")
        self.sent = add(names.RECORDS_SENT, Counter(), "records confirmed by the broker")
        self.dead = add(names.DEAD_LETTERS, Counter("class"), "messages that became dead letters")
        self.silences = add(names.SILENCES, Counter("reason"), "messages answered with a stated silence")
        self.retries = add(names.RETRIES, Counter(), "pauses for transient errors")
        self.stale = add(names.STALE, Counter(), "messages left to their partition's new owner after being taken")
        self.forgotten = add(names.FORGOTTEN, Counter(), "messages left to their partition's new owner while waiting")
        self.batch_size = add(names.BATCH_SIZE, Summary(), "messages per batch")
        self.latency = add(names.STAGE_LATENCY, Summary(), "a message's way from the record's time to its confirmation")
        self.handle = add(names.HANDLE_SECONDS, Summary(), "decode, handle and encode of one batch")
        self.publish = add(names.PUBLISH_SECONDS, Summary(), "publishing one batch until the last confirmation")
        add(names.WINDOW_MESSAGES, Gauge(lambda: len(window)), "messages fetched and not started")
        add(names.WINDOW_BYTES, Gauge(lambda: window.bytes), "bytes fetched and not started")
        add(names.OLDEST_WAITING, Gauge(self._oldest_waiting), "age of the oldest message fetched and not started")
        add(names.TIME_LAG, Gauge(self.time_lag), "age of the oldest message not yet confirmed; 0 when there is none")

    @property
    def is_stuck(self) -> bool:
        """Whether the loop has not come round for so long that it must hang."""
        return monotonic() - self.last_tick > STUCK_AFTER_S

    def tick(self) -> None:
        """Note that the loop came round."""
        self.last_tick = monotonic()

    def began(self, batch: Sequence[RawMessage]) -> None:
        """Note a batch in flight."""
        self._in_flight = batch

    def ended(self, batch: Sequence[RawMessage], settled: Settled, *, handle_s: float, publish_s: float) -> None:
        """Count a batch that is acknowledged."""
        self._in_flight = ()
        self.batches.add()
        self.messages.add(len(batch))
        self.sent.add(len(settled.records))
        for kind in settled.dead:
            self.dead.add(of=kind)
        for reason in settled.silences:
            self.silences.add(of=reason)
        if settled.retries:
            self.retries.add(settled.retries)
        self.batch_size.observe(len(batch))
        self.handle.observe(handle_s)
        self.publish.observe(publish_s)
        now = self._now()
        self.latency.observe_all(now - message.timestamp for message in batch if message.timestamp is not None)

    def time_lag(self) -> float:
        """Seconds since the oldest unconfirmed message was written: the honest lag, unlike a count of offsets."""
        in_flight = self._in_flight  # one read: the other thread may put another batch here
        oldest = in_flight[0] if in_flight else self._window.oldest
        return self._age(oldest) or 0.0

    def _oldest_waiting(self) -> float | None:
        return self._age(self._window.oldest)

    def _age(self, message: RawMessage | None) -> float | None:
        if message is None or message.timestamp is None:
            return None
        return max(0.0, self._now() - message.timestamp)

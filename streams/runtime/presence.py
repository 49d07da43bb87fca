"""What a worker says of itself: ready or why not, and the gauges that are asked for when someone looks."""

import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any, Final

from infra.telemetry import names
from infra.telemetry.health import Health
from infra.telemetry.metrics import Counter, Gauge, LabelledGauge, Metrics
from streams.runtime.meters import Meters
from streams.runtime.reference import ReferenceReader

_RESTLESS: Final = 10  # assignments within a minute: two processes of one instance id throw each other out for ever
_RESTLESS_WITHIN_S: Final = 60.0


class Presence:
    """Readiness of one worker. Written by the stage's thread, read by the health server's."""

    def __init__(
        self,
        metrics: Metrics,
        meters: Meters,
        reference: ReferenceReader,
        *,
        details: Mapping[str, object],
        problems: Callable[[], Sequence[str]],
    ) -> None:
        """`details` are shown on `/health` as they are (stage, lane, group, release); `problems` as they are then."""
        self._meters, self._reference, self._details = meters, reference, dict(details)
        self._problems = problems
        self._assigned: frozenset[Any] | None = None
        self._recent: deque[float] = deque(maxlen=_RESTLESS)
        self._rebalances = metrics.add(names.REBALANCES, Counter(), "assignments received")
        self._consuming = False
        self.committed_at: Callable[[], float | None] = lambda: None
        self._add_gauges(metrics)

    def consuming(self, committed_at: Callable[[], float | None]) -> None:
        """Note that the loop runs from now on; `committed_at` gives the (monotonic) time of the last commit."""
        self._consuming, self.committed_at = True, committed_at
        self._meters.tick()

    def assigned(self, partitions: Sequence[Any]) -> None:
        """Note the partitions owned now."""
        self._assigned = frozenset(partitions)
        self._rebalances.add()
        self._recent.append(monotonic())

    def revoked(self) -> None:
        """Note that a rebalance takes all partitions away (they may come back)."""
        self._assigned = None

    def health(self) -> Health:
        """State for `/health` and `/live`."""
        stuck = self._consuming and self._meters.is_stuck
        return Health(
            live=not stuck,
            reasons=tuple(self._reasons(stuck=stuck)),
            details={
                **self._details,
                "pid": os.getpid(),
                "problems": list(self._problems()),
                "partitions": sorted(f"{place.topic}/{place.partition}" for place in self._assigned or ()),
                "reference_version": self._reference.version,
                "reference_undecodable": self._reference.undecodable(),
                "time_lag_s": round(self._meters.time_lag(), 3),
            },
        )

    def _reasons(self, *, stuck: bool) -> list[str]:
        reasons = [f"reference data not loaded: {topic}" for topic in self._reference.missing()]
        if not reasons and self._assigned is None:
            reasons.append("no partitions assigned yet")
        recent = list(self._recent)
        if len(recent) == _RESTLESS and monotonic() - recent[0] < _RESTLESS_WITHIN_S:
            reasons.append("the group rebalances all the time; does another process run under the same instance id?")
        if stuck:
            reasons.append("the loop does not come round")
        return reasons

    def _add_gauges(self, metrics: Metrics) -> None:
        add, reference = metrics.add, self._reference
        add(names.READY, Gauge(lambda: float(self.health().ready)), "1 when work is being done")
        add(names.ASSIGNED_PARTITIONS, Gauge(lambda: len(self._assigned or ())), "partitions owned")
        add(names.COMMIT_AGE, Gauge(self._commit_age), "seconds since offsets were last committed")
        add(names.REFERENCE_READY, Gauge(lambda: float(reference.is_ready)), "1 when all reference data is loaded")
        add(names.REFERENCE_CHANGES, LabelledGauge("view", reference.changes), "reference changes applied")
        bad = LabelledGauge("topic", reference.undecodable)
        add(names.REFERENCE_UNDECODABLE, bad, "reference records skipped because they cannot be decoded")

    def _commit_age(self) -> float | None:
        committed_at = self.committed_at()
        return None if committed_at is None else monotonic() - committed_at

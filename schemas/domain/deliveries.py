"""How the latest delivery of each source went, and so which sources cannot be relied on now.

A source whose breaker is not closed has delivered nothing good of late: what it said before stands, and answers that
rest on it name it (`degraded_sources`). One that may be silent for so many days (`SourceLicence.fresh_within_days`) and
has delivered nothing for longer is stale.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from schemas.domain.breaker import Breaker, BreakerState, state
from schemas.events import SourceDelivery, SourceLicence


def breaker_of(latest: SourceDelivery) -> Breaker:
    """The breaker that a source's latest delivery left behind."""
    return Breaker(failures=latest.failures, opened_until=latest.closed_until)


def state_of(latest: SourceDelivery | None, now: datetime) -> BreakerState:
    """Whether a source's next delivery is taken, is the trial, or has to wait. One that never delivered is trusted."""
    return BreakerState.CLOSED if latest is None else state(breaker_of(latest), now)


class Deliveries:
    """The latest delivery of each source and how long it may be silent, from their topics; changed between batches."""

    def __init__(self) -> None:
        self._latest: dict[str, SourceDelivery] = {}
        self._fresh_within: dict[str, timedelta] = {}

    def delivered(self, source: str, latest: object) -> None:
        """The newest `SourceDelivery` of a source; anything else forgets it."""
        self._latest.pop(source, None)
        if isinstance(latest, SourceDelivery):
            self._latest[source] = latest

    def licensed(self, source: str, licence: object) -> None:
        """The newest `SourceLicence` of a source; anything else forgets how long it may be silent."""
        self._fresh_within.pop(source, None)
        if isinstance(licence, SourceLicence) and licence.fresh_within_days is not None:
            self._fresh_within[source] = timedelta(days=licence.fresh_within_days)

    def degraded(self, sources: Iterable[str], now: datetime) -> tuple[str, ...]:
        """Those of `sources` whose breaker rests or is on trial, each once and in order."""
        if not self._latest:
            return ()
        return tuple(
            dict.fromkeys(
                source for source in sources if state_of(self._latest.get(source), now) is not BreakerState.CLOSED
            )
        )

    def unavailable(self, sources: Iterable[str], now: datetime) -> tuple[str, ...]:
        """Those of `sources` that cannot answer: degraded, or without a delivery for longer than they may be silent."""
        if not self._latest:
            return ()
        asked = tuple(sources)
        down = {*self.degraded(asked, now), *(source for source in asked if self._is_stale(source, now))}
        return tuple(dict.fromkeys(source for source in asked if source in down))

    def _is_stale(self, source: str, now: datetime) -> bool:
        latest, fresh_within = self._latest.get(source), self._fresh_within.get(source)
        return latest is not None and fresh_within is not None and now - latest.delivered_at > fresh_within

"""From the reference topics to the price history: what arrived together is applied together."""

import logging
from typing import TypeVar

from producers.gateway.prices.history import PriceHistory
from producers.gateway.prices.licences import ShownSources
from schemas.codec import Codec
from schemas.errors import PermanentError, TransientError
from schemas.events import Deal, SourceLicence

log = logging.getLogger(__name__)

E = TypeVar("E", Deal, SourceLicence)


class PriceFeed:
    """Called by the follower of `reference.deals` and `reference.sources`, on its thread. Never raises.

    A record that cannot be read is counted and passed over: one bad row must not stop the prices of all others.
    """

    def __init__(
        self, history: PriceHistory, sources: ShownSources, codec: Codec, *, source_topics: frozenset[str]
    ) -> None:
        """`source_topics` are the Kafka topics that carry `SourceLicence`; all others carry `Deal`."""
        self._history, self._sources, self._codec, self._source_topics = history, sources, codec, source_topics
        self._deals: dict[str, Deal | None] = {}
        self.unreadable = 0

    def take(self, topic: str | None, key: bytes | None, value: bytes | None) -> None:
        """Note one change; no value takes its key away."""
        try:
            name = (key or b"").decode()
            if topic in self._source_topics:
                self._licensed(name, None if value is None else self._codec.decode(value, SourceLicence))
            else:
                self._deals[name] = None if value is None else self._codec.decode(value, Deal)
        except (PermanentError, TransientError, UnicodeDecodeError) as error:
            self.unreadable += 1
            log.warning("a price cannot be read", extra={"error": type(error).__name__})

    def _licensed(self, source: str, licence: SourceLicence | None) -> None:
        if licence is None:
            self._sources.licences.pop(source, None)
        else:
            self._sources.licences[source] = licence

    def settle(self) -> None:
        """Let the history take in what was noted."""
        deals, self._deals = self._deals, {}
        if deals:
            self._history.apply(deals)

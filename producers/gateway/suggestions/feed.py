"""From the reference topics to the index: what arrived together is applied together."""

import logging
from typing import TypeVar

from producers.gateway.suggestions.index import SuggestionIndex
from schemas.codec import Codec
from schemas.errors import PermanentError, TransientError
from schemas.events import Community, CommunityAlias

log = logging.getLogger(__name__)

E = TypeVar("E", Community, CommunityAlias)


class SuggestionFeed:
    """Called by the follower of `reference.communities` and `reference.aliases`, on its thread. Never raises.

    A record that cannot be read is counted and passed over: one bad row must not stop the suggestions of all others.
    """

    def __init__(self, index: SuggestionIndex, codec: Codec, *, aliases: frozenset[str]) -> None:
        """`aliases` are the Kafka topics that carry `CommunityAlias`; all others carry `Community`."""
        self._index, self._codec, self._alias_topics = index, codec, aliases
        self._communities: dict[str, Community | None] = {}
        self._aliases: dict[str, CommunityAlias | None] = {}
        self.unreadable = 0

    def take(self, topic: str | None, key: bytes | None, value: bytes | None) -> None:
        """Note one change; no value takes its key away."""
        if topic in self._alias_topics:
            self._note(self._aliases, CommunityAlias, key, value)
        else:
            self._note(self._communities, Community, key, value)

    def _note(self, changes: dict[str, E | None], kind: type[E], key: bytes | None, value: bytes | None) -> None:
        try:
            changes[(key or b"").decode()] = None if value is None else self._codec.decode(value, kind)
        except (PermanentError, TransientError, UnicodeDecodeError) as error:
            self.unreadable += 1
            log.warning("a suggestion cannot be read", extra={"event": kind.__name__, "error": type(error).__name__})

    def settle(self) -> None:
        """Let the index take in what was noted."""
        communities, self._communities = self._communities, {}
        aliases, self._aliases = self._aliases, {}
        if communities or aliases:
            self._index.apply(communities, aliases)

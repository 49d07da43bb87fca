"""What enrichment keeps in memory, live from its topics: communities, names, coverage, registry, deliveries, tagger."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from schemas.catalogue import (
    ALIASES,
    COMMUNITIES,
    COVERAGE,
    DELIVERIES,
    MODELS_RELEASED,
    PROPERTIES,
    SOURCES,
)
from schemas.domain.deliveries import Deliveries
from schemas.domain.divisions import Divisions
from schemas.events import Community, CommunityAlias, CoverageRow, PropertyRecord
from streams.enrichment.coverage import CoverageTable
from streams.enrichment.index import CommunityIndex
from streams.enrichment.learned import LearnedAliases
from streams.enrichment.pieces import Tagger
from streams.enrichment.registry import PropertyRegistry
from streams.enrichment.released import ReleasedTagger
from streams.enrichment.verification.address import AddressSource
from streams.enrichment.verification.dictionary import DictionarySource
from streams.enrichment.verification.registered import RegistrySource
from streams.runtime.stage import Change


class EnrichmentView:
    """A mutable object without locks: changed between batches only, on the stage's own thread."""

    def __init__(self, divisions: Divisions, released: ReleasedTagger | None = None) -> None:
        """`released` follows the tagger's releases; without it addresses are read by rules alone."""
        self.divisions = divisions
        self.communities = CommunityIndex(divisions)
        self.aliases = LearnedAliases(self.communities)
        self.coverage = CoverageTable(divisions)
        self.registry = PropertyRegistry()
        self.deliveries = Deliveries()
        self.verification_sources = (  # the first to decide a fact is believed
            AddressSource(),
            RegistrySource(self.registry),
            DictionarySource(self.communities),
        )
        self._released = released
        self._apply: Mapping[str, Callable[[str, Any], None]] = {
            COMMUNITIES.name: self._community,
            ALIASES.name: self._alias,
            COVERAGE.name: self._coverage,
            PROPERTIES.name: self._property,
            MODELS_RELEASED.name: self._release,
            DELIVERIES.name: self.deliveries.delivered,
            SOURCES.name: self.deliveries.licensed,
        }

    @property
    def version(self) -> str:
        """Names what an answer could see: coverage version, size of the dictionary, names learned, tagger."""
        known = f"coverage {self.coverage.version or '-'}, {len(self.communities)} communities"
        learned = f", {len(self.aliases)} aliases" if len(self.aliases) else ""
        return f"{known}{learned}, tagger {self.tagger.version}" if self.tagger else f"{known}{learned}"

    @property
    def tagger(self) -> Tagger | None:
        """Who cuts addresses into pieces; `None` while no tagger is released."""
        return None if self._released is None else self._released.tagger

    @property
    def problems(self) -> tuple[str, ...]:
        """What arrived and cannot be used, for the health page."""
        refused = None if self._released is None else self._released.problem
        return (*self.aliases.problems, *(() if refused is None else (refused,)))

    def apply(self, changes: Sequence[Change]) -> None:
        """Take changes over, in their order; applying one twice changes nothing. Other topics are left alone."""
        for change in changes:
            apply = self._apply.get(change.topic.name)
            if apply is not None:
                apply(change.key, change.event)

    def _community(self, key: str, event: object) -> None:
        before = self.communities.get(key)
        if isinstance(event, Community):
            self.communities.put(event)
        else:
            self.communities.remove(key)
        for entry in (before, self.communities.get(key)):
            if entry is not None:
                self.aliases.named(entry.community, entry.city)

    def _alias(self, key: str, event: object) -> None:
        if isinstance(event, CommunityAlias):
            self.aliases.put(key, event)
        else:
            self.aliases.remove(key)

    def _coverage(self, key: str, event: object) -> None:
        if isinstance(event, CoverageRow):
            self.coverage.put(key, event)
        else:
            self.coverage.remove(key)

    def _property(self, key: str, event: object) -> None:
        if isinstance(event, PropertyRecord):
            self.registry.put(key, event)
        else:
            self.registry.remove(key)

    def _release(self, key: str, event: object) -> None:
        if self._released is not None:
            self._released.apply(key, event)

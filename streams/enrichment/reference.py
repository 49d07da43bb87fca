"""What enrichment keeps in memory: the community dictionary and the coverage table, live from their topics."""

from collections.abc import Sequence

from schemas.catalogue import COMMUNITIES, COVERAGE
from schemas.domain.divisions import Divisions
from schemas.events import Community, CoverageRow
from streams.enrichment.coverage import CoverageTable
from streams.enrichment.index import CommunityIndex
from streams.runtime.stage import Change


class EnrichmentView:
    """A mutable object without locks: changed between batches only, on the stage's own thread."""

    def __init__(self, divisions: Divisions) -> None:
        self.divisions = divisions
        self.communities = CommunityIndex(divisions)
        self.coverage = CoverageTable(divisions)

    @property
    def version(self) -> str:
        """Names what an answer could see: the newest coverage version and the size of the dictionary."""
        return f"coverage {self.coverage.version or '-'}, {len(self.communities)} communities"

    def apply(self, changes: Sequence[Change]) -> None:
        """Take changes over, in their order; applying one twice changes nothing. Other topics are left alone."""
        for change in changes:
            if change.topic.name == COMMUNITIES.name:
                self._community(change)
            elif change.topic.name == COVERAGE.name:
                self._coverage(change)

    def _community(self, change: Change) -> None:
        if isinstance(change.event, Community):
            self.communities.put(change.event)
        else:
            self.communities.remove(change.key)

    def _coverage(self, change: Change) -> None:
        if isinstance(change.event, CoverageRow):
            self.coverage.put(change.key, change.event)
        else:
            self.coverage.remove(change.key)

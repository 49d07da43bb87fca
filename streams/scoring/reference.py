"""What scoring keeps in memory: communities, deals by segment, and the released model of each segment."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from schemas.catalogue import COMMUNITIES, DEALS, MODELS_RELEASED
from schemas.codes import ADDRESS_SEGMENT, ModelRole, PropertyType
from schemas.errors import PermanentError
from schemas.events import Community, Deal, ModelReleased
from streams.runtime.stage import Change
from streams.scoring.comparables import ComparableBook
from streams.scoring.market import Market, Places
from streams.scoring.model import Model, segment_of, unpack
from streams.scoring.ports import ArtefactStore

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer:
    """A released model and the market it looks at."""

    model: Model
    sha256: str
    release: str
    book: ComparableBook


class ScoringView:
    """A `ReferenceView`. Deals and models count from the next batch on.

    A release that cannot be used (not in the store, another digest, another feature list) leaves the model before it
    in charge and is listed in `problems` until a usable one follows under the same name.
    """

    def __init__(self, store: ArtefactStore) -> None:
        self._store = store
        self._places = Places()
        self._markets: dict[PropertyType, Market] = {}
        self._segment_of_deal: dict[str, PropertyType] = {}
        self._scorers: dict[PropertyType, Scorer] = {}
        self._problems: dict[str, str] = {}

    def apply(self, changes: Sequence[Change], /) -> None:
        """Take changes of `reference.communities`, `reference.deals` and `models.released` in."""
        for change in changes:
            if change.topic is DEALS:
                self._apply_deal(change.key, change.event)
            elif change.topic is COMMUNITIES and isinstance(change.event, Community):
                self._places.put(change.event)  # a deleted community keeps its place: its deals still lie there
            elif change.topic is MODELS_RELEASED:
                self._apply_release(change.key, change.event)

    @property
    def places(self) -> Places:
        """The dictionary."""
        return self._places

    @property
    def problems(self) -> tuple[str, ...]:
        """Releases that could not be used, for the health page."""
        return tuple(self._problems.values())

    def scorer(self, segment: PropertyType) -> Scorer | None:
        """Who values a segment; `None` where no model was released for it."""
        return self._scorers.get(segment)

    def market(self, segment: PropertyType) -> Market:
        """The deals of a segment."""
        if segment not in self._markets:
            self._markets[segment] = Market(self._places)
        return self._markets[segment]

    def _apply_deal(self, deal_id: str, deal: object) -> None:
        segment = segment_of(deal.property_type) if isinstance(deal, Deal) else None
        before = self._segment_of_deal.pop(deal_id, None)
        if before is not None and before is not segment:
            self.market(before).remove(deal_id)
        if isinstance(deal, Deal) and segment is not None:
            if not (deal.unit_price > 0 and deal.area_m2 > 0):
                return  # no comparable, whatever the loader thought of it
            self._segment_of_deal[deal_id] = segment
            self.market(segment).put(deal)

    def _apply_release(self, name: str, release: object) -> None:
        if not isinstance(release, ModelReleased):
            self._problems.pop(name, None)
            for segment in [s for s, scorer in self._scorers.items() if scorer.release == name]:
                del self._scorers[segment]
            return
        if release.role is not ModelRole.CHAMPION or release.segment == ADDRESS_SEGMENT:
            return  # a challenger waits; the tagger of addresses is no model of prices
        try:
            scorer = self._load(release)
        except (PermanentError, OSError, ValueError) as error:
            self._problems[name] = f"model {release.name} {release.version} is not used: {error}"
            log.error("model refused", extra={"model": release.name, "version": release.version, "reason": str(error)})  # noqa: TRY400 - a stack says nothing here
            return
        self._problems.pop(name, None)
        self._scorers[PropertyType(scorer.model.segment)] = scorer
        log.info("model in charge", extra={"model": release.name, "version": release.version})

    def _load(self, release: ModelReleased) -> Scorer:
        model = unpack(self._store.fetch(release.uri, release.sha256))
        if model.segment != release.segment:
            raise ValueError(f"it was trained for {model.segment}, not for {release.segment}")
        return Scorer(
            model=model,
            sha256=release.sha256,
            release=release.name,
            book=ComparableBook(self.market(PropertyType(model.segment)), model.layer),
        )

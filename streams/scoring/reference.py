"""What scoring keeps in memory: communities, deals by segment, licences, and the released models of each segment."""

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from math import isfinite
from typing import Final

from schemas.catalogue import COMMUNITIES, DEALS, DELIVERIES, MODELS_RELEASED, RENTS, SOURCES
from schemas.codes import ADDRESS_SEGMENT, ModelRole, PropertyType
from schemas.domain.deliveries import Deliveries
from schemas.errors import PermanentError
from schemas.events import Community, Deal, ModelReleased, Rent, SourceLicence
from streams.runtime.stage import Change
from streams.scoring.comparables import ComparableBook
from streams.scoring.licences import Gate, Licences, why_not_usable
from streams.scoring.market import Market, Places
from streams.scoring.model import Model, segment_of, unpack
from streams.scoring.ports import ArtefactStore
from streams.scoring.rents import RentBook

log = logging.getLogger(__name__)

_WAIVED: Final = Licences(waived=True)
_EARLIEST, _LATEST = date(1990, 1, 1), date(2100, 1, 1)  # of a deal; other days are typing errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer:
    """A released model and the market it looks at. `share`: of the properties, for a challenger.

    `licences` gives those in force when it is called.
    """

    model: Model
    sha256: str
    release: str
    book: ComparableBook
    role: ModelRole = ModelRole.CHAMPION
    share: float = 0.0
    licences: Callable[[], Licences] = lambda: _WAIVED
    rents: RentBook = field(default_factory=RentBook)


class ScoringView:
    """A `ReferenceView`. Deals, licences and models count from the next batch on.

    A release that cannot be used (not in the store, another digest, another feature list, learned from what is not
    licensed) leaves the champion before it in charge and is listed in `problems`. A challenger that cannot be used
    leaves none.
    """

    def __init__(
        self, store: ArtefactStore, licences: Licences = _WAIVED, today: Callable[[], date] = lambda: date.min
    ) -> None:
        """`today` is the day on which licences are judged; nobody asks for it where they are waived."""
        self._store = store
        self._licences, self._today = licences, today
        self._day = today()
        self.deliveries = Deliveries()
        self._places = Places()
        self._deal_gate, self._rent_gate = Gate[Deal](licences), Gate[Rent](licences)
        self._markets: dict[PropertyType, Market] = {}
        self._rents: defaultdict[PropertyType, RentBook] = defaultdict(RentBook)
        self._scorers: dict[tuple[PropertyType, ModelRole], tuple[Scorer, ...]] = {}  # the latest first
        self._unlicensed: dict[str, str] = {}  # digest -> why
        self._refused: dict[str, str] = {}  # release -> why
        self._suspended: dict[str, str] = {}

    def apply(self, changes: Sequence[Change], /) -> None:
        """Take changes of communities, deals, rents, sources, their deliveries and released models in."""
        for change in changes:
            if change.topic is DEALS:
                self._apply_deal(change.key, change.event)
            elif change.topic is RENTS:
                self._apply_rent(change.key, change.event)
            elif change.topic is COMMUNITIES and isinstance(change.event, Community):
                self._places.put(change.event)  # a deleted community keeps its place: its deals still lie there
            elif change.topic is MODELS_RELEASED:
                self._apply_release(change.key, change.event)
            elif change.topic is SOURCES:
                self._apply_licence(change.key, change.event)
            elif change.topic is DELIVERIES:
                self.deliveries.delivered(change.key, change.event)
        if any(change.topic is SOURCES for change in changes):
            self._judge()

    def follow_day(self) -> None:
        """Judge licences anew once a day: they begin and end by date, without an event. Call before each batch."""
        if self._day != (today := self._today()):
            self._day = today
            self._judge()

    @property
    def places(self) -> Places:
        """The dictionary."""
        return self._places

    @property
    def problems(self) -> tuple[str, ...]:
        """Releases and sources that cannot be used, for the health page."""
        # copies throughout: the page is served by another thread than changes are applied by
        unlicensed, kept = self._unlicensed.copy(), [scorer for kept in [*self._scorers.values()] for scorer in kept]
        models = (
            f"model {scorer.release} {scorer.model.version} is not used: {unlicensed[scorer.sha256]}"
            for scorer in kept
            if scorer.sha256 in unlicensed
        )
        refused = {**self._deal_gate.refused(), **self._rent_gate.refused()}
        sources = (f"rows of {source} are not used: {why}" for source, why in refused.items())
        return (*self._refused.values(), *self._suspended.values(), *models, *sources)

    def scorer(self, segment: PropertyType) -> Scorer | None:
        """Who values a segment; `None` where no model was released for it, or none is licensed."""
        kept = self._scorers.get((segment, ModelRole.CHAMPION), ())
        return next((scorer for scorer in kept if scorer.sha256 not in self._unlicensed), None)

    def challenger(self, segment: PropertyType) -> Scorer | None:
        """Who is on trial for a segment. A challenger with the champion's own artefact is none: it was promoted."""
        kept, champion = self._scorers.get((segment, ModelRole.CHALLENGER), ()), self.scorer(segment)
        unfit = {*self._unlicensed, champion.sha256 if champion else ""}
        return next((s for s in kept if s.sha256 not in unfit and s.release not in self._suspended), None)

    def has_unlicensed(self, segment: PropertyType) -> bool:
        """Whether a model was released for the segment whose sources are not licensed."""
        kept = self._scorers.get((segment, ModelRole.CHAMPION), ())
        return any(scorer.sha256 in self._unlicensed for scorer in kept)

    def suspend(self, challenger: Scorer, error: Exception) -> None:
        """Take a challenger that failed out of the canary, until it is announced again."""
        name, version, why = challenger.release, challenger.model.version, type(error).__name__
        self._suspended[name] = f"model {name} {version} failed ({why}) and answers nobody; the champion does"
        log.error("challenger suspended", extra={"model": name, "version": version, "error_type": why})

    def market(self, segment: PropertyType) -> Market:
        """The deals of a segment."""
        if segment not in self._markets:
            self._markets[segment] = Market(self._places)
        return self._markets[segment]

    # ---- deals and licences

    def _apply_deal(self, deal_id: str, deal: object) -> None:
        segment = segment_of(deal.property_type) if isinstance(deal, Deal) else None
        for other in self._markets.keys() - {segment}:
            self._markets[other].remove(deal_id)
        if not isinstance(deal, Deal) or segment is None:
            self._deal_gate.forget(deal_id)
            return
        if not (self._deal_gate.admits(deal_id, deal) and _is_sane(deal)):
            self.market(segment).remove(deal_id)  # no comparable, whatever the loader thought of it
            return
        self.market(segment).put(deal)

    def _apply_rent(self, rent_id: str, rent: object) -> None:
        if not isinstance(rent, Rent):
            self._rent_gate.forget(rent_id)
        segment = segment_of(rent.property_type) if isinstance(rent, Rent) and self._may_use(rent) else None
        for other in self._rents.keys() - {segment}:
            self._rents[other].remove(rent_id)
        if segment is not None and isinstance(rent, Rent):
            self._rents[segment].put(rent)

    def _may_use(self, rent: Rent) -> bool:
        return self._rent_gate.admits(rent.rent_id, rent) and rent.monthly_rent > 0 and isfinite(rent.monthly_rent)

    def _apply_licence(self, source: str, licence: object) -> None:
        rows = {name: row for name, row in self._licences.rows.items() if name != source}
        if isinstance(licence, SourceLicence):
            rows[source] = licence
        self._licences = replace(self._licences, rows=rows)

    def _judge(self) -> None:
        """Ask the licences of today about every model, deal and rent."""
        for place, kept in self._scorers.items():
            for scorer in kept:
                self._judge_model(scorer)
            self._scorers[place] = self._needed(kept)
        deals, rents = (gate.follow(self._licences, self._day) for gate in (self._deal_gate, self._rent_gate))
        for deal_id, deal in deals.back.items():
            self._apply_deal(deal_id, deal)
        for rent_id, rent in rents.back.items():
            self._apply_rent(rent_id, rent)
        for market in self._markets.values() if deals.gone else ():
            self._deal_gate.set_aside(market.taken_out(deals.gone))
        for book in self._rents.values():
            self._rent_gate.set_aside(book.take_out(rents.gone))

    def _judge_model(self, scorer: Scorer) -> None:
        why = why_not_usable(scorer.model.manifest, self._licences, self._day)
        if why is None:
            self._unlicensed.pop(scorer.sha256, None)
        else:
            self._unlicensed[scorer.sha256] = why

    # ---- models

    def _apply_release(self, name: str, release: object) -> None:
        self._suspended.pop(name, None)
        if not isinstance(release, ModelReleased):
            self._refused.pop(name, None)
            self._withdraw(name)
            return
        if release.segment == ADDRESS_SEGMENT:
            return  # the tagger of addresses is no model of prices
        try:
            scorer = self._scorer(release)
        except (PermanentError, OSError, ValueError, KeyError) as error:
            self._refused[name] = f"model {release.name} {release.version} is not used: {error}"
            log.error("model refused", extra={"model": release.name, "version": release.version, "reason": str(error)})  # noqa: TRY400 - a stack says nothing here
            if release.role is ModelRole.CHALLENGER:
                self._withdraw(name)
            return
        self._refused.pop(name, None)
        self._take(scorer)
        log.info("model taken", extra={"model": release.name, "version": release.version, "role": release.role})

    def _take(self, scorer: Scorer) -> None:
        place = PropertyType(scorer.model.segment), scorer.role
        former = () if scorer.role is ModelRole.CHALLENGER else self._scorers.get(place, ())
        others = tuple(one for one in former if one.sha256 != scorer.sha256)
        self._judge_model(scorer)
        self._scorers[place] = self._needed((scorer, *others))

    def _needed(self, kept: tuple[Scorer, ...]) -> tuple[Scorer, ...]:
        """The latest that may answer and what was refused after it: what it replaced never comes back by itself."""
        fit = next((place for place, scorer in enumerate(kept) if scorer.sha256 not in self._unlicensed), len(kept))
        return kept[: fit + 1]

    def _withdraw(self, name: str) -> None:
        for place, kept in self._scorers.items():
            self._scorers[place] = tuple(scorer for scorer in kept if scorer.release != name)

    def _scorer(self, release: ModelReleased) -> Scorer:
        if not 0 <= release.share <= 1:
            raise ValueError(f"its share is {release.share}, not between 0 and 1")
        model, book = self._loaded(release)
        return Scorer(
            model=model,
            sha256=release.sha256,
            release=release.name,
            book=book,
            role=release.role,
            share=release.share if release.role is ModelRole.CHALLENGER else 0.0,
            rents=self._rents[PropertyType(model.segment)],
            licences=lambda: self._licences,
        )

    def _loaded(self, release: ModelReleased) -> tuple[Model, ComparableBook]:
        """The model and its book; those at hand when the artefact is: another share or role needs no new ones."""
        for scorer in (scorer for kept in self._scorers.values() for scorer in kept):
            if (scorer.sha256, scorer.model.segment) == (release.sha256, release.segment):
                return scorer.model, scorer.book
        model = unpack(self._store.fetch(release.uri, release.sha256))
        if model.segment != release.segment:
            raise ValueError(f"it was trained for {model.segment}, not for {release.segment}")
        return model, ComparableBook(self.market(PropertyType(model.segment)), model.layer)


def _is_sane(deal: Deal) -> bool:
    """Whether a deal can be compared with: one infinite price or impossible day would spoil the means of its city."""
    days = (deal.deal_date, deal.known_on or deal.deal_date)
    numbers = (deal.unit_price, deal.area_m2)
    return all(isfinite(number) and number > 0 for number in numbers) and all(
        _EARLIEST <= day < _LATEST for day in days
    )

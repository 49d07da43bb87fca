"""The scoring stage: an enriched request in, a value with its certainty and evidence out."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from schemas.catalogue import SCORED
from schemas.codes import PropertyType, Reason, ServiceType
from schemas.domain.deliveries import Deliveries
from schemas.events import Enriched, Scored, Valuation
from streams.runtime.stage import Outcome, Output
from streams.scoring.model import segment_of
from streams.scoring.reference import Scorer, ScoringView
from streams.scoring.trial import in_canary, tried
from streams.scoring.valuation import value_batch

Answer = tuple[Valuation | None, tuple[str, ...]]


class ScoringStage:
    """Values every request it can; says why where it cannot. The same request gets the same value in any batch.

    One that asks for verification alone passes through without a value.

    The champion answers, but for the properties drawn for a canary; where the challenger fails there, the champion
    answers all the same.
    """

    name = "scoring"

    def __init__(self, view: ScoringView, clock: Callable[[], datetime]) -> None:
        self._view, self._clock = view, clock

    def handle(self, batch: Sequence[Enriched], /) -> Sequence[Outcome]:
        """One `Scored` for each request, on its own lane."""
        self._view.follow_day()
        answers: dict[int, Answer] = {}
        for segment, places in by_segment(batch).items():
            answers.update(zip(places, self._answers(segment, [batch[place] for place in places]), strict=True))
        now = self._clock()
        nothing: Answer = (None, ())
        return [
            _outcome(enriched, *answers.get(place, nothing), self._view.deliveries, now)
            for place, enriched in enumerate(batch)
        ]

    def _answers(self, segment: PropertyType, batch: Sequence[Enriched]) -> list[Answer]:
        champion = self._view.scorer(segment)
        if champion is None:
            return [(None, (self._why_nobody(segment),))] * len(batch)
        answered = self._by_challenger(self._view.challenger(segment), batch)
        rest = [place for place in range(len(batch)) if place not in answered]
        if rest:
            values = value_batch([batch[place] for place in rest], champion, champion.rents)
            answered |= zip(rest, values, strict=True)
        in_order = (answered[place] for place in range(len(batch)))
        return [(valuation, () if valuation else (Reason.THIN_COMPARABLES,)) for valuation in in_order]

    def _by_challenger(self, challenger: Scorer | None, batch: Sequence[Enriched]) -> dict[int, Valuation | None]:
        """Places of the canary with their values. A challenger that fails is out of it until it is announced again."""
        if challenger is None or not challenger.share:
            return {}
        drawn = [place for place, enriched in enumerate(batch) if in_canary(enriched, challenger)]
        values = tried([batch[place] for place in drawn], challenger) if drawn else []
        if isinstance(values, Exception):
            self._view.suspend(challenger, values)
            return {}
        return {place: valuation for place, valuation in zip(drawn, values, strict=True) if valuation is not None}

    def _why_nobody(self, segment: PropertyType) -> Reason:
        """Flats are always meant to have a model; other types get one only where there are deals enough."""
        if self._view.has_unlicensed(segment):
            return Reason.SOURCE_NOT_LICENSED
        return Reason.NO_MODEL if segment is PropertyType.APARTMENT else Reason.UNSEEN_TYPE


def by_segment(batch: Sequence[Enriched]) -> Mapping[PropertyType, list[int]]:
    """Places of a batch by the segment that values them, without those that are to be verified alone."""
    found: dict[PropertyType, list[int]] = defaultdict(list)
    for place, enriched in enumerate(batch):
        if enriched.request.service_type is not ServiceType.VERIFY:
            found[segment_of(enriched.attributes.property_type)].append(place)
    return found


def _outcome(
    enriched: Enriched, valuation: Valuation | None, concerns: tuple[str, ...], deliveries: Deliveries, now: datetime
) -> Outcome:
    degraded = () if valuation is None else deliveries.degraded(valuation.sources, now)
    scored = Scored(
        valuation_id=enriched.valuation_id,
        request=enriched.request,
        address=enriched.address,
        attributes=enriched.attributes,
        coverage=enriched.coverage,
        valuation=valuation,
        scored_at=now,
        concerns=(*enriched.concerns, *concerns),
        reference_version=enriched.reference_version,
        tags=enriched.tags,
        verification=enriched.verification,
        degraded_sources=tuple(dict.fromkeys((*enriched.degraded_sources, *degraded))),
    )
    return Outcome(outputs=(Output(topic=SCORED, event=scored, lane=enriched.request.lane),))

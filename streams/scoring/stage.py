"""The scoring stage: an enriched request in, a value with its certainty and evidence out."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime

from schemas.catalogue import SCORED
from schemas.codes import PropertyType, Reason
from schemas.events import Enriched, Scored, Valuation
from streams.runtime.stage import Outcome, Output
from streams.scoring.model import segment_of
from streams.scoring.reference import ScoringView
from streams.scoring.valuation import value_batch

Answer = tuple[Valuation | None, tuple[str, ...]]


class ScoringStage:
    """Values every request it can; says why where it cannot. The same request gets the same value in any batch."""

    name = "scoring"

    def __init__(self, view: ScoringView, clock: Callable[[], datetime]) -> None:
        self._view, self._clock = view, clock

    def handle(self, batch: Sequence[Enriched], /) -> Sequence[Outcome]:
        """One `Scored` for each request, on its own lane."""
        by_segment: dict[PropertyType, list[int]] = defaultdict(list)
        for place, enriched in enumerate(batch):
            by_segment[segment_of(enriched.attributes.property_type)].append(place)
        answers: dict[int, Answer] = {}
        for segment, places in by_segment.items():
            answers.update(zip(places, self._answers(segment, [batch[place] for place in places]), strict=True))
        now = self._clock()
        return [_outcome(enriched, *answers[place], now) for place, enriched in enumerate(batch)]

    def _answers(self, segment: PropertyType, batch: Sequence[Enriched]) -> list[Answer]:
        scorer = self._view.scorer(segment)
        if scorer is None:
            return [(None, (_why_no_model(segment),))] * len(batch)
        return [
            (valuation, () if valuation else (Reason.THIN_COMPARABLES,)) for valuation in value_batch(batch, scorer)
        ]


def _why_no_model(segment: PropertyType) -> Reason:
    """Flats are always meant to have a model; other types get one only where there are deals enough."""
    return Reason.NO_MODEL if segment is PropertyType.APARTMENT else Reason.UNSEEN_TYPE


def _outcome(enriched: Enriched, valuation: Valuation | None, concerns: tuple[str, ...], now: datetime) -> Outcome:
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
    )
    return Outcome(outputs=(Output(topic=SCORED, event=scored, lane=enriched.request.lane),))

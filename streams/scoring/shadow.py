"""The shadow: champion and challenger value the same events, beside the flow and never in its way.

A stage of its own with a group of its own, so that no answer waits for it and it may fall behind. Both values are
computed here from one view of the market: what differs between them is the model and nothing else.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from schemas.catalogue import SHADOW
from schemas.events import Enriched, ShadowAnswer, ShadowValued, Valuation
from streams.runtime.stage import Outcome, Output
from streams.scoring.model import segment_of
from streams.scoring.reference import Scorer, ScoringView
from streams.scoring.stage import by_segment
from streams.scoring.trial import in_canary, tried

_NOBODY = Outcome(silence="no challenger")


class ShadowStage:
    """One `ShadowValued` for each request whose segment has a challenger; silence for all others."""

    name = "shadow"

    def __init__(self, view: ScoringView, clock: Callable[[], datetime]) -> None:
        self._view, self._clock = view, clock

    def handle(self, batch: Sequence[Enriched], /) -> Sequence[Outcome]:
        """Never a failure: a model that gives no value has lost this comparison, which is worth knowing."""
        self._view.follow_day()
        outcomes, now = [_NOBODY] * len(batch), self._clock()
        for segment, places in by_segment(batch).items():
            champion, challenger = self._view.scorer(segment), self._view.challenger(segment)
            if champion is None or challenger is None:
                continue
            subjects = [batch[place] for place in places]
            for place, valued in zip(places, compare(subjects, champion, challenger, now=now), strict=True):
                outcomes[place] = Outcome(outputs=(Output(topic=SHADOW, event=valued),))
        return outcomes


def compare(
    subjects: Sequence[Enriched], champion: Scorer, challenger: Scorer, *, now: datetime
) -> Iterator[ShadowValued]:
    """Both models on each subject, in order."""
    values = zip(subjects, each(subjects, champion), each(subjects, challenger), strict=True)
    for subject, by_champion, by_challenger in values:
        yield ShadowValued(
            valuation_id=subject.valuation_id,
            segment=segment_of(subject.attributes.property_type).value,
            county_code=subject.coverage.county_code,
            value_date=subject.request.value_date,
            champion=_answer(by_champion, champion),
            challenger=_answer(by_challenger, challenger),
            in_canary=in_canary(subject, challenger),
            valued_at=now,
        )


def each(subjects: Sequence[Enriched], scorer: Scorer) -> list[Valuation | None]:
    """What a model makes of each subject, `None` where it fails: one bad subject spoils only itself."""
    together = tried(subjects, scorer)
    if not isinstance(together, Exception):
        return together
    alone = (tried([subject], scorer) for subject in subjects)
    return [None if isinstance(found, Exception) else found[0] for found in alone]


def _answer(valuation: Valuation | None, scorer: Scorer) -> ShadowAnswer:
    nothing = ShadowAnswer(version=scorer.model.version, artefact_sha256=scorer.sha256)
    if valuation is None:
        return nothing
    v = valuation
    return replace(nothing, value=v.value, lower=v.lower, upper=v.upper, p10=v.p10)

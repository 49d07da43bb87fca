"""Reading what a release is decided on: past requests valued by both models, and outcomes of shadow valuations."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Final

from infra.cli import CommandError
from infra.cli.connections import codec, kafka_conf, utc_now
from infra.cli.model.impact import Rescored, impact, outcomes, paired
from infra.cli.policy_office import events_on, policy_in_force
from infra.cli.scoring import scoring_view
from infra.settings import Settings
from schemas.catalogue import FEEDBACK, SCORED, SHADOW
from schemas.codes import PropertyType, Reason
from schemas.events import Appraised, Enriched, Scored, ShadowValued, Valuation
from streams.routing.answer import profile_of
from streams.routing.policy import Policy
from streams.routing.rules import reasons_for_review
from streams.runtime.reference import ReferenceReader
from streams.scoring.model import segment_of
from streams.scoring.reference import Scorer, ScoringView
from streams.scoring.shadow import each

_BATCH: Final = 200
_AT_MOST: Final = 20_000  # valued again; shares are then known to within half a point
_LOAD_WITHIN_S: Final = 600.0
# what scoring itself says of a request without a value: the other model may say something else
_OF_SCORING: Final = frozenset(
    {Reason.NO_MODEL, Reason.UNSEEN_TYPE, Reason.THIN_COMPARABLES, Reason.SOURCE_NOT_LICENSED}
)


def preview(segment: str, settings: Settings, *, days: int) -> dict[str, float]:
    """Figures of `impact` over the last days and of `paired` over all shadow valuations. Raises `CommandError`."""
    view = _market(settings)
    champion, challenger = view.scorer(PropertyType(segment)), view.challenger(PropertyType(segment))
    if champion is None or challenger is None:
        why = "; ".join(view.problems) or "no challenger was announced"
        raise CommandError(f"{segment} has no champion and challenger to compare: {why}")
    past = drawn(_scored_lately(segment, settings, timedelta(days=days)), at_most=_AT_MOST)
    rows = rescored(past, champion, challenger, policy_in_force(settings))
    return impact(rows) | compared(champion.sha256, challenger.sha256, settings)


def drawn(scored: Iterable[Scored], *, at_most: int) -> list[Scored]:
    """The last event of each valuation; of too many valuations some drawn by lot, the same ones every time.

    What was scored for comparison alone, after people had answered, is no request.
    """
    kept: dict[str, Scored] = {}
    for event in scored:
        if Reason.COMPARISON_ONLY in event.concerns:
            continue
        kept[event.valuation_id] = event
        if len(kept) > 2 * at_most:
            kept = _by_lot(kept, at_most)
    return list(_by_lot(kept, at_most).values())


def _by_lot(kept: dict[str, Scored], at_most: int) -> dict[str, Scored]:
    lots = sorted(kept, key=lambda valuation_id: hashlib.sha256(valuation_id.encode()).digest())
    return {valuation_id: kept[valuation_id] for valuation_id in lots[:at_most]}


def rescored(past: Sequence[Scored], champion: Scorer, challenger: Scorer, policy: Policy) -> list[Rescored]:
    """Past requests by both models of today, on what was known at their value date."""
    found: list[Rescored] = []
    for start in range(0, len(past), _BATCH):
        batch = [_asked(scored) for scored in past[start : start + _BATCH]]
        for enriched, old, new in zip(batch, each(batch, champion), each(batch, challenger), strict=True):
            row = Rescored(
                county_code=enriched.coverage.county_code,
                champion_value=old.value if old else None,
                challenger_value=new.value if new else None,
                champion_reviewed=_is_reviewed(enriched, old, policy),
                challenger_reviewed=_is_reviewed(enriched, new, policy),
            )
            found.append(row)
    return found


def compared(champion_sha256: str, challenger_sha256: str, settings: Settings) -> dict[str, float]:
    """Both models on what became known of houses after their shadow valuation."""
    known = events_on(settings, FEEDBACK, Appraised)
    shadows = sorted(events_on(settings, SHADOW, ShadowValued), key=lambda shadow: shadow.valued_at)
    return paired(outcomes(shadows, known, champion=champion_sha256, challenger=challenger_sha256))


def _market(settings: Settings) -> ScoringView:
    view, followed = scoring_view(settings)
    reader = ReferenceReader([followed], connection=kafka_conf(settings), codec=codec(settings))
    reader.start()
    try:
        reader.load(deadline_s=_LOAD_WITHIN_S)
    except TimeoutError as error:
        raise CommandError(str(error)) from error
    finally:
        reader.stop()
    return view


def _scored_lately(segment: str, settings: Settings, span: timedelta) -> Iterator[Scored]:
    since = utc_now() - span
    for scored in events_on(settings, SCORED, Scored):
        if scored.scored_at >= since and segment_of(scored.attributes.property_type) == segment:
            yield scored


def _asked(scored: Scored) -> Enriched:
    """The request as scoring met it."""
    return Enriched(
        valuation_id=scored.valuation_id,
        request=scored.request,
        address=scored.address,
        attributes=scored.attributes,
        coverage=scored.coverage,
        enriched_at=scored.scored_at,
        concerns=tuple(
            concern for concern in scored.concerns if scored.valuation is not None or concern not in _OF_SCORING
        ),
        reference_version=scored.reference_version,
        tags=scored.tags,
    )


def _is_reviewed(enriched: Enriched, valuation: Valuation | None, policy: Policy) -> bool:
    scored = Scored(
        valuation_id=enriched.valuation_id,
        request=enriched.request,
        address=enriched.address,
        attributes=enriched.attributes,
        coverage=enriched.coverage,
        valuation=valuation,
        scored_at=enriched.enriched_at,
        concerns=enriched.concerns,
        tags=enriched.tags,
    )
    return bool(reasons_for_review(scored, policy, profile_of(enriched.request.channel)))

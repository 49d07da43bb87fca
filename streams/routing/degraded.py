"""Without a usable model: people value as many as the desk can take, the rest waits and is valued after recovery.

Routing writes down what it does about each such valuation (`valuation.degraded`); settling reads it, and when a model
is released sends everything that waits through scoring again, and what people had valued meanwhile beside it, marked
COMPARISON_ONLY: that value is kept for comparison and answers nobody.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from schemas.catalogue import DEGRADED, ENRICHED, RESULTS
from schemas.codes import ADDRESS_SEGMENT, Handling, ModelRole, Reason, Status
from schemas.domain.segments import model_segment
from schemas.events import Decided, Degraded, Enriched, ModelReleased, Scored
from streams.routing import sentences
from streams.routing.answer import answer
from streams.routing.policy import Policy
from streams.routing.rules import is_degraded_alone, met_no_model
from streams.runtime.stage import Change, Outcome, Output

_SAYS_NO_MODEL: Final = frozenset({Reason.SYSTEM_DEGRADED, Reason.NO_MODEL})
# A scorer takes a release over between two batches, from a store that may answer slowly, and clocks differ: what it
# scored without the model this shortly after the release had not met the model yet. One that takes longer is an outage
# of its own, which people end (`avm outage end`).
_TAKEN_OVER_WITHIN: Final = timedelta(hours=1)
_TRIED_AGAIN_AFTER: Final = timedelta(minutes=5)
_WAITS_FOR_A_MODEL: Final = 1  # which PROCESSING of its asking


class Resumption(NamedTuple):
    """What is sent through scoring again, and for which release."""

    record: Degraded
    release: str


class DegradedDesk:
    """A `ReferenceView` of routing: how many reviews people hold only because there is no model.

    Several workers share the desk and each reads of the others a moment late, so the capacity may be exceeded by what
    they decide in that moment.
    """

    def __init__(self) -> None:
        self._open: set[str] = set()
        self._decided: set[str] = set()

    def __len__(self) -> int:
        return len(self._open)

    def apply(self, changes: Sequence[Change], /) -> None:
        """Take what other workers sent to people and what people decided, in any order."""
        for change in changes:
            event = change.event
            if isinstance(event, Degraded) and event.handling is Handling.REVIEW:
                self.sent(event.valuation_id)
            elif isinstance(event, Decided) and is_degraded_alone(event.review.reasons):
                self._decided.add(event.valuation_id)
                self._open.discard(event.valuation_id)

    def takes(self, valuation_id: str, capacity: int) -> bool:
        """Whether a person can have it. What a person has already stays with a person, however often it comes."""
        return valuation_id in self._open or valuation_id in self._decided or len(self._open) < capacity

    def sent(self, valuation_id: str) -> None:
        """A person is asked; counts at once, before the record comes back over the topic."""
        if valuation_id not in self._decided:
            self._open.add(valuation_id)


class Outages:
    """A `ReferenceView` of settling: what waits for a model, and what people valued without one.

    Follows `valuation.degraded` and `models.released`. The same two are the stage's input too, which overtakes the
    view or lags behind it: a release sends what waits for a model of its segment, and what is parked after a release it
    could have met is sent by its own record, or `overdue`. What is sent ceases to wait until it is parked anew.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, Degraded] = {}
        self._mine: dict[str, None] = {}  # valuations that came as input: this worker alone looks at them again
        self._tried: set[tuple[str, str]] = set()  # valuation, and a release it was sent to
        self._ended: dict[str, datetime] = {}  # valuation -> when the last scoring took place that no longer waits
        self._releases: dict[str, ModelReleased] = {}  # segment -> its latest champion

    def apply(self, changes: Sequence[Change], /) -> None:
        """Take records of `valuation.degraded` in, the latest of a valuation last."""
        for change in changes:
            if isinstance(change.event, Degraded):
                self._take(change.event)
            elif isinstance(change.event, ModelReleased):
                self._note(change.event)

    def on_release(self, release: ModelReleased) -> tuple[Resumption, ...]:
        """What a released model should now value, each valuation once for each release."""
        if not self._note(release):
            return ()
        of_segment = (one for one in self._waiting.values() if _segment_of(one) == release.segment)
        return self._sent([one for one in of_segment if not self._is_tried(one)])

    def on_record(self, record: Degraded) -> tuple[Resumption, ...]:
        """The same for a record that comes after the release it could have met."""
        self._take(record)
        if self._waiting.get(record.valuation_id) != record:
            return ()
        self._mine[record.valuation_id] = None
        return self._sent([record] if self._has_missed(record) else [])

    def overdue(self, now: datetime) -> tuple[Resumption, ...]:
        """What else came as input and should have met a release: one learned of since, or one taken over late."""
        mine = [self._waiting[name] for name in self._mine]  # what ends leaves both
        return self._sent([one for one in mine if self._has_missed(one) or self._is_overdue(one, now)])

    def _take(self, record: Degraded) -> None:
        """Records come over the topic and as input; one that comes again, late, must not wake what has ended.

        Told by the instant of the scoring: the notes about it are written by two workers, and their clocks differ.
        """
        name = record.valuation_id
        before = self._waiting.get(name)
        if record.handling in {Handling.REVIEW, Handling.PARKED}:
            is_late = name in self._ended and record.scored.scored_at <= self._ended[name]
            if not is_late and (before is None or _order(before) <= _order(record)):
                self._waiting[name] = record
            return
        if record.handling is Handling.RESUMED and record.release is not None:
            self._tried.add((name, record.release))
        if record.handling is Handling.COMPARED or (before is not None and before.handling is Handling.PARKED):
            self._end(record)

    def _end(self, record: Degraded) -> None:
        """No scoring of this valuation up to the record's waits any more."""
        name, scored_at = record.valuation_id, record.scored.scored_at
        self._ended[name] = max(scored_at, self._ended.get(name, scored_at))
        before = self._waiting.get(name)
        if before is not None and before.scored.scored_at <= scored_at:
            del self._waiting[name]
            self._mine.pop(name, None)

    def _note(self, release: ModelReleased) -> bool:
        """Keep the latest release of a model that values houses; tell whether this is such a one."""
        if release.role is not ModelRole.CHAMPION or release.segment == ADDRESS_SEGMENT:
            return False
        latest = self._releases.setdefault(release.segment, release)
        if release.released_at >= latest.released_at:
            self._releases[release.segment] = release
        return True

    def _release_of(self, record: Degraded) -> ModelReleased | None:
        return self._releases.get(_segment_of(record))

    def _is_tried(self, record: Degraded) -> bool:
        release = self._release_of(record)
        return release is not None and (record.valuation_id, _named(release)) in self._tried

    def _has_missed(self, record: Degraded) -> bool:
        """Whether it could have met a release that it has not been sent to yet."""
        return self._could_meet(record) and not self._is_tried(record)

    def _is_overdue(self, record: Degraded, now: datetime) -> bool:
        """Whether it was sent to the release before the scorer had taken that over."""
        is_parked = record.handling is Handling.PARKED
        return is_parked and now - record.scored.scored_at >= _TRIED_AGAIN_AFTER and self._could_meet(record)

    def _could_meet(self, record: Degraded) -> bool:
        release = self._release_of(record)
        return release is not None and record.scored.scored_at <= release.released_at + _TAKEN_OVER_WITHIN

    def _sent(self, records: Sequence[Degraded]) -> tuple[Resumption, ...]:
        """Counts at once, before the notes of it come back over the topic."""
        found = []
        for record in records:
            if (release := self._release_of(record)) is None:
                continue
            self._tried.add((record.valuation_id, _named(release)))
            if record.handling is Handling.PARKED:
                self._end(record)
            found.append(Resumption(record, _named(release)))
        return tuple(found)


def park(scored: Scored, reasons: tuple[str, ...], policy: Policy, now: datetime) -> Outcome:
    """The channel hears that it takes longer; the valuation waits for a model.

    The same asking may have said PROCESSING before, being late or given back to the model: this is another fact.
    """
    interim = replace(
        answer(
            scored,
            Status.PROCESSING,
            policy=policy.reference(reasons[0]),
            at=now,
            reasons=reasons,
            reason_text=sentences.PARKED,
        ),
        update=_WAITS_FOR_A_MODEL,
    )
    return Outcome(
        outputs=(
            Output(topic=DEGRADED, event=_noted(scored, Handling.PARKED, now)),
            Output(topic=RESULTS, lane=scored.request.lane, event=interim),
        )
    )


def noted_for_people(scored: Scored, now: datetime) -> Output:
    """The note that a person was asked because there is no model."""
    return Output(topic=DEGRADED, event=_noted(scored, Handling.REVIEW, now))


def compared(scored: Scored, now: datetime) -> Outcome:
    """What becomes of a value that only stands beside a person's. Of no value at all there is a record too."""
    if met_no_model(scored):
        return Outcome(silence="for comparison only, and there is still no model")
    model = None if scored.valuation is None else scored.valuation.model
    by = None if model is None else f"{model.name} {model.version}"
    note = replace(_noted(scored, Handling.COMPARED, now), release=by)
    return Outcome(outputs=(Output(topic=DEGRADED, event=note),))


def resumed(resumptions: Sequence[Resumption], now: datetime) -> tuple[Output, ...]:
    """Send valuations through scoring again: what waits to be answered, what people valued to be compared."""
    return tuple(output for record, release in resumptions for output in _again(record, release, now))


def _order(record: Degraded) -> tuple[datetime, datetime]:
    return record.scored.scored_at, record.at


def _segment_of(record: Degraded) -> str:
    return model_segment(record.scored.attributes.property_type)


def _named(release: ModelReleased) -> str:
    return f"{release.name} {release.version} {release.released_at:%Y-%m-%dT%H:%M:%SZ}"


def _again(record: Degraded, release: str, now: datetime) -> Iterator[Output]:
    scored = record.scored
    concerns = tuple(concern for concern in scored.concerns if concern not in _SAYS_NO_MODEL)
    if record.handling is Handling.REVIEW:
        concerns = (*concerns, Reason.COMPARISON_ONLY)
    enriched = Enriched(
        valuation_id=scored.valuation_id,
        request=scored.request,
        address=scored.address,
        attributes=scored.attributes,
        coverage=scored.coverage,
        enriched_at=scored.scored_at,  # the first scoring's instant: that of its own enrichment does not travel
        concerns=concerns,
        reference_version=scored.reference_version,
        tags=scored.tags,
        verification=scored.verification,
        degraded_sources=scored.degraded_sources,
    )
    yield Output(topic=ENRICHED, lane=scored.request.lane, event=enriched)
    yield Output(topic=DEGRADED, event=replace(_noted(scored, Handling.RESUMED, now), release=release))


def _noted(scored: Scored, handling: Handling, now: datetime) -> Degraded:
    return Degraded(valuation_id=scored.valuation_id, scored=scored, handling=handling, at=now)

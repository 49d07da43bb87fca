"""Admission and holds: where the model's answers may stand, from the records of `policy.segments`.

A segment (city and property class) starts HUMAN_ONLY. A community of it can be held on its own. The records are read in
the order of their topic, and one that may not follow the one before it is passed over: see `may_follow`.
"""

from collections.abc import Iterable, Iterator, Sequence

from schemas.codes import SegmentState
from schemas.domain.segments import segment_key
from schemas.domain.staff import folded
from schemas.events import Scored, SegmentStanding
from streams.routing.policy import Policy
from streams.runtime.stage import Change


def may_follow(before: SegmentStanding | None, standing: SegmentStanding) -> bool:
    """Whether a record counts after `before`, the one in force for its segment.

    A hold always does: one person is enough to stop. Everything else needs a reason, a second person, and to have been
    decided in sight of the record in force (`version`); and no rule lifts a hold, only people do.
    """
    if standing.state is SegmentState.HELD:
        return True
    in_sight = standing.version == (0 if before is None else before.version) + 1
    by, second = folded(standing.by), folded(standing.second or "")
    two_people = bool(by) and bool(second) and by != second
    lifts_by_rule = before is not None and before.state is SegmentState.HELD and standing.by_rule
    return in_sight and two_people and bool(standing.reason.strip()) and not lifts_by_rule


def weighed(history: Iterable[SegmentStanding]) -> Iterator[tuple[SegmentStanding, bool]]:
    """Each record of a history, the oldest first, and whether it counted or was passed over."""
    standings = Standings()
    for standing in history:
        yield standing, standings.take(standing)


class Standings:
    """A `ReferenceView`: the standing in force of every segment. Counts from the next batch on."""

    def __init__(self, standings: Iterable[SegmentStanding] = ()) -> None:
        """`standings` as they lie on the topic, the oldest first."""
        self._in_force: dict[str, SegmentStanding] = {}
        self._unheld: dict[str, SegmentState] = {}  # what stood last that was no hold
        for standing in standings:
            self.take(standing)

    def apply(self, changes: Sequence[Change], /) -> None:
        """Take records in. Nothing is ever deleted: a removed record would be a hold without a release."""
        for change in changes:
            if isinstance(change.event, SegmentStanding):
                self.take(change.event)

    def in_force(self, segment: str) -> SegmentStanding | None:
        """The record in force of a segment key; `None` for one nobody has ever decided about."""
        return self._in_force.get(segment)

    def before_hold(self, segment: str) -> SegmentState:
        """What stood last that was no hold and counted; HUMAN_ONLY for a segment that was never admitted."""
        return self._unheld.get(segment, SegmentState.HUMAN_ONLY)

    def all(self) -> tuple[SegmentStanding, ...]:
        """Every record in force, by segment."""
        return tuple(standing for _, standing in sorted(self._in_force.items()))

    def state_of(self, scored: Scored, policy: Policy) -> SegmentState:
        """Whether the model's answer may stand for a subject, so far as its segment goes.

        A subject without a city lies in no admitted segment; what has no class is measured by another rule.
        """
        city, kind = scored.address.city, policy.class_of(scored.attributes.property_type)
        if city is None or kind is None:
            return SegmentState.HUMAN_ONLY
        of_class = self.in_force(segment_key(city, kind))
        community = scored.address.community_id
        of_community = None if community is None else self.in_force(segment_key(city, kind, community))
        if any(one is not None and one.state is SegmentState.HELD for one in (of_class, of_community)):
            return SegmentState.HELD
        return SegmentState.HUMAN_ONLY if of_class is None else of_class.state

    def take(self, standing: SegmentStanding) -> bool:
        """Take the next record of the topic in; tell whether it counts."""
        counts = may_follow(self._in_force.get(standing.segment), standing)
        if counts:
            self._in_force[standing.segment] = standing
            if standing.state is not SegmentState.HELD:
                self._unheld[standing.segment] = standing.state
        return counts

"""Who is at the desk (requirements 4.3): pure rules. What a person has in hand is told by the tasks."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, Self

from consumers.review_desk.policy import DeskPolicy

MISSED_OFFERS: Final = "连续未接派单"
SILENT: Final = "连接中断"


class PresenceState(StrEnum):
    """OFFERED and WORKING are never stored. WRAP_UP: between two tasks, and READY by itself in a short while."""

    OFFLINE = "OFFLINE"
    READY = "READY"
    OFFERED = "OFFERED"
    WORKING = "WORKING"
    WRAP_UP = "WRAP_UP"
    BREAK = "BREAK"


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """Somebody at the desk. `missed` offers in a row, refused or let pass; `idle_since`: when they last had a task."""

    username: str
    state: PresenceState = PresenceState.OFFLINE
    since: datetime
    reason: str = ""
    seen_at: datetime
    missed: int = 0
    idle_since: datetime
    main_queue: str = ""

    @property
    def is_at_work(self) -> bool:
        """Whether tasks may be given to this person, now or after the one in hand."""
        return self.state not in {PresenceState.OFFLINE, PresenceState.BREAK}

    def serving(self, main_queue: str) -> Self:
        """The same, with the main queue that the person has now."""
        return replace(self, main_queue=main_queue)


def newcomer(username: str, now: datetime) -> Presence:
    """Somebody never seen before."""
    return Presence(username=username, since=now, seen_at=now, idle_since=now)


def as_of(presence: Presence, now: datetime, policy: DeskPolicy) -> Presence:
    """What a presence is at an instant: OFFLINE after silence, READY after wrapping up."""
    lost_at, ready_at = presence.seen_at + policy.silent, presence.since + policy.wrap_up
    if presence.state is not PresenceState.OFFLINE and lost_at <= now:
        return replace(presence, state=PresenceState.OFFLINE, since=lost_at, reason=SILENT)
    if presence.state is PresenceState.WRAP_UP and ready_at <= now:
        return replace(presence, state=PresenceState.READY, since=ready_at, reason="")
    return presence


def turned(presence: Presence, state: PresenceState, now: datetime, reason: str = "") -> Presence:
    """In another state from now on; who comes back begins with no offer missed. The same state again keeps `since`."""
    if presence.state is state and presence.reason == reason:
        return replace(presence, seen_at=now)
    begins = state is PresenceState.READY and not presence.is_at_work
    return replace(
        presence,
        state=state,
        reason=reason,
        since=now,
        seen_at=now,
        missed=0 if begins else presence.missed,
        idle_since=now if begins else presence.idle_since,
    )


def missed(presence: Presence, now: datetime, policy: DeskPolicy) -> Presence:
    """After an offer refused or let pass: to the end of the line, and the third in a row is a break."""
    counted = replace(presence, missed=presence.missed + 1, idle_since=now)
    if counted.missed < policy.offers_missed_until_break or not counted.is_at_work:
        return counted
    return replace(counted, state=PresenceState.BREAK, reason=MISSED_OFFERS, since=now)


def busy(presence: Presence, now: datetime) -> Presence:
    """After taking a task: whoever does is at work, and has missed nothing."""
    taken = turned(presence, PresenceState.READY, now)
    return replace(taken, missed=0, idle_since=now)

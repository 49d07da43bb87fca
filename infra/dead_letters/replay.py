"""Sending buried records to where they came from, as they were, with a note of who did so and why.

The ids of all our events are made of what they name, so a record that is handled twice produces no second result.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Final, Protocol

from infra.dead_letters.letters import (
    REPLAY,
    REPLAY_AT,
    REPLAY_BY,
    REPLAY_ID,
    REPLAY_OF,
    REPLAY_REASON,
    BuriedRecord,
    Place,
)
from infra.kafka.producer import Record, UnpublishableError, check
from schemas.headers import Header

log = logging.getLogger(__name__)

_SECOND: Final = 1.0


class Hindrance(StrEnum):
    """Why a record cannot be replayed."""

    CUT = "its value was too large for a dead letter and only the beginning is left"
    FOREIGN_TOPIC = "its topic is none that records are replayed to"
    TOO_LARGE = "with the replay's headers it is larger than its topic takes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """One replay: `by` and `reason` go into the log, into the record's headers and onto the dead-letter topic."""

    replay_id: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One record to send, and what it is the replay of."""

    place: Place
    record: Record


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayPlan:
    """What a replay would send, in order, and what it cannot."""

    replay: Replay
    steps: tuple[Step, ...]
    hindered: tuple[tuple[Place, Hindrance], ...]


class Publishes(Protocol):
    """Publishes a batch and returns when all of it is acknowledged; raises `PublishError` otherwise."""

    def publish(self, records: Sequence[Record]) -> None:
        """Publish all."""
        ...


def plan(records: Iterable[BuriedRecord], replay: Replay, *, topics: Collection[str]) -> ReplayPlan:
    """Decide what to send. `topics` are the only ones written to: a dead letter may name any, a forged one, too.

    The steps are in the order of the places, so that the records of one key keep their order.
    """
    steps: list[Step] = []
    hindered: list[tuple[Place, Hindrance]] = []
    for buried in sorted(records, key=lambda buried: buried.place):
        record = replayed(buried, replay)
        hindrance = _hindrance(buried, record, topics)
        if hindrance is None:
            steps.append(Step(place=buried.place, record=record))
        else:
            hindered.append((buried.place, hindrance))
    return ReplayPlan(replay=replay, steps=tuple(steps), hindered=tuple(hindered))


def replayed(buried: BuriedRecord, replay: Replay) -> Record:
    """Return the original key, value and headers, for the original topic, with the replay's headers and no `dlq.*`."""
    letter = buried.letter
    kept = [(name, value) for name, value in letter.headers if not name.startswith(REPLAY)]
    return Record(
        topic=buried.place.topic, key=letter.key, value=letter.value, headers=[*kept, *_headers(replay, buried.place)]
    )


def note(step: Step, replay: Replay, *, at: datetime, dead_letters: str) -> Record:
    """Return the note that this step was sent; its key is the record's, so that it lies behind its dead letter."""
    place = {
        "dlq.topic": step.place.topic,
        "dlq.partition": str(step.place.partition),
        "dlq.offset": str(step.place.offset),
        REPLAY_AT: at.isoformat(),
    }
    headers = [(name, text.encode()) for name, text in place.items()] + _headers(replay, step.place)
    return Record(topic=dead_letters, key=step.record.key, value=b"", headers=headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Sends plans, at most `per_second` records a second.

    `clock` gives the instant of the notes, `elapsed` seconds of a clock that only runs forward, `pause` waits.
    """

    publisher: Publishes
    dead_letters: str
    per_second: int
    clock: Callable[[], datetime]
    elapsed: Callable[[], float]
    pause: Callable[[float], None]

    def send(self, planned: ReplayPlan) -> Iterator[int]:
        """Send, yielding how many have been sent so far. What was sent is noted; to stop in between is safe.

        Raises:
            PublishError: The broker did not confirm. What it did confirm before is noted.
        """
        sent = 0
        for steps in _chunks(planned.steps, self.per_second):
            began = self.elapsed()
            self.publisher.publish([step.record for step in steps])
            at = self.clock()
            for step in steps:
                _audit(step.place, planned.replay)
            self.publisher.publish(
                [note(step, planned.replay, at=at, dead_letters=self.dead_letters) for step in steps]
            )
            sent += len(steps)
            yield sent
            if sent < len(planned.steps):
                self.pause(max(0.0, _SECOND - (self.elapsed() - began)))


def _audit(place: Place, replay: Replay) -> None:
    log.info("replayed %s as %s, by %s: %s", place, replay.replay_id, replay.by, replay.reason)


def _hindrance(buried: BuriedRecord, record: Record, topics: Collection[str]) -> Hindrance | None:
    if buried.place.topic not in topics:
        return Hindrance.FOREIGN_TOPIC
    if buried.letter.cut:
        return Hindrance.CUT
    try:
        check([record])
    except UnpublishableError:
        return Hindrance.TOO_LARGE
    return None


def _headers(replay: Replay, place: Place) -> list[Header]:
    told = {REPLAY_ID: replay.replay_id, REPLAY_OF: str(place), REPLAY_BY: replay.by, REPLAY_REASON: replay.reason}
    return [(name, text.encode()) for name, text in told.items()]


def _chunks(steps: Sequence[Step], size: int) -> Iterator[tuple[Step, ...]]:
    left = iter(steps)
    while chunk := tuple(islice(left, size)):
        yield chunk

"""Dead letters as they were written, the notes of their replays, and the original records both are about.

One record may have several dead letters: every room that reads its topic may bury it. What counts is the original,
known by its place. The header names are those of `streams.runtime.failures` and `infra.postgres.dead_letters`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from schemas.headers import Header, header

DLQ: Final = "dlq."
REPLAY: Final = "replay."
REPLAY_ID: Final = "replay.id"  # one per replay; with `replay.of` it tells whether a record was sent twice
REPLAY_OF: Final = "replay.of"  # the place it was buried from
REPLAY_BY: Final = "replay.by"
REPLAY_REASON: Final = "replay.reason"
REPLAY_AT: Final = "replay.at"  # on notes only

_NO_KIND: Final = "?"


class BrokerMessage(Protocol):
    """The part of confluent-kafka's message that is read here."""

    def key(self) -> bytes | None:
        """Key."""
        ...

    def value(self) -> bytes | None:
        """Value; `None` is a tombstone."""
        ...

    def headers(self) -> Any:
        """Pairs of name and bytes or `None`, in order; `None` without any (confluent-kafka's stub allows more)."""
        ...

    def timestamp(self) -> tuple[int, int]:
        """Kind of stamp, and milliseconds since the epoch."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Place:
    """Where a record lies. Sorting by it keeps the order in which each key was written."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One burial of one record: `stage` buried what lies at `place`.

    `key`, `value` and `headers` are the original's; `headers` may hold those of an earlier replay. `value_bytes` is the
    original's length, which is more than `value` has when that was cut to fit.
    """

    place: Place
    stage: str
    kind: str
    error: str
    stack: str
    attempts: str
    release: str
    first_failed_at: datetime
    key: bytes
    value: bytes | None
    value_bytes: int
    headers: tuple[Header, ...]

    @property
    def cut(self) -> bool:
        """Whether the original's value did not fit and only its beginning is here."""
        return self.value_bytes > len(self.value or b"")

    @property
    def failed_again(self) -> bool:
        """Whether the record had been replayed before it was buried here."""
        return header(self.headers, REPLAY_ID) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayNote:
    """Says on the dead-letter topic itself that the record was sent to its place again: by whom, when and why."""

    place: Place
    replay_id: str
    by: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BuriedRecord:
    """An original record, its dead letters (one per stage, the latest; never none) and its replays, oldest first.

    It is `open` until it is replayed. One that fails again lies at a new place and is another record.
    """

    place: Place
    letters: tuple[DeadLetter, ...]
    replays: tuple[ReplayNote, ...]
    open: bool

    @property
    def letter(self) -> DeadLetter:
        """The most whole of its dead letters: each has the same key and value, but one may have been cut shorter."""
        return max(self.letters, key=lambda letter: (len(letter.value or b""), len(letter.headers)))

    @property
    def stages(self) -> tuple[str, ...]:
        """Who buried it."""
        return tuple(sorted({letter.stage for letter in self.letters}))

    @property
    def kinds(self) -> tuple[str, ...]:
        """Their classes of failure."""
        return tuple(sorted({letter.kind for letter in self.letters}))

    @property
    def first_failed_at(self) -> datetime:
        """When the first of them met it."""
        return min(letter.first_failed_at for letter in self.letters)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which records; `None` means any. A record matches when one of its dead letters matches in everything."""

    stage: str | None = None
    kind: str | None = None
    topic: str | None = None
    key: bytes | None = None
    since: datetime | None = None
    replayed: bool = False

    def matches(self, record: BuriedRecord) -> bool:
        """Whether this record is meant. Replayed ones are, only with `replayed`."""
        return (record.open or self.replayed) and any(map(self._matches, record.letters))

    def _matches(self, letter: DeadLetter) -> bool:
        return (
            (self.stage is None or letter.stage == self.stage)
            and (self.kind is None or letter.kind == self.kind)
            # a family's name means all of its lanes
            and (self.topic is None or f"{letter.place.topic}.".startswith(f"{self.topic}."))
            and (self.key is None or letter.key == self.key)
            and (self.since is None or letter.first_failed_at >= self.since)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Records of one topic that the same stages buried for the same reasons. `failed_again`: after a replay."""

    kinds: tuple[str, ...]
    stages: tuple[str, ...]
    topic: str
    records: int
    failed_again: int
    oldest: datetime


def read(message: BrokerMessage) -> DeadLetter | ReplayNote | None:
    """Read one record of the dead-letter topic; `None` when it does not say what it is about."""
    headers = [(name, value or b"") for name, value in message.headers() or ()]
    told = {name: header(headers, name) or "" for name, _ in headers}
    place = _place(told)
    if place is None:
        return None
    if REPLAY_AT in told:
        return ReplayNote(
            place=place,
            replay_id=told.get(REPLAY_ID, ""),
            by=told.get(REPLAY_BY, ""),
            reason=told.get(REPLAY_REASON, ""),
            at=_instant(told[REPLAY_AT], message.timestamp()[1]),
        )
    value = message.value()
    return DeadLetter(
        place=place,
        stage=told.get("dlq.stage", _NO_KIND),
        kind=told.get("dlq.class", _NO_KIND),
        error=told.get("dlq.error", ""),
        stack=told.get("dlq.stack", ""),
        attempts=told.get("dlq.attempts", ""),
        release=told.get("dlq.release", ""),
        first_failed_at=_instant(told.get("dlq.first_failed_at", ""), message.timestamp()[1]),
        key=message.key() or b"",
        value=value,
        value_bytes=_number(told.get("dlq.value_bytes")) or len(value or b""),
        headers=tuple((name, held) for name, held in headers if not name.startswith(DLQ)),
    )


def originals(written: Iterable[DeadLetter | ReplayNote]) -> tuple[BuriedRecord, ...]:
    """Return each original record once, in the order of their places.

    A stage may bury a record twice (it died before it could commit): its latest dead letter stands. `written` must be
    in the order of the topic's partitions; what is said of one record has one key and therefore lies in one of them.
    """
    letters: dict[Place, dict[str, DeadLetter]] = {}
    replays: dict[Place, list[ReplayNote]] = {}
    settled: set[Place] = set()
    for one in written:
        if isinstance(one, ReplayNote):
            replays.setdefault(one.place, []).append(one)
            settled.add(one.place)
        else:
            letters.setdefault(one.place, {})[one.stage] = one
            settled.discard(one.place)  # another room buried it after the replay
    return tuple(
        BuriedRecord(
            place=place,
            letters=tuple(letters[place].values()),
            replays=tuple(replays.get(place, ())),
            open=place not in settled,
        )
        for place in sorted(letters)
    )


def grouped(records: Iterable[BuriedRecord]) -> tuple[Group, ...]:
    """Count records by class, stage and topic, the largest group first."""
    groups: dict[tuple[tuple[str, ...], tuple[str, ...], str], list[BuriedRecord]] = {}
    for record in records:
        groups.setdefault((record.kinds, record.stages, record.place.topic), []).append(record)
    counted = [
        Group(
            kinds=kinds,
            stages=stages,
            topic=topic,
            records=len(members),
            failed_again=sum(member.letter.failed_again for member in members),
            oldest=min(member.first_failed_at for member in members),
        )
        for (kinds, stages, topic), members in groups.items()
    ]
    return tuple(sorted(counted, key=lambda group: (-group.records, group.topic, group.kinds, group.stages)))


def _place(told: dict[str, str]) -> Place | None:
    topic = told.get("dlq.topic")
    partition, offset = _number(told.get("dlq.partition")), _number(told.get("dlq.offset"))
    if not topic or partition is None or offset is None:
        return None
    return Place(topic=topic, partition=partition, offset=offset)


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def _instant(text: str, stamp_ms: int) -> datetime:
    """The instant in a header; the broker's stamp when that is missing or no instant."""
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        return datetime.fromtimestamp(stamp_ms / 1000, UTC)
    return told if told.tzinfo is not None else told.replace(tzinfo=UTC)

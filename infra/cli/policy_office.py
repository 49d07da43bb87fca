"""Reading and writing what people decide about the policy: the topics `policy.segments` and `policy.proposals`.

Used by `avm policy`, `avm segments` and the demonstration.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from infra.cli import CommandError
from infra.cli.connections import codec, kafka_conf, shanghai_today, utc_now
from infra.kafka.reader import Start, TopicReader
from infra.reference.live import publish, records_of
from infra.settings import Settings
from schemas.catalogue import PROPOSALS, SEGMENTS, Topic
from schemas.errors import PublishError
from schemas.events import PolicyProposed, SegmentStanding
from streams.routing.policy import Policy, PolicyError, parse
from streams.routing.policy_file import DEFAULT_POLICY
from streams.routing.proposals import Proposals

E = TypeVar("E")


def standings_on(settings: Settings) -> tuple[SegmentStanding, ...]:
    """Every change of a segment's standing, the oldest first. Raises `CommandError` where there is no such topic."""
    return tuple(events_on(settings, SEGMENTS, SegmentStanding))


def proposals_on(settings: Settings) -> Proposals:
    """Every proposed policy with its approvals. Raises `CommandError` where there is no such topic."""
    return Proposals(events_on(settings, PROPOSALS, PolicyProposed))


def write_standings(standings: Sequence[SegmentStanding], settings: Settings) -> None:
    """Make decisions about segments known; routing follows them between two batches. Raises `CommandError`."""
    _write(standings, SEGMENTS, settings)


def write_proposal(proposal: PolicyProposed, settings: Settings) -> None:
    """Make a proposal, or one more approval of it, known. Raises `CommandError`."""
    _write((proposal,), PROPOSALS, settings)


def policy_in_force(settings: Settings) -> Policy:
    """What workers decide by: the policy approved last, else the file's. Raises `CommandError`."""
    return proposals_on(settings).in_force(shanghai_today()) or read_policy(settings.policy)


def policy_standing(settings: Settings) -> Policy:
    """What a change would replace: the policy approved last even before its day, else the file's. `CommandError`."""
    return proposals_on(settings).approved_last() or read_policy(settings.policy)


def read_policy(file: Path | None) -> Policy:
    """A policy file; the shipped one for `None`. Raises `CommandError` listing every fault."""
    path = file or DEFAULT_POLICY
    try:
        return parse(path.read_bytes())
    except OSError as error:
        raise CommandError(f"cannot read the policy: {error}") from None
    except PolicyError as error:
        raise CommandError(f"{path} is refused:\n  " + "\n  ".join(error.faults)) from None


def events_on(settings: Settings, topic: Topic, kind: type[E]) -> Iterator[E]:
    """Every event on a topic, a partition's in their order. Raises `CommandError` where there is no such topic."""
    decode = codec(settings).decode
    try:
        with TopicReader(kafka_conf(settings), topic.names, start=Start.BEGINNING) as reader:
            yield from (decode(message.value(), kind) for message in reader.to_end() if message.value() is not None)
    except LookupError as error:
        raise CommandError(f"{error}; `avm topics apply` creates it") from error


def _write(events: Sequence[object], topic: Topic, settings: Settings) -> None:
    try:
        publish(kafka_conf(settings), records_of(events, topic, codec(settings), utc_now()))
    except PublishError as error:
        raise CommandError(f"not written: {error}") from error

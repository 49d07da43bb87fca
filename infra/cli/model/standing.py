"""What stands on the broker: models in charge and on trial, and how they came there."""

from collections.abc import Sequence

from confluent_kafka import KafkaException

from infra.cli import CommandError
from infra.cli.connections import codec, kafka_conf
from infra.cli.model.workflow import Line, Move
from infra.cli.policy_office import events_on
from infra.cli.releases import announce_releases
from infra.reference.live import live_rows
from infra.settings import Settings
from schemas.catalogue import MODEL_STEPS, MODELS_RELEASED
from schemas.codes import ADDRESS_SEGMENT
from schemas.events import ModelReleased, ModelStep


def line_of(segment: str, settings: Settings) -> Line:
    """The models of one segment. Raises `CommandError`."""
    return Line.of(segment, _announced(settings), _steps(settings))


def lines(settings: Settings) -> tuple[Line, ...]:
    """The models of every segment that has one. Raises `CommandError`."""
    announced, steps = _announced(settings), _steps(settings)
    segments = {release.segment for release in announced.values()} | {step.segment for step in steps}
    return tuple(Line.of(segment, announced, steps) for segment in sorted(segments - {ADDRESS_SEGMENT}))


def write(moves: Sequence[Move], settings: Settings) -> None:
    """Write steps down and announce what they change. Raises `PublishError`."""
    announced = [release for move in moves for release in move.announced]
    announce_releases(announced, settings, [move.step for move in moves])


def _announced(settings: Settings) -> dict[str, ModelReleased]:
    try:
        return live_rows(kafka_conf(settings), MODELS_RELEASED, ModelReleased, codec(settings))
    except (LookupError, KafkaException) as error:
        raise CommandError(f"released models cannot be read: {error}") from error


def _steps(settings: Settings) -> tuple[ModelStep, ...]:
    return tuple(events_on(settings, MODEL_STEPS, ModelStep))  # the oldest first: the topic has one partition

"""Releasing what was learned: into the store, then announced.

Used by `avm model`, `avm parser release` and the demonstration.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import date, datetime
from typing import Any

from infra.cli import CommandError
from infra.cli.connections import codec, kafka_conf, utc_now
from infra.kafka.producer import Publisher, Record
from infra.settings import Settings
from infra.storage.models import ModelStore
from infra.storage.packing import manifest_of
from schemas.catalogue import MODEL_STEPS, MODELS_RELEASED, Topic
from schemas.codes import ModelRole
from schemas.errors import PermanentError
from schemas.events import ModelReleased, ModelStep
from schemas.headers import event_headers, event_type
from schemas.ids import event_id
from streams.scoring.licences import Licences, sources_of, why_not_usable
from streams.scoring.model import unpack

log = logging.getLogger(__name__)


class UnlicensedModelError(PermanentError):
    """The model learned from sources that it may not learn from."""


def manifest_of_model(content: bytes) -> Mapping[str, Any]:
    """The manifest of a valuation model that can be used. Raises `PermanentError`."""
    unpack(content)
    return manifest_of(content)


def licensed(licences: Licences, on: date) -> Callable[[bytes], Mapping[str, Any]]:
    """`manifest_of_model` that refuses a model which may not answer on that day, too."""

    def checked(content: bytes) -> Mapping[str, Any]:
        manifest = manifest_of_model(content)
        why = why_not_usable(manifest, licences, on)
        if why is not None:
            raise UnlicensedModelError(why)
        return manifest

    return checked


def keep_release(
    content: bytes,
    settings: Settings,
    role: ModelRole,
    *,
    by: str,
    checked: Callable[[bytes], Mapping[str, Any]] = manifest_of_model,
) -> ModelReleased:
    """Put an artefact into the store; returns what is to be announced of it. Raises `CommandError`.

    `checked` gives the manifest of a usable artefact of its kind, and raises `PermanentError` for any other.
    """
    try:
        manifest = checked(content)
        uri, sha256 = ModelStore(settings.models_url).keep(content, manifest)
    except (PermanentError, OSError) as error:
        raise CommandError(f"not released: {error}") from error
    return ModelReleased(
        name=manifest["name"] if role is ModelRole.CHAMPION else f"{manifest['name']}-challenger",
        version=manifest["version"],
        segment=manifest["segment"],
        role=role,
        uri=uri,
        sha256=sha256,
        feature_set_version=manifest["feature_set_version"],
        released_at=utc_now(),
        released_by=by,
        sources=(sources_of(manifest) or ()) if "data" in manifest else (),
    )


def verify(release: ModelReleased, settings: Settings, checked: Callable[[bytes], Mapping[str, Any]]) -> None:
    """Look whether a release still lies in the store as it was released, and may be used. Raises `CommandError`."""
    try:
        checked(ModelStore(settings.models_url).fetch(release.uri, release.sha256))
    except (PermanentError, OSError) as error:
        raise CommandError(f"{release.name} {release.version} cannot be put in charge: {error}") from error


def announce_releases(released: Sequence[ModelReleased], settings: Settings, steps: Sequence[ModelStep] = ()) -> None:
    """Write the steps down, then tell every scorer; they change over between two batches. Raises `PublishError`."""
    records = [*(_step_record(step, settings) for step in steps), *(_release_record(new, settings) for new in released)]
    with closing(Publisher(kafka_conf(settings), on_fatal=log.critical)) as publisher:
        publisher.publish(records)


def _step_record(step: ModelStep, settings: Settings) -> Record:
    identity = f"{step.segment}|{step.step}|{step.at.isoformat()}"
    return _record(MODEL_STEPS, step.segment, step, identity, step.at, settings)


def _release_record(release: ModelReleased, settings: Settings) -> Record:
    identity = f"{release.name}|{release.version}|{release.released_at.isoformat()}"
    return _record(MODELS_RELEASED, release.name, release, identity, release.released_at, settings)


def _record(topic: Topic, key: str, event: object, identity: str, at: datetime, settings: Settings) -> Record:
    headers = event_headers(
        event_id=event_id(identity, event_type(event), 0),
        event_type=event_type(event),
        source="model-release",
        at=at,
        traceparent=None,
    )
    return Record(topic=topic.named(), key=key.encode(), value=codec(settings).encode(event), headers=headers)

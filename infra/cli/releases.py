"""Releasing what was learned: into the store, then announced.

Used by `avm model release`, `avm parser release` and the demonstration.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any

from infra.cli import CommandError
from infra.cli.connections import codec, kafka_conf, utc_now
from infra.kafka.producer import Publisher, Record
from infra.settings import Settings
from infra.storage.models import ModelStore
from infra.storage.packing import manifest_of
from schemas.catalogue import MODELS_RELEASED
from schemas.codes import ModelRole
from schemas.errors import PermanentError
from schemas.events import ModelReleased
from schemas.headers import event_headers, event_type
from schemas.ids import event_id
from streams.scoring.model import unpack

log = logging.getLogger(__name__)


def manifest_of_model(content: bytes) -> Mapping[str, Any]:
    """The manifest of a valuation model that can be used. Raises `PermanentError`."""
    unpack(content)
    return manifest_of(content)


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
    )


def announce_releases(released: Sequence[ModelReleased], settings: Settings) -> None:
    """Tell every scorer; they change over between two batches. Raises `PublishError`."""
    encoder = codec(settings)
    records = [
        Record(
            topic=MODELS_RELEASED.named(),
            key=release.name.encode(),
            value=encoder.encode(release),
            headers=event_headers(
                event_id=event_id(f"{release.name}|{release.version}", event_type(release), 0),
                event_type=event_type(release),
                source="model-release",
                at=release.released_at,
                traceparent=None,
            ),
        )
        for release in released
    ]
    with closing(Publisher(kafka_conf(settings), on_fatal=log.critical)) as publisher:
        publisher.publish(records)

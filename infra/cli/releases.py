"""Releasing a model: into the store, then announced. Used by `avm model release` and by the demonstration."""

import logging
from collections.abc import Sequence
from contextlib import closing

from infra.cli import CommandError
from infra.cli.connections import codec, kafka_conf, utc_now
from infra.kafka.producer import Publisher, Record
from infra.settings import Settings
from infra.storage.models import ModelStore
from schemas.catalogue import MODELS_RELEASED
from schemas.codes import ModelRole
from schemas.errors import PermanentError
from schemas.events import ModelReleased
from schemas.headers import event_headers, event_type
from schemas.ids import event_id
from streams.scoring.model import manifest_of, unpack

log = logging.getLogger(__name__)


def keep_release(content: bytes, settings: Settings, role: ModelRole, *, by: str) -> ModelReleased:
    """Put an artefact into the store; returns what is to be announced of it. Raises `CommandError`."""
    try:
        unpack(content)
        manifest = manifest_of(content)
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

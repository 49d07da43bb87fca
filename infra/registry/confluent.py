"""`Registry` over Confluent's HTTP interface."""

import json
from typing import TypeVar

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from schemas.avro_files import parse, self_contained
from schemas.catalogue import TOPICS, Topic
from schemas.errors import UnknownSchemaError
from schemas.registry import AvroSchema

T = TypeVar("T")

COMPATIBILITY = "FULL_TRANSITIVE"  # readers and writers roll in any order, and old topics stay readable


class ConfluentRegistry:
    """Looks ids and schemas up; never registers on its own: that is `register`, a step of deployment."""

    def __init__(self, url: str) -> None:
        self._client = SchemaRegistryClient({"url": url})
        self._topics = {topic.event: topic for topic in TOPICS if topic.event is not None}

    def id_of(self, event: type) -> int:
        """See `Registry`."""
        topic = self._topics.get(event)
        if topic is None:
            raise UnknownSchemaError(f"no topic of the catalogue carries {event.__name__}")
        try:
            found = self._client.lookup_schema(topic.subject, _schema(event), normalize_schemas=True)
        except (SchemaRegistryError, OSError) as error:
            raise UnknownSchemaError(
                f"{topic.subject}: {error}; register schemas with `avm topics register`"
            ) from error
        return _known(found.schema_id, topic.subject)

    def schema_of(self, schema_id: int) -> AvroSchema:
        """See `Registry`."""
        try:
            return parse(json.loads(_known(self._client.get_schema(schema_id).schema_str, f"schema id {schema_id}")))
        except (SchemaRegistryError, OSError) as error:
            raise UnknownSchemaError(f"schema id {schema_id}: {error}") from error

    def register(self, topic: Topic) -> int:
        """Register the topic's schema, with full transitive compatibility enforced on its subject. Safe to repeat."""
        if topic.event is None:
            raise ValueError(f"{topic.name} carries bytes of other topics and has no schema")
        identifier = self._client.register_schema(topic.subject, _schema(topic.event), normalize_schemas=True)
        self._client.set_compatibility(topic.subject, COMPATIBILITY)
        return int(identifier)


def _known(answer: T | None, what: str) -> T:
    if answer is None:
        raise UnknownSchemaError(f"the registry has no {what}")
    return answer


def _schema(event: type) -> Schema:
    return Schema(json.dumps(self_contained(event.__name__)), "AVRO")

"""`Registry` over Confluent's HTTP interface."""

import json
from typing import Final, Self, TypeVar

import httpx2  # what confluent-kafka speaks HTTP with, and whose errors it lets through
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from schemas.avro_files import parse, parsed, self_contained
from schemas.catalogue import TOPICS, Topic
from schemas.errors import UndecodableError, UnknownSchemaError
from schemas.registry import AvroSchema

T = TypeVar("T")

COMPATIBILITY: Final = "FULL_TRANSITIVE"  # readers and writers roll in any order, and old topics stay readable

_AVRO: Final = "AVRO"
_TIMEOUT_S: Final = 5.0  # the client's own default is to wait for ever, on the thread of a stage
# One quick second try for a connection that was dropped; longer absences are the caller's to ride out: by default the
# client would block a stage for seven seconds each time.
_RETRIES: Final = {"max.retries": 1, "retries.wait.ms": 100}
# Refused, not reachable, or an answer that is no JSON (a proxy's page).
_AWAY: Final = (SchemaRegistryError, httpx2.HTTPError, OSError, ValueError)


class SchemaRefusedError(Exception):
    """The registry did not take a schema: incompatible with what is there, no right to write, or not reachable."""


class ConfluentRegistry:
    """Looks ids and schemas up; never registers on its own: that is `register`, a step of deployment."""

    def __init__(self, url: str) -> None:
        """Prepare; nothing is asked yet.

        Args:
            url: Base of the interface, e.g. `http://registry:8080/apis/ccompat/v7`; several separated by commas.
        """
        self._client = SchemaRegistryClient({"url": url, "timeout": _TIMEOUT_S, **_RETRIES})
        self._topics = {topic.event: topic for topic in TOPICS if topic.event is not None}
        self._names = frozenset(event.__name__ for event in self._topics)

    def id_of(self, event: type) -> int:
        """See `Registry`."""
        topic = self._topics.get(event)
        if topic is None:
            raise UnknownSchemaError(f"no topic of the catalogue carries {event.__name__}")
        try:
            found = self._client.lookup_schema(topic.subject, _schema(event), normalize_schemas=True)
        except _AWAY as error:
            raise UnknownSchemaError(
                f"{topic.subject}: {_said(error)}; register schemas with `avm topics apply --register`"
            ) from error
        return _known(found.schema_id, topic.subject)

    def schema_of(self, schema_id: int) -> AvroSchema:
        """See `Registry`. Raises `UndecodableError` for an id that names something else than an Avro schema."""
        try:
            found = self._client.get_schema(schema_id)
            if (found.schema_type or _AVRO) != _AVRO:
                raise UndecodableError(f"schema id {schema_id} is {found.schema_type}, not Avro")
            schema = parse(json.loads(_known(found.schema_str, f"schema id {schema_id}")))
        except _AWAY as error:
            raise UnknownSchemaError(f"schema id {schema_id}: {_said(error)}") from error
        return self._ours_if_equal(schema)

    def register(self, topic: Topic) -> int:
        """Register the topic's schema, with full transitive compatibility enforced on its subject. Safe to repeat.

        Raises:
            SchemaRefusedError: The registry does not take it.
        """
        if topic.event is None:
            raise ValueError(f"{topic.name} carries bytes of other topics and has no schema")
        try:
            # The rule first: a subject that somebody made without it must not take one more incompatible schema.
            self._client.set_compatibility(topic.subject, COMPATIBILITY)
            identifier = self._client.register_schema(topic.subject, _schema(topic.event), normalize_schemas=True)
        except _AWAY as error:
            raise SchemaRefusedError(f"{topic.subject}: {_said(error)}") from error
        return int(identifier)

    def close(self) -> None:
        """Let go of the connections; what is cached still answers. Harmless when called twice."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ours_if_equal(self, schema: AvroSchema) -> AvroSchema:
        """The very object the codec reads with, where the writer's schema is the same: then it need not resolve."""
        name = schema.get("name", "").rpartition(".")[2] if isinstance(schema, dict) else ""
        return parsed(name) if name in self._names and parsed(name) == schema else schema


def _known(answer: T | None, what: str) -> T:
    if answer is None:
        raise UnknownSchemaError(f"the registry has no {what}")
    return answer


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__


def _schema(event: type) -> Schema:
    return Schema(json.dumps(self_contained(event.__name__)), _AVRO)

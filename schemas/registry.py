"""Schema ids. A registry is asked once per schema and id; answers are kept by the codec."""

from typing import Any, Protocol

from schemas.avro_files import parsed
from schemas.catalogue import TOPICS
from schemas.errors import UnknownSchemaError

AvroSchema = Any  # fastavro's parsed schema: dicts, lists and strings


class Registry(Protocol):
    """Gives ids to schemas and schemas to ids."""

    def id_of(self, event: type) -> int:
        """The id under which the event's schema is registered for its topic. Raises `UnknownSchemaError`."""
        ...

    def schema_of(self, schema_id: int) -> AvroSchema:
        """The writer's schema for an id, parsed. Raises `UnknownSchemaError`."""
        ...


class CatalogueRegistry:
    """The registry of the local default: ids by the catalogue's order, the same in every process of one release."""

    def __init__(self) -> None:
        events = dict.fromkeys(
            topic.event for topic in TOPICS if topic.event is not None
        )  # several topics may carry one
        self._ids = {event: number for number, event in enumerate(events, start=1)}
        self._schemas = {number: parsed(event.__name__) for event, number in self._ids.items()}

    def id_of(self, event: type) -> int:
        """See `Registry`."""
        try:
            return self._ids[event]
        except KeyError:
            raise UnknownSchemaError(f"no topic of the catalogue carries {event.__name__}") from None

    def schema_of(self, schema_id: int) -> AvroSchema:
        """See `Registry`."""
        try:
            return self._schemas[schema_id]
        except KeyError:
            raise UnknownSchemaError(f"schema id {schema_id} is not in this release's catalogue") from None

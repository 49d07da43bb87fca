"""Bytes <-> event, in the Confluent wire format: byte 0, the schema's id (4 bytes, big endian), Avro."""

import struct
from io import BytesIO
from typing import Any, TypeVar, cast

from fastavro import schemaless_reader, schemaless_writer

from schemas.avro_files import parsed
from schemas.errors import UndecodableError
from schemas.records import from_record, to_record
from schemas.registry import AvroSchema, Registry

E = TypeVar("E")

_PREFIX = struct.Struct(">bI")
_MAGIC = 0


class Codec:
    """Encodes and decodes events with the ids of one registry. Cheap to call, safe to share between threads."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._prefixes: dict[type, bytes] = {}
        self._writer_schemas: dict[int, AvroSchema] = {}

    def encode(self, event: object) -> bytes:
        """The event's message. Raises `UnknownSchemaError` when the registry does not know its schema yet."""
        kind: type[Any] = type(event)
        prefix = self._prefixes.get(kind)
        if prefix is None:
            prefix = self._prefixes[kind] = _PREFIX.pack(_MAGIC, self._registry.id_of(kind))
        out = BytesIO()
        out.write(prefix)
        schemaless_writer(out, parsed(kind.__name__), to_record(kind, named=True)(event))
        return out.getvalue()

    def decode(self, message: bytes | None, expected: type[E]) -> E:
        """The event in a message, read with our newest schema whichever version wrote it.

        Raises `UndecodableError` for what is no message of `expected`, `UnknownSchemaError` for an unknown schema id.
        """
        if message is None:
            raise UndecodableError("a tombstone (empty value) where an event must be")
        if len(message) <= _PREFIX.size or message[0] != _MAGIC:
            raise UndecodableError(f"{len(message)} bytes without the five-byte prefix of the Confluent wire format")
        _, schema_id = _PREFIX.unpack_from(message)
        writer = self._writer(schema_id)
        if writer.get("name") != parsed(expected.__name__)["name"]:
            raise UndecodableError(
                f"schema id {schema_id} is {writer.get('name')}, but this topic carries {expected.__name__}"
            )
        try:
            record = schemaless_reader(BytesIO(message[_PREFIX.size :]), writer, _reader_schema(writer, expected))
            return cast("E", from_record(expected)(record))
        except (
            ValueError,
            TypeError,
            EOFError,
            IndexError,
            KeyError,
            StopIteration,
            struct.error,
            OverflowError,
        ) as error:
            raise UndecodableError(f"not a readable {expected.__name__}: {type(error).__name__}") from error

    def _writer(self, schema_id: int) -> AvroSchema:
        schema = self._writer_schemas.get(schema_id)
        if schema is None:
            schema = self._writer_schemas[schema_id] = self._registry.schema_of(schema_id)
        return schema


def _reader_schema(writer: AvroSchema, expected: type) -> AvroSchema | None:
    """`None` when writer and reader agree: resolving costs time on every record."""
    ours = parsed(expected.__name__)
    return None if writer is ours else ours

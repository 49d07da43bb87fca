"""The `.avsc` files are the contract: the dataclasses mirror them, every version ever published still reads."""

import dataclasses
import json
import types
import typing
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.schema import parse as parse_avro
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.generate.__main__ import stale
from schemas import events
from schemas.avro_files import FOLDER, NAMESPACE, self_contained
from schemas.catalogue import TOPICS
from schemas.codec import Codec
from schemas.errors import UndecodableError, UnknownSchemaError
from schemas.registry import CatalogueRegistry

HISTORY = Path(events.__file__).parent / "history"
RECORDS = [kind for kind in vars(events).values() if dataclasses.is_dataclass(kind)]
EVENTS = [topic.event for topic in TOPICS if topic.event]
PLAIN = {str: "string", int: "long", float: "double", bool: "boolean"}
CODEC = Codec(CatalogueRegistry())


def avro_type(hint):
    """What the `.avsc` has to say for a field of this Python type."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        precision, scale = hint.__metadata__[0]
        return {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale}
    if origin in (types.UnionType, typing.Union):
        return ["null", avro_type(next(a for a in arguments if a is not types.NoneType))]
    if origin is tuple:
        return {"type": "array", "items": avro_type(arguments[0])}
    if origin is dict:
        return {"type": "map", "values": avro_type(arguments[1])}
    if hint is datetime:
        return {"type": "long", "logicalType": "timestamp-micros"}
    if hint is date:
        return {"type": "int", "logicalType": "date"}
    return PLAIN.get(hint) or f"{NAMESPACE}.{hint.__name__}"


def avro_default(field):
    if field.default_factory is not dataclasses.MISSING:
        return {}
    return list(field.default) if isinstance(field.default, tuple) else field.default


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
def test_a_dataclass_and_its_avsc_say_the_same(kind):
    hints = typing.get_type_hints(kind, include_extras=True)
    expected = []
    for field in dataclasses.fields(kind):
        entry = {"name": field.name, "type": avro_type(hints[field.name])}
        if field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING:
            entry["default"] = avro_default(field)
        expected.append(entry)
    schema = json.loads((FOLDER / f"{NAMESPACE}.{kind.__name__}.avsc").read_text(encoding="utf-8"))
    assert [{k: v for k, v in field.items() if k != "doc"} for field in schema["fields"]] == expected


def test_no_avsc_is_without_a_dataclass_or_enum():
    enums = [json.loads(path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.avsc")]
    known = {kind.__name__ for kind in RECORDS}
    assert {schema["name"] for schema in enums if schema["type"] == "record"} == known


def test_an_enum_lists_the_same_symbols_and_its_first_is_the_default():
    used = {h for kind in RECORDS for h in flat_hints(kind) if isinstance(h, type) and issubclass(h, StrEnum)}
    assert used
    for kind in used:
        schema = json.loads((FOLDER / f"{NAMESPACE}.{kind.__name__}.avsc").read_text(encoding="utf-8"))
        assert schema["symbols"] == [member.value for member in kind]
        assert schema["default"] == next(iter(kind)).value


def flat_hints(kind):
    for hint in typing.get_type_hints(kind).values():
        yield hint
        yield from typing.get_args(hint)


def values(hint):
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        precision, scale = hint.__metadata__[0]
        limit = 10 ** (precision - scale) - 1
        return st.decimals(-limit, limit, places=scale)
    if origin in (types.UnionType, typing.Union):
        return st.none() | values(next(a for a in arguments if a is not types.NoneType))
    if origin is tuple:
        return st.lists(values(arguments[0]), max_size=2).map(tuple)
    if origin is dict:
        return st.dictionaries(st.text(max_size=5), values(arguments[1]), max_size=2)
    if dataclasses.is_dataclass(hint):
        return events_of(hint)
    if issubclass(hint, StrEnum):
        return st.sampled_from(hint)
    return {
        str: st.text(max_size=8),
        int: st.integers(-(2**62), 2**62),
        float: st.floats(allow_nan=False),
        bool: st.booleans(),
        datetime: st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
        date: st.dates(date(1970, 1, 1), date(2100, 1, 1)),
    }[hint]


def events_of(kind):
    hints = typing.get_type_hints(kind, include_extras=True)
    return st.deferred(lambda: st.builds(kind, **{name: values(hint) for name, hint in hints.items()}))


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
def test_what_is_encoded_comes_back_the_same(kind):
    @settings(max_examples=15, deadline=None, database=None)
    @given(events_of(kind))
    def check(event):
        assert CODEC.decode(CODEC.encode(event), kind) == event

    check()


def test_money_and_area_keep_their_exact_digits():
    index = next(iter(RECORDS))
    assert index is events.Requested
    asked = events.Requested(
        valuation_id="v",
        channel="NET_BANK",
        client_request_id="1",
        requested_at=datetime(2026, 3, 1, tzinfo=UTC),
        address="某路1号",
        area=Decimal("89.070000"),
    )
    assert CODEC.decode(CODEC.encode(asked), events.Requested).area == Decimal("89.07")


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (None, UndecodableError),
        (b"", UndecodableError),
        (b"\x00\x00\x00\x00", UndecodableError),
        (b"{}{}{}{}{}", UndecodableError),
        (b"\x00\x00\x00\x00\x01garbage", UndecodableError),
        (b"\x00\x00\x00\xff\xff" + b"\x00" * 40, UnknownSchemaError),
        (b"\x00\x00\x00\x00\x02" + b"\x00" * 40, UndecodableError),
    ],
    ids=["tombstone", "empty", "short", "no magic byte", "broken avro", "unknown schema id", "another event's id"],
)
@pytest.mark.requirement("IN2")
def test_bytes_that_are_no_request_raise_the_error_that_says_what_must_happen_next(message, error):
    with pytest.raises(error):
        CODEC.decode(message, events.Requested)


def published_versions():
    return sorted(HISTORY.glob("*/*.avsc"))


@pytest.mark.parametrize("path", published_versions(), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_published_version_reads_and_is_read_by_the_newest(path):
    current = parse_avro(json.dumps(self_contained(path.stem)))
    published = parse_avro(path.read_text(encoding="utf-8"))
    checker = ReaderWriterCompatibilityChecker()
    for reader, writer in ((current, published), (published, current)):
        outcome = checker.get_compatibility(reader, writer)
        assert outcome.compatibility is SchemaCompatibilityType.compatible, outcome.messages


def test_every_event_has_a_published_version():
    assert {path.stem for path in published_versions()} == {kind.__name__ for kind in EVENTS}


def test_an_incompatible_change_would_be_seen():
    wider = self_contained("Accepted")
    wider["fields"].append({"name": "new_and_required", "type": "string"})
    published = parse_avro(json.dumps(self_contained("Accepted")))
    outcome = ReaderWriterCompatibilityChecker().get_compatibility(parse_avro(json.dumps(wider)), published)
    assert outcome.compatibility is SchemaCompatibilityType.incompatible


def test_generated_files_are_fresh():
    assert stale() == []


@pytest.mark.requirement("SE1")
def test_no_schema_has_a_field_for_a_person():
    forbidden = {
        "name_of_customer",
        "customer",
        "customer_name",
        "owner",
        "id_card",
        "id_number",
        "phone",
        "mobile",
        "loan_amount",
    }
    fields = {field.name for kind in RECORDS for field in dataclasses.fields(kind)}
    assert fields.isdisjoint(forbidden)

"""The production registry against a real Apicurio: ids, schemas, the rule, and what happens while it is away."""

import json
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

from infra.registry.confluent import COMPATIBILITY, ConfluentRegistry, SchemaRefusedError
from schemas.avro_files import parse, parsed, self_contained
from schemas.catalogue import DEAD_LETTERS, FEEDBACK, REPORTS, REQUESTS, TOPICS
from schemas.codec import Codec
from schemas.codes import AppraisalKind
from schemas.errors import UndecodableError, UnknownSchemaError
from schemas.events import Appraised, Requested
from tests.integration.registry.apicurio import Apicurio, UnavailableError

WITH_EVENTS = [topic for topic in TOPICS if topic.event is not None]
ASKED = Requested(
    valuation_id="v-1",
    channel="app",
    client_request_id="1",
    requested_at=datetime(2026, 1, 1, tzinfo=UTC),
    address="北京市朝阳区某路1号",
    area=Decimal("89.500000"),
)


def started(folder) -> Apicurio:
    try:
        return Apicurio(folder).start()
    except UnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def url(tmp_path_factory) -> Iterator[str]:
    """A registry with every schema of the catalogue."""
    apicurio = started(tmp_path_factory.mktemp("apicurio"))
    try:
        with ConfluentRegistry(apicurio.url) as registry:
            for topic in WITH_EVENTS:
                registry.register(topic)
        yield apicurio.url
    finally:
        apicurio.stop()


@pytest.fixture
def registry(url) -> Iterator[ConfluentRegistry]:
    """A client that has not asked anything yet."""
    with ConfluentRegistry(url) as registry:
        yield registry


@pytest.fixture
def client(url) -> Iterator[SchemaRegistryClient]:
    """The plain client, for what ours does not do."""
    with SchemaRegistryClient({"url": url}) as client:
        yield client


def avro(**changes: object) -> Schema:
    return Schema(json.dumps({**self_contained("Reported"), **changes}), "AVRO")


@pytest.mark.parametrize("topic", WITH_EVENTS, ids=lambda topic: topic.name)
def test_every_schema_of_the_catalogue_is_registered_once_and_found_by_its_id(registry, topic):
    identifier = registry.id_of(topic.event)
    assert registry.register(topic) == identifier, "registering again changes nothing"
    assert registry.schema_of(identifier) == parse(self_contained(topic.event.__name__))


def test_every_event_has_an_id_of_its_own(registry):
    events = {topic.event for topic in WITH_EVENTS}  # what is delivered to channels goes by a topic for each
    assert len({registry.id_of(event) for event in events}) == len(events)


def test_our_own_schema_comes_back_as_the_object_the_codec_reads_with(registry):
    assert all(registry.schema_of(registry.id_of(topic.event)) is parsed(topic.event.__name__) for topic in WITH_EVENTS)


def test_dead_letters_have_no_schema_to_register(registry):
    with pytest.raises(ValueError, match="no schema"):
        registry.register(DEAD_LETTERS)


def test_what_one_client_encodes_another_decodes(url):
    with ConfluentRegistry(url) as writer, ConfluentRegistry(url) as reader:
        message = Codec(writer).encode(ASKED)
        assert message[0] == 0
        assert Codec(reader).decode(message, Requested) == ASKED


def test_the_rule_stands_on_every_subject(client):
    assert {client.get_compatibility(topic.subject) for topic in WITH_EVENTS} == {COMPATIBILITY}


def test_a_new_field_without_default_is_refused_and_one_with_default_is_taken(client):
    old = self_contained("Reported")["fields"]
    with pytest.raises(Exception, match=r"409|ncompatible"):
        client.register_schema(REPORTS.subject, avro(fields=[*old, {"name": "stamp", "type": "string"}]))
    fresh = avro(fields=[*old, {"name": "stamp", "type": ["null", "string"], "default": None}])
    assert client.register_schema(REPORTS.subject, fresh) > 0


def test_a_removed_field_without_default_is_refused(client):
    old = self_contained("Reported")["fields"]
    with pytest.raises(Exception, match=r"409|ncompatible"):
        client.register_schema(REPORTS.subject, avro(fields=[field for field in old if field["name"] != "uri"]))


def test_an_incompatible_schema_of_ours_is_refused_by_name(client, registry, monkeypatch):
    changed = {**self_contained("Disputed")}
    changed["fields"] = [*changed["fields"], {"name": "stamp", "type": "long"}]
    monkeypatch.setattr("infra.registry.confluent.self_contained", lambda _: changed)
    disputes = next(topic for topic in WITH_EVENTS if topic.name == "valuation.disputes")
    with pytest.raises(SchemaRefusedError, match=r"valuation\.disputes-value"):
        registry.register(disputes)
    assert client.get_versions(disputes.subject) == [1]


def test_a_message_of_a_later_release_is_read_with_our_schema(client, registry):
    later = self_contained("Appraised")
    later["fields"] = [*later["fields"], {"name": "stamp", "type": "string", "default": "none"}]
    identifier = client.register_schema(FEEDBACK.subject, Schema(json.dumps(later), "AVRO"))
    event = Appraised(
        valuation_id="v-1",
        kind=next(iter(AppraisalKind)),
        unit_price=60_000,
        value=5_400_000,
        on_date=datetime(2026, 1, 1, tzinfo=UTC).date(),
        reported_at=datetime(2026, 1, 2, tzinfo=UTC),
        source="bank",
    )
    told = Codec(registry).encode(event)
    message = told[:1] + identifier.to_bytes(4, "big") + told[5:] + b"\x08late"
    assert Codec(registry).decode(message, Appraised) == event
    assert {field.name for field in fields(Appraised)} == {field["name"] for field in later["fields"]} - {"stamp"}


def test_an_unknown_id_is_worth_another_try(registry):
    with pytest.raises(UnknownSchemaError, match="999999"):
        registry.schema_of(999_999)
    with pytest.raises(UnknownSchemaError, match="999999"):
        Codec(registry).decode(b"\x00" + (999_999).to_bytes(4, "big") + b"\x00", Requested)


def test_an_event_that_nobody_registered_is_worth_another_try_and_the_command_is_named(registry, monkeypatch):
    monkeypatch.setitem(registry._topics, Requested, replace(REQUESTS, name="nobody.registered"))
    with pytest.raises(UnknownSchemaError, match="avm topics apply --register"):
        registry.id_of(Requested)


def test_an_id_that_is_no_avro_schema_can_never_be_read(client, registry):
    identifier = client.register_schema(
        "other-value",
        Schema(json.dumps({"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"}), "JSON"),
    )
    with pytest.raises(UndecodableError, match="JSON"):
        registry.schema_of(identifier)


def test_while_the_registry_is_away_known_ids_keep_working_and_new_ones_wait(tmp_path):
    apicurio = started(tmp_path)
    try:
        registry = ConfluentRegistry(apicurio.url)
        registry.register(REQUESTS)
        codec = Codec(registry)
        assert codec.decode(codec.encode(ASKED), Requested) == ASKED
        identifier = registry.id_of(Requested)
    finally:
        apicurio.stop()
    with registry, ConfluentRegistry(apicurio.url) as fresh:
        assert codec.decode(codec.encode(ASKED), Requested) == ASKED
        assert Codec(registry).decode(Codec(registry).encode(ASKED), Requested) == ASKED
        with pytest.raises(UnknownSchemaError):
            registry.id_of(Appraised)
        with pytest.raises(UnknownSchemaError):
            registry.schema_of(identifier + 1)
        with pytest.raises(UnknownSchemaError):
            Codec(fresh).encode(ASKED)
        with pytest.raises(SchemaRefusedError):
            registry.register(REPORTS)

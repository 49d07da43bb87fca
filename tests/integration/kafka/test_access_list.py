"""The generated permissions on a real broker that denies everything else, with one login per principal."""

import time
import uuid

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from infra.embedded.kafka import EmbeddedKafka
from infra.embedded.ports import held_ports
from infra.generate.acl import acls
from infra.kafka.admin import wait_visible
from schemas.catalogue import BANK_ANSWERS

pytestmark = pytest.mark.kafka

BANK = "bank-net-bank"
PASSWORD = "a password of this test"
OWN, FOREIGN = BANK_ANSWERS["NET_BANK"].name, BANK_ANSWERS["CREDIT_MGMT"].name
RESULTS = "valuation.results.online"


def guarded(port: int) -> dict[str, str]:
    """A second listener with logins; whoever comes by the first, which only this machine sees, is the administrator."""
    return {
        "listeners": f"BROKER://127.0.0.1:{{port}},CONTROLLER://127.0.0.1:{{controller_port}},BANK://127.0.0.1:{port}",
        "advertised.listeners": f"BROKER://127.0.0.1:{{port}},BANK://127.0.0.1:{port}",
        "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT,BANK:SASL_PLAINTEXT",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.bank.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "false",
        "super.users": "User:ANONYMOUS",
    }


@pytest.fixture(scope="module")
def as_bank(tmp_path_factory):
    """Settings of a client that is logged in as the bank system of NET_BANK."""
    with held_ports([0]) as (port,):
        pass
    with EmbeddedKafka(tmp_path_factory.mktemp("guarded"), overrides=guarded(port)) as broker:
        admin = AdminClient({"bootstrap.servers": broker.bootstrap})
        topics = [OWN, FOREIGN, RESULTS]
        granted = [binding(one) for one in acls() if one.principal == BANK]
        login = UserScramCredentialUpsertion(
            BANK, ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096), PASSWORD.encode()
        )
        made = [
            *admin.create_topics([NewTopic(name, 1, 1) for name in topics]).values(),
            *admin.create_acls(granted).values(),
            *admin.alter_user_scram_credentials([login]).values(),
        ]
        for outcome in made:
            outcome.result(60)
        wait_visible(admin, topics)
        writer = Producer({"bootstrap.servers": broker.bootstrap})
        for name in topics:
            writer.produce(name, b"a record")
        assert writer.flush(60) == 0
        yield {
            "bootstrap.servers": f"127.0.0.1:{port}",
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": BANK,
            "sasl.password": PASSWORD,
        }


def binding(one):
    return AclBinding(
        ResourceType[one.resource.upper()],
        one.name,
        ResourcePatternType[one.pattern.upper()],
        f"User:{one.principal}",
        "*",
        AclOperation[one.operation.upper()],
        AclPermissionType.ALLOW,
    )


def read_one(conf, topic, *, group=f"valuation-{BANK}-test"):
    """The first record of a topic; raises `KafkaException` where reading is denied."""
    consumer = Consumer({**conf, "group.id": f"{group}-{uuid.uuid4().hex[:8]}", "auto.offset.reset": "earliest"})
    try:
        consumer.subscribe([topic])
        while True:
            message = consumer.poll(60)
            assert message is not None, "neither a record nor a refusal within a minute"
            if message.error():
                raise KafkaException(message.error())
            return message.value()
    finally:
        consumer.close()


@pytest.mark.requirement("IN7")
def test_a_channel_reads_its_own_topic(as_bank):
    assert read_one(as_bank, OWN) == b"a record"


@pytest.mark.requirement("IN7")
def test_a_channel_is_denied_the_topic_of_another(as_bank):
    with pytest.raises(KafkaException) as denied:
        read_one(as_bank, FOREIGN)
    assert denied.value.args[0].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


@pytest.mark.requirement("IN7")
def test_a_channel_is_denied_a_consumer_group_of_another(as_bank):
    with pytest.raises(KafkaException) as denied:
        read_one(as_bank, OWN, group="valuation-bank-credit-mgmt")
    assert denied.value.args[0].code() == KafkaError.GROUP_AUTHORIZATION_FAILED


@pytest.mark.requirement("IN7")
def test_a_channel_is_denied_to_write_results(as_bank):
    told = []
    producer = Producer({**as_bank, "enable.idempotence": False})
    producer.produce(RESULTS, b"a result of mine", on_delivery=lambda error, _: told.append(error))
    assert producer.flush(60) == 0
    assert told[0].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


@pytest.mark.requirement("IN7")
def test_a_wrong_password_does_not_get_as_far_as_a_topic(as_bank):
    told = []
    conf = {**as_bank, "sasl.password": "guessed", "error_cb": lambda error: told.append(error.code()), "log_level": 0}
    consumer = Consumer({**conf, "group.id": f"valuation-{BANK}"})
    try:
        consumer.subscribe([OWN])
        deadline = time.monotonic() + 60
        while KafkaError._AUTHENTICATION not in told:
            message = consumer.poll(0.1)
            assert message is None or message.error(), "a record without a login"
            assert time.monotonic() < deadline, "no refusal within a minute"
    finally:
        consumer.close()

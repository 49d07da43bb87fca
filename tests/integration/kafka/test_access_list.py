"""The generated permissions on a real broker that denies everything else, with one login per principal."""

import re
import time
import uuid
from pathlib import Path

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
from schemas.catalogue import BANK_ANSWERS, DISPUTES, RECEIPTS, WORK_ORDERS, bank_principal

pytestmark = pytest.mark.kafka

CREDIT, NET_BANK = bank_principal("CREDIT_MGMT"), bank_principal("NET_BANK")
PASSWORD = "a password of this test"
CREDIT_ANSWERS, NET_BANK_ANSWERS = BANK_ANSWERS["CREDIT_MGMT"].name, BANK_ANSWERS["NET_BANK"].name
REQUESTS, RESULTS = "valuation.requests.online", "valuation.results.online"
TOPICS = [CREDIT_ANSWERS, NET_BANK_ANSWERS, REQUESTS, RESULTS, RECEIPTS.name, DISPUTES.name, WORK_ORDERS.name]
EXAMPLES = Path(__file__).resolve().parents[3] / "docs" / "examples"


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
def logged_in(tmp_path_factory):
    """Settings of a client that is logged in as a principal."""
    with held_ports([0]) as (port,):
        pass
    with EmbeddedKafka(tmp_path_factory.mktemp("guarded"), overrides=guarded(port)) as broker:
        admin = AdminClient({"bootstrap.servers": broker.bootstrap})
        granted = [binding(one) for one in acls() if one.principal in {CREDIT, NET_BANK}]
        scram = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        logins = [UserScramCredentialUpsertion(name, scram, PASSWORD.encode()) for name in (CREDIT, NET_BANK)]
        made = [
            *admin.create_topics([NewTopic(name, 1, 1) for name in TOPICS]).values(),
            *admin.create_acls(granted).values(),
            *admin.alter_user_scram_credentials(logins).values(),
        ]
        for outcome in made:
            outcome.result(60)
        wait_visible(admin, TOPICS)
        writer = Producer({"bootstrap.servers": broker.bootstrap})
        for name in TOPICS:
            writer.produce(name, b"a record")
        assert writer.flush(60) == 0
        yield lambda principal: {
            "bootstrap.servers": f"127.0.0.1:{port}",
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": principal,
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


def take_one(conf, topic, *, group):
    """The first record of a topic, read and committed; raises `KafkaException` where that is denied."""
    settings = {"group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False}
    consumer = Consumer({**conf, **settings})
    try:
        consumer.subscribe([topic])
        while True:
            message = consumer.poll(60)
            assert message is not None, "neither a record nor a refusal within a minute"
            if message.error():
                raise KafkaException(message.error())
            consumer.commit(message, asynchronous=False)
            return message.value()
    finally:
        consumer.close()


def say(conf, topic):
    """Write as the examples do, idempotently; raises `KafkaException` where that is denied."""
    told = []
    producer = Producer({**conf, "enable.idempotence": True, "acks": "all"})
    producer.produce(topic, b"a record", on_delivery=lambda error, _: told.append(error))
    assert producer.flush(60) == 0
    if told[0] is not None:
        raise KafkaException(told[0])


def groups_of_the_examples():
    """The consumer groups that the credit system's examples join as they stand."""
    java = (EXAMPLES / "KafkaReceiverExample.java").read_text(encoding="utf-8")
    python = (EXAMPLES / "credit_system" / "credit_system.py").read_text(encoding="utf-8")
    written = (re.search(r'"group\.id", "([^"]+)"', java), re.search(r'"--group", default="([^"]+)"', python))
    return {found[1] for found in written}


@pytest.mark.requirement("IN7", "IN9")
def test_a_channel_takes_in_its_own_answers_and_acknowledges_them(logged_in):
    for principal, topic in ((CREDIT, CREDIT_ANSWERS), (NET_BANK, NET_BANK_ANSWERS)):
        own = logged_in(principal)
        assert take_one(own, topic, group=f"valuation-{principal}-{uuid.uuid4().hex[:8]}") == b"a record"
        say(own, RECEIPTS.name)


@pytest.mark.requirement("IN7", "IN9")
def test_the_examples_of_the_credit_system_may_do_all_they_do_as_its_principal_alone(logged_in):
    for group in sorted(groups_of_the_examples()):
        assert take_one(logged_in(CREDIT), CREDIT_ANSWERS, group=group) == b"a record"
        with pytest.raises(KafkaException) as denied:
            take_one(logged_in(NET_BANK), NET_BANK_ANSWERS, group=group)
        assert denied.value.args[0].code() == KafkaError.GROUP_AUTHORIZATION_FAILED


@pytest.mark.requirement("IN7")
def test_staff_ask_dispute_and_raise_work_orders_by_kafka_and_channels_of_customers_do_not(logged_in):
    for topic in (REQUESTS, DISPUTES.name, WORK_ORDERS.name):
        say(logged_in(CREDIT), topic)
        with pytest.raises(KafkaException) as denied:
            say(logged_in(NET_BANK), topic)
        assert denied.value.args[0].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


@pytest.mark.requirement("IN7")
@pytest.mark.parametrize("topic", [CREDIT_ANSWERS, RESULTS, RECEIPTS.name])
def test_a_channel_is_denied_what_others_are_told(logged_in, topic):
    with pytest.raises(KafkaException) as denied:
        take_one(logged_in(NET_BANK), topic, group=f"valuation-{NET_BANK}-other")
    assert denied.value.args[0].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


@pytest.mark.requirement("IN7")
def test_a_channel_is_denied_a_consumer_group_of_another(logged_in):
    with pytest.raises(KafkaException) as denied:
        take_one(logged_in(NET_BANK), NET_BANK_ANSWERS, group=f"valuation-{CREDIT}")
    assert denied.value.args[0].code() == KafkaError.GROUP_AUTHORIZATION_FAILED


@pytest.mark.requirement("IN7")
@pytest.mark.parametrize("principal", [CREDIT, NET_BANK])
def test_a_channel_is_denied_to_write_results(logged_in, principal):
    with pytest.raises(KafkaException) as denied:
        say(logged_in(principal), RESULTS)
    assert denied.value.args[0].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


@pytest.mark.requirement("IN7")
def test_a_wrong_password_does_not_get_as_far_as_a_topic(logged_in):
    told = []
    wrong = {"sasl.password": "guessed", "error_cb": lambda error: told.append(error.code()), "log_level": 0}
    consumer = Consumer({**logged_in(NET_BANK), **wrong, "group.id": f"valuation-{NET_BANK}"})
    try:
        consumer.subscribe([NET_BANK_ANSWERS])
        deadline = time.monotonic() + 60
        while KafkaError._AUTHENTICATION not in told:
            message = consumer.poll(0.1)
            assert message is None or message.error(), "a record without a login"
            assert time.monotonic() < deadline, "no refusal within a minute"
    finally:
        consumer.close()

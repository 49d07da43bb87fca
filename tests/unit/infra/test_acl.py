import itertools
import json
import subprocess

import pytest

from infra.generate.acl import acls, groups_of, kafka_acls, strimzi_users
from schemas.catalogue import (
    BANK_ANSWERS,
    CHANNELS_ASKING_BY_KAFKA,
    DISPUTES,
    RECEIPTS,
    REQUESTS,
    WORK_ORDERS,
    bank_principal,
)
from schemas.domain.channels import CHANNELS, Profile


def held_by(principal):
    return {(one.operation, one.resource, one.name) for one in acls() if one.principal == principal}


def answering(channel):
    """What every channel with a topic may do: take its answers in, and say so."""
    principal = bank_principal(channel)
    return {
        ("read", "topic", BANK_ANSWERS[channel].name),
        ("describe", "topic", BANK_ANSWERS[channel].name),
        ("write", "topic", RECEIPTS.name),
        ("describe", "topic", RECEIPTS.name),
        *(("read", "group", group) for group in groups_of(principal)),
    }


@pytest.mark.requirement("IN7")
@pytest.mark.parametrize("channel", sorted(set(BANK_ANSWERS) - set(CHANNELS_ASKING_BY_KAFKA)))
def test_a_channel_of_customers_may_take_in_its_answers_and_acknowledge_them_and_nothing_else(channel):
    assert CHANNELS[channel].profile is Profile.CUSTOMER
    assert held_by(bank_principal(channel)) == answering(channel)


@pytest.mark.requirement("IN7")
@pytest.mark.parametrize("channel", CHANNELS_ASKING_BY_KAFKA)
def test_a_channel_of_staff_may_besides_ask_dispute_and_raise_work_orders(channel):
    assert CHANNELS[channel].profile is Profile.STAFF
    said = [name for topic in (REQUESTS, DISPUTES, WORK_ORDERS) for name in topic.names]
    more = {(operation, "topic", name) for operation in ("write", "describe") for name in said}
    assert held_by(bank_principal(channel)) == answering(channel) | more


@pytest.mark.requirement("IN7")
def test_no_principal_may_join_a_group_of_another():
    principals = sorted({one.principal for one in acls()})
    shared = {
        (one, theirs)
        for one, other in itertools.permutations(principals, 2)
        for group in groups_of(one)
        for theirs in groups_of(other)
        if theirs.startswith(group)
    }
    # routing stands in for the scorer, in the scorer's own group
    assert shared == {("routing", "valuation-scoring"), ("scoring", "valuation-scoring")}


@pytest.mark.requirement("IN7")
def test_nobody_but_the_sender_and_its_channel_touches_a_topic_of_answers():
    for topic in BANK_ANSWERS.values():
        others = {one.principal for one in acls() if one.name == topic.name} - set(topic.readers)
        assert others == {"callbacks"}


@pytest.mark.requirement("IN7")
def test_the_script_grants_every_permission_and_is_one_that_a_shell_can_read():
    script = kafka_acls(acls(), "broker:9093")
    assert subprocess.run(["sh", "-n"], input=script, text=True, check=False).returncode == 0
    assert script.count("--operation ") == len(list(acls()))


@pytest.mark.requirement("IN7")
def test_a_strimzi_user_has_the_permissions_of_its_principal():
    users = {user["metadata"]["name"]: user for user in strimzi_users(acls(), "valuation")["items"]}
    assert set(users) == {one.principal for one in acls()}
    assert users["bank-net-bank"]["spec"]["authorization"]["acls"] == [
        {
            "resource": {"type": "topic", "name": "bank.receipts", "patternType": "literal"},
            "operations": ["Write", "Describe"],
        },
        {
            "resource": {"type": "topic", "name": "bank.answers.net-bank", "patternType": "literal"},
            "operations": ["Read", "Describe"],
        },
        {
            "resource": {"type": "group", "name": "valuation-bank-net-bank", "patternType": "prefix"},
            "operations": ["Read"],
        },
    ]
    json.dumps(users)

import json
import subprocess

import pytest

from infra.generate.acl import acls, kafka_acls, strimzi_users
from schemas.catalogue import BANK_ANSWERS


@pytest.mark.requirement("IN7")
def test_each_channels_system_may_read_its_own_answers_and_nothing_else():
    for channel, topic in BANK_ANSWERS.items():
        principal = f"bank-{channel.lower().replace('_', '-')}"
        own = {(one.operation, one.resource, one.name) for one in acls() if one.principal == principal}
        assert own == {
            ("read", "topic", topic.name),
            ("describe", "topic", topic.name),
            ("read", "group", f"valuation-{principal}"),
        }


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
            "resource": {"type": "topic", "name": "bank.answers.net-bank", "patternType": "literal"},
            "operations": ["Read", "Describe"],
        },
        {
            "resource": {"type": "group", "name": "valuation-bank-net-bank", "patternType": "prefix"},
            "operations": ["Read"],
        },
    ]
    json.dumps(users)

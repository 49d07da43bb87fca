"""Who may read and write which topic, from the catalogue: one principal per room and per channel, nobody else.

A bank system reads `bank.answers.<its channel>` and acknowledges on `bank.receipts` as `bank-<channel>`, in consumer
groups that begin with `valuation-bank-<channel>`. `bank` is the data office, which delivers reference data and sees
every channel. What is not listed is denied: the broker runs without `allow.everyone.if.no.acl.found`.
"""

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from schemas.catalogue import FURTHER_GROUPS, TOPICS, Topic

_OWN_GROUPS = {"bank": "valuation-bank."}  # with the dot it is not how the groups of `bank-<channel>` begin


@dataclass(frozen=True, slots=True, kw_only=True)
class Acl:
    """One permission. `resource` is topic or group, `pattern` literal or prefixed."""

    principal: str
    operation: str
    resource: str
    name: str
    pattern: str


def acls() -> Iterator[Acl]:
    """Every permission, principal by principal."""
    for room in sorted({room for topic in TOPICS for room in (*topic.writers, *topic.readers)}):
        for topic in TOPICS:
            for name in topic.names:
                for operation in _operations(room, topic):
                    yield Acl(principal=room, operation=operation, resource="topic", name=name, pattern="literal")
        for group in groups_of(room):
            yield Acl(principal=room, operation="read", resource="group", name=group, pattern="prefixed")


def groups_of(principal: str) -> tuple[str, ...]:
    """How the names of its consumer groups begin; its own first."""
    return (_OWN_GROUPS.get(principal, f"valuation-{principal}"), *FURTHER_GROUPS.get(principal, ()))


def kafka_acls(permissions: Iterable[Acl], bootstrap: str) -> str:
    """A shell script that grants them with the `kafka-acls.sh` of Apache Kafka; granting twice changes nothing."""
    lines = ["#!/bin/sh", "set -eu", "# needs kafka-acls.sh on the path, and admin.properties with an administrator"]
    for (principal, resource, name, pattern), same in groupby(
        permissions, key=lambda one: (one.principal, one.resource, one.name, one.pattern)
    ):
        operations = [f"--operation {one.operation.capitalize()}" for one in same]
        lines.append(
            f"kafka-acls.sh --bootstrap-server {shlex.quote(bootstrap)} --command-config admin.properties --add "
            f"--allow-principal {shlex.quote(f'User:{principal}')} {' '.join(operations)} --{resource} {name} "
            f"--resource-pattern-type {pattern}"
        )
    return "\n".join(lines) + "\n"


def strimzi_users(permissions: Iterable[Acl], cluster: str) -> dict[str, Any]:
    """A Kubernetes List of Strimzi KafkaUsers with SCRAM passwords that the operator makes."""
    return {
        "apiVersion": "v1",
        "kind": "List",
        "items": [_user(principal, tuple(own), cluster) for principal, own in groupby(permissions, key=_principal)],
    }


def _user(principal: str, own: tuple[Acl, ...], cluster: str) -> dict[str, Any]:
    rules = [
        {
            "resource": {"type": resource, "name": name, "patternType": "prefix" if pattern == "prefixed" else pattern},
            "operations": [one.operation.capitalize() for one in same],
        }
        for (resource, name, pattern), same in groupby(own, key=lambda one: (one.resource, one.name, one.pattern))
    ]
    return {
        "apiVersion": "kafka.strimzi.io/v1",
        "kind": "KafkaUser",
        "metadata": {"name": principal, "labels": {"strimzi.io/cluster": cluster}},
        "spec": {
            "authentication": {"type": "scram-sha-512"},
            "authorization": {"type": "simple", "acls": rules},
        },
    }


def _principal(one: Acl) -> str:
    return one.principal


def _operations(room: str, topic: Topic) -> Iterator[str]:
    if room in topic.readers:
        yield "read"
    if room in topic.writers:
        yield "write"
    if room in topic.readers or room in topic.writers:
        yield "describe"

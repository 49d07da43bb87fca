"""Topics on the real broker: planned, applied, never deleted."""

import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from infra.kafka.admin import (
    ChangedSetting,
    TopicsError,
    WrongPartitions,
    apply,
    plan,
    require,
    wait_visible,
    wanted_topics,
)
from schemas.catalogue import COMMUNITIES, COVERAGE, REQUESTS, TOPICS

pytestmark = pytest.mark.kafka


@pytest.fixture
def admin(bootstrap):
    return AdminClient({"bootstrap.servers": bootstrap})


@pytest.fixture
def families():
    """A topic with lanes, a compacted one and one of a single partition, under names of this test alone."""
    run = uuid.uuid4().hex[:12]
    return [replace(topic, name=f"{topic.name}.{run}") for topic in (REQUESTS, COMMUNITIES, COVERAGE)]


def create(admin, name, partitions):
    admin.create_topics([NewTopic(name, partitions, 1)])[name].result(30)
    wait_visible(admin, [name])


def embedded(families):
    return wanted_topics(families, replication_factor=1, max_partitions=4)


def test_the_whole_catalogue_can_be_applied_and_then_nothing_is_left_to_do(admin):
    wanted = embedded(TOPICS)
    assert len(wanted) == sum(len(topic.names) for topic in TOPICS)
    apply(admin, plan(admin, wanted))
    assert plan(admin, wanted).empty
    require(admin, wanted)


def test_a_plan_names_what_is_missing_and_changes_nothing(admin, families):
    planned = plan(admin, embedded(families))
    assert [topic.name for topic in planned.missing] == [name for family in families for name in family.names]
    assert [topic.partitions for topic in planned.missing] == [4, 4, 4, 1]
    assert plan(admin, embedded(families)) == planned


def test_a_changed_retention_is_found_and_mended(admin, families):
    apply(admin, plan(admin, embedded(families)))
    shorter = [replace(families[0], retention=timedelta(hours=1)), *families[1:]]
    planned = plan(admin, embedded(shorter))
    assert planned.changed == tuple(
        ChangedSetting(name=name, setting="retention.ms", wanted="3600000", found="1209600000")
        for name in families[0].names
    )
    apply(admin, planned)
    assert plan(admin, embedded(shorter)).empty


def test_a_wrong_partition_count_is_refused_and_nothing_else_is_done(admin, families):
    name = families[1].names[0]
    create(admin, name, 3)
    planned = plan(admin, embedded(families))
    assert planned.wrong_partitions == (WrongPartitions(name=name, wanted=4, found=3),)
    with pytest.raises(TopicsError, match=f"{name} has 3 partitions, not 4"):
        apply(admin, planned)
    assert families[0].names[0] not in admin.list_topics(timeout=10).topics


def test_a_worker_is_told_every_topic_that_is_not_as_it_should_be(admin, families):
    name = families[2].names[0]
    create(admin, name, 2)
    with pytest.raises(TopicsError, match="avm topics apply") as raised:
        require(admin, embedded(families))
    assert raised.value.missing == (*families[0].names, *families[1].names)
    assert raised.value.wrong_partitions == (WrongPartitions(name=name, wanted=1, found=2),)

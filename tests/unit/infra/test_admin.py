import pytest

from infra.kafka.admin import topic_config, wanted_topics
from schemas.catalogue import COMMUNITIES, COVERAGE, REQUESTS, TOPICS


@pytest.mark.parametrize(("copies", "in_sync"), [(1, "1"), (2, "1"), (3, "2")])
def test_an_acknowledged_record_is_on_two_brokers_where_there_are_three(copies, in_sync):
    assert topic_config(REQUESTS, copies)["min.insync.replicas"] == in_sync


def test_reference_topics_are_compacted_and_kept_for_ever():
    config = topic_config(COMMUNITIES, 3)
    assert (config["cleanup.policy"], config["retention.ms"]) == ("compact", "-1")


def test_fewer_partitions_can_be_asked_for_but_never_more_than_the_catalogue_says():
    wanted = {topic.name: topic.partitions for topic in wanted_topics(TOPICS, replication_factor=1, max_partitions=4)}
    assert set(wanted.values()) == {1, 3, 4}
    assert wanted[COVERAGE.name] == 1


def test_each_lane_is_a_topic_of_its_own():
    names = [topic.name for topic in wanted_topics([REQUESTS], replication_factor=3)]
    assert names == ["valuation.requests.online", "valuation.requests.batch"]

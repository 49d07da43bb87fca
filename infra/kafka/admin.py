"""Topics as the catalogue wants them: what differs, and making it so. Nothing is ever deleted here."""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from confluent_kafka.admin import (  # type: ignore[attr-defined] # its stubs forget to export some of them
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from schemas.catalogue import MAX_MESSAGE_BYTES, Topic

_TIMEOUT_S = 30.0
_LOOK_AGAIN_S = 0.02
_ENOUGH_REPLICAS = 3  # from three copies on, an acknowledged record must be on two of them


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedTopic:
    """One Kafka topic as it should be."""

    name: str
    partitions: int
    replication_factor: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongPartitions:
    """A topic whose partition count differs. Growing it would re-hash its keys, so only a person may decide that."""

    name: str
    wanted: int
    found: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedSetting:
    """A topic setting that differs from the catalogue's."""

    name: str
    setting: str
    wanted: str
    found: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What `apply` would do (`missing`, `changed`) and what it cannot do (`wrong_partitions`)."""

    missing: tuple[WantedTopic, ...]
    wrong_partitions: tuple[WrongPartitions, ...]
    changed: tuple[ChangedSetting, ...]

    @property
    def empty(self) -> bool:
        """True when the broker already is as the catalogue wants it."""
        return not (self.missing or self.wrong_partitions or self.changed)


class TopicsError(RuntimeError):
    """The topics of the broker are not those of the catalogue. Run `avm topics plan`, then `avm topics apply`."""

    def __init__(self, missing: Sequence[str], wrong_partitions: Sequence[WrongPartitions]) -> None:
        self.missing, self.wrong_partitions = tuple(missing), tuple(wrong_partitions)
        parts = [f"{name} is missing" for name in missing]
        parts += [f"{topic.name} has {topic.found} partitions, not {topic.wanted}" for topic in wrong_partitions]
        remedy = "`avm topics apply` creates what is missing; a partition count must be changed by hand (keys re-hash)"
        super().__init__(f"{'; '.join(parts)}. {remedy}")


def wanted_topics(
    topics: Iterable[Topic], *, replication_factor: int, max_partitions: int | None = None
) -> tuple[WantedTopic, ...]:
    """Return every Kafka topic of these families, in their order.

    Args:
        topics: From the catalogue.
        replication_factor: 1 on the embedded broker, 3 in production.
        max_partitions: Upper bound for the partitions of each topic (4 on the embedded broker); None: the catalogue's.
    """
    return tuple(
        WantedTopic(
            name=name,
            partitions=min(topic.partitions, max_partitions or topic.partitions),
            replication_factor=replication_factor,
            config=topic_config(topic, replication_factor),
        )
        for topic in topics
        for name in topic.names
    )


def topic_config(topic: Topic, replication_factor: int) -> dict[str, str]:
    """Return the settings of a topic that differ from what a broker may have by default."""
    return {
        "cleanup.policy": "compact" if topic.compacted else "delete",
        "retention.ms": _milliseconds(topic.retention),
        "max.message.bytes": str(MAX_MESSAGE_BYTES),
        "message.timestamp.type": "LogAppendTime",  # the contract's stamps are the broker's, whatever a sender's clock
        "min.insync.replicas": "2" if replication_factor >= _ENOUGH_REPLICAS else "1",
        "unclean.leader.election.enable": "false",
    }


def plan(admin: AdminClient, wanted: Iterable[WantedTopic]) -> Plan:
    """Compare the broker's topics with the wanted ones. Changes nothing; raises KafkaException when it is away."""
    wanted = tuple(wanted)
    partitions = _partitions(admin)
    present = [topic for topic in wanted if topic.name in partitions]
    found = _settings(admin, [topic.name for topic in present])
    return Plan(
        missing=tuple(topic for topic in wanted if topic.name not in partitions),
        wrong_partitions=_wrong_partitions(present, partitions),
        changed=tuple(
            ChangedSetting(name=topic.name, setting=setting, wanted=value, found=found[topic.name].get(setting, ""))
            for topic in present
            for setting, value in topic.config.items()
            if found[topic.name].get(setting) != value
        ),
    )


def apply(admin: AdminClient, planned: Plan) -> None:
    """Create what is missing and change settings; safe to repeat.

    Raises:
        TopicsError: Some topic has a wrong partition count; nothing was done.
        KafkaException: The broker refused.
    """
    if planned.wrong_partitions:
        raise TopicsError((), planned.wrong_partitions)
    if planned.missing:
        new = [NewTopic(t.name, t.partitions, t.replication_factor, config=dict(t.config)) for t in planned.missing]
        for created in admin.create_topics(new, request_timeout=_TIMEOUT_S).values():
            created.result(_TIMEOUT_S)
        wait_visible(admin, [topic.name for topic in planned.missing])
    if planned.changed:
        for altered in admin.incremental_alter_configs(_alterations(planned.changed)).values():
            altered.result(_TIMEOUT_S)
        _wait_changed(admin, planned.changed)


def wait_visible(admin: AdminClient, names: Iterable[str], within_s: float = _TIMEOUT_S) -> None:
    """Return when the broker shows topics that were just created: its answer "created" runs ahead of its metadata.

    Raises:
        TimeoutError: Some did not appear within `within_s`.
    """
    names = frozenset(names)
    _wait_empty(lambda: names - _partitions(admin).keys(), within_s)


def _wait_changed(admin: AdminClient, changed: Sequence[ChangedSetting]) -> None:
    names = sorted({change.name for change in changed})

    def pending() -> set[str]:
        found = _settings(admin, names)
        return {change.name for change in changed if found[change.name].get(change.setting) != change.wanted}

    _wait_empty(pending, _TIMEOUT_S)


def _wait_empty(pending: Callable[[], Collection[str]], within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while names := pending():
        if time.monotonic() > deadline:
            raise TimeoutError(f"done, but the broker does not show it after {within_s:.0f} s: {sorted(names)}")
        time.sleep(_LOOK_AGAIN_S)


def require(admin: AdminClient, wanted: Iterable[WantedTopic]) -> None:
    """Make sure that topics exist with the right partition counts; a worker calls it before it consumes.

    Raises:
        TopicsError: Naming every topic that is missing or has a wrong partition count.
    """
    wanted = tuple(wanted)
    partitions = _partitions(admin)
    missing = [topic.name for topic in wanted if topic.name not in partitions]
    wrong = _wrong_partitions([topic for topic in wanted if topic.name in partitions], partitions)
    if missing or wrong:
        raise TopicsError(missing, wrong)


def _wrong_partitions(present: Iterable[WantedTopic], partitions: Mapping[str, int]) -> tuple[WrongPartitions, ...]:
    return tuple(
        WrongPartitions(name=topic.name, wanted=topic.partitions, found=partitions[topic.name])
        for topic in present
        if partitions[topic.name] != topic.partitions
    )


def _partitions(admin: AdminClient) -> dict[str, int]:
    topics = admin.list_topics(timeout=_TIMEOUT_S).topics
    return {name: len(topic.partitions) for name, topic in topics.items() if topic.error is None}


def _settings(admin: AdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    described = admin.describe_configs([ConfigResource(ResourceType.TOPIC, name) for name in names])
    return {
        resource.name: {setting: entry.value for setting, entry in entries.result(_TIMEOUT_S).items()}
        for resource, entries in described.items()
    }


def _alterations(changed: Iterable[ChangedSetting]) -> list[ConfigResource]:
    by_topic: dict[str, list[ConfigEntry]] = {}
    for change in changed:
        entry = ConfigEntry(change.setting, change.wanted, incremental_operation=AlterConfigOpType.SET)
        by_topic.setdefault(change.name, []).append(entry)
    return [ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries) for name, entries in by_topic.items()]


def _milliseconds(retention: timedelta | None) -> str:
    return "-1" if retention is None else str(retention // timedelta(milliseconds=1))

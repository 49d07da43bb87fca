"""All stages in one thread: reads requests from a real broker and answers them as a test says."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from infra.kafka.follower import TopicFollower
from infra.kafka.producer import Publisher, Record
from schemas.catalogue import (
    ALIASES,
    AUDIT,
    COMMUNITIES,
    DEALS,
    DISPUTES,
    RECEIPTS,
    REPORTS,
    REQUESTS,
    RESULTS,
    SOURCES,
    WORK_ORDERS,
    Topic,
)
from schemas.codes import Lane
from schemas.events import Reported, Requested, Resulted
from schemas.headers import TRACEPARENT, header
from tests.fakes.answers import CODEC, as_message

Answering = Callable[[Requested], Sequence[Resulted | Reported]]


@dataclass
class Topics:
    """Copies of the catalogue's topics, of one test alone."""

    requests: Topic
    results: Topic
    reports: Topic
    communities: Topic
    aliases: Topic
    audit: Topic
    disputes: Topic
    work_orders: Topic
    receipts: Topic
    deals: Topic
    sources: Topic

    @classmethod
    def made_by(cls, topics) -> Self:
        return cls(
            requests=topics.like(REQUESTS),
            results=topics.like(RESULTS),
            reports=topics.like(REPORTS),
            communities=topics.like(COMMUNITIES),
            aliases=topics.like(ALIASES),
            audit=topics.like(AUDIT),
            disputes=topics.like(DISPUTES),
            work_orders=topics.like(WORK_ORDERS),
            receipts=topics.like(RECEIPTS),
            deals=topics.like(DEALS),
            sources=topics.like(SOURCES),
        )


@dataclass
class Pipeline:
    """Answers while it is entered. `seen` are the requests in order of arrival, with their lanes."""

    connection: dict
    topics: Topics
    answering: Answering
    seen: list[tuple[Lane, Requested]] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._publisher = Publisher(self.connection, on_fatal=lambda _: None)
        self._follower = TopicFollower(self.connection, self.topics.requests.names, self._answer)
        self._follower.start()
        assert self._follower.wait_until_positioned(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._follower.close()
        self._publisher.close()

    def _answer(self, message) -> None:
        lane = Lane(message.topic().rsplit(".", 1)[1])
        requested = CODEC.decode(message.value(), Requested)
        self.seen.append((lane, requested))
        self._say(lane, header(message.headers(), TRACEPARENT), self.answering(requested))

    def say(self, *answers: Resulted | Reported, lane: Lane = Lane.ONLINE) -> None:
        """Answer later, when no request has just come in."""
        self._say(lane, None, answers)

    def _say(self, lane: Lane, trace: str | None, answers: Sequence[Resulted | Reported]) -> None:
        records = []
        for answer in answers:
            event = replace(answer, lane=lane) if isinstance(answer, Resulted) else answer
            topic = self.topics.results if isinstance(event, Resulted) else self.topics.reports
            key, value, headers = as_message(event, trace)
            records.append(Record(topic=topic.named(lane), key=key, value=value, headers=headers))
        self._publisher.publish(records)

"""A question's whole life on a real broker and a real database: the ledger's clock, and a worker process of intake.

The ledger's clock is injected, so that a day passes in no time; the worker runs on the catalogue's own topics.
"""

import os
import signal
import subprocess
import sys
import uuid
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from confluent_kafka.admin import AdminClient

from consumers.ledger import loop
from consumers.ledger.queries import LedgerQueries
from infra.kafka.admin import apply, plan, wanted_topics
from infra.kafka.security import client_conf
from infra.postgres.migrate import migrate
from infra.postgres.pool import open_pool
from schemas.catalogue import ACCEPTED, CLARIFICATIONS, DEAD_LETTERS, DECISIONS, REQUESTS, RESULTS
from schemas.codes import Action, Lane, Occasion, Reason, ReviewOutcome, Status
from schemas.events import Accepted, ClarificationTimedOut, Resulted
from schemas.ids import valuation_id
from streams.intake.acceptance import digest
from tests.fakes import valuations as made
from tests.fakes.loops import eventually, everything_on, publishing, running
from tests.fakes.valuations import CODEC, record_of

pytestmark = [pytest.mark.postgres, pytest.mark.kafka]

CHANNEL = "NET_BANK"
TRACE_ID = "a" * 32


class Clock:
    """The time of day, and as much later as a test says."""

    def __init__(self):
        self.later = timedelta(0)

    def __call__(self):
        return datetime.now(UTC) + self.later


class House:
    """Ledger and intake beside each other, the other stages played by the test."""

    def __init__(self, *, bootstrap, postgres, publisher, folder):
        self.bootstrap, self.publisher, self.clock = bootstrap, publisher, Clock()
        self._postgres, self._folder = postgres, folder
        self.pool = open_pool(postgres, room=loop.ROOM)

    @contextmanager
    def ledger(self):
        """A ledger process, as often as a test starts one."""
        run = partial(
            _ledger, dsn=self._postgres, kafka=client_conf(self.bootstrap), publisher=self.publisher, codec=CODEC,
            clock=self.clock,
        )  # fmt: skip
        with running(run):
            yield

    @contextmanager
    def intake(self, lane=Lane.ONLINE):
        environment = {
            **os.environ,
            "AVM_KAFKA__BOOTSTRAP": self.bootstrap,
            "AVM_KAFKA__PARTITIONS": "4",
            "AVM_STATE": str(self._folder),
        }
        command = [sys.executable, "-m", "infra.cli", "worker", "intake", "--lane", lane]
        process = subprocess.Popen(command, env=environment)
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0

    def publish(self, topic, event, lane=Lane.ONLINE):
        self.publisher.publish([record_of(topic, event, lane=lane)])

    def events(self, topic, kind, number, lane=Lane.ONLINE):
        """Every event of a valuation on a topic, with its trace."""
        messages = everything_on(self.bootstrap, topic.named(lane))
        key = valuation_id(CHANNEL, number).encode()
        return [
            (CODEC.decode(message.value(), kind), dict(message.headers())["traceparent"].decode()[3:35])
            for message in messages
            if message.key() == key
        ]

    def state(self, number):
        return LedgerQueries(self.pool).by_client_request(CHANNEL, number)

    def wait_for_row(self):
        eventually(self._has_row)

    def _has_row(self):
        with self.pool.connection() as connection:
            return connection.execute("select count(*) from clarification").fetchone()[0]


def _ledger(stop, **wiring):
    loop.run(stop=stop, **wiring)


@pytest.fixture
def house(bootstrap, postgres, tmp_path):
    admin = AdminClient({"bootstrap.servers": bootstrap})
    topics = {topic.name: topic for topic in (*loop.TOPICS, DEAD_LETTERS)}
    apply(admin, plan(admin, wanted_topics(topics.values(), replication_factor=1, max_partitions=4)))
    migrate(postgres, room=loop.ROOM)
    with publishing(bootstrap) as publisher:
        made_house = House(bootstrap=bootstrap, postgres=postgres, publisher=publisher, folder=tmp_path)
        yield made_house
        made_house.pool.close()


def a_number():
    return f"q-{uuid.uuid4().hex[:10]}"


def a_request(number, **changes):
    return made.requested(number, CHANNEL, **changes)


def asked_back(number):
    """What intake and enrichment said of a request whose address is ambiguous."""
    now = datetime.now(UTC)
    request = a_request(number)
    accepted = made.accepted(number, channel=CHANNEL, received_at=now, business_ref=request.business_ref)
    question = replace(
        made.resulted(number, Status.NEEDS_CLARIFICATION),
        valuation_id=request.valuation_id,
        channel=CHANNEL,
        resulted_at=now,
        due_at=now + timedelta(hours=24),
        reasons=(Reason.ADDR_AMBIGUOUS,),
        address=made.ADDRESS,
    )
    return replace(accepted, digest=digest(request), accepted_at=now), question


def put_the_question(house, number):
    accepted, question = asked_back(number)
    house.publish(ACCEPTED, accepted)
    house.publish(RESULTS, question)


def timed_out(house, number):
    accepted, _ = asked_back(number)
    now = datetime.now(UTC)
    return ClarificationTimedOut(
        valuation_id=accepted.valuation_id, request=accepted.request, digest=accepted.digest, reply_by=now,
        timed_out_at=now,
    )  # fmt: skip


@pytest.mark.requirement("AD2", "IN9")
def test_a_question_outlives_every_restart_and_goes_on_once_as_the_same_valuation(house):
    number = a_number()
    put_the_question(house, number)
    with house.ledger():
        house.wait_for_row()
    house.clock.later = timedelta(hours=12, minutes=1)
    with house.ledger():
        eventually(lambda: len(house.events(RESULTS, Resulted, number)) == 2)
        eventually(lambda: Reason.CLARIFICATION_REMINDER in house.state(number).reasons)
    house.clock.later = timedelta(hours=24, minutes=1)
    with house.ledger():
        eventually(lambda: house.events(CLARIFICATIONS, ClarificationTimedOut, number))
    with house.intake(), house.ledger():  # a second ledger finds nothing left to do
        eventually(lambda: len(house.events(ACCEPTED, Accepted, number)) == 2)
        eventually(lambda: len(LedgerQueries(house.pool).timeline(house.state(number).valuation_id)) == 5)
    assert len(house.events(CLARIFICATIONS, ClarificationTimedOut, number)) == 1
    ((first, _), (second, trace)) = house.events(ACCEPTED, Accepted, number)
    assert (second.request.revision, second.request.chosen_community_id) == (2, None)
    assert (second.valuation_id, second.digest, trace) == (first.valuation_id, first.digest, TRACE_ID)
    timeline = LedgerQueries(house.pool).timeline(house.state(number).valuation_id)
    assert {entry.trace_id for entry in timeline} == {TRACE_ID}


@pytest.mark.requirement("AD2", "IN9")
@pytest.mark.parametrize("first", ["reply", "time-out"])
def test_of_reply_and_time_out_the_first_is_accepted_and_the_other_is_not(house, first):
    number = a_number()
    reply = a_request(number, action=Action.CLARIFY, chosen_community_id="c-2", requested_at=datetime.now(UTC))
    both = [(REQUESTS, reply), (CLARIFICATIONS, timed_out(house, number))]
    with house.intake():
        house.publish(REQUESTS, a_request(number))
        eventually(lambda: len(house.events(ACCEPTED, Accepted, number)) == 1)
        for topic, event in both if first == "reply" else reversed(both):
            house.publish(topic, event)
            eventually(lambda: len(house.events(ACCEPTED, Accepted, number)) == 2)
        house.publish(REQUESTS, a_request(after := a_number()))
        house.publish(CLARIFICATIONS, timed_out(house, another := a_number()))
        eventually(lambda: house.events(ACCEPTED, Accepted, after) and house.events(ACCEPTED, Accepted, another))
        if first == "time-out":
            eventually(lambda: house.events(RESULTS, Resulted, number)[-1][0].status is Status.REJECTED_INVALID)
    accepted = [event for event, _ in house.events(ACCEPTED, Accepted, number)]
    assert [event.request.revision for event in accepted] == [1, 2]
    assert accepted[1].request.chosen_community_id == ("c-2" if first == "reply" else None)
    refused = [event for event, _ in house.events(RESULTS, Resulted, number) if event.problems]
    assert [event.reasons for event in refused] == ([] if first == "reply" else [(Reason.CLARIFICATION_TIMEOUT,)])


@pytest.mark.requirement("AD2")
def test_both_at_once_give_one_second_asking(house):
    numbers = [a_number() for _ in range(20)]
    with house.intake():
        for number in numbers:
            house.publish(REQUESTS, a_request(number))
        eventually(lambda: all(house.events(ACCEPTED, Accepted, number) for number in numbers))
        records = []
        for number in numbers:
            reply = a_request(number, action=Action.CLARIFY, chosen_community_id="c-2")
            records += [
                record_of(REQUESTS, reply, lane=Lane.ONLINE),
                record_of(CLARIFICATIONS, timed_out(house, number), lane=Lane.ONLINE),
            ]
        house.publisher.publish(records)
        eventually(lambda: all(len(house.events(ACCEPTED, Accepted, number)) == 2 for number in numbers))
    for number in numbers:
        (_, _), (second, _) = house.events(ACCEPTED, Accepted, number)
        receipts = [one for one, _ in house.events(RESULTS, Resulted, number) if one.revision == 2]
        assert len(receipts) == (1 if second.request.chosen_community_id else 0)


@pytest.mark.requirement("AD2", "IN9")
def test_a_row_of_a_batch_that_was_answered_online_is_not_valued_again_when_its_time_out_comes_on_the_batch_lane(house):
    number, unanswered = a_number(), [a_number() for _ in range(20)]
    with house.intake():
        house.publish(REQUESTS, a_request(number, action=Action.CLARIFY, chosen_community_id="c-2"))
        eventually(lambda: house.events(ACCEPTED, Accepted, number))
    for one in (number, *unanswered):  # the others show that all of them were read
        house.publish(CLARIFICATIONS, timed_out(house, one), Lane.BATCH)
    with house.intake(Lane.BATCH):
        eventually(lambda: all(house.events(ACCEPTED, Accepted, one, Lane.BATCH) for one in unanswered))
    assert house.events(ACCEPTED, Accepted, number, Lane.BATCH) == []


@pytest.mark.requirement("IN9")
def test_a_reply_to_a_question_of_the_desk_is_known_as_such_by_a_worker_started_since(house):
    number = a_number()
    first, _ = asked_back(number)
    review = made.review(number, valuation_id=first.valuation_id)
    review = replace(review, scored=replace(review.scored, valuation_id=first.valuation_id, request=first.request))
    now = datetime.now(UTC)
    decision = made.decided(
        valuation_id=first.valuation_id, review=review, outcome=ReviewOutcome.CLARIFY, decided_at=now
    )
    house.publish(ACCEPTED, first)
    house.publish(DECISIONS, decision, None)
    house.publish(REQUESTS, a_request(number, action=Action.CLARIFY, chosen_community_id="c-2", requested_at=now))
    with house.intake():
        eventually(lambda: len(house.events(ACCEPTED, Accepted, number)) == 2)
    _, (second, _) = house.events(ACCEPTED, Accepted, number)
    assert (second.request.revision, second.request.occasion) == (2, Occasion.DESK_REPLY)
    assert second.request.due_at is not None

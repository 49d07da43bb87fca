"""A cancellation on a real broker and database: the ledger dies between saying it and knowing whether it came first."""

from datetime import UTC, datetime
from decimal import Decimal
from functools import partial

import pytest

from consumers.ledger import loop
from consumers.ledger.queries import LedgerQueries
from infra.kafka.security import client_conf
from infra.postgres.migrate import migrate
from infra.postgres.pool import open_pool
from schemas.catalogue import ACCEPTED, CLARIFICATIONS, REQUESTS, RESULTS, WITHDRAWALS
from schemas.codes import Action, Lane, Status
from schemas.events import Resulted, Withdrawn
from schemas.headers import CE_ID
from tests.fakes import valuations as made
from tests.fakes.loops import Unconfirmed, eventually, everything_on, publishing, running
from tests.fakes.valuations import CODEC, record_of

pytestmark = [pytest.mark.postgres, pytest.mark.kafka]

_READ = (REQUESTS, ACCEPTED, RESULTS, CLARIFICATIONS)


@pytest.fixture
def copies(topics):
    return {topic: topics.like(topic, partitions=2) for topic in _READ}


@pytest.fixture
def withdrawals(topics):
    return topics.like(WITHDRAWALS)


@pytest.fixture
def ledger(postgres, bootstrap, topics, copies, withdrawals):
    """Makes the loop of a ledger that sends through a publisher."""
    migrate(postgres, room=loop.ROOM)
    return lambda publisher: partial(
        _run,
        dsn=postgres,
        kafka=client_conf(bootstrap),
        publisher=publisher,
        codec=CODEC,
        clock=lambda: datetime.now(UTC),
        topics=list(copies.values()),
        requests=copies[REQUESTS],
        accepted=copies[ACCEPTED],
        results=copies[RESULTS],
        clarifications=copies[CLARIFICATIONS],
        withdrawals=withdrawals,
        dead_letters=topics("dead-letters"),
    )


def _run(stop, **wiring):
    loop.run(stop=stop, **wiring)


@pytest.mark.requirement("IN9")
def test_a_cancellation_that_came_first_is_the_end_though_the_ledger_died_and_a_decision_followed(
    postgres, bootstrap, ledger, copies, withdrawals
):
    subject = made.accepted().valuation_id
    results = copies[RESULTS].named(Lane.ONLINE)
    waiting = made.resulted(status=Status.PENDING_MANUAL)
    command = made.requested(
        requested_at=datetime.now(UTC), action=Action.CANCEL, address="", area=Decimal(0), note="客户放弃贷款"
    )
    with publishing(bootstrap) as publisher:

        def send(topic, event):
            publisher.publish([record_of(copies[topic], event, lane=Lane.ONLINE)])

        def ends():
            said = [(message, CODEC.decode(message.value(), Resulted)) for message in everything_on(bootstrap, results)]
            return [(dict(message.headers())[CE_ID], one.status) for message, one in said if one.status.is_final]

        with running(ledger(Unconfirmed(publisher))):  # sent, but not marked as sent
            for topic, event in ((REQUESTS, made.requested()), (ACCEPTED, made.accepted()), (RESULTS, waiting)):
                send(topic, event)
            send(REQUESTS, command)
            eventually(ends)
        send(RESULTS, made.resulted(status=Status.COMPLETED_MANUAL, human_touched=True))
        with running(ledger(publisher)):
            eventually(lambda: everything_on(bootstrap, withdrawals.named()))
    withdrawn = [CODEC.decode(one.value(), Withdrawn) for one in everything_on(bootstrap, withdrawals.named())]
    assert {(one.valuation_id, one.action) for one in withdrawn} == {(subject, Action.CANCEL)}
    cancellations = {known_by for known_by, status in ends() if status is Status.CANCELLED}
    assert len(cancellations) == 1  # however often it was sent
    assert ends()[0][1] is Status.CANCELLED
    with open_pool(postgres, room=loop.ROOM) as pool:
        assert LedgerQueries(pool).by_client_request("CREDIT_MGMT", "r-1").status == Status.CANCELLED

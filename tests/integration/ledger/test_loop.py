"""The ledger's whole process on a real broker and a real database."""

from datetime import UTC, datetime, timedelta
from functools import partial

import httpx
import pytest

from consumers.ledger import api, loop
from consumers.ledger.queries import LedgerQueries
from infra.kafka.security import client_conf
from infra.postgres.migrate import migrate
from infra.postgres.pool import open_pool
from schemas.catalogue import BREACHES, REPORTS, RESULTS
from schemas.codec import Codec
from schemas.codes import AppraisalKind, Lane, Status
from schemas.errors import UnknownSchemaError
from schemas.events import Appraised, DeviationBreached, Resulted
from schemas.ids import valuation_id
from schemas.registry import CatalogueRegistry
from tests.fakes import valuations as made
from tests.fakes.loops import eventually, everything_on, publishing, running
from tests.fakes.valuations import CODEC, NOON, record_of

pytestmark = [pytest.mark.postgres, pytest.mark.kafka]


@pytest.fixture
def copies(topics):
    return {topic: topics.like(topic, partitions=2) for topic in loop.TOPICS}


@pytest.fixture
def publisher(bootstrap):
    with publishing(bootstrap) as publisher:
        yield publisher


@pytest.fixture
def ledger(postgres, bootstrap, publisher, topics, copies):
    migrate(postgres, room=loop.ROOM)
    return partial(
        _run,
        dsn=postgres,
        kafka=client_conf(bootstrap),
        publisher=publisher,
        codec=CODEC,
        clock=lambda: datetime.now(UTC),
        topics=list(copies.values()),
        results=copies[RESULTS],
        breaches=topics.like(BREACHES, partitions=1),
        dead_letters=topics("dead-letters"),
    )


def _run(stop, **wiring) -> None:
    loop.run(stop=stop, **wiring)


@pytest.fixture
def queries(postgres, ledger):
    with open_pool(postgres, room=loop.ROOM) as pool:
        yield LedgerQueries(pool)


def records(copies, *events):
    topics = {topic.event: topic for topic in copies.values()}
    return [
        record_of(topics[type(event)], event, lane=Lane.ONLINE if topics[type(event)].lanes else None)
        for event in events
    ]


@pytest.mark.requirement("RS1", "OP4")
async def test_a_valuation_is_found_by_every_key_over_http(ledger, queries, copies, publisher):
    life = [made.requested(), made.accepted(), made.enriched(), made.scored(), made.resulted(), made.reported()]
    app = api.build(queries, lambda: datetime.now(UTC))
    base = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ledger")
    subject = valuation_id("CREDIT_MGMT", "r-1")
    async with base as client:
        assert (await client.get(f"/valuations/{subject}")).status_code == 404
        with running(
            partial(ledger, clock=lambda: NOON)
        ):  # later, the ledger might call the answer late between two events
            publisher.publish(records(copies, *life, *life))  # every one twice
            eventually(lambda: queries.report("HV-r-1") and queries.by_client_request("CREDIT_MGMT", "r-1").final_at)
            eventually(lambda: len(queries.timeline(queries.report("HV-r-1").valuation_id)) == len(life))
        whole = (await client.get(f"/valuations/{subject}")).json()
        assert whole["state"]["status"] == whole["result"]["status"] == "COMPLETED_AUTO"
        assert [report["report_no"] for report in whole["reports"]] == ["HV-r-1"]
        found = await client.get("/valuations", params={"business_ref": "BR-SECRET-77"})
        assert [state["valuation_id"] for state in found.json()["valuations"]] == [subject]
        found = await client.get("/valuations", params={"channel": "CREDIT_MGMT", "client_request_id": "r-1"})
        assert [state["valuation_id"] for state in found.json()["valuations"]] == [subject]
        assert (await client.get("/valuations")).status_code == 422
        timeline = (await client.get(f"/valuations/{subject}/timeline")).json()
        assert len(timeline["events"]) == len(life)
        assert {stage["stage"] for stage in timeline["stages"]} >= {"intake", "enrichment", "scoring", "routing"}
        answer = await client.get(f"/valuations/{subject}/result")
        assert CODEC.decode(answer.content, Resulted) == made.resulted()
        since = (NOON - timedelta(days=1)).isoformat()
        assert (await client.get("/summary", params={"since": since})).json()["reports"] == 1
        assert (await client.get("/summary", params={"since": "2026-01-01T00:00:00"})).status_code == 422


@pytest.mark.requirement("RT2")
def test_a_waiting_caller_hears_of_it_on_the_results_topic(ledger, queries, copies, publisher, bootstrap):
    now = datetime.now(UTC)
    received_at = now - timedelta(seconds=8)
    waiting = made.accepted("waiting", received_at=received_at, deadline_at=received_at + timedelta(seconds=10))
    with running(ledger):
        publisher.publish(records(copies, waiting))
        eventually(lambda: (state := queries.by_client_request("CREDIT_MGMT", "waiting")) and state.status)
    assert queries.by_client_request("CREDIT_MGMT", "waiting").status == Status.PROCESSING
    (message,) = everything_on(bootstrap, copies[RESULTS].named(Lane.ONLINE))
    headers = dict(message.headers())
    assert (headers["ce_source"], headers["traceparent"][3:35]) == (b"consumers/ledger", b"a" * 32)
    assert CODEC.decode(message.value(), Resulted).reasons == ("LATE",)
    assert not everything_on(bootstrap, copies[REPORTS].named(Lane.ONLINE))


@pytest.mark.requirement("VM4")
def test_a_value_far_from_an_appraisal_is_told_on_the_topic_of_breaches(ledger, copies, publisher, bootstrap):
    answer = made.resulted()
    appraisal = Appraised(
        valuation_id=answer.valuation_id,
        kind=AppraisalKind.OFFLINE_APPRAISAL,
        unit_price=33_520,
        value=3_000_000,
        on_date=NOON.date(),
        reported_at=NOON,
        source="office",
    )
    topic = ledger.keywords["breaches"].named()
    with running(ledger):
        publisher.publish(records(copies, answer, appraisal))
        eventually(lambda: everything_on(bootstrap, topic))
    (message,) = everything_on(bootstrap, topic)
    told = CODEC.decode(message.value(), DeviationBreached)
    assert (told.valuation_id, told.value, told.appraised_value) == (answer.valuation_id, 3_669_500, 3_000_000)


class RegistryBackAtTheThirdCall(CatalogueRegistry):
    """A registry that is away when the ledger first wants to say something."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def id_of(self, event):
        self.calls += 1
        if self.calls < 3:
            raise UnknownSchemaError("the registry is away")
        return super().id_of(event)


@pytest.mark.requirement("RT2")
def test_a_registry_that_is_away_keeps_the_ledger_waiting_and_does_not_end_it(ledger, queries, copies, publisher):
    registry = RegistryBackAtTheThirdCall()
    received_at = datetime.now(UTC) - timedelta(seconds=8)
    waiting = made.accepted("waiting", received_at=received_at, deadline_at=received_at + timedelta(seconds=10))
    with running(partial(ledger, codec=Codec(registry))):
        publisher.publish(records(copies, waiting))
        eventually(lambda: (state := queries.by_client_request("CREDIT_MGMT", "waiting")) and state.status)
    assert registry.calls == 3

"""The property registry in the ledger, on a real PostgreSQL: every correction is kept, the newest stands."""

from dataclasses import replace
from datetime import timedelta

import httpx
import psycopg
import pytest

from consumers.ledger import api
from consumers.ledger.loop import ROOM
from consumers.ledger.postgres import LedgerWriter
from consumers.ledger.queries import LedgerQueries
from consumers.ledger.registry import RegistryQueries
from infra.postgres.ingest import Received
from infra.postgres.migrate import migrate
from infra.postgres.pool import open_pool
from schemas.catalogue import PROPERTIES
from schemas.codes import PropertyType, Tradability
from schemas.events import PropertyRecord
from tests.fakes import valuations as made
from tests.fakes.valuations import CODEC, NOON

pytestmark = pytest.mark.postgres


@pytest.fixture
def pool(postgres):
    migrate(postgres, room=ROOM)
    with open_pool(postgres, room=ROOM) as pool:
        yield pool


@pytest.fixture
def keep(pool):
    """`keep(record, …)`: hand records to the ledger, each a second after the one before."""
    write = LedgerWriter(answer_within=timedelta(seconds=10))

    def keep(*records, place=0):
        batch = [received(record, place + number) for number, record in enumerate(records)]
        with pool.connection() as connection:
            write(connection, batch)

    return keep


def record(key="c-1|3", *, after_s=0, **changes):
    return PropertyRecord(
        **{
            "property_key": key,
            "source": "不动产登记簿",
            "corrected_by": "E1024",
            "corrected_at": NOON + timedelta(seconds=after_s),
        }
        | changes
    )


def received(event, place):
    return Received(
        topic=PROPERTIES,
        lane=None,
        partition=0,
        offset=place,
        appended_at=NOON + timedelta(seconds=place),
        event=event,
        headers=(),
        value=CODEC.encode(event),
    )


@pytest.mark.requirement("AD7")
def test_every_correction_is_kept_with_who_when_and_source(keep, pool):
    keep(
        record(built_year=2004, has_lift=False),
        record(after_s=60, built_year=2005, has_lift=False, corrected_by="E2", source="现场勘察", valuation_id="v-1"),
        record("c-1|4", built_year=1999),
    )
    registry = RegistryQueries(pool)
    newest, oldest = registry.history("c-1|3号楼")
    assert (newest.facts, newest.corrected_by, newest.source) == (
        {"built_year": 2005, "has_lift": False}, "E2", "现场勘察",
    )  # fmt: skip
    assert (newest.corrected_at, newest.valuation_id) == (NOON + timedelta(seconds=60), "v-1")
    assert (oldest.facts, oldest.corrected_by) == ({"built_year": 2004, "has_lift": False}, "E1024")
    assert registry.current("c-1|3") == newest
    assert registry.current("c-1|9") is None


@pytest.mark.requirement("AD7")
def test_only_what_was_established_is_a_fact(keep, pool):
    keep(record(property_type=PropertyType.VILLA, tradability=Tradability.UNKNOWN, halls=0))
    assert RegistryQueries(pool).current("c-1|3").facts == {"property_type": "VILLA", "halls": 0}


def test_a_record_read_twice_is_kept_once(keep, pool):
    same = record(built_year=2004)
    keep(same, place=7)
    keep(same, place=7)
    assert len(RegistryQueries(pool).history("c-1|3")) == 1


@pytest.mark.requirement("AD7")
def test_what_is_restored_as_it_was_before_stands_again(keep, pool):
    before, after = record(built_year=2004), record(built_year=2005, after_s=1)
    keep(before, after, before)
    registry = RegistryQueries(pool)
    assert registry.current("c-1|3").facts == {"built_year": 2004}
    assert [one.facts["built_year"] for one in registry.history("c-1|3")] == [2004, 2005, 2004]


@pytest.mark.requirement("AD7")
def test_a_topic_made_anew_counts_its_offsets_from_zero_and_loses_no_correction(keep, pool):
    keep(record(built_year=2004), record(built_year=2005, after_s=1))
    again = replace(received(record(built_year=2004), 0), appended_at=NOON + timedelta(days=1))
    with pool.connection() as connection:
        LedgerWriter(answer_within=timedelta(seconds=10))(connection, [again])
    assert RegistryQueries(pool).current("c-1|3").facts == {"built_year": 2004}


@pytest.mark.requirement("AD7")
def test_what_was_established_cannot_be_rewritten(keep, pool):
    keep(record(built_year=2004))
    for change in ("update registry_corrections set corrected_by = 'E9'", "delete from registry_corrections"):
        with pytest.raises(psycopg.errors.RaiseException, match="append-only"), pool.connection() as connection:
            connection.execute(change)
    assert RegistryQueries(pool).current("c-1|3").corrected_by == "E1024"


def test_corrections_and_valuations_share_a_batch(pool):
    event = made.resulted()
    result = Received(
        topic=PROPERTIES,
        lane=None,
        partition=0,
        offset=1,
        appended_at=NOON,
        event=event,
        headers=(),
        value=CODEC.encode(event),
    )
    write = LedgerWriter(answer_within=timedelta(seconds=10))
    with pool.connection() as connection:
        write(connection, [received(record(built_year=2004), 0), result])
    assert LedgerQueries(pool).by_client_request("CREDIT_MGMT", "r-1").value == event.value
    assert RegistryQueries(pool).current("c-1|3").facts == {"built_year": 2004}


@pytest.mark.requirement("AD7")
async def test_the_registry_is_told_over_http(keep, pool):
    keep(record(built_year=2004), record(after_s=1, built_year=2005))
    app = api.build(LedgerQueries(pool), lambda: NOON, RegistryQueries(pool))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ledger") as client:
        told = (await client.get("/registry", params={"property_key": "c-1|3幢"})).json()
        assert told["current"]["facts"] == {"built_year": 2005}
        assert [one["facts"]["built_year"] for one in told["history"]] == [2005, 2004]
        assert (await client.get("/registry", params={"property_key": "c-9"})).json() == {
            "current": None,
            "history": [],
        }
        assert (await client.get("/registry", params={"property_key": "|"})).status_code == 422

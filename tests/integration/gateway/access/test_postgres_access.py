"""What two instances know together, and what one knows when the database is away."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID, uuid5

import pytest

from infra.postgres.migrate import migrate
from infra.postgres.pool import connect, open_pool
from producers.gateway.access.memory import Memory
from producers.gateway.access.postgres import AUDIT_SUBJECT, ROOM, PostgresAccess
from producers.gateway.access.quotas import Asking, Use, window
from producers.gateway.access.signatures import TOLERANCE
from schemas.domain.channels import Counted, Period, Quota
from tests.fakes.answers import NOON

pytestmark = pytest.mark.postgres

SPACE = UUID(int=7)
QUOTA_TABLES = ("quota_window", "quota_counted")
PATIENT_S = 300.0  # what is tested is what is answered, not how soon


@pytest.fixture
def store(postgres):
    migrate(postgres, room=ROOM)
    with open_pool(postgres, room=ROOM) as pool:
        yield PostgresAccess(pool, lambda: None, within_s=PATIENT_S)


def asked(number, *, count=3, now=NOON, subject="customer", together=1_000):
    """One valuation, within a quota of its customer and one of the whole channel."""
    quotas = {
        subject: Quota(count=count, per=Period.DAY, of=Counted.TOKEN),
        "": Quota(count=together, per=Period.HOUR, of=Counted.CHANNEL),
    }
    uses = []
    for counted, quota in quotas.items():
        starts_at, ends_at = window(quota.per, now)
        uses.append(Use(channel="NET_BANK", subject=counted, quota=quota, starts_at=starts_at, ends_at=ends_at))
    return Asking(valuation_id=uuid5(SPACE, str(number)), at=now, uses=tuple(uses))


def an_instance(store):
    return Memory(store=store, monotonic_s=lambda: 0.0, within_s=PATIENT_S)


@pytest.mark.requirement("IN7")
async def test_a_second_instance_refuses_a_replay_too(store):
    one, other = an_instance(store), an_instance(store)
    expires_at = NOON + timedelta(minutes=5)
    taken = [await who.take_nonce("key:1", "n-1", expires_at=expires_at, now=NOON) for who in (one, other, one)]
    assert taken == [True, False, False]
    assert await other.take_nonce("key:2", "n-1", expires_at=expires_at, now=NOON)


@pytest.mark.requirement("IN5")
async def test_instances_count_a_quota_together_and_a_repeat_once(store):
    one, other = an_instance(store), an_instance(store)
    asking = [(one, 1), (other, 1), (other, 2), (one, 3), (one, 4), (other, 2), (other, 5)]
    admitted = [not await who.admit(asked(number)) for who, number in asking]
    assert admitted == [True, True, True, True, False, True, False]
    assert not await one.admit(asked(4, subject="another"))


@pytest.mark.requirement("IN5")
def test_a_repeat_is_free_for_24_hours_and_a_new_valuation_afterwards(store):
    day = timedelta(days=1)
    late = NOON + day - timedelta(seconds=1)
    asking = [(1, NOON), (1, late), (2, late), (3, late), (1, NOON + day), (2, NOON + day)]
    admitted = [not store.admit(asked(number, count=1, now=now)) for number, now in asking]
    assert admitted == [True, True, True, False, False, True]


def test_the_quota_that_is_used_up_is_named_and_the_other_is_not_counted(store):
    assert store.admit(asked(1, count=1)) == ()
    assert [use.quota.of for use in store.admit(asked(2, count=1, together=2))] == [Counted.TOKEN]
    assert store.admit(asked(3, count=1, together=2, subject="another")) == ()
    assert [use.quota.of for use in store.admit(asked(4, together=2, subject="third"))] == [Counted.CHANNEL]


def test_many_at_the_same_moment_are_not_let_through_together(store):
    with ThreadPoolExecutor(4) as workers:
        refused = list(workers.map(store.admit, [asked(number, count=5) for number in range(20)]))
    assert refused.count(()) == 5


async def test_without_the_database_an_instance_goes_on_by_itself(caplog):
    dead = open_pool("host=127.0.0.1 port=1 dbname=none connect_timeout=1", room=ROOM)
    try:
        alone = an_instance(PostgresAccess(dead, lambda: None))
        expires_at = NOON + timedelta(minutes=5)
        assert [await alone.take_nonce("k", "n", expires_at=expires_at, now=NOON) for _ in range(2)] == [True, False]
        assert [not await alone.admit(asked(number, count=1)) for number in (1, 1, 2)] == [True, True, False]
        assert await alone.blocked() == frozenset()
        assert "the block list has not been read since the start: nobody is kept out" in caplog.messages
    finally:
        dead.close()


async def test_a_block_works_on_every_instance_within_seconds_and_ends(store):
    seconds = [0.0]
    instance = Memory(store=store, monotonic_s=lambda: seconds[0])
    assert await instance.blocked() == frozenset()
    store.block("channel:NET_BANK", reason="测试", by="ops", at=NOON)
    seconds[0] = 5.0
    assert await instance.blocked() == {"channel:NET_BANK"}
    assert store.unblock("channel:NET_BANK", reason="误登", by="ops-2", at=NOON)
    assert not store.unblock("channel:NET_BANK", reason="误登", by="ops-2", at=NOON)
    seconds[0] = 10.0
    assert await instance.blocked() == frozenset()


@pytest.mark.requirement("IN5", "SE4")
def test_every_block_and_its_end_stay_in_the_history_and_in_the_sealed_audit(store, postgres):
    store.block("channel:NET_BANK", reason="爬取", by="ops-1", at=NOON)
    store.block("channel:NET_BANK", reason="再次爬取", by="ops-2", at=NOON + timedelta(hours=1))
    assert [(one.reason, one.blocked_by) for one in store.blocked()] == [("再次爬取", "ops-2")]
    store.unblock("channel:NET_BANK", reason="已改正", by="ops-3", at=NOON + timedelta(hours=2))
    assert store.blocked() == ()
    assert [(one.reason, one.blocked_by, one.lifted_by, one.lifted_reason) for one in store.history()] == [
        ("再次爬取", "ops-2", "ops-3", "已改正"),
        ("爬取", "ops-1", "ops-2", "由新的登记取代"),
    ]
    with connect(postgres, room=ROOM) as connection:
        query = "select actor, action, details ->> 'reason' from audit_line where subject = %s order by sequence"
        told = connection.execute(query, [AUDIT_SUBJECT]).fetchall()
        unsealed = connection.execute("select count(*) from audit_head where sequence > sealed").fetchone()
    assert told == [("ops-1", "BLOCK", "爬取"), ("ops-2", "BLOCK", "再次爬取"), ("ops-3", "UNBLOCK", "已改正")]
    assert unsealed == (0,)


def test_what_has_expired_is_forgotten_and_the_rest_is_not(store, postgres):
    second = timedelta(seconds=1)
    for nonce, expires_at in (("old", NOON - TOLERANCE - second), ("late", NOON - TOLERANCE + second)):
        store.take_nonce("k", nonce, expires_at=expires_at)
    store.admit(asked(1, count=1, now=NOON - timedelta(days=3)))
    store.admit(asked(2, count=1))
    store.forget(NOON)
    assert store.take_nonce("k", "old", expires_at=NOON + second)
    assert not store.take_nonce("k", "late", expires_at=NOON + second)
    assert store.admit(asked(3, count=1)) != ()
    with connect(postgres, room=ROOM) as connection:
        kept = [connection.execute(f"select count(*) from {table}").fetchone()[0] for table in QUOTA_TABLES]
    assert kept == [2, 1]


async def test_two_who_ask_for_the_block_list_at_once_read_it_once(store):
    reads = []

    class Counting(PostgresAccess):
        def blocked(self):
            reads.append(1)
            return super().blocked()

    instance = an_instance(Counting(store._pool, lambda: None, within_s=PATIENT_S))
    await asyncio.gather(instance.blocked(), instance.blocked())
    assert len(reads) == 1

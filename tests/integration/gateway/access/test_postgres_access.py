"""What two instances know together, and what one knows when the database is away."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from uuid import UUID, uuid5

import pytest

from infra.postgres.migrate import migrate
from infra.postgres.pool import open_pool
from producers.gateway.access.memory import Memory
from producers.gateway.access.postgres import ROOM, PostgresAccess
from producers.gateway.access.quotas import Use, window
from schemas.domain.channels import Counted, Period, Quota
from tests.fakes.answers import NOON

pytestmark = pytest.mark.postgres

SPACE = UUID(int=7)


@pytest.fixture
def store(postgres):
    pool = open_pool(postgres, room=ROOM)
    yield PostgresAccess(pool, partial(migrate, postgres, room=ROOM))
    pool.close()


def a_use(number, *, count=3, now=NOON, subject="customer"):
    starts_at, ends_at = window(Period.DAY, now)
    return Use(
        channel="NET_BANK",
        subject=subject,
        quota=Quota(count=count, per=Period.DAY, of=Counted.TOKEN),
        starts_at=starts_at,
        ends_at=ends_at,
        valuation_id=uuid5(SPACE, str(number)),
    )


def an_instance(store):
    return Memory(store=store, monotonic_s=lambda: 0.0)


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
    asked = [(one, 1), (other, 1), (other, 2), (one, 3), (one, 4), (other, 2), (other, 5)]
    assert [await who.admit(a_use(number)) for who, number in asked] == [True, True, True, True, False, True, False]
    assert await one.admit(a_use(4, subject="another"))


async def test_a_repeat_of_yesterdays_request_is_no_new_one_today(store):
    tomorrow = NOON + timedelta(days=1)
    assert store.admit(a_use(1, count=1))
    assert store.admit(a_use(1, count=1, now=tomorrow))
    assert store.admit(a_use(2, count=1, now=tomorrow))
    assert not store.admit(a_use(3, count=1, now=tomorrow))
    assert store.admit(a_use(1, count=1, now=tomorrow))


def test_many_at_the_same_moment_are_not_let_through_together(store):
    with ThreadPoolExecutor(4) as workers:
        admitted = list(workers.map(store.admit, [a_use(number, count=5) for number in range(20)]))
    assert sum(admitted) == 5


async def test_without_the_database_an_instance_goes_on_by_itself():
    dead = open_pool("host=127.0.0.1 port=1 dbname=none connect_timeout=1", room=ROOM)
    try:
        alone = an_instance(PostgresAccess(dead, lambda: None))
        expires_at = NOON + timedelta(minutes=5)
        assert [await alone.take_nonce("k", "n", expires_at=expires_at, now=NOON) for _ in range(2)] == [True, False]
        assert [await alone.admit(a_use(number, count=1)) for number in (1, 1, 2)] == [True, True, False]
        assert await alone.blocked() == frozenset()
    finally:
        dead.close()


async def test_a_block_works_on_every_instance_within_seconds_and_ends(store):
    seconds = [0.0]
    instance = Memory(store=store, monotonic_s=lambda: seconds[0])
    assert await instance.blocked() == frozenset()
    store.block("channel:NET_BANK", reason="测试", blocked_by="ops")
    store.block("channel:NET_BANK", reason="再次", blocked_by="ops-2")
    seconds[0] = 5.0
    assert await instance.blocked() == {"channel:NET_BANK"}
    assert [(entry.what, entry.reason, entry.blocked_by) for entry in store.blocked()] == [
        ("channel:NET_BANK", "再次", "ops-2")
    ]
    assert store.unblock("channel:NET_BANK")
    assert not store.unblock("channel:NET_BANK")
    seconds[0] = 10.0
    assert await instance.blocked() == frozenset()


def test_what_has_expired_is_forgotten_and_the_rest_is_not(store):
    store.take_nonce("k", "old", expires_at=NOON - timedelta(seconds=1))
    store.take_nonce("k", "new", expires_at=NOON + timedelta(seconds=1))
    store.admit(replace(a_use(1, count=1), starts_at=NOON - timedelta(days=3)))
    store.admit(a_use(2, count=1))
    store.forget(NOON)
    assert store.take_nonce("k", "old", expires_at=NOON + timedelta(seconds=1))
    assert not store.take_nonce("k", "new", expires_at=NOON + timedelta(seconds=1))
    assert not store.admit(a_use(3, count=1))


async def test_two_who_ask_for_the_block_list_at_once_read_it_once(store):
    reads = []

    class Counting(PostgresAccess):
        def blocked(self):
            reads.append(1)
            return super().blocked()

    instance = an_instance(Counting(store._pool, store._prepare))
    await asyncio.gather(instance.blocked(), instance.blocked())
    assert len(reads) == 1

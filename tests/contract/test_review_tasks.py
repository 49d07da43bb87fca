"""Every promise of `ReviewTasks` is kept by the fake and by the real one."""

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from consumers.review_desk.loop import ROOM
from consumers.review_desk.postgres import PostgresReviewTasks
from consumers.review_desk.task import Conclusion, DeskPolicy, TaskState, TaskUnavailableError, decided_event
from infra.postgres.migrate import migrate
from infra.postgres.pool import open_pool
from schemas.codes import ReviewOutcome
from schemas.events import Decided
from schemas.ids import valuation_id
from tests.fakes import valuations as made
from tests.fakes.review_tasks import MemoryReviewTasks
from tests.fakes.valuations import CODEC, NOON

SOON = NOON + timedelta(minutes=5)
LATER = NOON + timedelta(minutes=6)
CONCLUSION = Conclusion(
    outcome=ReviewOutcome.VALUE,
    unit_price=41_500,
    rationale="可比成交近两月上涨，按内部口径上调",
    comparable_ids=("deal-1", "deal-2", "deal-3"),
)


class Memory:
    def __init__(self) -> None:
        self.tasks = MemoryReviewTasks()

    def published(self) -> list[Decided]:
        return self.tasks.published


class Postgres:
    def __init__(self, pool) -> None:
        self._pool = pool
        self.tasks = PostgresReviewTasks(pool, CODEC, randomness=random.Random(1))

    def published(self) -> list[Decided]:
        with self._pool.connection() as connection:
            rows = connection.execute("select value from outbox order by id").fetchall()
        return [CODEC.decode(value, Decided) for (value,) in rows]


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.postgres)])
def queue(request):
    if request.param == "memory":
        yield Memory()
        return
    dsn = request.getfixturevalue("postgres")
    migrate(dsn, room=ROOM)
    with open_pool(dsn, room=ROOM, size=8) as pool:
        yield Postgres(pool)


@pytest.fixture
def tasks(queue):
    return queue.tasks


def id_of(number: str) -> str:
    return valuation_id("CREDIT_MGMT", number)


def decision(number: str = "a", reviewer: str = "lin", at=NOON) -> Decided:
    return decided_event(
        made.review(number),
        CONCLUSION,
        reviewer=reviewer,
        grade="G2",
        claimed_at=NOON,
        decided_at=at,
        policy=DeskPolicy(),
    )


@pytest.mark.requirement("RD2")
def test_a_task_is_claimed_once_though_it_was_delivered_twice(tasks):
    tasks.open(made.review("a"))
    tasks.open(made.review("a"))
    assert tasks.claim_next("lin", now=NOON, lease_until=SOON).valuation_id == id_of("a")
    tasks.open(made.review("a"))
    assert tasks.claim_next("wu", now=NOON, lease_until=SOON) is None


@pytest.mark.requirement("RD2")
def test_many_reviewers_at_the_same_moment_never_hold_the_same_task(tasks):
    for number in range(12):
        tasks.open(made.review(str(number)))
    with ThreadPoolExecutor(8) as threads:
        claimed = list(threads.map(lambda n: tasks.claim_next(f"reviewer-{n}", now=NOON, lease_until=SOON), range(16)))
    held = [task.valuation_id for task in claimed if task is not None]
    assert len(held) == len(set(held)) == 12


def test_a_reviewer_who_asks_twice_at_once_gets_one_task(tasks):
    for number in range(4):
        tasks.open(made.review(str(number)))
    with ThreadPoolExecutor(8) as threads:
        claimed = list(threads.map(lambda _: tasks.claim_next("lin", now=NOON, lease_until=SOON), range(8)))
    assert len({task.valuation_id for task in claimed if task is not None}) == 1


def test_tasks_go_out_by_priority_then_due_time(tasks):
    tasks.open(made.review("late", due_at=NOON + timedelta(hours=2)))
    tasks.open(made.review("soon", due_at=NOON + timedelta(hours=1)))
    tasks.open(made.review("urgent", priority=90, due_at=NOON + timedelta(hours=3)))
    expected = [id_of("urgent"), id_of("soon"), id_of("late")]
    assert [task.valuation_id for task in tasks.open_tasks(now=NOON)] == expected
    order = [tasks.claim_next(reviewer, now=NOON, lease_until=SOON).valuation_id for reviewer in "abc"]
    assert order == expected


@pytest.mark.requirement("RD5")
def test_a_lease_that_ran_out_frees_the_task_with_its_draft(tasks):
    tasks.open(made.review("a"))
    tasks.claim_next("lin", now=NOON, lease_until=SOON)
    tasks.keep(id_of("a"), "lin", now=NOON, lease_until=SOON, draft={"unit_price": 41_000})
    assert tasks.claim_next("wu", now=NOON, lease_until=SOON) is None
    assert tasks.open_tasks(now=LATER)[0].state is TaskState.QUEUED
    taken = tasks.claim_next("wu", now=LATER, lease_until=LATER + timedelta(minutes=5))
    assert (taken.reviewer, taken.draft) == ("wu", {"unit_price": 41_000})
    with pytest.raises(TaskUnavailableError):
        tasks.keep(id_of("a"), "lin", now=LATER, lease_until=LATER)


def test_a_sign_of_life_keeps_the_task(tasks):
    tasks.open(made.review("a"))
    tasks.claim_next("lin", now=NOON, lease_until=SOON)
    tasks.keep(id_of("a"), "lin", now=NOON, lease_until=LATER + timedelta(minutes=5))
    assert tasks.claim_next("wu", now=LATER, lease_until=LATER) is None


def test_a_reviewer_gets_the_task_in_hand_again_instead_of_a_second_one(tasks):
    tasks.open(made.review("a"))
    tasks.open(made.review("b"))
    first = tasks.claim_next("lin", now=NOON, lease_until=SOON)
    again = tasks.claim_next("lin", now=NOON, lease_until=SOON)
    other = next(number for number in "ab" if id_of(number) != first.valuation_id)
    assert again.valuation_id == first.valuation_id
    with pytest.raises(TaskUnavailableError) as refused:
        tasks.claim(id_of(other), "lin", now=NOON, lease_until=SOON)
    assert refused.value.current.valuation_id == first.valuation_id


def test_a_reviewer_whose_lease_ran_out_may_take_another_task(tasks):
    tasks.open(made.review("a"))
    tasks.claim_next("lin", now=NOON, lease_until=SOON)
    tasks.open(made.review("b"))
    claimed = tasks.claim(id_of("b"), "lin", now=LATER, lease_until=LATER + timedelta(minutes=5))
    assert claimed.held_by("lin", LATER)
    assert {task.state for task in tasks.open_tasks(now=LATER)} == {TaskState.QUEUED, TaskState.CLAIMED}


def test_a_task_held_by_somebody_cannot_be_claimed(tasks):
    tasks.open(made.review("a"))
    assert tasks.claim(id_of("a"), "lin", now=NOON, lease_until=SOON).held_by("lin", NOON)
    with pytest.raises(TaskUnavailableError):
        tasks.claim(id_of("a"), "wu", now=NOON, lease_until=SOON)


def test_a_released_task_is_free_again_with_its_draft(tasks):
    tasks.open(made.review("a"))
    tasks.claim_next("lin", now=NOON, lease_until=SOON)
    tasks.keep(id_of("a"), "lin", now=NOON, lease_until=SOON, draft={"note": "x"})
    tasks.release(id_of("a"), "lin", now=NOON)
    assert tasks.claim_next("wu", now=NOON, lease_until=SOON).draft == {"note": "x"}


def test_a_decision_is_published_once_and_ends_the_task(queue, tasks):
    tasks.open(made.review("a"))
    task = tasks.claim_next("lin", now=NOON, lease_until=SOON)
    tasks.decide(decision(), CONCLUSION, version=task.version)
    with pytest.raises(TaskUnavailableError) as refused:
        tasks.decide(decision(), CONCLUSION, version=task.version)
    assert refused.value.current.state is TaskState.DECIDED
    assert queue.published() == [decision()]
    assert tasks.open_tasks(now=NOON) == ()
    tasks.open(made.review("a"))  # redelivered after its end
    assert tasks.claim_next("wu", now=NOON, lease_until=SOON) is None


@pytest.mark.requirement("RD5")
def test_whoever_lost_the_task_cannot_decide_it(queue, tasks):
    tasks.open(made.review("a"))
    task = tasks.claim_next("lin", now=NOON, lease_until=SOON)
    for attempt in (decision(at=LATER), decision(reviewer="wu")):
        with pytest.raises(TaskUnavailableError):
            tasks.decide(attempt, CONCLUSION, version=task.version)
    with pytest.raises(TaskUnavailableError):
        tasks.decide(decision(), CONCLUSION, version=task.version - 1)
    assert queue.published() == []


def test_a_second_review_of_the_valuation_takes_the_place_of_the_first(queue, tasks):
    tasks.open(made.review("a"))
    task = tasks.claim_next("lin", now=NOON, lease_until=SOON)
    asked_again = replace(made.scored("a"), request=made.request("a", revision=2))
    tasks.open(made.review("a", scored=asked_again))
    with pytest.raises(TaskUnavailableError):
        tasks.decide(decision(), CONCLUSION, version=task.version)
    (fresh,) = tasks.open_tasks(now=NOON)
    assert (fresh.revision, fresh.state, fresh.version > task.version) == (2, TaskState.QUEUED, True)
    assert tasks.find(id_of("a"))[1].scored.request.revision == 2
    assert queue.published() == []


def test_an_unknown_task_is_refused_without_a_state(tasks):
    unknown = str(UUID(int=1))
    assert tasks.find(unknown) is None
    for command in (
        lambda: tasks.claim(unknown, "lin", now=NOON, lease_until=SOON),
        lambda: tasks.release(unknown, "lin", now=NOON),
        lambda: tasks.keep(unknown, "lin", now=NOON, lease_until=SOON),
    ):
        with pytest.raises(TaskUnavailableError) as refused:
            command()
        assert refused.value.current is None

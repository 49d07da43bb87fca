"""复估 at the desk, on a real database: blind, by somebody else, measured afterwards."""

from dataclasses import replace
from datetime import timedelta

import pytest

from consumers.review_desk.quality.corrections import Corrections
from consumers.review_desk.quality.disputes import Disputes
from consumers.review_desk.queue.intake import take_in
from consumers.review_desk.task import Kind, NotAllowedError
from infra.postgres.migrate import migrate
from infra.postgres.pool import open_pool
from schemas.domain.worktime import due_at
from tests.fakes import valuations as made
from tests.fakes.desk_day import LIN, MEI, MODEL_PRICE, NOON, WU, ZHAO, Clock, Day
from tests.fakes.valuations import CODEC

pytestmark = pytest.mark.postgres

WINDOW = (NOON - timedelta(days=1), NOON + timedelta(days=9))


@pytest.fixture
def pool(postgres):
    migrate(postgres, room="review_desk")
    with open_pool(postgres, room="review_desk") as pool:
        yield pool


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def day(pool, clock):
    return Day(pool, clock)


@pytest.fixture
def disputes(day, clock):
    return Disputes(day.store, clock=clock)


def disputed(day: Day) -> str:
    """The dispute as it comes in from routing: with the receipt of the first request, which may be weeks ago."""
    now = day.clock.now
    asked = made.review("r-1", requested_at=now, reasons=("DISPUTE",), skill="RESIDENTIAL", due_at=due_at(now, 1))
    request = replace(asked.scored.request, revision=2, received_at=now - timedelta(days=60))
    asked = replace(asked, scored=replace(asked.scored, request=request))
    with day.pool.connection() as connection:
        take_in(connection, day.store, day.policy, asked, CODEC.encode(asked), None)
    (task,) = day.tasks(Kind.DISPUTE)
    return task.task_id


@pytest.mark.requirement("DI2")
def test_who_decided_or_approved_first_never_gets_the_dispute_and_the_try_is_audited(day):
    day.decides(day.comes_in("r-1"), LIN, 50_000, approver="wu")
    task_id = disputed(day)
    for first in (LIN, WU):
        assert day.desk.pool(first) == ()
        with pytest.raises(NotAllowedError, match="由他人处理"):
            day.desk.claim(task_id, first)
    assert day.audited(made.review("r-1").valuation_id, "REFUSED") == 2
    assert day.desk.claim(task_id, ZHAO).reviewer == "zhao"


@pytest.mark.requirement("DI2")
def test_a_dispute_has_one_working_day_and_shows_nothing_of_the_first_value(day, disputes):
    day.decides(day.comes_in("r-1"), LIN, 50_000)
    task_id = disputed(day)
    task = day.desk.claim(task_id, ZHAO)
    assert (task.blind, task.due_at) == (True, due_at(NOON, 1))
    (shown,) = disputes.disputes(ZHAO, *WINDOW)
    assert (shown.first_value, shown.excluded) == (None, ())


@pytest.mark.requirement("DI2")
def test_the_new_value_stands_beside_the_first_and_tells_who_was_right(day, disputes, clock):
    day.decides(day.comes_in("r-1"), LIN, 50_000)
    clock.passes(hours=1)
    task_id = disputed(day)
    clock.passes(hours=1)
    day.decides(task_id, ZHAO, 44_000)
    (shown,) = disputes.disputes(MEI, *WINDOW)
    assert (shown.first_value, shown.value, shown.is_first_automatic) == (4_475_000, 3_938_000, False)
    assert (shown.excluded, shown.is_upheld) == (("lin",), True)
    found = disputes.uphold(MEI, *WINDOW)
    assert (found.decided, found.upheld, found.results) == (1, 1, 1)
    assert disputes.uphold(MEI, *WINDOW, results=20_000).per_10_000 == 0.5


@pytest.mark.requirement("DI2", "RT7")
def test_a_dispute_counts_when_it_is_raised_however_long_ago_the_value_was_asked_for(day, disputes, clock):
    for number in range(2):
        day.decides(day.comes_in(f"x-{number}"), WU, 50_000)
    disputed(day)
    (shown,) = disputes.disputes(MEI, *WINDOW)
    assert shown.received_at == NOON
    assert disputes.uphold(MEI, *WINDOW).disputes == 1
    (found,) = Corrections(day.store, clock=clock).check(clock.now)
    assert (len(found.signals), found.first_at) == (3, NOON)


@pytest.mark.requirement("DI2")
def test_what_people_gave_back_to_the_model_is_the_models_value_and_not_theirs(day, disputes):
    first = day.comes_in("r-1")
    day.returns(first, LIN)
    task_id = disputed(day)
    day.decides(task_id, ZHAO, MODEL_PRICE)
    (shown,) = disputes.disputes(MEI, *WINDOW)
    assert (shown.is_first_automatic, shown.first_value, shown.is_upheld) == (True, 3_669_500, False)


@pytest.mark.requirement("DI2")
def test_the_first_value_of_a_dispute_about_an_automatic_answer_is_the_models(day, disputes):
    task_id = disputed(day)
    day.decides(task_id, ZHAO, round(MODEL_PRICE * 1.05))
    (shown,) = disputes.disputes(MEI, *WINDOW)
    assert (shown.is_first_automatic, shown.first_value, shown.is_upheld) == (True, 3_669_500, False)


def test_without_the_right_to_quality_there_are_no_figures(day, disputes):
    with pytest.raises(NotAllowedError):
        disputes.uphold(LIN, *WINDOW)
    assert day.audited("desk", "REFUSED") == 1

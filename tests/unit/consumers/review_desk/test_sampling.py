"""Which decisions are read a second time."""

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from consumers.review_desk.pace import Pace
from consumers.review_desk.quality.quality import days_to_draw
from consumers.review_desk.quality.sampling import Readable, drawn, sample_size

MONDAY = date(2026, 3, 2)
FIVE_PERCENT = {"share": Decimal("0.05"), "newcomer_share": Decimal("0.20")}


def decisions(reviewer: str, number: int, *, queue: str = "YANGTZE_DELTA/RESIDENTIAL", **changes) -> list[Readable]:
    one = Readable(task_id="", queue=queue, reviewer=reviewer, decided_on=MONDAY)
    return [replace(one, task_id=f"{reviewer}-{queue}-{place}", **changes) for place in range(number)]


@pytest.mark.requirement("GV4")
def test_the_same_draw_twice_gives_the_same_whatever_the_order():
    made = decisions("lin", 60) + decisions("wu", 45) + decisions("lin", 30, queue="BOHAI_RIM/VILLA")
    mixed = random.Random(7).sample(made, len(made))
    assert drawn(mixed, seed="2026", **FIVE_PERCENT) == drawn(made, seed="2026", **FIVE_PERCENT)


@pytest.mark.requirement("GV4")
def test_every_reviewer_and_queue_of_a_day_gives_its_share_rounded_up():
    made = decisions("lin", 60) + decisions("wu", 21) + decisions("lin", 1, queue="BOHAI_RIM/VILLA")
    found = Counter((one.queue, one.reviewer) for one in drawn(made, seed="2026", **FIVE_PERCENT).drawn)
    assert found == {
        ("YANGTZE_DELTA/RESIDENTIAL", "lin"): 3,
        ("YANGTZE_DELTA/RESIDENTIAL", "wu"): 2,
        ("BOHAI_RIM/VILLA", "lin"): 1,
    }


@pytest.mark.requirement("GV4")
def test_another_seed_draws_others():
    made = decisions("lin", 100)
    assert drawn(made, seed="a", **FIVE_PERCENT).drawn != drawn(made, seed="b", **FIVE_PERCENT).drawn


@pytest.mark.requirement("GV4")
def test_two_days_of_a_reviewer_are_drawn_from_apart():
    made = decisions("lin", 20) + [
        replace(one, task_id=f"{one.task_id}-next", decided_on=date(2026, 3, 3)) for one in decisions("lin", 20)
    ]
    assert Counter(one.decided_on for one in drawn(made, seed="s", **FIVE_PERCENT).drawn) == {
        MONDAY: 1,
        date(2026, 3, 3): 1,
    }


@pytest.mark.requirement("RD16")
def test_of_a_newcomer_more_is_read_again():
    assert len(drawn(decisions("new", 40, is_newcomer=True), seed="s", **FIVE_PERCENT).drawn) == 8


@pytest.mark.parametrize(("made", "size"), [(0, 0), (1, 1), (20, 1), (21, 2), (40, 2), (100, 5), (101, 6)])
def test_a_share_is_rounded_up_in_decimals(made, size):
    assert sample_size(made, Decimal("0.05")) == size


@pytest.mark.parametrize("share", ["0", "1.01", "-0.05"])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        drawn([], seed="s", share=Decimal(share), newcomer_share=Decimal("0.2"))


def test_nothing_decided_is_nothing_drawn():
    assert drawn([], seed="s", **FIVE_PERCENT).drawn == ()


def test_the_first_draw_ever_is_of_yesterday_and_a_missed_day_is_drawn_later():
    assert days_to_draw(None, date(2026, 3, 4)) == (date(2026, 3, 3),)
    assert days_to_draw(date(2026, 3, 1), date(2026, 3, 4)) == (date(2026, 3, 2), date(2026, 3, 3))
    assert days_to_draw(date(2026, 3, 3), date(2026, 3, 4)) == ()
    assert days_to_draw(date(2025, 1, 1), date(2026, 3, 4))[0] == date(2026, 2, 18)


def test_a_pass_comes_once_a_minute_whatever_the_ticks():
    pace, start = Pace(timedelta(minutes=1)), datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
    ticks = [start + timedelta(seconds=second) for second in (0, 1, 59, 60, 61)]
    assert [pace.is_due(now) for now in ticks] == [True, False, False, True, False]

"""Arrivals expected by weekday and hour, and the people they need."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.review_desk.oversight.forecast import (
    LEAST_DAYS,
    PRIOR_DAYS,
    expected_arrivals,
    mean_handling,
    needed_people,
    probability_of_waiting,
    staff_by_occupancy,
    staff_by_waiting,
)
from schemas.domain.worktime import SHANGHAI

MONDAY = date(2026, 6, 15)
WEEKS = (date(2026, 5, 11), date(2026, 6, 12))  # five weeks without a holiday


def at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=SHANGHAI)


def mondays_at_ten(count: int) -> list[datetime]:
    return [at(WEEKS[0] + timedelta(weeks=week), 10, minute) for week in range(5) for minute in range(count)]


def arrivals_by_hour(history, days=(MONDAY,), observed=WEEKS) -> dict[int, float]:
    return {hour.starts_at.hour: hour.arrivals for hour in expected_arrivals(history, observed, days)}


@pytest.mark.requirement("RD8")
def test_a_weekday_and_hour_is_its_mean_shrunk_towards_the_hours_mean_over_all_days():
    expected = arrivals_by_hour(mondays_at_ten(10))
    prior = 50 / 25  # five Mondays of ten, over 25 working days
    assert expected[10] == pytest.approx((50 + PRIOR_DAYS * prior) / (5 + PRIOR_DAYS))
    assert expected[11] == 0.0


@pytest.mark.requirement("RD8")
def test_what_comes_at_the_week_end_lands_on_monday_at_nine():
    saturday = [at(WEEKS[0] + timedelta(days=5, weeks=week), 22) for week in range(4)]
    expected = arrivals_by_hour(saturday)
    assert expected[9] > 0.0
    assert sum(expected.values()) == expected[9]


def test_days_of_rest_have_no_hours_and_make_up_days_do():
    dragon_boat, make_up = date(2026, 6, 19), date(2026, 10, 10)  # a Friday off; a Saturday of work
    hours = expected_arrivals([], WEEKS, (dragon_boat, make_up))
    assert {hour.starts_at.date() for hour in hours} == {make_up}


def test_a_forecast_says_that_it_rests_on_too_little():
    (first, *_) = expected_arrivals([], (date(2026, 6, 8), date(2026, 6, 12)), (MONDAY,))
    assert (first.seen_days, first.is_thin) == (1, True)
    (first, *_) = expected_arrivals([], WEEKS, (MONDAY,))
    assert (first.seen_days >= LEAST_DAYS, first.is_thin) == (True, False)


def test_nothing_observed_at_all_expects_nothing_and_says_so():
    hours = expected_arrivals([], (MONDAY, MONDAY - timedelta(days=1)), (MONDAY,))
    assert {(hour.arrivals, hour.is_thin) for hour in hours} == {(0.0, True)}


@pytest.mark.parametrize(
    ("people", "load", "chance"),
    [(1, 0.5, 0.5), (2, 1.0, 1 / 3), (3, 2.0, 4 / 9), (2, 2.0, 1.0), (4, 0.0, 0.0)],
    ids=["one server waits as often as it is busy", "M/M/2 at half load", "M/M/3 at two thirds", "overload", "idle"],
)
def test_erlang_c_gives_the_textbook_values(people, load, chance):
    assert probability_of_waiting(people, load) == pytest.approx(chance)


@given(people=st.integers(1, 60), load=st.floats(0.01, 60))
def test_one_more_person_never_makes_anybody_wait_more(people, load):
    assert 0.0 <= probability_of_waiting(people + 1, load) <= probability_of_waiting(people, load) <= 1.0


@pytest.mark.requirement("RD8")
def test_people_are_busy_no_more_than_the_share_of_their_time():
    assert staff_by_occupancy(17, timedelta(minutes=30)) == 10  # 8.5 hours of work over 0.85
    assert staff_by_occupancy(17.1, timedelta(minutes=30)) == 11
    assert staff_by_occupancy(0, timedelta(minutes=30)) == 0


def test_waiting_needs_more_people_than_the_work_itself():
    needed = staff_by_waiting(16, timedelta(minutes=30), within=timedelta(minutes=5), share=0.8)
    assert 8 < needed < 14
    assert staff_by_waiting(0, timedelta(minutes=30), within=timedelta(minutes=5), share=0.8) == 0


def test_the_time_a_case_takes_is_the_assumed_one_until_it_is_known():
    assert mean_handling([]) == timedelta(minutes=20)
    assert mean_handling([timedelta(minutes=40)] * 4) == timedelta(minutes=30)


@pytest.mark.requirement("RD8")
def test_an_hour_counts_as_staffed_only_by_who_is_there_for_all_of_it():
    hours = expected_arrivals(mondays_at_ten(10), WEEKS, (MONDAY,))
    shifts = [(at(MONDAY, 9), at(MONDAY, 17)), (at(MONDAY, 10, 30), at(MONDAY, 17))]
    at_ten = needed_people(hours, timedelta(minutes=30), shifts, within=timedelta(minutes=10), share=0.8)[1]
    assert (at_ten.planned, at_ten.needed > 1, at_ten.missing) == (1, True, at_ten.needed - 1)

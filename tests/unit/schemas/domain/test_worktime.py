from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.domain.worktime import (
    DESK,
    SHANGHAI,
    Desk,
    add_desk_time,
    desk_time_between,
    due_at,
    is_provisional,
    is_working_day,
)

MINUTES = st.integers(min_value=0, max_value=14 * 30 * 24 * 60)  # fourteen months: into a year not announced yet
INSTANTS = MINUTES.map(lambda minutes: datetime(2025, 12, 1, tzinfo=SHANGHAI) + timedelta(minutes=minutes))
DURATIONS = st.timedeltas(min_value=timedelta(0), max_value=timedelta(hours=200))


def shanghai(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.requirement("RD1", "RT2")
@pytest.mark.parametrize(
    ("received", "due"),
    [
        ("2026-11-23T10:00", "2026-11-24T10:00"),  # Monday
        ("2026-11-20T18:30", "2026-11-23T17:00"),  # Friday evening: Monday is used up whole
        ("2026-09-24T16:00", "2026-09-28T16:00"),  # Thursday before 中秋
        ("2026-02-13T18:30", "2026-02-14T17:00"),  # Friday evening before a make-up Saturday
        ("2026-11-21T12:00", "2026-11-23T17:00"),  # Saturday
        ("2026-11-23T08:59", "2026-11-23T17:00"),  # before opening
        ("2026-11-23T17:00", "2026-11-24T17:00"),  # at closing
        ("2026-09-30T12:00", "2026-10-08T12:00"),  # over the National Day week
    ],
)
def test_one_working_day_runs_out_after_eight_hours_of_desk_time(received, due):
    assert due_at(shanghai(received), 1) == shanghai(due)


def test_instants_come_back_in_utc():
    assert due_at(shanghai("2026-11-23T10:00"), 1).tzinfo is UTC


def test_2026_has_248_working_days():
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]
    assert sum(map(is_working_day, days)) == 248


@pytest.mark.parametrize(
    ("first", "last"),
    [("01-01", "01-03"), ("02-15", "02-23"), ("04-04", "04-06"), ("05-01", "05-05"), ("06-19", "06-21"),
     ("09-25", "09-27"), ("10-01", "10-07")],
)  # fmt: skip
def test_public_holidays_of_2026_are_no_working_days(first, last):
    start, end = date.fromisoformat(f"2026-{first}"), date.fromisoformat(f"2026-{last}")
    assert not any(is_working_day(start + timedelta(days=n)) for n in range((end - start).days + 1))


@pytest.mark.parametrize("day", ["01-04", "02-14", "02-28", "05-09", "09-20", "10-10"])
def test_make_up_days_of_2026_are_working_days_though_they_are_weekends(day):
    on = date.fromisoformat(f"2026-{day}")
    assert on.weekday() >= 5
    assert is_working_day(on)


def test_a_year_not_announced_yet_is_monday_to_friday_and_provisional():
    assert is_provisional(2099)
    assert not is_provisional(2026)
    monday = date(2099, 3, 2)
    assert [is_working_day(monday + timedelta(days=n)) for n in range(7)] == [True] * 5 + [False] * 2


def test_a_maintenance_window_has_five_desk_days_from_the_latest_notice():
    notice, window = shanghai("2026-06-08T09:00"), shanghai("2026-06-15T02:00")
    assert desk_time_between(notice, window) == 5 * DESK.day
    assert desk_time_between(notice + timedelta(minutes=1), window) < 5 * DESK.day


def test_the_clock_follows_other_opening_hours():
    late = Desk(opens=time(10), closes=time(22))
    assert add_desk_time(shanghai("2026-11-23T20:00"), timedelta(hours=4), late) == shanghai("2026-11-24T12:00")


@given(INSTANTS, DURATIONS)
def test_adding_desk_time_and_measuring_it_are_inverse(start, duration):
    assert desk_time_between(start, add_desk_time(start, duration)) == duration


@given(INSTANTS, DURATIONS, DURATIONS)
def test_more_desk_time_never_ends_earlier(start, one, other):
    short, long = sorted((one, other))
    assert add_desk_time(start, short) <= add_desk_time(start, long)


@given(INSTANTS, st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=800)))
def test_measured_at_once_it_is_what_day_after_day_adds_up_to(start, wall_time):
    end, on, passed = start + wall_time, start.date(), timedelta(0)
    while on <= end.date():
        opens, closes = (datetime.combine(on, at, SHANGHAI) for at in (DESK.opens, DESK.closes))
        if is_working_day(on):
            passed += max(timedelta(0), min(closes, end) - max(opens, start))
        on += timedelta(days=1)
    assert desk_time_between(start, end) == passed


@given(INSTANTS, INSTANTS)
def test_desk_time_never_exceeds_wall_time_and_is_zero_backwards(one, other):
    start, end = sorted((one, other))
    assert timedelta(0) <= desk_time_between(start, end) <= end - start
    assert desk_time_between(end, start) == timedelta(0)


def test_what_cannot_be_clocked_is_refused():
    with pytest.raises(ValueError, match="needs a time zone"):
        due_at(shanghai("2026-11-23T10:00").replace(tzinfo=None), 1)
    with pytest.raises(ValueError, match="must not be negative"):
        add_desk_time(shanghai("2026-11-23T10:00"), timedelta(seconds=-1))
    with pytest.raises(ValueError, match="close after it opens"):
        Desk(opens=time(17), closes=time(9))

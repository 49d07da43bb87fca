from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.domain.channels import Profile
from schemas.domain.clarification import ClarificationPolicy, reminder_text

POLICY = ClarificationPolicy()


def china(day, clock):
    return datetime.fromisoformat(f"{day}T{clock}:00+08:00").astimezone(UTC)


@pytest.mark.requirement("AD2")
@pytest.mark.parametrize(
    ("profile", "asked", "remind", "until"),
    [
        (Profile.STAFF, ("2026-03-02", "10:00"), ("2026-03-02", "12:00"), ("2026-03-02", "14:00")),
        # asked on a Friday afternoon: the weekend does not count
        (Profile.STAFF, ("2026-03-06", "16:00"), ("2026-03-09", "10:00"), ("2026-03-09", "12:00")),
        # asked in the evening before 国庆, with the make-up Saturday behind it
        (Profile.STAFF, ("2026-09-30", "18:30"), ("2026-10-08", "11:00"), ("2026-10-08", "13:00")),
        (Profile.INTERNAL, ("2026-03-02", "10:00"), ("2026-03-02", "12:00"), ("2026-03-02", "14:00")),
        (Profile.CUSTOMER, ("2026-03-07", "10:00"), ("2026-03-07", "22:00"), ("2026-03-08", "10:00")),
        (Profile.PUBLIC, ("2026-03-07", "10:00"), ("2026-03-07", "10:15"), ("2026-03-07", "10:30")),
    ],
)
def test_a_reply_has_its_time_and_a_reminder_comes_at_half_of_it(profile, asked, remind, until):
    asked_at = china(*asked)
    assert POLICY.remind_at(asked_at, profile) == china(*remind)
    assert POLICY.reply_by(asked_at, profile) == china(*until)


@given(
    asked_at=st.datetimes(datetime(2024, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - as asked
    profile=st.sampled_from(Profile),
)
def test_the_reminder_is_never_before_the_question_nor_behind_the_end(asked_at, profile):
    assert asked_at < POLICY.remind_at(asked_at, profile) < POLICY.reply_by(asked_at, profile)


def test_a_reminder_says_until_when_by_the_clocks_of_china():
    text = reminder_text("地址对应多个小区。", datetime(2026, 3, 2, 6, 0, tzinfo=UTC) + timedelta(hours=20))
    assert text.startswith("地址对应多个小区。")
    assert "2026-03-03 10:00" in text

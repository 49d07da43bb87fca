from datetime import timedelta

import pytest

from consumers.callbacks.retrying import TOPIC_RETRIES, WEBHOOK_RETRIES, RetryRules, pause


@pytest.mark.requirement("RS2")
def test_pauses_double_from_five_seconds_to_ten_minutes():
    seconds = [pause(attempt, WEBHOOK_RETRIES, 0.0).total_seconds() for attempt in range(1, 10)]
    assert seconds == [5, 10, 20, 40, 80, 160, 320, 600, 600]
    assert WEBHOOK_RETRIES.give_up_after == timedelta(hours=24)


def test_jitter_shortens_a_pause_by_a_quarter_at_most():
    assert pause(1, WEBHOOK_RETRIES, 0.999) > timedelta(seconds=3.75)
    assert pause(1, WEBHOOK_RETRIES, 0.5) == timedelta(seconds=4.375)


def test_a_record_on_a_topic_is_repeated_a_few_times_a_day():
    total, attempt = timedelta(0), 0
    while total < TOPIC_RETRIES.give_up_after:
        attempt += 1
        total += pause(attempt, TOPIC_RETRIES, 0.0)
    assert attempt <= 10


def test_rules_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="grow to the longest"):
        RetryRules(first=timedelta(minutes=2), longest=timedelta(minutes=1), give_up_after=timedelta(hours=1))

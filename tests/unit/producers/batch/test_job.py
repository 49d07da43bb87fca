import json
from datetime import timedelta

import pytest

from producers.batch.answers import Tally
from producers.batch.job import Order, default_deadline, is_job_id, job_id
from producers.batch.manifest import is_outdated, next_number
from schemas.codes import BatchState
from tests.fakes.answers import NOON

ORDER = Order(channel="BATCH_FILE", name="押品.csv")


def test_the_same_content_for_the_same_end_is_the_same_job():
    same = job_id(ORDER, "ab" * 32)
    assert same == job_id(ORDER, "ab" * 32)
    again = Order(channel="BATCH_FILE", name="押品.csv", revaluation_of="march")
    others = {
        job_id(ORDER, "cd" * 32),
        job_id(again, "ab" * 32),
        job_id(Order(channel="CREDIT_MGMT", name=""), "ab" * 32),
    }
    assert len(others | {same}) == 4
    assert is_job_id(same)


@pytest.mark.parametrize("text", ["", "a b", "作业", "a/b", "x" * 41])
def test_a_job_id_fits_into_a_request_number_and_an_address(text):
    assert not is_job_id(text)


@pytest.mark.requirement("BA1")
@pytest.mark.parametrize(("rows", "hours"), [(1, 1), (18_000, 1), (36_000, 2), (200_000, 200_000 / 5 / 3600)])
def test_a_job_without_a_deadline_has_an_hour_or_a_second_for_five_rows(rows, hours):
    assert default_deadline(NOON, rows) - NOON == timedelta(hours=hours)


def test_a_manifest_is_partial_until_the_automatic_items_are_answered():
    assert [next_number(None, state) for state in (BatchState.RUNNING, BatchState.DELIVERED)] == [0, 1]
    assert next_number(1, BatchState.COMPLETED) == 2


@pytest.mark.requirement("BA1")
@pytest.mark.parametrize(
    ("completed", "reports_known", "seconds", "expected"),
    [(2, 1, 59, False), (2, 1, 60, True), (2, 2, 1, True), (3, 1, 1, True)],
)
def test_reports_that_trickle_in_make_a_manifest_a_minute_and_other_news_one_at_once(
    completed, reports_known, seconds, expected
):
    said = json.dumps({"by_status": {"COMPLETED_AUTO": 2}, "made_at": NOON.isoformat()})
    now = Tally(
        rows=3, refused=0, duplicates=0, sent=3, answered=completed, manual=3 - completed, open=0, on_the_way=0,
        reports_due=2, reports_known=reports_known, by_status={"COMPLETED_AUTO": completed},
    )  # fmt: skip
    assert is_outdated(said, now, NOON + timedelta(seconds=seconds)) is expected

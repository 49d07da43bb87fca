from dataclasses import replace

import pytest

from producers.batch.job import Answer, Answers, JobFolder, Manifest, answered, job_id, reported, tally
from schemas.codes import Status
from tests.fakes.answers import a_report, a_request, a_valuation, an_answer

REQUEST = a_request(channel="BATCH_FILE", client_request_id="j-2")
NEW = Answer(row=2, valuation_id=REQUEST.valuation_id)
MANIFEST = Manifest(
    job_id="j", channel="BATCH_FILE", input="in.csv", sha256="s", columns={"address": 0, "area": 1}, rows=4, refused=1,
    duplicates=1, created_at="2026-03-02T04:00:00+00:00",
)  # fmt: skip


def test_the_same_content_is_the_same_job():
    assert job_id("ab" * 32) == job_id("ab" * 32) != job_id("cd" * 32)
    assert len(f"{job_id('ab' * 32)}-1000000") <= 64


def test_an_answer_keeps_what_the_result_file_shows():
    answer = reported(answered(NEW, an_answer(REQUEST, valuation=a_valuation())), a_report(REQUEST))
    assert answer == Answer(
        row=2, valuation_id=REQUEST.valuation_id, status="COMPLETED_AUTO", value=4_475_000, unit_price=50_000,
        lower=4_100_000, upper=4_900_000, confidence_level=6, valid_until="2026-04-01", reason="估值已完成",
        report_no="HV-20260302-0001",
    )  # fmt: skip
    assert answer.is_complete


@pytest.mark.parametrize(
    ("arriving", "stands"),
    [
        ([Status.RECEIVED, Status.COMPLETED_AUTO], Status.COMPLETED_AUTO),
        ([Status.COMPLETED_AUTO, Status.RECEIVED], Status.COMPLETED_AUTO),
        ([Status.PENDING_MANUAL, Status.RECEIVED], Status.PENDING_MANUAL),
        ([Status.COMPLETED_MANUAL, Status.PENDING_MANUAL], Status.COMPLETED_MANUAL),
        ([Status.COMPLETED_AUTO, Status.REJECTED_INVALID], Status.COMPLETED_AUTO),
        ([Status.PENDING_MANUAL, Status.COMPLETED_MANUAL], Status.COMPLETED_MANUAL),
    ],
)
def test_an_answer_behind_a_better_one_changes_nothing(arriving, stands):
    answer = NEW
    for status in arriving:
        answer = answered(answer, an_answer(REQUEST, status))
    assert answer.status == stands


def test_a_value_is_complete_with_its_report_and_a_refusal_at_once():
    assert not answered(NEW, an_answer(REQUEST)).is_complete
    assert answered(NEW, an_answer(REQUEST, Status.OUT_OF_COVERAGE)).is_complete
    assert not answered(NEW, an_answer(REQUEST, Status.PENDING_MANUAL)).is_complete


def test_answers_survive_a_killed_process_but_for_a_line_cut_off(tmp_path):
    path = tmp_path / "answers.jsonl"
    answers = Answers.load(path)
    first = answered(NEW, an_answer(REQUEST, Status.PENDING_MANUAL))
    answers.put(first)
    answers.save()
    with path.open("a", encoding="utf-8") as file:
        file.write('{"row": 3, "valua')
    assert list(Answers.load(path).all()) == [first]


def test_a_job_in_numbers_counts_every_row_once():
    answers = Answers.load(JobFolder(path=__file__ and __import__("pathlib").Path("/nonexistent")).answers_path)
    answers.put(answered(NEW, an_answer(REQUEST, Status.RECEIVED)))
    answers.put(answered(NEW, an_answer(REQUEST, Status.PENDING_MANUAL)))
    found = tally(MANIFEST, answers)
    assert (found.answered, found.manual, found.open, found.by_status) == (0, 1, 1, {"PENDING_MANUAL": 1})
    answers.put(reported(answered(NEW, an_answer(REQUEST)), a_report(REQUEST)))
    found = tally(MANIFEST, answers)
    assert (found.answered, found.manual, found.open, found.reports) == (1, 0, 1, 1)


def test_the_manifest_is_kept_and_read_back(tmp_path):
    folder = JobFolder(tmp_path / "batch" / "j")
    assert folder.read() is None
    manifest = MANIFEST.starting_at({("results", 0): 5, ("results", 1): 7})
    folder.write(manifest)
    assert folder.read() == manifest
    assert folder.read().positions() == {("results", 0): 5, ("results", 1): 7}
    assert replace(manifest, offsets=[]) == MANIFEST

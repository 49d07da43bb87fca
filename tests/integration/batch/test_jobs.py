"""Jobs on a real database: opened whole or not at all, sent at a pace, answered, stopped, revalued."""

import csv
import json
from concurrent.futures import Executor, Future
from datetime import date, timedelta
from functools import partial
from hashlib import sha256

import polars as pl
import pytest

from producers.batch.files import FileKind
from producers.batch.pace import OnlineWatch
from producers.batch.problems import JobRefusedError
from schemas.codes import Action, BatchState, Lane, Status
from schemas.errors import PublishError
from tests.fakes.answers import a_report, an_answer
from tests.integration.batch.conftest import HEADER

pytestmark = pytest.mark.postgres


def rows(count, start=0):
    return [f"B-{n},小区{n}幢,{80 + n}" for n in range(start, start + count)]


def valued(requested, **changes):
    return [an_answer(requested, **changes), a_report(requested, report_no=f"R-{requested.client_request_id}")]


def answer_all(room, asked=None):
    room.answer([event for requested in (asked or room.broker.asked) for event in valued(requested)])


def lines(text):
    return list(csv.DictReader(text.splitlines()))


def finish(room):
    """Send and answer until nothing is left to do."""
    answered = 0
    while True:
        room.work()
        asked = room.broker.asked[answered:]
        if not asked:
            return
        answered += len(asked)
        answer_all(room, asked)


# ---- opened whole or not at all -------------------------------------------------------------------------------------


@pytest.mark.requirement("BA1")
@pytest.mark.parametrize(
    ("order", "code", "says"),
    [
        ({"sha256": "0" * 64}, "checksum-mismatch", "send it again"),
        ({"count": 4}, "count-mismatch", "has 3 rows, not the 4 that were declared"),
        ({"job_id": "a b"}, "invalid-request", "job_id"),
        ({"channel": "NOBODY"}, "channel-may-not", "not registered"),
        ({"channel": "WEBSITE"}, "channel-may-not", "may not send batches"),
        ({"revaluation_of": "never"}, "invalid-request", "there is no job never"),
        ({"revaluation_of": "file"}, "invalid-file", "上次估值"),
        ({"columns": (("address", "住址"),)}, "invalid-file", "there is no column 住址"),
        ({"alert_change": 0.0}, "invalid-request", "alert_change"),
    ],
)
def test_a_job_that_is_not_as_declared_is_refused_whole(room, order, code, says):
    with pytest.raises(JobRefusedError, match=says) as refused:
        room.open(rows(3), **order)
    document = refused.value.document()
    assert document["code"] == code
    assert document["detail_zh"]
    assert [room.count(table) for table in ("job", "item", "request", "job_file", "outbox")] == [0] * 5


@pytest.mark.requirement("BA1")
def test_a_bad_line_is_an_error_of_its_line_and_the_others_run(room):
    job = room.open([*rows(2), "B-9,,0", "B-9,小区9幢,八十", *rows(2, 5), *rows(1)])
    assert (job.rows, job.refused, job.duplicates, job.last_row) == (7, 2, 1, 7)
    finish(room)
    found = room.service.jobs.lines(job.job_id, "BATCH_FILE")
    assert [(one["row"], one["field"]) for one in found["problems"]] == [(4, "address"), (4, "area"), (5, "area")]
    shown = lines(room.result(job.job_id))
    assert [line["业务编号"] for line in shown] == ["B-0", "B-1", "B-9", "B-9", "B-5", "B-6", "B-0"]
    assert [line["估值状态"] for line in shown[1:5]] == ["自动估值完成", "未受理", "未受理", "自动估值完成"]
    assert "填写房屋地址" in shown[2]["说明"]
    assert shown[0]["报告编号"] == f"R-{job.job_id}-2"


def test_a_row_that_repeats_another_is_asked_once_and_has_its_answer(room):
    job = room.open(["B,小区1幢,80", "B,小区2幢,80", "B,小区１幢,80.0"])
    assert job.duplicates == 1
    finish(room)
    assert len(room.broker.asked) == 2
    first, _, repeat = lines(room.result(job.job_id))
    assert repeat["估值编号"] == first["估值编号"]
    assert "与第 2 行相同" in repeat["说明"]
    assert room.job(job.job_id).state is BatchState.COMPLETED


@pytest.mark.requirement("BA1")
def test_the_same_file_again_is_the_same_job_and_another_file_under_its_id_is_refused(room):
    path = room.a_csv(rows(3))
    job, is_new = room.open_file(path, job_id="march")
    assert (is_new, room.open_file(path, job_id="march")) == (True, (job, False))
    with pytest.raises(JobRefusedError, match="choose another job_id"):
        room.open(rows(4), job_id="march")
    with pytest.raises(JobRefusedError, match="march cannot be used"):
        room.open(rows(3), job_id="march", channel="CREDIT_MGMT")
    with pytest.raises(JobRefusedError, match="there is no job march"):
        room.service.jobs.get("march", "CREDIT_MGMT")


@pytest.mark.requirement("BA2")
def test_a_channel_has_two_open_jobs_at_a_time(room):
    first = room.open(rows(1), job_id="one")
    room.open(rows(2), job_id="two")
    with pytest.raises(JobRefusedError, match="has 2 open jobs") as refused:
        room.open(rows(3), job_id="three")
    assert refused.value.status == 409
    room.open(rows(3), job_id="other", channel="CREDIT_MGMT")
    room.service.jobs.cancel(first.job_id, "BATCH_FILE", "误传")
    assert room.open(rows(3), job_id="three").state is BatchState.QUEUED


@pytest.mark.requirement("BA1")
def test_a_parquet_file_comes_back_with_its_types_and_a_manifest_that_vouches_for_it(room):
    frame = pl.DataFrame(
        {
            "房屋地址": [f"小区{n}幢" for n in range(30)],
            "面积": [80.0 + n for n in range(30)],
            "日": [date(2026, 1, 1)] * 30,
        }
    )
    path = room.folder / "押品.parquet"
    frame.write_parquet(path)
    job, _ = room.open_file(path)
    finish(room)
    kept = room.service.jobs.manifest(job.job_id)
    text, content = kept.document, b"".join(room.service.jobs.pieces(job.job_id, f"result-{kept.number}", kept.size))
    said = json.loads(text)
    assert (said["kind"], said["answered"], said["by_status"]) == ("FINAL", 30, {"COMPLETED_AUTO": 30})
    assert said["result"]["sha256"] == sha256(content).hexdigest()
    assert said["input"]["sha256"] == sha256(path.read_bytes()).hexdigest()
    (room.folder / "out.parquet").write_bytes(content)
    found = pl.read_parquet(room.folder / "out.parquet")
    assert found.select(frame.columns).equals(frame)
    assert found["估值（元）"].to_list() == [4_475_000] * 30
    last = room.progress[-1]
    assert (last.state, last.manifest_sha256) == (BatchState.COMPLETED, sha256(text.encode()).hexdigest())


# ---- sent at a pace -------------------------------------------------------------------------------------------------


@pytest.mark.requirement("BA2")
def test_no_more_rows_are_on_their_way_than_the_window_has(room):
    job = room.open(rows(100))
    room.work()
    assert len(room.broker.asked) == room.tally(job.job_id).on_the_way == 20
    answer_all(room, room.broker.asked[:5])
    room.work()
    assert len(room.broker.asked) == 20, "rows travel together: room for fewer than seven is not worth filling"
    answer_all(room, room.broker.asked[5:8])
    room.work()
    assert len(room.broker.asked) == 28


@pytest.mark.requirement("BA1", "BA2")
def test_answers_alone_pace_and_deliver_a_job_and_reports_come_into_its_result_later(room):
    job, answered = room.open(rows(50)), 0
    while answered < 50:  # the window of 20 moves on without a single report
        room.work()
        asked = room.broker.asked[answered:]
        assert asked
        answered += len(asked)
        room.answer([an_answer(one) for one in asked])
    sender = room.sender()
    room.work(sender)
    assert room.job(job.job_id).state is BatchState.RUNNING  # the last reports have some seconds
    room.pass_time(timedelta(seconds=5))
    room.work(sender)
    assert room.job(job.job_id).state is BatchState.DELIVERED
    said = json.loads(room.service.jobs.manifest(job.job_id).document)
    assert (said["kind"], said["answered"], said["reports_due"], said["reports_known"]) == ("FINAL", 50, 50, 0)
    room.answer([a_report(one, report_no=f"R-{one.client_request_id}") for one in room.broker.asked])
    room.work(sender)
    assert room.job(job.job_id).state is BatchState.COMPLETED
    said = json.loads(room.service.jobs.manifest(job.job_id).document)
    assert (said["kind"], said["reports_due"], said["reports_known"]) == ("SUPPLEMENT", 50, 50)
    assert lines(room.result(job.job_id))[-1]["报告编号"] == f"R-{job.job_id}-51"


def test_reports_that_never_come_are_given_up_and_one_that_comes_at_last_is_still_taken_in(room):
    job = room.open(rows(2))
    room.work()
    room.answer([an_answer(one) for one in room.broker.asked])
    sender = room.sender()
    room.work(sender)
    room.pass_time(timedelta(seconds=5))
    room.work(sender)
    assert room.job(job.job_id).state is BatchState.DELIVERED
    room.pass_time(timedelta(minutes=11))
    room.work(sender)
    assert room.job(job.job_id).state is BatchState.COMPLETED
    room.answer([a_report(room.broker.asked[0], report_no="R-late")])
    assert lines(room.result(job.job_id))[0]["报告编号"] == "R-late"
    assert room.tally(job.job_id).reports_awaited == 1


@pytest.mark.requirement("BA2")
@pytest.mark.parametrize("trouble", ["slow answers", "waiting records"])
def test_rows_stay_back_while_the_online_lane_suffers(room, trouble):
    watch = OnlineWatch(lambda: 0.0)
    for _ in range(10 if trouble == "slow answers" else 0):
        watch.took(5.0)
    sender = room.sender(watch=watch, lag=1_000 if trouble == "waiting records" else 0)
    room.open(rows(100))
    for _ in range(5):
        room.pass_time(timedelta(seconds=3))
        sender.turn()
        answer_all(room)
    assert len(room.broker.asked) == 5 + 3 + 3 + 3  # the window of 20, halved at each look down to its least
    calm = room.sender()
    for _ in range(3):
        calm.turn()
    assert len(room.broker.asked) == 14 + 20


@pytest.mark.requirement("BA2")
def test_a_paused_job_sends_nothing_and_takes_answers_until_it_is_resumed(room):
    job = room.open(rows(30))
    room.work()
    jobs = room.service.jobs
    jobs.pause(job.job_id, "BATCH_FILE")
    answer_all(room)
    room.work()
    assert len(room.broker.asked) == room.tally(job.job_id).answered == 20
    jobs.resume(job.job_id, "BATCH_FILE")
    finish(room)
    assert room.job(job.job_id).state is BatchState.COMPLETED
    with pytest.raises(JobRefusedError, match="is COMPLETED; only QUEUED or RUNNING can become PAUSED"):
        jobs.pause(job.job_id, "BATCH_FILE")
    states = [event.state.value for event in room.progress]
    assert states == ["QUEUED", "RUNNING", "PAUSED", "RUNNING", "COMPLETED"]
    assert [event.number for event in room.progress] == list(range(5))


@pytest.mark.requirement("BA2")
def test_a_cancelled_job_withdraws_what_has_no_final_answer(room):
    job = room.open(rows(30))
    room.work()
    answer_all(room, room.broker.asked[:12])
    room.answer([an_answer(room.broker.asked[12], Status.PENDING_MANUAL)])
    room.service.jobs.cancel(job.job_id, "BATCH_FILE", "上传有误")
    room.work()
    withdrawn = [requested for requested in room.broker.requests if requested.action is Action.CANCEL]
    assert [one.valuation_id for one in withdrawn] == [one.valuation_id for one in room.broker.asked[12:]]
    assert {(one.note, one.address, int(one.area)) for one in withdrawn} == {("上传有误", "", 0)}
    assert len(room.broker.asked) == 20
    room.answer([an_answer(one, Status.CANCELLED) for one in withdrawn])
    shown = lines(room.result(job.job_id))
    assert [line["状态代码"] for line in shown] == ["COMPLETED_AUTO"] * 12 + ["CANCELLED"] * 8 + [""] * 10
    assert shown[-1]["说明"] == "作业已撤销，该行未发送"


# ---- killed -------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("BA1")
def test_who_died_between_sending_and_noting_it_asks_nothing_else_and_loses_nothing(room):
    job = room.open(rows(30))
    sender = room.sender()
    sender.turn()
    room.broker.fails = PublishError("killed")
    with pytest.raises(PublishError):
        sender.turn()
    room.broker.fails = None
    answer_all(room, room.broker.asked[:4])
    finish(room)
    asked = [requested.client_request_id for requested in room.broker.asked]
    assert sorted(set(asked)) == sorted(f"{job.job_id}-{n}" for n in range(2, 32))
    assert len(asked) == 30 + 3  # the four that were answered went out once, three again under their numbers
    assert room.tally(job.job_id).answered == 30


def test_a_job_is_one_instances_until_its_lease_runs_out(room):
    room.open(rows(100))
    one, two = room.sender("one"), room.sender("two")
    assert one.turn()
    assert not two.turn()
    room.pass_time(timedelta(seconds=31))
    assert two.turn()
    assert not one.turn()


def test_a_row_that_never_comes_back_does_not_hold_up_the_others_for_ever(room):
    job = room.open(rows(30))
    room.work()
    answer_all(room, room.broker.asked[1:])
    room.work()
    answer_all(room, room.broker.asked[20:])
    room.pass_time(timedelta(minutes=11))
    room.work()
    room.work()
    assert room.job(job.job_id).state is BatchState.DELIVERED
    said = json.loads(room.service.jobs.manifest(job.job_id).document)
    assert (said["answered"], said["open"]) == (29, 1)
    answer_all(room, room.broker.asked[:1])
    room.work()
    assert room.job(job.job_id).state is BatchState.COMPLETED


def test_rows_that_come_back_after_they_were_given_up_count_in_the_window_no_longer(room):
    job, sender = room.open(rows(60)), room.sender()
    room.work(sender)
    room.pass_time(timedelta(minutes=11))
    room.work(sender)  # given up
    room.work(sender)  # the next twenty go out
    assert len(room.broker.asked) == 40
    answer_all(room, room.broker.asked[:20])
    room.work(sender)
    assert (len(room.broker.asked), room.tally(job.job_id).on_the_way) == (40, 20)  # not a window of forty
    answer_all(room, room.broker.asked[20:])
    room.work(sender)
    assert room.job(job.job_id).state is BatchState.RUNNING  # the last twenty are awaited
    answer_all(room, room.broker.asked[40:])
    room.work(sender)
    assert room.job(job.job_id).state is BatchState.COMPLETED


def test_silence_counts_from_the_start_of_a_process_and_from_when_it_had_caught_up(room):
    room.open(rows(30))
    room.work()
    room.pass_time(timedelta(hours=2))  # nobody was there to hear
    watch = OnlineWatch(lambda: 0.0)
    sender = room.sender(watch=watch)
    room.work(sender)
    room.pass_time(timedelta(minutes=9))
    watch.fell_behind(room.now)
    room.pass_time(timedelta(minutes=9))
    room.work(sender)
    assert len(room.broker.asked) == 20
    room.pass_time(timedelta(minutes=2))
    room.work(sender)
    room.work(sender)
    assert len(room.broker.asked) == 30


@pytest.mark.requirement("BA2")
def test_rows_that_went_out_just_before_a_kill_are_withdrawn_with_a_job_cancelled_meanwhile(room):
    job, sender = room.open(rows(30)), room.sender()
    sender.turn()
    room.broker.fails = PublishError("killed")
    with pytest.raises(PublishError):
        sender.turn()
    room.broker.fails = None
    room.service.jobs.cancel(job.job_id, "BATCH_FILE", "误传")
    room.work()
    withdrawn = [one.valuation_id for one in room.broker.requests if one.action is Action.CANCEL]
    assert withdrawn == [one.valuation_id for one in room.broker.asked]
    assert len(withdrawn) == 7


def test_other_jobs_go_on_while_the_files_of_one_are_written(room):
    beside = Later()
    first, sender = room.open(rows(3)), room.sender(beside=beside)
    room.work(sender)
    answer_all(room)
    room.work(sender)
    assert (room.job(first.job_id).state, len(beside.waiting)) == (BatchState.RUNNING, 1)
    room.open(rows(5, 50), job_id="second")
    room.work(sender)
    assert len(room.broker.asked) == 3 + 5
    beside.go_on()
    room.work(sender)
    assert room.job(first.job_id).state is BatchState.COMPLETED


class Later(Executor):
    """Does nothing until it is told to."""

    def __init__(self):
        self.waiting = []

    def submit(self, call, /, *args, **kwargs):
        self.waiting.append((Future(), partial(call, *args, **kwargs)))
        return self.waiting[-1][0]

    def go_on(self):
        for future, call in self.waiting:
            future.set_result(call())


# ---- people -------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("BA1")
def test_what_people_decide_later_supplements_the_manifest(room):
    job = room.open(rows(3))
    room.work()
    asked = room.broker.asked
    answer_all(room, asked[:2])
    room.answer([an_answer(asked[2], Status.PENDING_MANUAL)])
    room.work()
    delivered = room.job(job.job_id)
    assert (delivered.state, delivered.delivered_at is not None) == (BatchState.DELIVERED, True)
    assert json.loads(room.service.jobs.manifest(job.job_id).document)["kind"] == "FINAL"
    room.answer(valued(asked[2], status=Status.COMPLETED_MANUAL), lane=Lane.ONLINE)
    room.work()
    said = json.loads(room.service.jobs.manifest(job.job_id).document)
    assert (said["kind"], said["state"], said["manual"]) == ("SUPPLEMENT", "COMPLETED", 0)
    assert said["delivered_at"] == delivered.delivered_at.isoformat()
    assert lines(room.result(job.job_id))[2]["状态代码"] == "COMPLETED_MANUAL"


def test_another_channels_answer_under_the_same_number_is_not_ours(room):
    job = room.open(rows(1), job_id="march")
    room.work()
    (asked,) = room.broker.asked
    room.answer([an_answer(asked, channel="CREDIT_MGMT", valuation_id="5a4b1fb6-0b4e-5a5e-9a57-7d1f6e3c2f10")])
    room.answer([an_answer(asked, client_request_id="march-77"), an_answer(asked, client_request_id="april-2")])
    assert room.tally(job.job_id).by_status == {}


# ---- revalued -------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("BA3")
def test_a_portfolio_is_revalued_against_a_former_job_and_far_values_are_told(room):
    first = room.open([f"{row},OTHER" for row in rows(4)], header=f"{HEADER},贷款阶段", job_id="2025")
    finish(room)
    former = room.broker.asked
    changed = ["B-0,小区0幢,80,OTHER", "B-1,小区1幢新名,81,OTHER", "B-2,小区2幢,82,OTHER", "B-7,小区7幢,87,OTHER"]
    again = room.open(changed, header=f"{HEADER},贷款阶段", job_id="2026", revaluation_of=first.job_id)
    room.work()
    asked = room.broker.asked[len(former) :]
    values = (4_475_000, 3_900_000, 4_922_500, 9_000_000)
    room.answer([event for one, value in zip(asked, values, strict=True) for event in valued(one, value=value)])
    room.work()
    assert {one.loan_stage for one in asked} == {"OTHER"}
    (alarm,) = room.alarms
    assert (alarm.business_ref, alarm.former_value, alarm.value, round(alarm.change, 4)) == (
        "B-1",
        4_475_000,
        3_900_000,
        -0.1285,
    )
    shown = lines(room.result(again.job_id))
    assert [line["变动"] for line in shown] == ["+0.00%", "-12.85%", "+10.00%", ""]
    assert shown[0]["取代报告"] == "R-2025-2"
    said = json.loads(room.service.jobs.manifest(again.job_id).document)
    assert said["revaluation"] == {"of": "2025", "alert_change": 0.1, "moved": 1}
    assert f"已由估值 {asked[0].valuation_id} 取代" in lines(room.result(first.job_id))[0]["说明"]


@pytest.mark.requirement("BA3")
@pytest.mark.parametrize("twin", ["B-0,小区90幢,70", "B-0,小区90幢,零"])
def test_a_number_that_two_collaterals_had_says_of_neither_what_it_was_worth(room, twin):
    first = room.open(["B-0,小区0幢,80", twin], job_id="2025")
    room.work()
    answer_all(room, room.broker.asked[:1])  # of the other no value is known
    room.answer([an_answer(one, Status.REJECTED_INVALID) for one in room.broker.asked[1:]])
    room.work()
    assert room.job(first.job_id).state is BatchState.COMPLETED
    again = room.open(["B-0,小区90幢新名,70"], job_id="2026", revaluation_of="2025")
    assert lines(room.result(again.job_id))[0]["上次估值（元）"] == ""


@pytest.mark.requirement("BA3", "DI1")
def test_a_dispute_after_the_end_and_a_supersession_reach_the_result_and_its_manifest(room):
    first = room.open(rows(1), job_id="2025")
    finish(room)
    (asked,) = room.broker.asked
    ended = room.job(first.job_id)
    room.answer([an_answer(asked, Status.COMPLETED_MANUAL, revision=2, supersedes=1, value=4_000_000)])
    assert lines(room.result(first.job_id))[0]["估值（元）"] == "4000000"
    disputed = room.job(first.job_id)
    assert (disputed.state, disputed.news_at > ended.news_at) == (BatchState.COMPLETED, True)
    again = room.open(rows(1), job_id="2026", revaluation_of="2025")
    assert lines(room.result(again.job_id))[0]["上次估值（元）"] == "4000000"
    finish(room)
    assert room.job(first.job_id).news_at > disputed.news_at


@pytest.mark.requirement("BA3", "RT7")
def test_a_list_with_its_own_former_values_is_revalued_and_a_second_answer_tells_no_second_time(room):
    row = "B-1,小区1幢,81,5000000,2025-03-02,HV-OLD"
    job = room.open(
        [row], header=f"{HEADER},上次估值,上次估值日期,原报告编号", revaluation_of="file", alert_change=0.05
    )
    finish(room)
    room.answer(valued(room.broker.asked[0]))
    (alarm,) = room.alarms
    assert (alarm.former_on, alarm.value_on, alarm.change) == (
        date(2025, 3, 2),
        date(2026, 3, 2),
        pytest.approx(-0.105),
    )
    (line,) = lines(room.result(job.job_id))
    assert (line["上次估值（元）"], line["变动"], line["取代报告"]) == ("5000000", "-10.50%", "HV-OLD")


def test_a_result_can_be_had_in_another_format_while_the_job_runs(room):
    job = room.open(rows(3))
    room.work()
    with room.service.delivering.result(job, FileKind.PARQUET) as path:
        assert pl.read_parquet(path)["估值状态"].to_list() == ["未答复"] * 3

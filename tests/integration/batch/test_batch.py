"""Batch files through a real broker, with the stages played by one thread."""

import csv
import json
import sys
from functools import partial

import httpx
import pytest
from openpyxl import Workbook, load_workbook
from rich.console import Console

from infra.cli.batch import JobError, open_job, run_job
from infra.kafka.security import client_conf
from producers.batch.job import Answers, JobFolder, tally
from producers.batch.ledger import HttpLedger
from producers.batch.submit import Pace
from producers.batch.submit import Topics as BatchTopics
from schemas.codes import Lane, Status
from tests.fakes.answers import CODEC, a_report, an_answer
from tests.fakes.pipeline import Pipeline, Topics

pytestmark = pytest.mark.kafka

PACE = Pace(chunk=7, window=20, quiet_s=5.0)
IMPATIENT = Pace(chunk=7, window=20, quiet_s=0.5)


@pytest.fixture
def connection(bootstrap):
    return client_conf(bootstrap)


@pytest.fixture
def house_topics(topics):
    return Topics.made_by(topics)


@pytest.fixture
def run(connection, house_topics):
    topics = BatchTopics(requests=house_topics.requests, results=house_topics.results, reports=house_topics.reports)
    quiet = Console(file=sys.stderr, quiet=True)
    return partial(run_job, connection=connection, codec=CODEC, pace=PACE, topics=topics, console=quiet)


def opened(path, tmp_path, **changes):
    given = {"state": tmp_path / "state", "channel": "BATCH_FILE", "named": {}, "wanted_id": None, **changes}
    return open_job(path, **given)


def a_csv(tmp_path, rows, encoding="utf-8"):
    path = tmp_path / "押品.csv"
    lines = ["业务编号,房屋地址,建筑面积", *rows]
    path.write_bytes("\n".join(lines).encode(encoding))
    return path


def answered(requested):
    """A report before its result, a receipt behind it: the order is not promised."""
    if "人工" in requested.address:
        return [an_answer(requested, Status.RECEIVED), an_answer(requested, Status.PENDING_MANUAL)]
    if "外地" in requested.address:
        return [an_answer(requested, Status.OUT_OF_COVERAGE, reason_text="房屋所在区县尚未开通服务")]
    return [a_report(requested, report_no=f"R-{requested.client_request_id}"), an_answer(requested)]


@pytest.mark.requirement("BA1")
def test_every_row_is_answered_in_its_place_and_bad_rows_stop_no_other(connection, house_topics, run, tmp_path):
    rows = [f"B-{n},杭州市西湖区小区{n}幢,{80 + n}" for n in range(30)]
    rows[3], rows[5], rows[8] = "B-3,,90", "B-5,人工小区1幢,90", "B-8,外地小区1幢,90"
    rows[9] = rows[7]
    job = opened(a_csv(tmp_path, rows, "gb18030"), tmp_path)
    with Pipeline(connection, house_topics, answered) as pipeline:
        run(job, pace=IMPATIENT)
    out = tmp_path / "out.csv"
    job.write(out)
    lines = list(csv.DictReader(out.read_text(encoding="utf-8-sig").splitlines()))
    assert [line["业务编号"] for line in lines] == [row.split(",")[0] for row in rows]
    assert {lane for lane, _ in pipeline.seen} == {Lane.BATCH}
    assert len(pipeline.seen) == 28
    assert (lines[0]["估值状态"], lines[0]["估值（元）"]) == ("自动估值完成", "4475000")
    assert lines[0]["报告编号"] == f"R-{job.manifest.job_id}-2"
    assert (lines[3]["估值状态"], "填写房屋地址" in lines[3]["说明"]) == ("未受理", True)
    assert lines[5]["估值状态"] == "待人工估值"
    assert lines[8]["说明"] == "房屋所在区县尚未开通服务"
    assert lines[9]["估值编号"] == lines[7]["估值编号"]
    assert "第 9 行相同" in lines[9]["说明"]
    found = tally(job.manifest, job.answers)
    assert (found.rows, found.refused, found.duplicates, found.answered, found.manual, found.open) == (
        30, 1, 1, 27, 1, 0,
    )  # fmt: skip


@pytest.mark.requirement("BA1")
def test_the_same_file_again_asks_for_nothing_twice(connection, house_topics, run, tmp_path):
    workbook = Workbook()
    for line in (["地址", "面积"], *([f"小区{n}幢", 90 + n] for n in range(10))):
        workbook.active.append(line)
    path = tmp_path / "in.xlsx"
    workbook.save(path)
    with Pipeline(connection, house_topics, answered) as pipeline:
        run(opened(path, tmp_path))
        again = opened(path, tmp_path)
        run(again)
        again.write(tmp_path / "out.xlsx")
    assert len(pipeline.seen) == 10
    sheet = load_workbook(tmp_path / "out.xlsx").active
    assert [sheet.cell(row, 4).value for row in range(2, 12)] == ["COMPLETED_AUTO"] * 10


def test_a_job_that_died_before_its_answers_came_finds_them_without_asking_again(
    connection, house_topics, run, tmp_path
):
    path = a_csv(tmp_path, [f"B,小区{n}幢,{80 + n}" for n in range(12)])
    with Pipeline(connection, house_topics, answered):
        run(opened(path, tmp_path))
    answers = next((tmp_path / "state" / "batch").glob("*/answers.jsonl"))
    kept = answers.read_text(encoding="utf-8").splitlines(keepends=True)
    answers.write_text("".join(kept[:4]), encoding="utf-8")
    resumed = opened(path, tmp_path)
    with Pipeline(connection, house_topics, answered) as pipeline:
        run(resumed, pace=PACE)
    assert pipeline.seen == []
    found = tally(resumed.manifest, resumed.answers)
    assert (found.answered, found.open, found.reports) == (12, 0, 12)


def test_what_people_decide_later_is_fetched_from_the_ledger(connection, house_topics, run, tmp_path):
    path = a_csv(tmp_path, ["B-1,人工小区1幢,90"])
    job = opened(path, tmp_path)
    with Pipeline(connection, house_topics, answered) as pipeline:
        run(job, pace=IMPATIENT)
    requested = pipeline.seen[0][1]
    final = an_answer(requested, Status.COMPLETED_MANUAL)

    def ledger(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/result"):
            return httpx.Response(200, content=CODEC.encode(final))
        return httpx.Response(200, json={"reports": [{"report_no": "R-9"}]})

    (pending,) = Answers.load(JobFolder(tmp_path / "state" / "batch" / job.manifest.job_id).answers_path).all()
    assert pending.status == "PENDING_MANUAL"
    client = httpx.Client(transport=httpx.MockTransport(ledger))
    done = HttpLedger(client, "http://ledger", CODEC).completed(pending)
    assert (done.status, done.value, done.report_no) == ("COMPLETED_MANUAL", 4_475_000, "R-9")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"channel": "NOBODY"}, "not registered"),
        ({"channel": "WEBSITE"}, "may not send batches"),
    ],
)
def test_a_channel_that_may_not_send_batches_is_refused_before_anything_is_sent(tmp_path, changes, says):
    with pytest.raises(JobError, match=says):
        opened(a_csv(tmp_path, ["B,小区1幢,90"]), tmp_path, **changes)


def test_a_job_id_of_another_file_is_refused(connection, house_topics, run, tmp_path):
    with Pipeline(connection, house_topics, answered):
        run(opened(a_csv(tmp_path, ["B,小区1幢,90"]), tmp_path, wanted_id="march"))
    with pytest.raises(JobError, match="choose another --job-id"):
        opened(a_csv(tmp_path, ["B,小区2幢,90"]), tmp_path, wanted_id="march")


def test_without_a_broker_the_job_says_so_and_can_be_resumed(house_topics, tmp_path, monkeypatch):
    monkeypatch.setattr("infra.cli.batch._FOLLOWING_WITHIN_S", 0.2)
    job = opened(a_csv(tmp_path, ["B,小区1幢,90"]), tmp_path)
    nowhere = client_conf("127.0.0.1:1") | {"log_level": 0}
    topics = BatchTopics(requests=house_topics.requests, results=house_topics.results, reports=house_topics.reports)
    with pytest.raises(JobError, match="is the broker there"):
        run_job(job, connection=nowhere, codec=CODEC, pace=PACE, topics=topics, console=Console(quiet=True))


def test_the_command_line_prints_one_json_object_and_a_bad_file_one_error(
    connection, bootstrap, house_topics, tmp_path, monkeypatch, capsys
):
    from infra.cli import main

    topics = BatchTopics(requests=house_topics.requests, results=house_topics.results, reports=house_topics.reports)
    monkeypatch.setattr("infra.cli.batch.Topics", lambda: topics)
    monkeypatch.setenv("AVM_KAFKA__BOOTSTRAP", bootstrap)
    monkeypatch.setenv("AVM_STATE", str(tmp_path / "state"))
    path = a_csv(tmp_path, ["B-1,杭州小区1幢,90", "B-2,,0"])
    with Pipeline(connection, house_topics, answered), pytest.raises(SystemExit) as ended:
        main(["batch", "submit", str(path), "--json", "--out", str(tmp_path / "out.xlsx")])
    assert ended.value.code == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["rows"], printed["answered"], printed["refused"]) == (2, 1, 1)
    assert {(problem["row"], problem["field"]) for problem in printed["problems"]} == {(3, "address"), (3, "area")}
    assert (tmp_path / "out.xlsx").exists()

    (tmp_path / "cut.xlsx").write_bytes((tmp_path / "out.xlsx").read_bytes()[:2000])
    with pytest.raises(SystemExit) as ended:
        main(["batch", "submit", str(tmp_path / "cut.xlsx")])
    assert ended.value.code == 1
    complaint = capsys.readouterr().err
    assert "cut.xlsx cannot be read as XLSX" in complaint
    assert "Traceback" not in complaint

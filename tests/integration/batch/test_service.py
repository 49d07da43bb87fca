"""The service with a real broker: killed at any moment, and asked by the command line."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import httpx
import pytest
import uvicorn

from infra.cli import main
from infra.kafka.lag import Lag
from infra.kafka.producer import Publisher
from infra.kafka.security import client_conf
from infra.postgres.migrate import migrate
from infra.postgres.pool import open_pool
from producers.batch import loop
from producers.batch.app import build
from producers.batch.pace import Limits
from producers.batch.voice import Outgoing
from schemas.catalogue import BATCHES, REPORTS, REQUESTS, RESULTS
from schemas.codes import BatchState, Lane, Status
from tests.fakes.answers import CODEC, a_report, an_answer
from tests.fakes.pipeline import Pipeline, Topics
from tests.integration.batch.conftest import HEADER, Broker, Room
from tests.integration.batch.test_jobs import lines, rows

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

_WITHIN_S = 120.0


@pytest.fixture
def house(topics):
    return Topics.made_by(topics)


@pytest.fixture
def served(house, topics, postgres, tmp_path):
    """The service on topics of this test alone."""
    migrate(postgres, room=loop.ROOM)
    batches = topics.like(BATCHES)
    with open_pool(postgres, room=loop.ROOM, size=8) as connections:
        service = loop.Service.made(
            connections=connections,
            codec=CODEC,
            clock=lambda: datetime.now(UTC),
            today=lambda: date(2026, 3, 2),
            spool=tmp_path / "spool",
            randomness=random.Random(1),
            topics=Outgoing(requests=house.requests, batches=batches),
        )
        yield Room(service=service, folder=tmp_path, broker=Broker())


def answering(requested):
    """A report before its result, a receipt behind it: the order is not promised."""
    if "人工" in requested.address:
        return [an_answer(requested, Status.RECEIVED), an_answer(requested, Status.PENDING_MANUAL)]
    return [a_report(requested, report_no=f"R-{requested.client_request_id}"), an_answer(requested)]


def until(is_so, what):
    deadline = time.monotonic() + _WITHIN_S
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@pytest.mark.requirement("BA1", "BA2")
def test_a_service_killed_again_and_again_loses_no_row_and_asks_nothing_but_what_it_asked(
    served, house, bootstrap, postgres, tmp_path
):
    named = {
        REQUESTS.name: house.requests.name,
        RESULTS.name: house.results.name,
        REPORTS.name: house.reports.name,
        BATCHES.name: served.service.voice.topics.batches.name,
    }
    script = [sys.executable, "-m", "tests.integration.batch.killed_service", bootstrap, postgres]
    command = [*script, str(tmp_path / "spool" / "killed"), json.dumps(named)]
    job = served.open(rows(200))
    with Pipeline(client_conf(bootstrap), house, answering) as pipeline:
        for seen in (15, 95, None):
            process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(Path.cwd())})
            try:
                if seen is None:
                    until(lambda: served.job(job.job_id).state is BatchState.COMPLETED, "the job was not completed")
                else:
                    until(lambda: len(pipeline.seen) >= seen, f"row {seen} was never asked")  # noqa: B023
            finally:
                process.send_signal(signal.SIGKILL)
                process.wait()
    asked = Counter(requested.client_request_id for _, requested in pipeline.seen)
    assert set(asked) == {f"{job.job_id}-{number}" for number in range(2, 202)}
    assert sum(asked.values()) - 200 <= 2 * 10  # what was under way when it was killed, under its own number again
    assert {lane for lane, _ in pipeline.seen} == {Lane.BATCH}
    assert served.tally(job.job_id).answered == 200
    assert [line["报告编号"] for line in lines(served.result(job.job_id))] == [
        f"R-{job.job_id}-{number}" for number in range(2, 202)
    ]


@contextmanager
def running(served, house, bootstrap, postgres):
    """Work and pages, as `avm batch-service` runs them; the base URL of the pages."""
    stop, kafka = threading.Event(), client_conf(bootstrap)
    web = build(served.service, spool=served.folder / "spool", is_working=lambda: not stop.is_set())
    server = uvicorn.Server(uvicorn.Config(web, host="127.0.0.1", port=0, log_config=None, lifespan="off"))
    publisher = Publisher(kafka, on_fatal=lambda _: stop.set())
    work = {
        "dsn": postgres,
        "kafka": kafka,
        "publisher": publisher,
        "codec": CODEC,
        "stop": stop,
        "me": "one",
        "lag": lambda: 0,
        "limits": Limits(),
        "answers": (house.results, house.reports),
    }
    threads = [
        threading.Thread(target=loop.run, args=[served.service], kwargs=work),
        threading.Thread(target=server.run),
    ]
    for thread in threads:
        thread.start()
    try:
        until(lambda: server.started, "the pages were never there")
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        stop.set()
        server.should_exit = True
        for thread in threads:
            thread.join()
        publisher.close()


def avm(*arguments):
    with pytest.raises(SystemExit) as ended:
        main(["batch", *map(str, arguments)])
    return ended.value.code


@pytest.mark.requirement("BA1")
def test_the_command_line_submits_follows_and_fetches_and_tells_bad_input_in_one_line(
    served, house, bootstrap, postgres, monkeypatch, capsys
):
    tmp_path = served.folder
    path = served.a_csv(["B-1,杭州小区1幢,90", "B-2,,0", "B-3,人工小区1幢,90"])
    monkeypatch.setenv("AVM_KAFKA__BOOTSTRAP", bootstrap)
    with (
        Pipeline(client_conf(bootstrap), house, answering),
        running(served, house, bootstrap, postgres) as url,
    ):
        monkeypatch.setenv("AVM_BATCH__URL", url)
        assert httpx.get(f"{url}/health").status_code == 200
        assert avm("submit", path, "--json", "--out", tmp_path / "out.xlsx", "--job-id", "march", "--wait", 60) == 0
        printed = json.loads(capsys.readouterr().out)
        counts = {name: printed[name] for name in ("job_id", "state", "rows", "answered", "refused", "manual", "open")}
        assert counts == {
            "job_id": "march", "state": "DELIVERED", "rows": 3, "answered": 1, "refused": 1, "manual": 1, "open": 0,
        }  # fmt: skip
        assert {(problem["row"], problem["field"]) for problem in printed["problems"]} == {(3, "address"), (3, "area")}
        assert (tmp_path / "out.xlsx").read_bytes()[:2] == b"PK"
        assert avm("fetch", "march", "--out", tmp_path / "again.csv") == 0
        assert "待人工估值" in (tmp_path / "again.csv").read_text(encoding="utf-8-sig")
        for command in (("status", "march"), ("list",), ("cancel", "march", "--reason", "误传")):
            assert avm(*command) == 0
        capsys.readouterr()
        (tmp_path / "cut.xlsx").write_bytes((tmp_path / "out.xlsx").read_bytes()[:2000])
        assert avm("submit", tmp_path / "cut.xlsx") == 1
        complaint = capsys.readouterr().err
        assert "cut.xlsx cannot be read as XLSX" in complaint
        assert "Traceback" not in complaint
        for wrong in (("status", "april"), ("submit", tmp_path / "none.csv"), ("submit", path, "--column", "address")):
            assert avm(*wrong) == 1
    monkeypatch.setenv("AVM_BATCH__URL", "http://127.0.0.1:1")
    capsys.readouterr()
    assert avm("status", "march") == 1
    assert "does not answer" in capsys.readouterr().err
    assert HEADER.split(",")[0] in path.read_text(encoding="utf-8")


def test_a_group_is_behind_by_what_it_has_not_marked_as_done(topics, bootstrap):
    from confluent_kafka import Consumer, TopicPartition

    from infra.kafka.producer import Record

    topic, conf = topics("lag", partitions=2), client_conf(bootstrap)
    publisher = Publisher(conf, on_fatal=lambda _: None)
    publisher.publish([Record(topic=topic, key=str(number).encode(), value=b"v") for number in range(40)])
    publisher.close()
    group = f"group-of-{topic}"
    consumer = Consumer({**conf, "group.id": group, "enable.auto.commit": False})
    ends = {part: consumer.get_watermark_offsets(TopicPartition(topic, part))[1] for part in (0, 1)}
    consumer.commit(
        offsets=[TopicPartition(topic, 0, ends[0] - 3), TopicPartition(topic, 1, ends[1])], asynchronous=False
    )
    consumer.close()
    lag = Lag(conf, {group: [topic], "nobody": ["none"]})
    assert lag.total() == 3
    lag.close()

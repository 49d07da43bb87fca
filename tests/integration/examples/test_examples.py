"""The examples for the bank's integrator do what the documentation says, on a real broker."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from infra.kafka.producer import Publisher, Record
from infra.kafka.reader import Start, TopicReader
from infra.kafka.security import client_conf
from schemas.avro_files import self_contained
from schemas.catalogue import BANK_ANSWERS, RECEIPTS
from schemas.codes import DeliveryKind, Status
from schemas.events import Delivered, Receipted
from schemas.ids import valuation_id
from schemas.registry import CatalogueRegistry
from tests.fakes.answers import CODEC, NOON, an_answer
from tests.fakes.pipeline import Pipeline, Topics

pytestmark = pytest.mark.kafka

EXAMPLES = Path(__file__).resolve().parents[3] / "docs" / "examples"
ADDRESS = "杭州市西湖区文三路1号某某小区3幢2单元501室"
AVRO = "org.apache.avro:avro:1.12.0"
JAVA_AT_LEAST = 17


@pytest.fixture
def house_topics(topics):
    return Topics.made_by(topics)


@pytest.fixture
def connection(bootstrap):
    return client_conf(bootstrap)


def answered(requested):
    return [an_answer(requested, Status.RECEIVED), an_answer(requested)]


def run_python(bootstrap, topics, *more):
    command = [
        sys.executable, str(EXAMPLES / "kafka_producer.py"), "--bootstrap", bootstrap,
        "--request-number", "2026-1", "--address", ADDRESS, "--area", "89.50", "--wait", "60",
        "--requests-topic", f"{topics.requests.name}.online", "--results-topic", f"{topics.results.name}.online", *more,
    ]  # fmt: skip
    # an empty folder as working directory: nothing of ours can be imported by chance
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, cwd="/")


@pytest.mark.requirement("IN1")
def test_the_python_example_asks_and_is_answered(bootstrap, connection, house_topics):
    with Pipeline(connection, house_topics, answered) as pipeline:
        done = run_python(bootstrap, house_topics)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["status"] for line in lines] == ["RECEIVED", "COMPLETED_AUTO"]
    assert lines[-1]["value"] == 4_475_000
    _, requested = pipeline.seen[0]
    assert requested.valuation_id == valuation_id("CREDIT_MGMT", "2026-1") == lines[-1]["valuation_id"]
    assert (requested.address, str(requested.area)) == (ADDRESS, "89.500000")


def test_the_python_example_says_when_a_person_has_to_act(bootstrap, connection, house_topics):
    with Pipeline(connection, house_topics, lambda r: [an_answer(r, Status.PENDING_MANUAL)]):
        assert run_python(bootstrap, house_topics).returncode == 3


def test_the_python_example_imports_nothing_of_ours():
    text = (EXAMPLES / "kafka_producer.py").read_text(encoding="utf-8")
    for room in ("schemas", "infra", "producers", "streams", "consumers"):
        assert f"import {room}" not in text
        assert f"from {room}" not in text


@pytest.fixture(scope="module")
def java() -> str:
    """A JDK: the example is compiled as it is run."""
    program, compiler = shutil.which("java"), shutil.which("javac")
    if program is None or compiler is None:
        pytest.skip("no JDK on this machine (java and javac): the Java example is not run; install JDK 17 or newer")
    version = subprocess.run([compiler, "-version"], capture_output=True, text=True, check=True)
    found = int((version.stdout + version.stderr).split()[1].split(".")[0])
    if found < JAVA_AT_LEAST:
        pytest.skip(f"the JDK on this machine is {found}: the Java example needs {JAVA_AT_LEAST} or newer")
    return program


@pytest.fixture(scope="module")
def jars(kafka) -> str:
    """kafka-clients as the broker has them, and avro, from Maven Central or the cache."""
    import jgo

    from infra.embedded.kafka import default_cache, kafka_jars

    avro = Path(jgo.build(AVRO, cache_dir=default_cache()).path)
    wanted = [*kafka_jars(default_cache()), *avro.glob("modules/*.jar"), *avro.glob("jars/*.jar")]
    return os.pathsep.join(map(str, wanted))


def test_the_java_example_asks_and_is_answered(bootstrap, connection, house_topics, java, jars, tmp_path):
    for name in ("Requested", "Resulted"):
        (tmp_path / f"{name}.avsc").write_text(json.dumps(self_contained(name)), encoding="utf-8")
    command = [
        java, "-Dfile.encoding=UTF-8", "-Dsun.jnu.encoding=UTF-8", "-cp", jars,
        str(EXAMPLES / "KafkaProducerExample.java"), bootstrap,
        f"{house_topics.requests.name}.online", f"{house_topics.results.name}.online",
        str(tmp_path / "Requested.avsc"), str(tmp_path / "Resulted.avsc"), "1",
        "CREDIT_MGMT", "2026-2", ADDRESS, "89.50",
    ]  # fmt: skip
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    with Pipeline(connection, house_topics, answered) as pipeline:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=180, env=environment)
    assert done.returncode == 0, done.stderr
    number = valuation_id("CREDIT_MGMT", "2026-2")
    assert f"COMPLETED_AUTO {number} 4475000" in done.stdout
    _, requested = pipeline.seen[0]
    assert (requested.valuation_id, requested.address, str(requested.area)) == (number, ADDRESS, "89.500000")


def deliveries(count):
    for number in range(count):
        body = json.dumps({"type": "RESULT", "delivery_id": f"d-{number}", "data": {"value": 4_475_000}})
        yield Delivered(
            delivery_id=f"d-{number}",
            channel="CREDIT_MGMT",
            kind=DeliveryKind.RESULT,
            subject_id=f"v-{number}",
            event_id=f"e-{number}",
            body=body,
            sha256=hashlib.sha256(body.encode()).hexdigest(),
            delivered_at=NOON,
            business_ref=f"B-{number}",
            embed_target="LOAN_FILE/COLLATERAL",
        )


@pytest.mark.requirement("RS1")
def test_the_java_receiver_stores_each_delivery_once_and_acknowledges_every_arrival(
    bootstrap, connection, topics, java, jars, tmp_path
):
    answers, receipts = topics.like(BANK_ANSWERS["CREDIT_MGMT"]), topics.like(RECEIPTS)
    for name in ("Delivered", "Receipted"):
        (tmp_path / f"{name}.avsc").write_text(json.dumps(self_contained(name)), encoding="utf-8")
    sent = list(deliveries(3))
    with closing(Publisher(connection, on_fatal=lambda _: None)) as publisher:
        twice = [sent[0], *sent]  # a redelivery is no second result
        publisher.publish(
            [Record(topic=answers.name, key=one.subject_id.encode(), value=CODEC.encode(one)) for one in twice]
        )
    command = [
        java, "-Dfile.encoding=UTF-8", "-cp", jars, str(EXAMPLES / "KafkaReceiverExample.java"), bootstrap,
        answers.name, receipts.name, str(tmp_path / "Delivered.avsc"), str(tmp_path / "Receipted.avsc"),
        str(CatalogueRegistry().id_of(Receipted)), str(tmp_path), "3",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == 0, done.stderr
    stored = {path.stem: path.read_text(encoding="utf-8") for path in tmp_path.glob("*.json")}
    assert stored == {one.delivery_id: one.body for one in sent}
    told = [CODEC.decode(message.value(), Receipted) for message in all_of(connection, receipts.name)]
    assert {(one.delivery_id, one.sha256) for one in told} == {(one.delivery_id, one.sha256) for one in sent}
    assert {(one.stored, one.embedded_at_target) for one in told} == {(True, None)}  # it embeds nothing


def all_of(connection, topic):
    with TopicReader(connection, [topic], start=Start.BEGINNING) as reader:
        return list(reader.to_end(within_s=60))


def test_the_guide_shows_the_right_valuation_id():
    guide = (EXAMPLES.parent / "integration.md").read_text(encoding="utf-8")
    assert f"`{valuation_id('CREDIT_MGMT', '2026-000123')}`" in guide


def test_the_guide_names_every_status_and_every_error_code():
    from producers.gateway.problems import Code

    guide = (EXAMPLES.parent / "integration.md").read_text(encoding="utf-8")
    unnamed = {str(status) for status in Status} | {
        str(code) for code in Code if code not in {"internal", "method-not-allowed"}
    }
    assert {name for name in unnamed if f"`{name}`" not in guide} == set()

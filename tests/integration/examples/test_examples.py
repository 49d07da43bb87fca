"""The examples for the bank's integrator do what the documentation says, on a real broker."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.kafka.security import client_conf
from schemas.avro_files import self_contained
from schemas.codes import Status
from schemas.ids import valuation_id
from tests.fakes.answers import an_answer
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

"""The embedded broker on the real thing: it resumes, survives a kill, moves to other ports and leaves no orphan."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from infra.embedded.identity import Identity
from infra.embedded.kafka import BrokerStartError, EmbeddedKafka

pytestmark = pytest.mark.kafka


@pytest.fixture
def own_kafka(tmp_path):
    """A broker that this test may stop and kill."""
    with EmbeddedKafka(tmp_path / "kafka") as broker:
        yield broker


def create(broker, topic):
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)


def send(broker, topic, value):
    producer = Producer({"bootstrap.servers": broker.bootstrap, "acks": "all", "log_level": 0})
    producer.produce(topic, value)
    assert producer.flush(30) == 0


def values(broker, topic, count):
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "unused", "log_level": 0})
    consumer.assign([TopicPartition(topic, 0, 0)])
    found = [message.value() for message in consumer.consume(count, timeout=30)]
    consumer.close()
    return found


def wait_until(condition, within_s=60):
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.05)


def test_a_second_start_resumes_with_data_and_ports(own_kafka):
    create(own_kafka, "kept")
    send(own_kafka, "kept", b"before")
    ports, pid = own_kafka.bootstrap, own_kafka.pid
    own_kafka.stop()
    own_kafka.start()
    assert own_kafka.bootstrap == ports
    assert own_kafka.pid != pid
    assert values(own_kafka, "kept", 1) == [b"before"]


def test_a_killed_broker_comes_back_with_what_it_acknowledged(own_kafka):
    create(own_kafka, "killed")
    send(own_kafka, "killed", b"acknowledged")
    own_kafka.kill()
    assert not own_kafka.alive()
    own_kafka.start()
    send(own_kafka, "killed", b"later")
    assert values(own_kafka, "killed", 2) == [b"acknowledged", b"later"]


def test_it_moves_to_other_ports_when_its_own_are_taken(own_kafka):
    create(own_kafka, "moved")
    send(own_kafka, "moved", b"kept")
    before = own_kafka.bootstrap
    own_kafka.stop()
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind(("127.0.0.1", int(before.rpartition(":")[2])))
        stranger.listen()
        own_kafka.start()
    assert own_kafka.bootstrap != before
    assert values(own_kafka, "moved", 1) == [b"kept"]


def test_a_broker_of_a_living_process_is_not_taken_over(own_kafka):
    script = (
        "import sys; from pathlib import Path; from infra.embedded.kafka import EmbeddedKafka\n"
        "EmbeddedKafka(Path(sys.argv[1])).start()"
    )
    done = subprocess.run([sys.executable, "-c", script, own_kafka.folder], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert (
        f"{BrokerStartError.__name__}: {own_kafka.folder} is served by a broker of process {os.getpid()}" in done.stderr
    )
    assert own_kafka.alive()


def test_an_orphan_of_an_earlier_run_is_recognised_and_ended(own_kafka):
    orphan = Identity.of(own_kafka.pid)
    state = own_kafka.folder / "broker.json"
    kept = json.loads(state.read_text())
    kept["owner"] = {"pid": 2**22 + 1, "started": 1.0}  # no such process: above the highest pid
    state.write_text(json.dumps(kept))
    with EmbeddedKafka(own_kafka.folder) as successor:
        assert not orphan.alive()
        assert successor.alive()


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_the_broker_ends_when_its_parent_is_killed(tmp_path):
    script = (
        "import sys, time; from pathlib import Path; from infra.embedded.kafka import EmbeddedKafka\n"
        "print(EmbeddedKafka(Path(sys.argv[1])).start().pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", script, tmp_path / "kafka"], stdout=subprocess.PIPE) as parent:
        broker = Identity.of(int(parent.stdout.readline()))
        parent.send_signal(signal.SIGKILL)
    wait_until(lambda: not broker.alive())

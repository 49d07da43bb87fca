"""Broker and database together in one folder."""

import os
import signal
import subprocess
import sys

import psycopg
import pytest
from confluent_kafka.admin import AdminClient

from infra.embedded.lock import FolderInUseError, lock_holder, locked
from infra.embedded.stack import LocalStack, running_connections
from infra.kafka.admin import apply, plan, wanted_topics
from schemas.catalogue import TOPICS


@pytest.mark.kafka
@pytest.mark.postgres
def test_a_stack_resumes_and_its_folder_belongs_to_it_alone(tmp_path):
    folder = tmp_path / "state"
    wanted = wanted_topics(TOPICS, replication_factor=1, max_partitions=4)
    stack = LocalStack(folder, durable=False)
    connections = stack.start()
    apply(admin := AdminClient({"bootstrap.servers": connections.bootstrap}), plan(admin, wanted))
    with psycopg.connect(connections.dsn) as connection:
        connection.execute("create table kept as select 42 as answer")
    assert running_connections(folder) == connections
    with pytest.raises(FolderInUseError, match=f"in use by process {os.getpid()}"):
        LocalStack(folder).start()
    assert stack.kafka.alive()
    stack.stop()
    assert running_connections(folder) is None

    with LocalStack(folder, durable=False) as again:
        found = running_connections(folder)
        assert found == connections
        assert plan(AdminClient({"bootstrap.servers": found.bootstrap}), wanted).empty
        with psycopg.connect(found.dsn) as connection:
            assert connection.execute("select answer from kept").fetchone() == (42,)
        assert again.kafka.alive()
        assert again.postgres.alive()


def test_a_lock_names_its_holder_and_falls_with_it(tmp_path):
    script = (
        "import sys, time; from pathlib import Path; from infra.embedded.lock import locked\n"
        "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", script, tmp_path], stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        assert lock_holder(tmp_path) == holder.pid
        with pytest.raises(FolderInUseError, match=f"in use by process {holder.pid}"), locked(tmp_path):
            pass
        holder.send_signal(signal.SIGKILL)
    assert lock_holder(tmp_path) is None
    with locked(tmp_path):
        assert lock_holder(tmp_path) == os.getpid()


def test_an_unused_folder_has_no_stack(tmp_path):
    assert running_connections(tmp_path / "nothing") is None

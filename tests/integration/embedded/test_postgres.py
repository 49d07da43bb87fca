"""The embedded database on the real thing."""

import signal
import subprocess
import sys
import time

import psycopg
import pytest

from infra.embedded.identity import Identity
from infra.embedded.postgres import EmbeddedPostgres

pytestmark = pytest.mark.postgres


def one(dsn, query):
    with psycopg.connect(dsn) as connection:
        return connection.execute(query).fetchone()[0]


def test_it_is_postgresql_18_in_utf8_and_utc(postgres):
    assert one(postgres, "show server_version").startswith("18.")
    assert one(postgres, "show server_encoding") == "UTF8"
    assert one(postgres, "show timezone") == "UTC"


def test_each_test_has_an_empty_database(postgres):
    assert one(postgres, "select count(*) from pg_tables where schemaname = 'public'") == 0


@pytest.mark.parametrize("name", ["postgres", "a-folder-so-deep-that-its-socket-path-is-too-long-" * 2])
def test_a_second_start_resumes(tmp_path, name):
    server = EmbeddedPostgres(tmp_path / name)
    with server:
        dsn = server.create_database("kept")
        with psycopg.connect(dsn) as connection:
            connection.execute("create table kept as select 42 as answer")
    with server:
        assert one(server.create_database("kept"), "select answer from kept") == 42


def test_stopping_drops_open_connections(tmp_path):
    server = EmbeddedPostgres(tmp_path / "postgres").start()
    connection = psycopg.connect(server.dsn)
    server.stop()
    assert not server.alive()
    with pytest.raises(psycopg.OperationalError):
        connection.execute("select 1")
    connection.close()


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_the_server_ends_when_its_parent_is_killed_and_starts_again(tmp_path):
    script = (
        "import sys, time; from pathlib import Path; from infra.embedded.postgres import EmbeddedPostgres\n"
        "print(EmbeddedPostgres(Path(sys.argv[1])).start().pid, flush=True); time.sleep(600)"
    )
    folder = tmp_path / "postgres"
    with subprocess.Popen([sys.executable, "-c", script, folder], stdout=subprocess.PIPE) as parent:
        server = Identity.of(int(parent.stdout.readline()))
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 30
    while server.alive():
        assert time.monotonic() < deadline, "PostgreSQL outlived its parent"
        time.sleep(0.05)
    with EmbeddedPostgres(folder) as again:
        assert one(again.dsn, "select 1") == 1

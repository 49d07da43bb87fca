"""Kafka and PostgreSQL together, with all state under one folder."""

import json
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from infra.embedded.kafka import EmbeddedKafka
from infra.embedded.lock import lock_holder, locked
from infra.embedded.postgres import EmbeddedPostgres

DATABASE = "avm"
_CONNECTIONS = "stack.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """How to reach a running stack. `pages` names addresses of its web pages."""

    bootstrap: str
    dsn: str
    pages: dict[str, str] = field(default_factory=dict)


class LocalStack:
    """The broker and the database of one state folder.

    A second start resumes with all data. The folder belongs to one stack at a time. Topics and tables are the business
    of whoever starts it.
    """

    def __init__(self, folder: Path, *, cache: Path | None = None, durable: bool = True) -> None:
        """Prepare; nothing happens before `start`.

        Args:
            folder: State folder, made when missing.
            cache: Where the jars of Kafka are kept; default: the user's cache folder.
            durable: Whether PostgreSQL waits for the disk (tests need not).
        """
        self.folder = folder.resolve()
        self.kafka = EmbeddedKafka(self.folder / "kafka", cache)
        self.postgres = EmbeddedPostgres(self.folder / "postgres", durable=durable)
        self._running = ExitStack()

    def start(self) -> Connections:
        """Start both and return how to reach them. From the main thread: they end with the thread that started them.

        Raises:
            FolderInUseError: Another stack works in this folder.
            BrokerStartError, DatabaseStartError, JarsUnavailableError: One did not start; nothing is left running.
        """
        with ExitStack() as starting:
            starting.enter_context(locked(self.folder))
            starting.enter_context(self.postgres)
            starting.enter_context(self.kafka)
            dsn = self.postgres.create_database(DATABASE)
            self._running = starting.pop_all()
        connections = Connections(bootstrap=self.kafka.bootstrap, dsn=dsn)
        self.announce(connections)
        return connections

    def announce(self, connections: Connections) -> None:
        """Write the connections where other commands of this folder find them (`running_connections`)."""
        path = self.folder / _CONNECTIONS
        path.touch(mode=0o600)
        path.write_text(json.dumps(asdict(connections), indent=2))

    def stop(self) -> None:
        """Stop both and free the folder. Harmless when they do not run."""
        self._running.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def running_connections(folder: Path) -> Connections | None:
    """Return how to reach the stack that runs in `folder`, None when none does."""
    path = folder / _CONNECTIONS
    if lock_holder(folder) is None or not path.exists():
        return None
    return Connections(**json.loads(path.read_text()))

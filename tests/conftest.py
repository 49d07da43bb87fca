"""What every test may ask for: a real broker, a real database, the shared data.

Nothing here is started for a test that does not ask for it.
"""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings

from schemas.catalogue import Topic

settings.register_profile("without a clock", deadline=None)  # a busy machine is no defect
settings.load_profile("without a clock")

pytest_plugins = ("tests.requirements_plugin",)

_DATA_NEXT_TO_REPOSITORY = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def kafka(tmp_path_factory):
    """The `EmbeddedKafka` of this run: one broker, no topics. Tests create the topics they need."""
    from infra.embedded.kafka import EmbeddedKafka

    folder = tmp_path_factory.mktemp("kafka")
    with EmbeddedKafka(folder) as broker:
        yield broker
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def bootstrap(kafka) -> str:
    """`host:port` of the broker of this run."""
    return kafka.bootstrap


class TopicMaker:
    """Creates topics that no other test has."""

    def __init__(self, bootstrap: str) -> None:
        from confluent_kafka.admin import AdminClient

        self._admin = AdminClient({"bootstrap.servers": bootstrap})

    def __call__(self, stem: str = "test", *, partitions: int = 4, config: dict[str, str] | None = None) -> str:
        """Create one topic and return its name, which begins with `stem`."""
        name = f"{stem}.{uuid.uuid4().hex[:12]}"
        self._create([name], partitions, config or {})
        return name

    def like(self, topic: Topic, *, partitions: int = 4) -> Topic:
        """Create every lane of a copy of a catalogue topic under another name, and return the copy."""
        copy = replace(topic, name=f"{topic.name}.{uuid.uuid4().hex[:12]}", partitions=partitions)
        self._create(copy.names, partitions, {"cleanup.policy": "compact"} if topic.compacted else {})
        return copy

    def _create(self, names: Sequence[str], partitions: int, config: dict[str, str]) -> None:
        from confluent_kafka.admin import NewTopic

        from infra.kafka.admin import wait_visible

        wanted = [NewTopic(name, partitions, 1, config=config) for name in names]
        for outcome in self._admin.create_topics(wanted).values():
            outcome.result(30)
        wait_visible(self._admin, names)


@pytest.fixture
def topics(bootstrap) -> TopicMaker:
    """`topics("stem") -> name`, `topics.like(REQUESTS) -> Topic`: topics of this test alone."""
    return TopicMaker(bootstrap)


@pytest.fixture(scope="session")
def postgres_server():
    """The `EmbeddedPostgres` of this run.

    Not below pytest's own folder: each run closes that to other accounts anew, and as root the database has its own.
    """
    from infra.embedded.postgres import EmbeddedPostgres

    folder = Path(tempfile.mkdtemp(prefix="avm-postgres-"))
    with EmbeddedPostgres(folder, durable=False) as server:
        yield server
    shutil.rmtree(folder)


@pytest.fixture
def postgres(postgres_server) -> Iterator[str]:
    """Connection string of an empty database of this test alone."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    yield postgres_server.create_database(name)
    postgres_server.drop_database(name)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with the real data; it is not part of the repository, so tests that need it skip where it is absent."""
    folder = Path(os.environ.get("AVM_DATA_DIR", _DATA_NEXT_TO_REPOSITORY))
    if not folder.is_dir():
        pytest.skip(f"the shared data is not here: {folder} does not exist; set AVM_DATA_DIR to its folder")
    return folder

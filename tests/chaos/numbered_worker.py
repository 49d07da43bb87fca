"""A worker for tests: passes numbered requests on, and misbehaves where a request's note says so.

Run as `python -m tests.chaos.numbered_worker` with one JSON object as its argument. `loop` chooses the real runtime, or
one of two naive Faust agents: they are the controls, and they lose messages.
"""

import json
import logging
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from infra.kafka.producer import Publisher, Record
from infra.kafka.security import client_conf
from schemas.catalogue import COMMUNITIES, DEAD_LETTERS, REQUESTS
from schemas.codec import Codec
from schemas.errors import TransientError
from schemas.events import Requested
from schemas.registry import CatalogueRegistry
from streams.runtime.guard import Retry
from streams.runtime.reference import ReferenceSource
from streams.runtime.stage import Change, Outcome, Output
from streams.runtime.worker import Input, WorkerConfig, run_worker


class Note(StrEnum):
    """What a request does to the stage."""

    FINE = "fine"
    BUG = "bug"  # raises, always
    FLAKY = "flaky"  # raises TransientError the first time a process sees it
    AWAY = "away"  # raises TransientError, always
    HUGE = "huge"  # its output is larger than the broker takes
    SILENT = "silent"  # no output, with a reason


class Loop(StrEnum):
    """Who drives the stage."""

    RUNTIME = "runtime"
    NAIVE_FOR = "naive_for"
    NAIVE_TAKE = "naive_take"


@dataclass(frozen=True, kw_only=True)
class Setup:
    """The argument of the program."""

    bootstrap: str
    source: str
    sink: str
    dead_letters: str
    group: str
    loop: Loop = Loop.RUNTIME
    instance_id: str | None = None
    health_port: int | None = None
    reference: str | None = None
    partitions: int = 4
    session_timeout_s: float = 6.0
    commit_interval_s: float = 0.5
    otlp_endpoint: str | None = None
    mended: bool = False  # the bug is gone

    def as_argument(self) -> str:
        return json.dumps(self.__dict__)


class CountedCommunities:
    """A reference view that only knows which communities exist."""

    def __init__(self) -> None:
        self.names: dict[str, object] = {}

    def apply(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if change.event is None:
                self.names.pop(change.key, None)
            else:
                self.names[change.key] = change.event


class NumberedStage:
    """Passes requests on to `sink`. With a view, the number of communities known is put into the note."""

    name = "numbered"

    def __init__(self, sink: Any, view: CountedCommunities | None = None, *, mended: bool = False) -> None:
        self._sink, self._view, self._mended = sink, view, mended
        self._seen: set[str] = set()

    def handle(self, batch: Sequence[Requested]) -> Sequence[Outcome]:
        return [self._one(request) for request in batch]

    def _one(self, request: Requested) -> Outcome:
        match request.note:
            case Note.BUG if not self._mended:
                raise RuntimeError(f"a bug that prints {request.address}")
            case Note.AWAY:
                raise TransientError("a store is away")
            case Note.FLAKY if request.valuation_id not in self._seen:
                self._seen.add(request.valuation_id)
                raise TransientError("a store was away")
            case Note.SILENT:
                return Outcome(silence="asked_to_be_silent")
            case Note.HUGE:
                request = replace(request, note="x" * 2_000_000)
            case _:
                pass
        if self._view is not None:
            request = replace(request, note=f"{len(self._view.names)} communities")
        return Outcome(outputs=(Output(topic=self._sink, event=request),))


def main(setup: Setup) -> int:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
    logging.getLogger("faust").setLevel(logging.WARNING)
    source = replace(REQUESTS, name=setup.source, lanes=(), partitions=setup.partitions)
    sink = replace(source, name=setup.sink)
    if setup.loop is not Loop.RUNTIME:
        return naive(setup, NumberedStage(sink))
    view = CountedCommunities()
    communities = replace(COMMUNITIES, name=setup.reference or "", partitions=setup.partitions)
    references = [ReferenceSource(name="communities", view=view, topics=(communities,))] if setup.reference else []
    return run_worker(
        NumberedStage(sink, view if setup.reference else None, mended=setup.mended),
        inputs=[Input(topic=source)],
        outputs=[sink],
        codec=Codec(CatalogueRegistry()),
        clock=lambda: datetime.now(UTC),
        references=references,
        config=WorkerConfig(
            connection=client_conf(setup.bootstrap),
            group=setup.group,
            instance_id=setup.instance_id,
            health_port=setup.health_port,
            dead_letters=replace(DEAD_LETTERS, name=setup.dead_letters, partitions=setup.partitions),
            session_timeout_s=setup.session_timeout_s,
            commit_interval_s=setup.commit_interval_s,
            otlp_endpoint=setup.otlp_endpoint,
            retry=Retry(attempts=3, first_s=0.05, longest_s=0.2, budget_s=2.0),
        ),
    )


def naive(setup: Setup, stage: NumberedStage) -> int:
    """Run the stage as Faust's documentation suggests; everything else is as good as in the runtime."""
    import faust

    codec = Codec(CatalogueRegistry())
    publisher = Publisher(client_conf(setup.bootstrap), on_fatal=sys.exit)
    app = faust.App(
        setup.group,
        broker=f"kafka://{setup.bootstrap}",
        store="memory://",
        datadir=tempfile.mkdtemp(),
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        broker_session_timeout=setup.session_timeout_s,
        broker_heartbeat_interval=setup.session_timeout_s / 3,
        broker_request_timeout=30.0,
        broker_commit_interval=setup.commit_interval_s,
        consumer_auto_offset_reset="earliest",
    )
    topic = app.topic(setup.source, key_serializer="raw", value_serializer="raw")

    async def pass_on(values: Sequence[bytes]) -> None:
        outcomes = stage.handle([codec.decode(value, Requested) for value in values])
        await publisher.publish_async(
            [
                Record(
                    topic=output.topic.name, key=output.event.valuation_id.encode(), value=codec.encode(output.event)
                )
                for outcome in outcomes
                for output in outcome.outputs
            ]
        )

    @app.agent(topic)
    async def agent(stream: Any) -> None:
        if setup.loop is Loop.NAIVE_FOR:
            async for value in stream:
                await pass_on([value])
        else:
            async for values in stream.take(500, within=0.05):
                await pass_on(values)

    faust.Worker(app, loglevel="ERROR").execute_from_commandline()
    return 0


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    sys.exit(main(Setup(**{**given, "loop": Loop(given["loop"])})))

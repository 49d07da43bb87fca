"""The scoring hop under four drivers, side by side: ours, a plain confluent-kafka loop, Quix Streams and FastStream.

    python -m bench.peers [--flood 5000] [--rate 100] [--json FILE]

Around the same pure functions: decode `Enriched`, `ScoringStage.handle` with a model trained here and its reference
data, encode `Scored`. Ours and the plain loop also write CloudEvents and trace headers and wait for every ack before
they commit; Quix Streams (row by row, as its API has it) and FastStream (batches of up to 500) run in their default
guarantees and without headers, so this compares costs and not safety. Both run in an environment of their own, made in
`build/peers` from `requirements-peers.txt`; what cannot be installed or run is named under `unavailable`.
"""

import argparse
import asyncio
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.environment import python_of
from bench.scoring import NOW, TODAY, Held, asked, events, release
from infra.storage.packing import manifest_of
from producers.simulator.market import generate
from schemas.catalogue import COMMUNITIES, DEALS, ENRICHED, SCORED
from schemas.codec import Codec
from schemas.codes import PropertyType
from schemas.events import Community, Deal, Enriched
from schemas.registry import CatalogueRegistry
from streams.runtime.stage import Change, Outcome
from streams.scoring.reference import ScoringView
from streams.scoring.stage import ScoringStage
from streams.scoring.training import Artefact, train

if TYPE_CHECKING:
    from bench.hop import Work

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "bench" / "requirements-peers.txt"
ENVIRONMENT = ROOT / "build" / "peers"
COMMUNITIES_COUNT, DEALS_COUNT = 1_000, 12_000
BATCH = 500
OURS = ("ours", "plain")
PEERS = ("quix", "faststream")


# ---- the work: the same for all ------------------------------------------------------------------------------------


def reference() -> tuple[list[Community], list[Deal]]:
    """The market everybody values in: the same in every process."""
    market = generate(1, communities=COMMUNITIES_COUNT, deals=DEALS_COUNT, until=TODAY)
    deals = [deal for deal in events(Deal, market.deals) if deal.property_type is PropertyType.APARTMENT]
    return events(Community, market.communities), deals


def loaded_stage(model: Path) -> ScoringStage:
    """The scoring stage with its reference data and the model in that file."""
    content = model.read_bytes()
    manifest = manifest_of(content)
    sha256 = hashlib.sha256(content).hexdigest()
    artefact = Artefact(segment=manifest["segment"], manifest=manifest, content=content, sha256=sha256)
    communities, deals = reference()
    view = ScoringView(Held(artefact))
    view.apply([Change(topic=COMMUNITIES, key=one.community_id, event=one) for one in communities])
    view.apply([Change(topic=DEALS, key=one.deal_id, event=one) for one in deals])
    view.apply([release(artefact)])
    stage = ScoringStage(view, lambda: NOW)
    stage.handle([asked(0, deals[0])])  # the market is settled by the first use
    return stage


def pairs(deals: Sequence[Deal], count: int) -> list[tuple[bytes, bytes]]:
    """`count` requests about flats that were sold, as keys and values of `valuation.enriched`."""
    encode = Codec(CatalogueRegistry()).encode
    requests = (asked(number, deals[number * 7919 % len(deals)]) for number in range(count))
    return [(request.valuation_id.encode(), encode(request)) for request in requests]


def valued(stage: ScoringStage, codec: Codec, values: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
    """Bytes of `Enriched` in, keys and bytes of `Scored` out: what every peer calls."""
    outcomes = stage.handle([codec.decode(value, Enriched) for value in values])
    scored = [output.event for outcome in outcomes for output in outcome.outputs]
    return [(event.valuation_id.encode(), codec.encode(event)) for event in scored]


class Redirected:
    """A stage whose outputs go to one topic of the bench."""

    def __init__(self, stage: ScoringStage, sink: Any) -> None:
        self.name, self._stage, self._sink = stage.name, stage, sink

    def handle(self, batch: Sequence[Enriched]) -> list[Outcome]:
        """As the stage has it, elsewhere."""
        return [
            Outcome(outputs=tuple(replace(output, topic=self._sink, lane=None) for output in outcome.outputs))
            for outcome in self._stage.handle(batch)
        ]


# ---- the drivers ---------------------------------------------------------------------------------------------------


def own_work(source: str, sink: str, stage: ScoringStage) -> "Work":
    """The hop as `bench.hop` drives it."""
    from bench.hop import PARTITIONS, Work

    out = replace(SCORED, name=sink, lanes=(), partitions=PARTITIONS)
    return Work(
        stage=Redirected(stage, out),
        codec=Codec(CatalogueRegistry()),
        source=replace(ENRICHED, name=source, lanes=(), partitions=PARTITIONS),
        sink=out,
    )


def run_quix(bootstrap: str, source: str, sink: str, stage: ScoringStage) -> int:
    """Quix Streams: a function per row."""
    from quixstreams import Application

    codec = Codec(CatalogueRegistry())
    app = Application(
        broker_address=bootstrap, consumer_group=f"quix.{source}", auto_offset_reset="earliest", loglevel="WARNING"
    )
    read = app.topic(source, key_deserializer="bytes", value_deserializer="bytes")
    written = app.topic(sink, key_serializer="bytes", value_serializer="bytes")
    app.dataframe(read).apply(lambda value: valued(stage, codec, [value])[0][1]).to_topic(written)
    app.run()
    return 0


def run_faststream(bootstrap: str, source: str, sink: str, stage: ScoringStage) -> int:
    """FastStream: a function per batch."""
    from faststream import FastStream
    from faststream.confluent import KafkaBroker, KafkaPublishMessage

    codec = Codec(CatalogueRegistry())
    broker = KafkaBroker(bootstrap, logger=None)  # it would log every message

    async def raw(message: Any) -> Any:
        """Bytes stay bytes: it would try to read JSON."""
        return message.body

    @broker.subscriber(
        source,
        batch=True,
        max_records=BATCH,
        group_id=f"faststream.{source}",
        auto_offset_reset="earliest",
        decoder=raw,
    )
    async def score(values: list[bytes]) -> None:
        answers = [KafkaPublishMessage(value, key=key) for key, value in valued(stage, codec, values)]
        await broker.publish_batch(*answers, topic=sink)

    asyncio.run(FastStream(broker, logger=None).run())
    return 0


def run_worker(side: str, bootstrap: str, source: str, sink: str, model: Path) -> int:
    """One worker process of one side."""
    stage = loaded_stage(model)
    if side in OURS:
        from bench.hop import SIDES

        return SIDES[side](bootstrap, own_work(source, sink, stage))
    return {"quix": run_quix, "faststream": run_faststream}[side](bootstrap, source, sink, stage)


# ---- the comparison ------------------------------------------------------------------------------------------------


def versions(python: Path) -> dict[str, str]:
    """What runs there."""
    code = (
        "import json, importlib.metadata as m;"
        "print(json.dumps({n: m.version(n) for n in ('confluent-kafka', 'quixstreams', 'faststream')}))"
    )
    done = subprocess.run([str(python), "-c", code], check=True, capture_output=True, text=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def compare(*, flood: int, rate: int) -> dict[str, Any]:
    """Run every side in turn on one broker."""
    from bench.hop import Load, measure
    from infra.embedded.kafka import EmbeddedKafka

    interpreters: dict[str, Path] = dict.fromkeys(OURS, Path(sys.executable))
    unavailable: dict[str, str] = {}
    try:
        interpreters |= dict.fromkeys(PEERS, python_of(ENVIRONMENT, REQUIREMENTS))
    except (subprocess.CalledProcessError, OSError) as error:
        unavailable = dict.fromkeys(PEERS, f"not installed: {error}")
    communities, deals = reference()
    (artefact,) = train(deals, until=TODAY, communities=communities)
    load = Load(pairs=partial(pairs, deals), flood=flood, rate=rate)
    folder = Path(tempfile.mkdtemp(prefix="bench-peers-"))
    model = folder / "model.zip"
    model.write_bytes(artefact.content)
    figures = []
    try:
        with EmbeddedKafka(folder / "kafka") as broker:
            for side, python in interpreters.items():
                command = _command(python, side, broker.bootstrap, model)
                try:
                    figures.append(asdict(measure(side, "scoring", broker.bootstrap, command, load)))
                except TimeoutError as error:
                    unavailable[side] = f"did not keep up: {error}"
    finally:
        shutil.rmtree(folder)
    found = versions(interpreters["quix"]) if "quix" in interpreters else {}
    return {"flood": flood, "rate": rate, "figures": figures, "unavailable": unavailable, "peer_versions": found}


def _command(python: Path, side: str, bootstrap: str, model: Path) -> Callable[[str, str], Sequence[str]]:
    def command(source: str, sink: str) -> Sequence[str]:
        return [str(python), "-m", "bench.peers", "--worker", side, bootstrap, source, sink, str(model)]

    return command


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flood", type=int, default=5_000)
    parser.add_argument("--rate", type=int, default=100)
    parser.add_argument("--json", type=Path, help="write the object to this file too")
    parser.add_argument("--worker", nargs=5, metavar=("SIDE", "BOOTSTRAP", "SOURCE", "SINK", "MODEL"))
    arguments = parser.parse_args()
    if arguments.worker:
        side, bootstrap, source, sink, model = arguments.worker
        return run_worker(side, bootstrap, source, sink, Path(model))
    text = json.dumps(compare(flood=arguments.flood, rate=arguments.rate), indent=2)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

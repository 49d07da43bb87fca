"""`avm gateway`: the HTTP gateway of one instance."""

import asyncio
import logging
import random
import socket
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

import httpx
import typer
from confluent_kafka import Message

from infra.cli.connections import codec, kafka_conf, settings_in_force, utc_now
from infra.cli.gateway_access import access_of, pool_of, tls_of
from infra.cli.gateway_server import Ending, Servers, bound, ended_by_signals
from infra.cli.report_stamp import report_stamp
from infra.kafka.follower import TopicFollower
from infra.kafka.producer import Publisher
from infra.kafka.reader import Start
from infra.kafka.security import ClientConf
from infra.telemetry.health import Health, HealthServer
from producers.gateway.access.access import PUBLIC_CHANNEL, Access
from producers.gateway.access.rate_limit import Rate, RateLimits
from producers.gateway.access.tls import Tls
from producers.gateway.app import Parts, build
from producers.gateway.arrivals import arrival
from producers.gateway.audit import GatewayAudit
from producers.gateway.batches import BatchService
from producers.gateway.board import AnswerBoard
from producers.gateway.drain import Drain
from producers.gateway.event_stream import StreamTimes
from producers.gateway.ledger import HttpLedger
from producers.gateway.meters import Meters
from producers.gateway.ports import ReportArchive
from producers.gateway.prices.feed import PriceFeed
from producers.gateway.prices.history import PriceHistory
from producers.gateway.prices.licences import ShownSources
from producers.gateway.prices.routes import Prices
from producers.gateway.service import Gateway, Waits
from producers.gateway.suggestions.feed import SuggestionFeed
from producers.gateway.suggestions.index import SuggestionIndex
from producers.gateway.suggestions.routes import Suggestions
from producers.gateway.voice import Voice
from schemas.catalogue import (
    ALIASES,
    AUDIT,
    COMMUNITIES,
    DEALS,
    DISPUTES,
    RECEIPTS,
    REPORTS,
    REQUESTS,
    RESULTS,
    SOURCES,
    WORK_ORDERS,
    Topic,
)
from schemas.codec import Codec
from schemas.domain.divisions import divisions
from schemas.domain.worktime import SHANGHAI

if TYPE_CHECKING:
    from schemas.headers import Header

log = logging.getLogger(__name__)

CANNOT_PUBLISH = 70  # EX_SOFTWARE: start me again
# A person types ten letters for each valuation; who reads the dictionary out by thousands is slowed down.
_TYPING_LIMITS = RateLimits(Rate(per_second=500, burst=1_000), {PUBLIC_CHANNEL: Rate(per_second=100, burst=300)})

app = typer.Typer(add_completion=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayTopics:
    """The topics a gateway speaks on and listens to."""

    requests: Topic = REQUESTS
    results: Topic = RESULTS
    reports: Topic = REPORTS
    disputes: Topic = DISPUTES
    work_orders: Topic = WORK_ORDERS
    receipts: Topic = RECEIPTS
    audit: Topic = AUDIT
    communities: Topic = COMMUNITIES
    aliases: Topic = ALIASES
    deals: Topic = DEALS
    sources: Topic = SOURCES

    @property
    def answers(self) -> tuple[str, ...]:
        """Both lanes: a channel may look at what its batch was told."""
        return (*self.results.names, *self.reports.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What one instance serves with.

    `ledger_url`: base of the ledger's HTTP interface; empty: answers are known only as long as they are remembered.
    `batch_url`: likewise of the batch service. `health_port`: loopback port on which a supervisor asks, also while the
    gateway is busy. `drain`, once announced, ends it. `private`: a bound socket and files of the listener that admits
    client certificates. `waived`: no source needs a licence.
    """

    connection: ClientConf
    codec: Codec
    access: Access
    archive: ReportArchive
    ledger_url: str = ""
    batch_url: str = ""
    waived: bool = False
    topics: GatewayTopics = GatewayTopics()
    waits: Waits = field(default_factory=Waits)
    stream_times: StreamTimes = field(default_factory=StreamTimes)
    ending: Ending = field(default_factory=Ending)
    health_port: int | None = None
    drain: Drain = field(default_factory=Drain)
    private: tuple[socket.socket, Tls] | None = None


async def serve(listening: socket.socket, serving: Serving) -> int:
    """Serve on an open socket until the end is announced; the exit code. The port is known before the first request."""
    exit_code: list[int] = []
    loop = asyncio.get_running_loop()
    servers = Servers(drain=serving.drain, ending=serving.ending)

    def end(why: str) -> None:
        log.critical("the gateway ends: it cannot publish", extra={"cause": why})
        exit_code.append(CANNOT_PUBLISH)
        loop.call_soon_threadsafe(servers.stop)

    async with AsyncExitStack() as stack:
        parts = await _parts(stack, serving, end)
        web = build(parts)
        servers.add(web, listening)
        if serving.private is not None:
            private, tls = serving.private
            servers.add_private(web, private, tls)
        stack.enter_context(ended_by_signals(servers))
        if serving.health_port is not None:
            pulse = HealthServer(lambda: _health(parts), parts.meters.text, port=serving.health_port)
            pulse.start()
            stack.callback(pulse.stop)
        await servers.serve()
    return exit_code[0] if exit_code else 0


async def _parts(stack: AsyncExitStack, serving: Serving, end: Callable[[str], None]) -> Parts:
    topics, connection = serving.topics, serving.connection
    board = AnswerBoard(serving.codec)

    def take(message: Message) -> None:
        found = arrival(message.key(), message.value(), cast("list[Header] | None", message.headers()))
        if found is not None:
            board.post(found)

    publisher = Publisher(connection, on_fatal=end)
    stack.callback(publisher.close)
    follower = stack.enter_context(TopicFollower(connection, topics.answers, take))
    suggestions = _suggestions(stack, serving)
    client = await stack.enter_async_context(httpx.AsyncClient(timeout=2.0, trust_env=False))
    to_batches = await stack.enter_async_context(httpx.AsyncClient(timeout=2.0, trust_env=False))
    return Parts(
        gateway=Gateway(
            publisher=publisher,
            codec=serving.codec,
            board=board,
            ledger=HttpLedger(client, serving.ledger_url),
            is_following=lambda: follower.positioned,
            clock=utc_now,
            randomness=random.Random(),
            waits=serving.waits,
            requests=topics.requests,
        ),
        voice=Voice(
            publisher=publisher,
            codec=serving.codec,
            disputes=topics.disputes,
            work_orders=topics.work_orders,
            receipts=topics.receipts,
            results=topics.results,
            acknowledgement_s=serving.waits.acknowledgement_s,
            randomness=random.Random(),
        ),
        access=serving.access,
        typing=serving.access.with_limits(_TYPING_LIMITS),
        suggestions=suggestions,
        prices=_prices(stack, serving, suggestions.index),
        archive=replace(serving.archive, is_revocable=bool(serving.ledger_url)),
        batches=BatchService(client=to_batches, base_url=serving.batch_url),
        meters=Meters(board),
        audit=GatewayAudit(
            publisher=publisher,
            codec=serving.codec,
            public=PUBLIC_CHANNEL,
            clock=utc_now,
            randomness=random.Random(),
            topic=topics.audit,
        ),
        drain=serving.drain,
        stream_times=serving.stream_times,
    )


def _suggestions(stack: AsyncExitStack, serving: Serving) -> Suggestions:
    topics, index = serving.topics, SuggestionIndex(divisions())
    feed = SuggestionFeed(index, serving.codec, aliases=frozenset(topics.aliases.names))
    names = (*topics.communities.names, *topics.aliases.names)
    followed = _followed(stack, serving.connection, names, feed)
    return Suggestions(index=index, divisions=divisions(), is_loaded=lambda: followed.caught_up)


def _prices(stack: AsyncExitStack, serving: Serving, index: SuggestionIndex) -> Prices:
    topics, history = serving.topics, PriceHistory()
    sources = ShownSources(today=lambda: utc_now().astimezone(SHANGHAI).date(), waived=serving.waived)
    feed = PriceFeed(history, sources, serving.codec, source_topics=frozenset(topics.sources.names))
    followed = _followed(stack, serving.connection, (*topics.deals.names, *topics.sources.names), feed)
    return Prices(history=history, sources=sources, name_of=index.name_of, is_loaded=lambda: followed.caught_up)


def _followed(
    stack: AsyncExitStack, connection: ClientConf, topics: Sequence[str], feed: SuggestionFeed | PriceFeed
) -> TopicFollower:
    """Reference topics, from their beginning."""

    def take(message: Message) -> None:
        feed.take(message.topic(), message.key(), message.value())

    follower = TopicFollower(connection, topics, take, start=Start.BEGINNING, after_batch=feed.settle)
    return stack.enter_context(follower)


def _health(parts: Parts) -> Health:
    reasons = ["draining: the instance is ending"] if parts.drain.is_announced else []
    return Health(live=True, reasons=(*reasons, *parts.reasons()))


@app.command()
def gateway() -> None:
    """Run the HTTP gateway until it is told to stop."""
    from infra.storage.reports import ReportStore

    settings = settings_in_force()
    listening = bound(settings.gateway.host, settings.gateway.port)
    tls = tls_of(settings.gateway)
    private = None if tls is None else (bound(settings.gateway.host, settings.gateway.tls_port), tls)
    host, port = listening.getsockname()[:2]
    log.info("gateway listens", extra={"host": host, "port": port})
    typer.echo(f"http://{host}:{port}", err=True)
    pool = pool_of(settings)
    try:
        serving = Serving(
            connection=kafka_conf(settings),
            codec=codec(settings),
            access=access_of(settings, pool),
            archive=ReportArchive(store=ReportStore(settings.reports_url), stamp=report_stamp(settings)),
            ledger_url=settings.gateway.ledger_url,
            batch_url=settings.batch.url,
            waived=not settings.require_licences,
            health_port=settings.health_port,
            private=private,
        )
        code = asyncio.run(serve(listening, serving))
    finally:
        if pool is not None:
            pool.close()
    raise typer.Exit(code)

"""`avm gateway`: the HTTP gateway of one instance."""

import asyncio
import logging
import random
import signal
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import httpx
import typer
import uvicorn
from confluent_kafka import Message

from infra.cli.connections import codec, kafka_conf, settings_in_force, utc_now
from infra.kafka.follower import TopicFollower
from infra.kafka.producer import Publisher
from infra.kafka.reader import Start
from infra.kafka.security import ClientConf
from infra.telemetry.health import Health, HealthServer
from producers.gateway.api_keys import ApiKeys
from producers.gateway.app import PUBLIC_CHANNEL, Access, build
from producers.gateway.audit import GatewayAudit
from producers.gateway.board import AnswerBoard, arrival
from producers.gateway.ledger import HttpLedger
from producers.gateway.meters import Meters
from producers.gateway.ports import ReportStore
from producers.gateway.rate_limit import Rate, RateLimits
from producers.gateway.service import Gateway, Waits
from producers.gateway.suggestions.feed import SuggestionFeed
from producers.gateway.suggestions.index import SuggestionIndex
from producers.gateway.suggestions.routes import Suggestions
from schemas.catalogue import ALIASES, AUDIT, COMMUNITIES, REPORTS, REQUESTS, RESULTS, Topic
from schemas.codec import Codec
from schemas.domain.divisions import divisions

if TYPE_CHECKING:
    from schemas.headers import Header

log = logging.getLogger(__name__)

CANNOT_PUBLISH = 70  # EX_SOFTWARE: start me again
_LIMITS = RateLimits(
    Rate(per_second=200, burst=400),
    # anonymous callers share one bucket: enough for a busy page, too little for scraping the market
    {PUBLIC_CHANNEL: Rate(per_second=20, burst=60), "CREDIT_MGMT": Rate(per_second=1_000, burst=2_000)},
)
# A person types ten letters for each valuation; who reads the dictionary out by thousands is slowed down.
_TYPING_LIMITS = RateLimits(Rate(per_second=500, burst=1_000), {PUBLIC_CHANNEL: Rate(per_second=100, burst=300)})
_STOP_S = 15  # callers who wait for a result get it, or 202, within 10 s

app = typer.Typer(add_completion=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedTopics:
    """The topics a gateway speaks on and listens to."""

    requests: Topic = REQUESTS
    results: Topic = RESULTS
    reports: Topic = REPORTS
    communities: Topic = COMMUNITIES
    aliases: Topic = ALIASES
    audit: Topic = AUDIT

    @property
    def answers(self) -> tuple[str, ...]:
        """Both lanes: a channel may look at what its batch was told."""
        return (*self.results.names, *self.reports.names)

    @property
    def suggested(self) -> tuple[str, ...]:
        """What is suggested to those who type an address."""
        return (*self.communities.names, *self.aliases.names)


async def serve(
    listening: socket.socket,
    *,
    connection: ClientConf,
    codec: Codec,
    api_keys: Mapping[str, str],
    ledger_url: str,
    reports: ReportStore,
    topics: FollowedTopics | None = None,
    waits: Waits | None = None,
    health_port: int | None = None,
    stop: "list[uvicorn.Server] | None" = None,
) -> int:
    """Serve on an open socket until told to stop; the exit code.

    Args:
        listening: Bound; the port is known before the first request.
        connection: From `client_conf`.
        codec: Over the registry in force.
        api_keys: Hex sha256 of key -> channel code.
        ledger_url: Base of the ledger's HTTP interface; empty: answers are known only as long as they are remembered.
        reports: Where reports lie.
        topics: Others than the catalogue's, for tests.
        waits: Other times than the contract's, for tests.
        health_port: Loopback port on which a supervisor asks for `/health`, also while the gateway is busy.
        stop: Receives the server, whose `should_exit` ends it.
    """
    followed = topics or FollowedTopics()
    board = AnswerBoard(codec)
    exit_code: list[int] = []
    servers: list[uvicorn.Server] = stop if stop is not None else []

    def take(message: Message) -> None:
        found = arrival(message.key(), message.value(), cast("list[Header] | None", message.headers()))
        if found is not None:
            board.post(found)

    def end(why: str) -> None:
        log.critical("the gateway ends: it cannot publish", extra={"cause": why})
        exit_code.append(CANNOT_PUBLISH)
        for server in servers:
            server.should_exit = True

    async with AsyncExitStack() as stack:
        publisher = Publisher(connection, on_fatal=end)
        stack.callback(publisher.close)
        follower = stack.enter_context(TopicFollower(connection, followed.answers, take))
        index = SuggestionIndex(divisions())
        feed = SuggestionFeed(index, codec, aliases=frozenset(followed.aliases.names))
        dictionary = stack.enter_context(_followed_dictionary(connection, followed.suggested, feed))
        suggestions = Suggestions(index=index, divisions=divisions(), is_loaded=lambda: dictionary.caught_up)
        client = await stack.enter_async_context(httpx.AsyncClient(timeout=2.0, trust_env=False))
        gateway = Gateway(
            publisher=publisher,
            codec=codec,
            board=board,
            ledger=HttpLedger(client, ledger_url),
            is_following=lambda: follower.positioned,
            clock=utc_now,
            randomness=random.Random(),
            waits=waits or Waits(),
            requests=followed.requests,
        )
        access = Access(keys=ApiKeys(api_keys), limits=_LIMITS, monotonic_s=time.monotonic)
        typing = Access(keys=access.keys, limits=_TYPING_LIMITS, monotonic_s=time.monotonic)
        meters = Meters(board)
        audit = GatewayAudit(
            publisher=publisher,
            codec=codec,
            keys=access.keys,
            public=PUBLIC_CHANNEL,
            clock=utc_now,
            randomness=random.Random(),
            topic=followed.audit,
        )
        web = build(
            gateway,
            access=access,
            typing=typing,
            suggestions=suggestions,
            reports=reports,
            meters=meters,
            audit=audit,
        )
        config = uvicorn.Config(
            web, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=_STOP_S
        )
        server = _Server(config)
        servers.append(server)
        stack.enter_context(_ended_by_signals(server))
        if health_port is not None:
            pulse = HealthServer(lambda: _health(follower, suggestions), meters.text, port=health_port)
            pulse.start()
            stack.callback(pulse.stop)
        await server.serve(sockets=[listening])
    return exit_code[0] if exit_code else 0


def _followed_dictionary(connection: ClientConf, topics: Sequence[str], feed: SuggestionFeed) -> TopicFollower:
    def take(message: Message) -> None:
        feed.take(message.topic(), message.key(), message.value())

    return TopicFollower(connection, topics, take, start=Start.BEGINNING, after_batch=feed.settle)


class _Server(uvicorn.Server):
    """Leaves signals alone: uvicorn raises them again after its end, which would cut off ours."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """See the base class."""
        yield


@contextmanager
def _ended_by_signals(server: uvicorn.Server) -> Iterator[None]:
    """SIGTERM and Ctrl-C let requests in hand finish; only a main thread may listen to them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()

    def end() -> None:
        server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _health(follower: TopicFollower, suggestions: Suggestions) -> Health:
    reasons = [] if follower.positioned else ["the results topics are not being followed"]
    if not suggestions.is_loaded():
        reasons.append("the dictionary of communities is not loaded yet")
    return Health(live=True, reasons=tuple(reasons))


def bound(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((host, port))
    listening.listen(512)
    return listening


@app.command()
def gateway() -> None:
    """Run the HTTP gateway until it is told to stop."""
    from infra.storage.reports import ReportStore

    settings = settings_in_force()
    listening = bound(settings.gateway.host, settings.gateway.port)
    host, port = listening.getsockname()[:2]
    log.info("gateway listens", extra={"host": host, "port": port})
    typer.echo(f"http://{host}:{port}", err=True)
    code = asyncio.run(
        serve(
            listening,
            connection=kafka_conf(settings),
            codec=codec(settings),
            api_keys=settings.gateway.api_keys,
            ledger_url=settings.gateway.ledger_url,
            reports=ReportStore(settings.reports_url),
            health_port=settings.health_port,
        )
    )
    raise typer.Exit(code)

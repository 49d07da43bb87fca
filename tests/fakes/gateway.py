"""A gateway whose broker, ledger and report store are in memory."""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import httpx
from fastapi import FastAPI

from infra.kafka.producer import Record
from producers.gateway.api_keys import ApiKeys, hashed
from producers.gateway.app import PUBLIC_CHANNEL, Access, build
from producers.gateway.audit import GatewayAudit
from producers.gateway.board import AnswerBoard, arrival
from producers.gateway.meters import Meters
from producers.gateway.ports import Archived, LedgerUnavailableError, Timeline
from producers.gateway.rate_limit import Rate, RateLimits
from producers.gateway.service import Gateway, Waits
from producers.gateway.suggestions.index import SuggestionIndex
from producers.gateway.suggestions.routes import Suggestions
from schemas.domain.divisions import divisions
from schemas.errors import PublishError
from schemas.events import Audited, Reported, Requested, Resulted
from schemas.headers import TRACEPARENT, header
from tests.fakes.answers import CODEC, NOON, as_message

KEYS = {code: f"key-of-{code}" for code in ("CREDIT_MGMT", "NET_BANK", "WEBSITE", "APP")}


@dataclass
class FakePublisher:
    """Acknowledges at once, then lets `pipeline` answer on the board. `away`: confirms nothing."""

    board: AnswerBoard
    pipeline: Callable[[Requested], Sequence[Resulted | Reported]] = lambda _: ()
    away: bool = False
    sent: list[Record] = field(default_factory=list)
    has_sent: asyncio.Event = field(default_factory=asyncio.Event)

    async def publish_async(self, records: Sequence[Record]) -> None:
        if self.away:
            raise PublishError("the broker is away")
        for record in records:
            self.sent.append(record)
            self.has_sent.set()
            requested = CODEC.decode(record.value, Requested)
            for event in self.pipeline(requested):
                self.board.post(arrival(*as_message(event, header(record.headers, TRACEPARENT))))


@dataclass
class FakeAuditTopic:
    """Takes the audit's lines."""

    said: list[Audited] = field(default_factory=list)

    async def publish_async(self, records: Sequence[Record]) -> None:
        self.said += [CODEC.decode(record.value, Audited) for record in records]


@dataclass
class FakeLedger:
    """What it was given."""

    valuations: dict[str, Archived] = field(default_factory=dict)
    reports: dict[str, Reported] = field(default_factory=dict)
    requests: dict[str, Requested] = field(default_factory=dict)
    timelines: dict[str, Timeline] = field(default_factory=dict)
    away: bool = False

    def _present(self) -> None:
        if self.away:
            raise LedgerUnavailableError

    async def valuation(self, valuation_id: str) -> Archived | None:
        self._present()
        return self.valuations.get(valuation_id)

    async def request(self, valuation_id: str) -> Requested | None:
        self._present()
        return self.requests.get(valuation_id)

    async def timeline(self, valuation_id: str) -> Timeline:
        self._present()
        return self.timelines.get(valuation_id, Timeline(events=(), stages=()))

    async def report(self, report_no: str) -> Reported | None:
        self._present()
        return self.reports.get(report_no)


@dataclass
class FakeReports:
    contents: dict[str, bytes] = field(default_factory=dict)

    def read(self, uri: str) -> bytes:
        if uri not in self.contents:
            raise FileNotFoundError(uri)
        return self.contents[uri]


@dataclass
class House:
    """All of it, with the parts a test turns."""

    app: FastAPI
    gateway: Gateway
    board: AnswerBoard
    publisher: FakePublisher
    ledger: FakeLedger
    reports: FakeReports
    following: list[bool]
    seconds: list[float]
    index: SuggestionIndex
    loaded: list[bool]
    audit: FakeAuditTopic
    audit_is_busy: Callable[[], bool]

    def client(self, channel: str | None = "CREDIT_MGMT") -> httpx.AsyncClient:
        headers = {"X-API-Key": KEYS[channel]} if channel else {}
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=headers)


PLENTY = Rate(per_second=1000, burst=1000)
IMPATIENT = Waits(answer_s=0.05, acknowledgement_s=0.5, ledger_s=0.5)


def a_house(
    *,
    pipeline: Callable[[Requested], Sequence[Resulted | Reported]] = lambda _: (),
    rate: Rate = PLENTY,
    waits: Waits = IMPATIENT,
) -> House:
    board = AnswerBoard(CODEC)
    publisher, ledger, reports = FakePublisher(board, pipeline), FakeLedger(), FakeReports()
    following, seconds, loaded = [True], [0.0], [True]
    gateway = Gateway(
        publisher=publisher,
        codec=CODEC,
        board=board,
        ledger=ledger,
        is_following=lambda: following[0],
        clock=lambda: NOON,
        randomness=random.Random(7),
        waits=waits,
    )
    access = Access(
        keys=ApiKeys({hashed(key): code for code, key in KEYS.items()}),
        limits=RateLimits(rate),
        monotonic_s=lambda: seconds[0],
    )
    typing = Access(keys=access.keys, limits=RateLimits(rate), monotonic_s=lambda: seconds[0])
    index = SuggestionIndex(divisions())
    suggestions = Suggestions(index=index, divisions=divisions(), is_loaded=lambda: loaded[0])
    audit_topic = FakeAuditTopic()
    audit = GatewayAudit(
        publisher=audit_topic,
        codec=CODEC,
        keys=access.keys,
        public=PUBLIC_CHANNEL,
        clock=lambda: NOON + timedelta(seconds=seconds[0]),
        randomness=random.Random(7),
    )
    app = build(
        gateway,
        access=access,
        typing=typing,
        suggestions=suggestions,
        reports=reports,
        meters=Meters(board),
        audit=audit,
    )
    return House(
        app, gateway, board, publisher, ledger, reports, following, seconds, index, loaded, audit_topic, audit.is_busy
    )

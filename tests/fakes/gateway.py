"""A gateway whose broker, ledger, report store and batch service are in memory."""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import httpx
from fastapi import FastAPI

from infra.kafka.producer import Record
from producers.gateway.access.access import PUBLIC_CHANNEL, Access
from producers.gateway.access.challenges import ANSWER, CHALLENGE, solved
from producers.gateway.access.rate_limit import Rate, RateLimits
from producers.gateway.app import Parts, build
from producers.gateway.arrivals import arrival
from producers.gateway.audit import GatewayAudit
from producers.gateway.batches import BatchService
from producers.gateway.board import AnswerBoard
from producers.gateway.drain import Drain
from producers.gateway.event_stream import StreamTimes
from producers.gateway.meters import Meters
from producers.gateway.ports import (
    Archived,
    IssuedReport,
    LedgerUnavailableError,
    ReportArchive,
    Timeline,
    WorkOrderState,
)
from producers.gateway.prices.history import PriceHistory
from producers.gateway.prices.licences import ShownSources
from producers.gateway.prices.routes import Prices
from producers.gateway.service import Gateway, Waits
from producers.gateway.suggestions.index import SuggestionIndex
from producers.gateway.suggestions.routes import Suggestions
from producers.gateway.voice import Voice
from schemas import events
from schemas.domain.divisions import divisions
from schemas.errors import PermanentError, PublishError
from schemas.events import Audited, Reported, ReportRevoked, Requested, Resulted
from schemas.headers import CE_TYPE, TRACEPARENT, header
from tests.fakes.access import PLENTY, an_access
from tests.fakes.answers import CODEC, NOON, as_message

KEYS = {
    code: f"key-of-{code}" for code in ("CREDIT_MGMT", "NET_BANK", "WEBSITE", "APP", "WECHAT_OA", "BATCH_FILE", "KIOSK")
}


def event_of(record: Record) -> object:
    """What a record says."""
    name = header(record.headers, CE_TYPE).split(".")[2]
    return CODEC.decode(record.value, getattr(events, name))


@dataclass
class FakePublisher:
    """Acknowledges at once, then lets `pipeline` answer on the board. `away`: confirms nothing.

    `sent` are the requests, `said` all other events.
    """

    board: AnswerBoard
    pipeline: Callable[[Requested], Sequence[Resulted | Reported]] = lambda _: ()
    away: bool = False
    sent: list[Record] = field(default_factory=list)
    said: list[object] = field(default_factory=list)
    has_sent: asyncio.Event = field(default_factory=asyncio.Event)

    async def publish_async(self, records: Sequence[Record]) -> None:
        if self.away:
            raise PublishError("the broker is away")
        for record in records:
            said = event_of(record)
            if not isinstance(said, Requested):
                self.said.append(said)
                continue
            self.sent.append(record)
            self.has_sent.set()
            for event in self.pipeline(said):
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
    revocations: dict[str, ReportRevoked] = field(default_factory=dict)
    business_refs: dict[tuple[str, str], Sequence[str]] = field(default_factory=dict)
    work_orders: dict[tuple[str, str], WorkOrderState] = field(default_factory=dict)
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

    async def report(self, report_no: str) -> IssuedReport | None:
        self._present()
        reported = self.reports.get(report_no)
        return IssuedReport(reported=reported, revoked=self.revocations.get(report_no)) if reported else None

    async def valuations_of(self, channel: str, business_ref: str) -> Sequence[str]:
        self._present()
        return self.business_refs.get((channel, business_ref), ())

    async def work_order(self, work_order_id: str, channel: str) -> WorkOrderState | None:
        self._present()
        return self.work_orders.get((work_order_id, channel))


@dataclass
class FakeReports:
    contents: dict[str, bytes] = field(default_factory=dict)

    def read(self, uri: str) -> bytes:
        if uri not in self.contents:
            raise FileNotFoundError(uri)
        return self.contents[uri]


def marked(pdf: bytes, revoked: ReportRevoked) -> bytes:
    """What the stamp of a revoked report stands for here; a file that is no PDF cannot be marked."""
    if not pdf.startswith(b"%PDF"):
        raise PermanentError("the PDF has no content attached")
    return pdf + f" 已作废 {revoked.reason}".encode()


@dataclass
class House:
    """All of it, with the parts a test turns."""

    app: FastAPI
    parts: Parts
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

    @property
    def access(self) -> Access:
        return self.parts.access

    @property
    def drain(self) -> Drain:
        return self.parts.drain

    def client(self, channel: str | None = "CREDIT_MGMT") -> httpx.AsyncClient:
        headers = {"X-API-Key": KEYS[channel]} if channel else {}
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=headers)

    def proof(self) -> dict[str, str]:
        """The headers of an anonymous visitor that has done its work."""
        challenge = self.access.challenge(None)
        return {CHALLENGE: challenge.token, ANSWER: solved(challenge.token, challenge.difficulty)}


IMPATIENT = Waits(answer_s=0.05, acknowledgement_s=0.5, ledger_s=0.5)
QUICK = StreamTimes(heartbeat_s=0.05, life_s=10.0, report_s=0.2)


def a_house(
    *,
    pipeline: Callable[[Requested], Sequence[Resulted | Reported]] = lambda _: (),
    rate: Rate = PLENTY,
    waits: Waits = IMPATIENT,
    batches: httpx.AsyncBaseTransport | None = None,
    max_file_bytes: int = 1 << 20,
    stream_times: StreamTimes = QUICK,
) -> House:
    """`batches`: what plays the batch service; without it there is none."""
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
    access = an_access(KEYS, clock=lambda: NOON, monotonic_s=lambda: seconds[0], rate=rate)
    index = SuggestionIndex(divisions())
    audit_topic = FakeAuditTopic()
    audit = GatewayAudit(
        publisher=audit_topic,
        codec=CODEC,
        public=PUBLIC_CHANNEL,
        clock=lambda: NOON + timedelta(seconds=seconds[0]),
        randomness=random.Random(7),
    )
    parts = Parts(
        gateway=gateway,
        voice=Voice(publisher=publisher, codec=CODEC, randomness=random.Random(8), acknowledgement_s=0.5),
        access=access,
        typing=access.with_limits(RateLimits(rate)),
        suggestions=Suggestions(index=index, divisions=divisions(), is_loaded=lambda: loaded[0]),
        prices=Prices(
            history=PriceHistory(),
            sources=ShownSources(today=NOON.date),
            name_of=index.name_of,
            is_loaded=lambda: loaded[0],
        ),
        archive=ReportArchive(store=reports, stamp=marked),
        batches=BatchService(
            client=httpx.AsyncClient(transport=batches),
            base_url="http://batch" if batches else "",
            max_bytes=max_file_bytes,
        ),
        meters=Meters(board),
        audit=audit,
        stream_times=stream_times,
    )
    return House(
        build(parts), parts, gateway, board, publisher, ledger, reports, following, seconds, index, loaded,
        audit_topic, audit.is_busy,
    )  # fmt: skip

"""What the gateway did for whom, on a topic of its own: requests taken, evidence handed out, and everything refused.

The gateway keeps nothing; the ledger chains these lines. What was taken is in the chain anyway, as the request itself.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final
from uuid import UUID

from fastapi import FastAPI, Request, Response
from starlette.middleware.base import RequestResponseEndpoint

from infra.kafka.producer import Record
from infra.telemetry.tracing import child_of
from producers.gateway.api_keys import ApiKeys, hashed
from producers.gateway.ports import Publisher
from schemas.catalogue import AUDIT, Topic
from schemas.codec import Codec
from schemas.errors import PublishError
from schemas.events import Audited
from schemas.headers import event_headers, event_type
from schemas.ids import event_id

log = logging.getLogger(__name__)

SOURCE: Final = "producers/gateway"
KEY_DIGITS: Final = 12  # of the key's hash: tells keys apart, gives nothing away
_AUDITED: Final = ("/v1/", "/h5/", "/verify/")
_ONLY_REFUSALS_OF: Final = frozenset({"LOOK", "VERIFY", "SUGGEST"})  # polled, or open to everybody by design
_FLOODS: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.TOO_MANY_REQUESTS})
_FLOOD_TOLD_EVERY: Final = timedelta(seconds=1)
_UNKNOWN: Final = "UNKNOWN"  # an address that we do not have

_Kind = tuple[str, str, int]


@dataclass(slots=True, kw_only=True)
class GatewayAudit:
    """Tells the audit's topic what one instance did. `public`: channel of those without a key."""

    publisher: Publisher
    codec: Codec
    keys: ApiKeys
    public: str
    clock: Callable[[], datetime]
    randomness: random.Random
    topic: Topic = AUDIT
    _told_at: dict[_Kind, datetime] = field(default_factory=dict)
    _untold: dict[_Kind, int] = field(default_factory=dict)
    _sending: set[asyncio.Task[None]] = field(default_factory=set)

    def note(self, request: Request, response: Response | None) -> None:
        """Tell of a request that was answered; `None`: it failed. The caller does not wait for the broker."""
        said = self.line_of(request, response)
        if said is None:
            return
        task = asyncio.get_running_loop().create_task(self._send(said, request))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    def is_busy(self) -> bool:
        """Whether lines are on their way to the broker."""
        return bool(self._sending)

    def line_of(self, request: Request, response: Response | None) -> Audited | None:
        """The line; `None` for what is not audited, and for one of a flood of refusals (the next line counts them)."""
        endpoint = request.scope.get("endpoint")
        action = endpoint.__name__.upper() if endpoint else _UNKNOWN
        status = response.status_code if response else int(HTTPStatus.INTERNAL_SERVER_ERROR)
        if not request.url.path.startswith(_AUDITED):
            return None
        if status < HTTPStatus.BAD_REQUEST and action in _ONLY_REFUSALS_OF:
            return None
        actor, at = self._actor(request), self.clock()
        repeated = 0
        if status in _FLOODS or action == _UNKNOWN:
            kind = (actor, action, status)
            last = self._told_at.get(kind)
            if last is not None and at - last < _FLOOD_TOLD_EVERY:
                self._untold[kind] = self._untold.get(kind, 0) + 1
                return None
            self._told_at[kind] = at
            repeated = self._untold.pop(kind, 0)
        subject = _subject(request, response)
        return Audited(valuation_id=subject, actor=actor, action=action, http_status=status, at=at, repeated=repeated)

    def _actor(self, request: Request) -> str:
        """Channel and key. A key nobody has is not even told by its hash: people type other things into that field."""
        if not request.url.path.startswith("/v1/"):
            return self.public
        key = request.headers.get("X-API-Key")
        channel = self.keys.channel_of(key)
        return f"{channel}/{hashed(key)[:KEY_DIGITS]}" if key and channel else "-"

    async def _send(self, said: Audited, request: Request) -> None:
        kind = event_type(said)
        parent: str | None = getattr(request.state, "traceparent", None)
        span = child_of(parent.encode() if parent else None, self.randomness)
        headers = event_headers(
            event_id=event_id(span, kind, 1), event_type=kind, source=SOURCE, at=said.at, traceparent=span
        )
        record = Record(
            topic=self.topic.named(), key=said.valuation_id.encode(), value=self.codec.encode(said), headers=headers
        )
        try:
            await self.publisher.publish_async([record])
        except PublishError:
            log.warning("an act is missing in the audit", extra={"action": said.action, "status": said.http_status})


def add_audit(app: FastAPI, audit: GatewayAudit) -> None:
    """Note every request to `app`, after its answer is known."""

    @app.middleware("http")
    async def audited(request: Request, go_on: RequestResponseEndpoint) -> Response:
        response: Response | None = None
        try:
            response = await go_on(request)
        finally:
            audit.note(request, response)
        return response


def _subject(request: Request, response: Response | None) -> str:
    """The valuation it was about; empty for none, and for what is no id: a path may hold anything."""
    told = response.headers.get("X-Valuation-Id") if response else None
    try:
        return str(UUID(told or request.scope.get("path_params", {}).get("valuation_id", "")))
    except ValueError:
        return ""

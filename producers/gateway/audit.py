"""What the gateway did for whom, on a topic of its own: requests taken, evidence handed out, and everything refused.

The gateway keeps nothing; the ledger chains these lines. What was taken is in the chain anyway, as the request itself.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final
from uuid import UUID

from starlette.datastructures import Headers
from starlette.requests import Request

from infra.kafka.producer import Record
from infra.telemetry.tracing import child_of
from producers.gateway.ports import Publisher
from schemas.catalogue import AUDIT, Topic
from schemas.codec import Codec
from schemas.errors import PublishError
from schemas.events import Audited
from schemas.headers import event_headers, event_type
from schemas.ids import event_id

log = logging.getLogger(__name__)

SOURCE: Final = "producers/gateway"
_AUDITED: Final = ("/v1/", "/h5/", "/verify/", "/oauth/")
# polled, or open to everybody by design
_ONLY_REFUSALS_OF: Final = frozenset({"LOOK", "FIND", "FOLLOW", "VERIFY", "SUGGEST", "CHALLENGE", "ASSET", "PRICES"})
_FLOODS: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.TOO_MANY_REQUESTS})
_FLOOD_TOLD_EVERY: Final = timedelta(seconds=1)
_LAST_WORDS_S: Final = 2.0  # at the end, with a broker that may be away
_UNKNOWN: Final = "UNKNOWN"  # an address that we do not have

_Kind = tuple[str, str, int]


@dataclass(slots=True, kw_only=True)
class GatewayAudit:
    """Tells the audit's topic what one instance did. `public`: channel of those without a key."""

    publisher: Publisher
    codec: Codec
    public: str
    clock: Callable[[], datetime]
    randomness: random.Random
    topic: Topic = AUDIT
    _told_at: dict[_Kind, datetime] = field(default_factory=dict)
    _untold: dict[_Kind, Audited] = field(default_factory=dict)  # the last of each kind; `repeated` before it
    _timer: asyncio.TimerHandle | None = None
    _sending: set[asyncio.Task[None]] = field(default_factory=set)

    def note(self, request: Request, *, status: int | None, headers: Headers) -> None:
        """Tell of a request that was answered; `None`: it failed. The caller does not wait for the broker."""
        said = self.line_of(request, status=status or int(HTTPStatus.INTERNAL_SERVER_ERROR), headers=headers)
        if said is not None:
            self._tell(said, getattr(request.state, "traceparent", None))
        if self._untold and self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(_FLOOD_TOLD_EVERY.total_seconds(), self.tell_untold)

    def tell_untold(self) -> None:
        """Tell of refusals that were counted and not told of: no other of their kind may come to bring the count."""
        self._timer = None
        untold, self._untold = self._untold, {}
        for kind, last in untold.items():
            self._told_at[kind] = last.at
            self._tell(last, None)

    async def close(self) -> None:
        """Tell what is untold, and wait a moment until the broker has everything. Nothing may be noted afterwards."""
        if self._timer is not None:
            self._timer.cancel()
        self.tell_untold()
        if self._sending:
            await asyncio.wait(self._sending, timeout=_LAST_WORDS_S)

    def is_busy(self) -> bool:
        """Whether lines are on their way to the broker."""
        return bool(self._sending)

    def line_of(self, request: Request, *, status: int, headers: Headers) -> Audited | None:
        """The line; `None` for what is not audited, and for one of a flood of refusals, which a later line counts."""
        endpoint = request.scope.get("endpoint")
        action = endpoint.__name__.upper() if endpoint else _UNKNOWN
        if not request.url.path.startswith(_AUDITED):
            return None
        if status < HTTPStatus.BAD_REQUEST and action in _ONLY_REFUSALS_OF:
            return None
        actor, at = self._actor(request), self.clock()
        said = Audited(valuation_id=_subject(request, headers), actor=actor, action=action, http_status=status, at=at)
        return self._unless_flooded(said) if status in _FLOODS or action == _UNKNOWN else said

    def _unless_flooded(self, said: Audited) -> Audited | None:
        kind = (said.actor, said.action, said.http_status)
        before, told_at = self._untold.pop(kind, None), self._told_at.get(kind)
        counted = said if before is None else replace(said, repeated=before.repeated + 1)
        if told_at is not None and said.at - told_at < _FLOOD_TOLD_EVERY:
            self._untold[kind] = counted
            return None
        self._told_at[kind] = said.at
        return counted

    def _tell(self, said: Audited, traceparent: str | None) -> None:
        task = asyncio.get_running_loop().create_task(self._send(said, traceparent))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    def _actor(self, request: Request) -> str:
        """The credential's name. Of a secret nobody has not even the hash is told: people type other things there."""
        unknown = "-" if request.url.path.startswith("/v1/") else self.public
        return str(getattr(request.state, "actor", unknown))

    async def _send(self, said: Audited, parent: str | None) -> None:
        kind = event_type(said)
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


def _subject(request: Request, headers: Headers) -> str:
    """The valuation it was about; empty for none, and for what is no id: a path may hold anything."""
    told = headers.get("X-Valuation-Id")
    try:
        return str(UUID(told or request.scope.get("path_params", {}).get("valuation_id", "")))
    except ValueError:
        return ""

"""One attempt to hand a delivery over by HTTP: signed, bounded in time and size, no redirect followed."""

import asyncio
import json
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

import httpx

from consumers.callbacks.endpoints import Endpoint
from consumers.callbacks.resolving import Resolver
from consumers.callbacks.signing import active, signed_headers
from consumers.callbacks.targets import ForbiddenTargetError, TargetRules, allowed, check_url
from schemas.events import Delivered

log = logging.getLogger(__name__)

# About this delivery and not about the endpoint: they say nothing of the next one's chances.
_ABOUT_THE_DELIVERY: Final = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.CONFLICT,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)
_LONGEST_RETRY_AFTER: Final = timedelta(minutes=10)
_KEPT_OPEN: Final = 100  # as many as attempts may be under way: each finds a connection that is there
_PORTS: Final[Mapping[str, int]] = MappingProxyType({"https": 443, "http": 80})


class Outcome(StrEnum):
    """ACKNOWLEDGED; REFUSED: this delivery alone; AWAY: the endpoint does not work, for whatever it is sent."""

    ACKNOWLEDGED = "ACKNOWLEDGED"
    REFUSED = "REFUSED"
    AWAY = "AWAY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of an attempt. `fault`: a short code, never the endpoint's own words."""

    outcome: Outcome
    fault: str = ""
    retry_after: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of one attempt. `whole` bounds all of it: an endpoint that answers drop by drop does not hold us."""

    connect: timedelta = timedelta(seconds=5)
    whole: timedelta = timedelta(seconds=15)
    reply_bytes: int = 65_536


def client(limits: Limits, tls: ssl.SSLContext | None = None) -> httpx.AsyncClient:
    """A client of one endpoint: certificates verified, redirects not followed, the environment's proxies not used."""
    timeout = httpx.Timeout(limits.whole.total_seconds(), connect=limits.connect.total_seconds())
    return httpx.AsyncClient(
        verify=tls if tls is not None else ssl.create_default_context(),
        timeout=timeout,
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=_KEPT_OPEN),
        follow_redirects=False,
        trust_env=False,
    )


async def post(  # noqa: PLR0913 - what an attempt is made of
    http: httpx.AsyncClient,
    resolver: Resolver,
    endpoint: Endpoint,
    delivered: Delivered,
    *,
    at: datetime,
    rules: TargetRules,
    limits: Limits,
) -> Answer:
    """Try once. Never raises: no fault of one endpoint may end what serves the others."""
    try:
        async with asyncio.timeout(limits.whole.total_seconds()):
            request = await _request(http, resolver, endpoint, delivered, at=at, rules=rules)
            response = await http.send(request, stream=True)
            try:
                return _answer_of(response, await _beginning(response, limits.reply_bytes), delivered.sha256)
            finally:
                await response.aclose()
    except ForbiddenTargetError:
        return Answer(outcome=Outcome.AWAY, fault="FORBIDDEN_TARGET")
    except (TimeoutError, httpx.TimeoutException):
        return Answer(outcome=Outcome.AWAY, fault="TIMEOUT")
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return Answer(outcome=Outcome.AWAY, fault=_network_fault(error))
    except Exception as error:  # noqa: BLE001 - whatever a library says of this endpoint, e.g. of a name or a secret
        log.error("webhook cannot be sent", extra={"channel": endpoint.channel, "error": type(error).__name__})  # noqa: TRY400 - a message may hold the URL
        return Answer(outcome=Outcome.AWAY, fault="UNUSABLE_ENDPOINT")


async def _request(
    http: httpx.AsyncClient,
    resolver: Resolver,
    endpoint: Endpoint,
    delivered: Delivered,
    *,
    at: datetime,
    rules: TargetRules,
) -> httpx.Request:
    """The request, to an address that was looked at: a name that changes afterwards leads nowhere else."""
    parts = check_url(endpoint.url, rules)
    host = parts.hostname or ""
    address = allowed(await resolver.addresses(host, parts.port or _PORTS[parts.scheme]), rules)
    url = httpx.URL(endpoint.url)
    body = delivered.body.encode()
    headers = {
        "Host": url.netloc.decode(),
        "Content-Type": "application/json",
        "User-Agent": "house-valuation-callbacks",
        **signed_headers(body, message_id=delivered.delivery_id, at=at, secrets=active(endpoint.secrets, at)),
    }
    extensions: dict[str, Any] = {"sni_hostname": host} if address != host else {}
    return http.build_request("POST", url.copy_with(host=address), headers=headers, content=body, extensions=extensions)


async def _beginning(response: httpx.Response, most: int) -> bytes:
    """The answer's first bytes; the rest is not read, and the connection is not used again."""
    taken = bytearray()
    async for chunk in response.aiter_bytes():
        taken += chunk
        if len(taken) >= most:
            break
    return bytes(taken[:most])


def _answer_of(response: httpx.Response, content: bytes, sha256: str) -> Answer:
    status = response.status_code
    if response.is_success:
        return _acknowledged(content, sha256)
    if response.is_redirect:
        return Answer(outcome=Outcome.AWAY, fault=f"REDIRECT_{status}")
    outcome = Outcome.REFUSED if status in _ABOUT_THE_DELIVERY else Outcome.AWAY
    return Answer(outcome=outcome, fault=f"HTTP_{status}", retry_after=_retry_after(response.headers))


def _acknowledged(content: bytes, sha256: str) -> Answer:
    """2xx is enough. An answer `{"sha256": …, "stored": …}` is a receipt, and is held to it."""
    try:
        said = json.loads(content) if content else None
    except ValueError:
        said = None
    if isinstance(said, dict):
        if said.get("stored") is False:
            return Answer(outcome=Outcome.REFUSED, fault="ANSWER_NOT_STORED")
        digest = said.get("sha256")
        if isinstance(digest, str) and digest.lower() != sha256:
            return Answer(outcome=Outcome.REFUSED, fault="ANSWER_SHA256_DIFFERS")
    return Answer(outcome=Outcome.ACKNOWLEDGED)


def _retry_after(headers: httpx.Headers) -> timedelta:
    """In seconds, as RFC 9110 has it; a date is not looked at, nor more than ten minutes believed."""
    text = headers.get("retry-after", "")
    seconds = int(text) if text.isascii() and text.isdigit() and len(text) < len("100000") else 0
    return min(timedelta(seconds=seconds), _LONGEST_RETRY_AFTER)


def _network_fault(error: Exception) -> str:
    if isinstance(error.__cause__, ssl.SSLError) or "CERTIFICATE" in str(error):
        return "TLS"
    return "CONNECT" if isinstance(error, httpx.ConnectError | OSError) else "BROKEN_CONNECTION"

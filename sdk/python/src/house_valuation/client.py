"""The two clients: `Client` waits, `AsyncClient` is awaited. Both carry out the same calls in the same way."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from ssl import SSLContext
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx

from house_valuation.answers import Answer
from house_valuation.calls import Call, look
from house_valuation.errors import error_of
from house_valuation.events import EventReader
from house_valuation.retries import MOMENTARY, Retries

T = TypeVar("T")
_FIRST_ERROR = 400
_ANSWER = "answer"
_CHUNK = 1 << 16


class Client:
    """For programs that wait for each answer. Closes its connections at the end of a `with` block.

    Args:
        base_url: Of the gateway.
        credentials: `ApiKey`, `SignedKey` or `ClientCredentials`.
        timeout_s: For one try; longer than the service may take to answer.
        retries: When to try again.
        verify: Of httpx: an SSL context with the bank's authority and, for mTLS, a client certificate.
        transport: Another one than the network, for tests.
    """

    def __init__(
        self,
        base_url: str,
        credentials: httpx.Auth | None = None,
        *,
        timeout_s: float = 30.0,
        retries: Retries | None = None,
        verify: SSLContext | bool = True,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._retries = retries or Retries()
        self._http = httpx.Client(
            base_url=base_url, auth=credentials, timeout=timeout_s, verify=verify, transport=transport
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send(self, call: Call[T]) -> T:
        """Carry out a call, again where that may help. Raises `ServiceError`, or `httpx.TransportError` at the end."""
        attempt = 0
        while True:
            attempt += 1
            try:
                response = self._http.send(self._request(call))
            except MOMENTARY:
                wait_s = self._retries.wait_s(attempt, None)
                if wait_s is None:
                    raise
            else:
                if response.status_code < _FIRST_ERROR:
                    return call.read(response)
                wait_s = self._retries.wait_s(attempt, response)
                if wait_s is None:
                    raise error_of(response)
            time.sleep(wait_s)

    def follow(self, valuation_id: str, *, after: str = "") -> Iterator[Answer]:
        """Every further answer of a valuation as it comes, until the last. A broken connection raises."""
        reader = EventReader(last_id=after)
        with self._http.stream("GET", _events(valuation_id), headers=_resuming(after), timeout=None) as response:
            if response.status_code >= _FIRST_ERROR:
                response.read()
                raise error_of(response)
            for line in response.iter_lines():
                event = reader.feed(line)
                if event is not None and event.name == _ANSWER:
                    yield Answer.of(event.data)

    def wait_for(self, valuation_id: str, *, timeout_s: float, every_s: float = 2.0) -> Answer:
        """Look until a valuation is final, or `NEEDS_CLARIFICATION`, where somebody has to choose.

        Raises:
            TimeoutError: It was neither within `timeout_s`.
        """
        until = time.monotonic() + timeout_s
        while True:
            answer = self.send(look(valuation_id))
            if answer.final or answer.candidates:
                return answer
            if time.monotonic() + every_s > until:
                raise TimeoutError(f"valuation {valuation_id} is {answer.status} after {timeout_s:g} s")
            time.sleep(every_s)

    def _request(self, call: Call[Any]) -> httpx.Request:
        content = _chunks(call.file) if call.file is not None else None
        return self._http.build_request(
            call.method, call.path, params=_params(call), headers=dict(call.headers), json=call.body, content=content
        )


class AsyncClient:
    """As `Client`, for programs on asyncio."""

    def __init__(
        self,
        base_url: str,
        credentials: httpx.Auth | None = None,
        *,
        timeout_s: float = 30.0,
        retries: Retries | None = None,
        verify: SSLContext | bool = True,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._retries = retries or Retries()
        self._http = httpx.AsyncClient(
            base_url=base_url, auth=credentials, timeout=timeout_s, verify=verify, transport=transport
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(self, call: Call[T]) -> T:
        """See `Client.send`."""
        attempt = 0
        while True:
            attempt += 1
            try:
                response = await self._http.send(self._request(call))
            except MOMENTARY:
                wait_s = self._retries.wait_s(attempt, None)
                if wait_s is None:
                    raise
            else:
                if response.status_code < _FIRST_ERROR:
                    return call.read(response)
                wait_s = self._retries.wait_s(attempt, response)
                if wait_s is None:
                    raise error_of(response)
            await asyncio.sleep(wait_s)

    async def follow(self, valuation_id: str, *, after: str = "") -> AsyncIterator[Answer]:
        """See `Client.follow`."""
        reader = EventReader(last_id=after)
        stream = self._http.stream("GET", _events(valuation_id), headers=_resuming(after), timeout=None)
        async with stream as response:
            if response.status_code >= _FIRST_ERROR:
                await response.aread()
                raise error_of(response)
            async for line in response.aiter_lines():
                event = reader.feed(line)
                if event is not None and event.name == _ANSWER:
                    yield Answer.of(event.data)

    async def wait_for(self, valuation_id: str, *, timeout_s: float, every_s: float = 2.0) -> Answer:
        """See `Client.wait_for`."""
        until = time.monotonic() + timeout_s
        while True:
            answer = await self.send(look(valuation_id))
            if answer.final or answer.candidates:
                return answer
            if time.monotonic() + every_s > until:
                raise TimeoutError(f"valuation {valuation_id} is {answer.status} after {timeout_s:g} s")
            await asyncio.sleep(every_s)

    def _request(self, call: Call[Any]) -> httpx.Request:
        content = _chunks_async(call.file) if call.file is not None else None
        return self._http.build_request(
            call.method, call.path, params=_params(call), headers=dict(call.headers), json=call.body, content=content
        )


def _events(valuation_id: str) -> str:
    return f"/v1/valuations/{quote(valuation_id, safe='')}/events"


def _resuming(after: str) -> dict[str, str]:
    return {"Last-Event-ID": after} if after else {}


def _params(call: Call[Any]) -> dict[str, str] | None:
    return dict(call.params) or None  # httpx takes an empty mapping for "no query, whatever the path says"


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


async def _chunks_async(path: Path) -> AsyncIterator[bytes]:
    file = await asyncio.to_thread(path.open, "rb")
    try:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk
    finally:
        file.close()

"""Batch jobs, handed on to the service that keeps them. Files stream through in both directions and are never held."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import httpx

from producers.gateway.bodies import wrong
from producers.gateway.places import Places
from producers.gateway.problems import Code, ProblemError

MAX_FILE_BYTES: Final = 2 << 30  # twenty million rows as CSV, and a limit for what one caller can make a disk take
JOB_ID: Final = "^[A-Za-z0-9._-]{1,40}$"  # the service's rule, said before a file is sent
RETRY_AFTER_S: Final = 5
# A channel has two jobs under way at a time: it sends two files while it fetches two.
MOST_TRANSFERS: Final = 4
_ALL_TRANSFERS: Final = 40  # beside 100 connections, so that looking at a job always finds one
_TRANSFER_RETRY_S: Final = 30
_TIMES: Final = httpx.Timeout(connect=2.0, read=60.0, write=60.0, pool=2.0)
# Every row is checked before a file is answered for, and every row written before a result's first byte: by minutes the
# million, on a busy machine for the largest file more than an hour. A service that dies meanwhile is noticed at once.
_WHOLE_FILE: Final = httpx.Timeout(connect=2.0, read=7_200.0, write=600.0, pool=2.0)
_PROBLEM_HEADERS: Final = ("Retry-After",)
_PROBLEM_FIELDS: Final = ("type", "title", "status", "code", "detail", "detail_zh", "problems", "job_id")

Query = Sequence[tuple[str, str]]


class RefusedJobError(Exception):
    """The service refused, in words for the caller; `headers` belong to them."""

    def __init__(self, status: int, document: dict[str, Any], headers: dict[str, str]) -> None:
        self.status, self.document, self.headers = status, document, headers
        super().__init__(document.get("code", ""))


def _transfers() -> Places:
    return Places(
        each=MOST_TRANSFERS,
        in_all=_ALL_TRANSFERS,
        refusal=Code.TOO_MANY_TRANSFERS,
        retry_after_s=_TRANSFER_RETRY_S,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchService:
    """The service's HTTP interface. The client is the caller's, who closes it, and for this service alone.

    Every method raises `RefusedJobError`, or `ProblemError` BATCH_UNAVAILABLE when the service cannot be asked. What
    goes through a whole file takes a place of its channel meanwhile: `ProblemError` TOO_MANY_TRANSFERS without one.
    """

    client: httpx.AsyncClient
    base_url: str
    max_bytes: int = MAX_FILE_BYTES
    transfers: Places = field(default_factory=_transfers)

    async def submit(
        self, channel: str, query: Query, declared: str | None, pieces: AsyncIterator[bytes]
    ) -> tuple[int, Any]:
        """Status and job for a file. `declared` is its length as the caller states it, if so.

        Raises:
            ProblemError: FILE_TOO_LARGE as soon as that is known; INVALID_REQUEST for no file at all.
        """
        if declared is not None and declared.isdigit():
            self._refuse(int(declared))
        headers, content = {"Content-Type": "application/octet-stream"}, self._bounded(pieces)
        with self.transfers.taken(channel):
            response = await self._opened("POST", "", channel, query, _WHOLE_FILE, content=content, headers=headers)
            return response.status_code, await _read(response)

    async def ask(self, method: str, path: str, channel: str, query: Query = ()) -> Any:
        """The JSON of a job, or of all of them."""
        return await _read(await self._opened(method, path, channel, query, _TIMES))

    async def manifest(self, job_id: str, channel: str, query: Query = ()) -> Any:
        """The manifest of a job."""
        async with self.file(at(job_id, "manifest"), channel, query) as opened:
            return await _read(opened)

    @asynccontextmanager
    async def file(self, path: str, channel: str, query: Query = ()) -> AsyncIterator[httpx.Response]:
        """An answer whose body is still to be read, while the block runs."""
        with self.transfers.taken(channel):
            opened = await self._opened("GET", path, channel, query, _WHOLE_FILE)
            try:
                yield opened
            finally:
                await opened.aclose()

    async def _opened(
        self, method: str, path: str, channel: str, query: Query, times: httpx.Timeout, **more: Any
    ) -> httpx.Response:
        if not self.base_url:
            raise _unavailable()
        params = httpx.QueryParams([("channel", channel), *query])
        url = f"{self.base_url.rstrip('/')}/jobs{path}"
        request = self.client.build_request(method, url, params=params, timeout=times, **more)
        try:
            response = await self.client.send(request, stream=True)
        except httpx.HTTPError:
            raise _unavailable() from None
        if response.status_code < HTTPStatus.BAD_REQUEST:
            return response
        raise _refusal(response, await _read(response))

    async def _bounded(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        length = 0
        async for piece in pieces:
            length += len(piece)
            if length:
                self._refuse(length)
                yield piece
        self._refuse(length)

    def _refuse(self, length: int) -> None:
        if length > self.max_bytes:
            raise ProblemError(Code.FILE_TOO_LARGE)
        if length == 0:
            raise wrong("body", "MISSING", "请求体须为文件内容，不能为空。")


def at(job_id: str, *steps: str) -> str:
    """The path of a job, below `/jobs`."""
    return "".join(f"/{quote(step, safe='')}" for step in (job_id, *steps))


def only(query: Iterable[tuple[str, str]], names: Iterable[str]) -> list[tuple[str, str]]:
    """The parameters that have these names, each as often as it was given."""
    known = frozenset(names)
    return [(name, value) for name, value in query if name in known]


async def _read(response: httpx.Response) -> Any:
    try:
        await response.aread()
        return response.json()
    except (httpx.HTTPError, ValueError):
        raise _unavailable() from None
    finally:
        await response.aclose()


def _refusal(response: httpx.Response, document: Any) -> Exception:
    status = response.status_code
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or not isinstance(document, dict) or "code" not in document:
        return _unavailable()
    shown = {name: document[name] for name in _PROBLEM_FIELDS if name in document}
    defaults = {"type": f"urn:house-valuation:problem:{document['code']}", "title": HTTPStatus(status).phrase}
    headers = {name: response.headers[name] for name in _PROBLEM_HEADERS if name in response.headers}
    return RefusedJobError(status, {**defaults, **shown, "status": status}, headers)


def _unavailable() -> ProblemError:
    return ProblemError(Code.BATCH_UNAVAILABLE, retry_after_s=RETRY_AFTER_S)

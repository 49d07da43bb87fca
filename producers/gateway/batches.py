"""Batch jobs, handed on to the service that keeps them. Files stream through in both directions and are never held."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import httpx

from producers.gateway.bodies import wrong
from producers.gateway.problems import Code, ProblemError

MAX_FILE_BYTES: Final = 2 << 30  # twenty million rows as CSV, and a limit for what one caller can make a disk take
RETRY_AFTER_S: Final = 5
_TIMES: Final = httpx.Timeout(connect=2.0, read=60.0, write=60.0, pool=2.0)
_OPENING: Final = httpx.Timeout(connect=2.0, read=900.0, write=60.0, pool=2.0)  # every row is checked before the answer
_PROBLEM_FIELDS: Final = ("type", "title", "status", "code", "detail", "detail_zh", "problems", "job_id")

Query = Sequence[tuple[str, str]]


class RefusedJobError(Exception):
    """The service refused, in words for the caller."""

    def __init__(self, status: int, document: dict[str, Any]) -> None:
        self.status, self.document = status, document
        super().__init__(document.get("code", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchService:
    """The service's HTTP interface. The client is the caller's, who closes it.

    Every method raises `RefusedJobError`, or `ProblemError` BATCH_UNAVAILABLE when the service cannot be asked.
    """

    client: httpx.AsyncClient
    base_url: str
    max_bytes: int = MAX_FILE_BYTES

    async def submit(self, query: Query, declared: str | None, pieces: AsyncIterator[bytes]) -> tuple[int, Any]:
        """Status and job for a file. `declared` is its length as the caller states it, if so.

        Raises:
            ProblemError: FILE_TOO_LARGE as soon as that is known; INVALID_REQUEST for no file at all.
        """
        if declared is not None and declared.isdigit():
            self._refuse(int(declared))
        headers = {"Content-Type": "application/octet-stream"}
        content = self._bounded(pieces)
        response = await self._opened("POST", "", query, content=content, headers=headers, timeout=_OPENING)
        return response.status_code, await _read(response)

    async def ask(self, method: str, path: str, query: Query) -> Any:
        """The JSON of a job, or of all of them."""
        return await _read(await self._opened(method, path, query))

    async def file(self, path: str, query: Query) -> httpx.Response:
        """An open answer whose body is a file; to be closed by the caller."""
        return await self._opened("GET", path, query)

    async def _opened(self, method: str, path: str, query: Query, **more: Any) -> httpx.Response:
        if not self.base_url:
            raise _unavailable()
        request = self.client.build_request(
            method, f"{self.base_url.rstrip('/')}/jobs{path}", params=list(query), **{"timeout": _TIMES, **more}
        )
        try:
            response = await self.client.send(request, stream=True)
        except httpx.HTTPError:
            raise _unavailable() from None
        if response.status_code < HTTPStatus.BAD_REQUEST:
            return response
        raise _refusal(response.status_code, await _read(response))

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


def _refusal(status: int, document: Any) -> Exception:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or not isinstance(document, dict) or "code" not in document:
        return _unavailable()
    shown = {name: document[name] for name in _PROBLEM_FIELDS if name in document}
    defaults = {"type": f"urn:house-valuation:problem:{document['code']}", "title": HTTPStatus(status).phrase}
    return RefusedJobError(status, {**defaults, **shown, "status": status})


def _unavailable() -> ProblemError:
    return ProblemError(Code.BATCH_UNAVAILABLE, retry_after_s=RETRY_AFTER_S)

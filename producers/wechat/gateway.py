"""The house's gateway, asked over HTTP with the key of the channel WECHAT_OA."""

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import httpx

from schemas.ids import valuation_id

CHANNEL: Final = "WECHAT_OA"
_TAKEN: Final = frozenset({HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.ACCEPTED})


class UnavailableError(Exception):
    """The gateway does not answer, or asks for patience; the same request may be sent again."""


class LateError(UnavailableError):
    """The gateway took the request, or did not: it has not answered in time."""


class RefusedError(Exception):
    """The gateway said no; `problem` is its RFC 9457 document."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(f"{status} {problem.get('code', '')}")
        self.status, self.problem = status, problem

    @property
    def code(self) -> str:
        """The problem's stable code."""
        return str(self.problem.get("code", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """`client` has the base URL and the key; `within_s` bounds a call as a whole, longer than the waits asked for here.

    Every call raises `UnavailableError` or `RefusedError`.
    """

    client: httpx.AsyncClient
    within_s: float = 4.0

    async def ask(self, *, request_id: str, subject: str, address: str, area_m2: str, wait_s: int) -> dict[str, Any]:
        """Ask for a valuation; the same `request_id` again joins the first.

        Where no answer came in time the request may be recorded all the same: then only its `valuation_id` is known.
        """
        body = {
            "client_request_id": request_id,
            "subject_token": subject,
            "address": address,
            "area_m2": area_m2,
        }
        try:
            return await self._call("POST", "/v1/valuations", body, wait_s=wait_s)
        except LateError:
            return {"valuation_id": valuation_id(CHANNEL, request_id)}

    async def look(self, valuation_id: str) -> dict[str, Any]:
        """How a valuation stands."""
        return await self._call("GET", _path(valuation_id))

    async def clarify(self, valuation_id: str, community_id: str, *, wait_s: int) -> dict[str, Any]:
        """Answer its question."""
        try:
            return await self._call(
                "POST", f"{_path(valuation_id)}/clarification", {"community_id": community_id}, wait_s=wait_s
            )
        except LateError:
            return {"valuation_id": valuation_id}

    async def cancel(self, valuation_id: str) -> dict[str, Any]:
        """Withdraw it."""
        return await self._call("POST", f"{_path(valuation_id)}/cancellation", {})

    async def _call(
        self, method: str, path: str, body: dict[str, str] | None = None, *, wait_s: int | None = None
    ) -> dict[str, Any]:
        headers = {} if wait_s is None else {"Prefer": f"wait={wait_s}"}
        try:
            async with asyncio.timeout(self.within_s):
                response = await self.client.request(method, path, json=body, headers=headers)
            found: dict[str, Any] = response.json()
        except (httpx.ReadTimeout, TimeoutError) as error:
            raise LateError("no answer in time") from error
        except (httpx.HTTPError, ValueError) as error:
            raise UnavailableError(type(error).__name__) from error
        if response.status_code in _TAKEN:
            return found
        is_busy = response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR or (
            response.status_code == HTTPStatus.TOO_MANY_REQUESTS and found.get("code") != "quota-exceeded"
        )
        if is_busy:
            raise UnavailableError(str(response.status_code))
        raise RefusedError(response.status_code, found)


def _path(valuation_id: str) -> str:
    return f"/v1/valuations/{quote(valuation_id, safe='')}"

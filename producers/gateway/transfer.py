"""A file on its way from a service behind the gateway to the caller."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Final

import httpx
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

_KEPT: Final = ("content-type", "content-disposition", "content-length", "etag")


class FileTransfer(Response):
    """Asks for the file when the answer is sent, and lets go of it with the answer, however that ends.

    The file may have to be written first, which takes minutes: who goes away meanwhile is not waited for.
    """

    def __init__(
        self, opened: Callable[[], AbstractAsyncContextManager[httpx.Response]], headers: Mapping[str, str]
    ) -> None:
        super().__init__(headers=headers)
        self._opened, self._own = opened, headers

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. Raises what opening it raises, as long as nothing is sent."""
        sending = asyncio.create_task(self._send(send))
        leaving = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sending.cancel()
            leaving.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)
        if not sending.cancelled():
            sending.result()

    async def _send(self, send: Send) -> None:
        async with self._opened() as file:
            headers = MutableHeaders({name: file.headers[name] for name in _KEPT if name in file.headers})
            headers.update(self._own)
            await send({"type": "http.response.start", "status": file.status_code, "headers": headers.raw})
            async for piece in file.aiter_raw():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

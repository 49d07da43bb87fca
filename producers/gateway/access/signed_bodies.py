"""Hashes the bodies of signed requests, and leaves them readable for the routes.

A short body is read here. One that states its hash (`X-Content-Sha256`) is signed over what it states, handed on piece
by piece, and refused at its end when it was another: an upload of gigabytes is never held.
"""

import re
from hashlib import sha256
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from producers.gateway.access.signatures import CONTENT_SHA256, SIGNATURE
from producers.gateway.problems import Code, ProblemError
from schemas.events import Problem

BODY_SHA256: Final = "body_sha256"
"""Where the ASGI scope has the hash that a signature is about; absent: it cannot be known, the body is too long."""

MAX_HELD_BYTES: Final = 64 * 1024
_HEX = re.compile(r"[0-9a-fA-F]{64}")


class SignedBodies:
    """ASGI middleware; requests without a signature pass through untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        headers = Headers(scope=scope) if scope["type"] == "http" else None
        if headers is None or SIGNATURE not in headers:
            await self._app(scope, receive, send)
            return
        stated = headers.get(CONTENT_SHA256)
        if stated is not None and _HEX.fullmatch(stated):
            scope[BODY_SHA256] = stated.lower()
            await self._app(scope, _checked(receive, stated.lower()), send)
        else:
            await self._app(scope, await _held(scope, receive), send)


def _checked(receive: Receive, stated: str) -> Receive:
    found = sha256()

    async def checked() -> Message:
        message = await receive()
        if message["type"] == "http.request":
            found.update(message.get("body", b""))
            if not message.get("more_body", False) and found.hexdigest() != stated:
                other = Problem(field=CONTENT_SHA256, code="WRONG", message="请求体与所声明的 SHA-256 不符。")
                raise ProblemError(Code.UNAUTHENTICATED, problems=[other])
        return message

    return checked


async def _held(scope: Scope, receive: Receive) -> Receive:
    """Read the body as far as it is short; the returned function gives it again, then whatever follows."""
    messages: list[Message] = []
    found, length, is_complete = sha256(), 0, False
    while not is_complete and length <= MAX_HELD_BYTES:
        messages.append(await receive())
        piece = messages[-1].get("body", b"")
        found.update(piece)
        length += len(piece)
        is_complete = messages[-1]["type"] != "http.request" or not messages[-1].get("more_body", False)
    if is_complete and length <= MAX_HELD_BYTES:
        scope[BODY_SHA256] = found.hexdigest()
    messages.reverse()

    async def again() -> Message:
        return messages.pop() if messages else await receive()

    return again

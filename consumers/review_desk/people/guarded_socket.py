"""A page's socket, cut off as soon as its session has ended: pages live for hours after the request that made them."""

from datetime import datetime, timedelta
from typing import Final

import psycopg
from starlette.concurrency import run_in_threadpool
from starlette.types import Message, Receive, Send

from consumers.review_desk.people.accounts import Accounts

SESSION_ENDED: Final = 4401  # the private range of WebSocket's close codes; after HTTP's 401
_ASK_AGAIN: Final = timedelta(seconds=1)
ACT: Final = '42["event"'  # Socket.IO: what a person did; pings and acknowledgements come by themselves


class GuardedSocket:
    """Stands between server and application. Nothing passes, either way, more than a second after the end.

    While the database is away, pages stay: nobody can do anything on them without it, and a short outage must not
    throw everybody out.
    """

    def __init__(self, accounts: Accounts, token: str | None, receive: Receive, send: Send) -> None:
        self._accounts, self._token = accounts, token
        self._receive, self._send = receive, send
        self._asked_at: datetime | None = None
        self._acted_at: datetime | None = None
        self._ended = False

    async def receive(self) -> Message:
        """Give the next message; the news that the other side is gone once the session has ended."""
        message = await self._receive()
        text = message.get("text")
        is_act = isinstance(text, str) and text.startswith(ACT)
        if message["type"] == "websocket.receive" and await self._has_ended(is_act=is_act):
            return {"type": "websocket.disconnect", "code": SESSION_ENDED}
        return message

    async def send(self, message: Message) -> None:
        """Pass a message on, or close in its stead."""
        if message["type"] == "websocket.send" and await self._has_ended(is_act=False):
            return
        if message["type"] == "websocket.close" and self._ended:
            return  # closed already
        await self._send(message)

    async def _has_ended(self, *, is_act: bool) -> bool:
        now = self._accounts.clock()
        before = self._acted_at if is_act else self._asked_at  # an act just after a question counts none the less
        if self._ended or (before is not None and now < before + _ASK_AGAIN):
            return self._ended
        self._asked_at, self._acted_at = now, now if is_act else self._acted_at
        try:
            person = await run_in_threadpool(self._accounts.who, self._token, is_act=is_act)
        except psycopg.OperationalError:
            return False
        if person is None:
            self._ended = True
            await self._send({"type": "websocket.close", "code": SESSION_ENDED, "reason": ""})
        return self._ended

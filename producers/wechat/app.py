"""The adapter's web application: the address that the account's settings page names, and health."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from producers.wechat.adapter import Adapter
from producers.wechat.envelope import Seal, SealError, is_signed, signature
from producers.wechat.messages import MOST_BYTES, Message, MessageError, document, fields_of, message_of, reply_xml

log = logging.getLogger(__name__)

REPLY_WITHIN_S: Final = 4.5  # WeChat hangs up after 5
_LOOK_EVERY_S: Final = 2.0
_NOTHING: Final = "success"  # WeChat's word for: taken, no reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """How the account's messages are signed and, where `seal` is given, sealed. Then nothing unsealed is taken."""

    token: str
    seal: Seal | None
    clock: Callable[[], datetime]
    reply_within_s: float = REPLY_WITHIN_S


class _NotOursError(Exception):
    """A request that WeChat did not make for this account."""


def build(adapter: Adapter, account: Account, *, further: tuple[APIRouter, ...] = ()) -> FastAPI:
    """The application. While it lives, answers that came later are sent."""

    @asynccontextmanager
    async def living(_: FastAPI) -> AsyncIterator[None]:
        telling = asyncio.create_task(_tell_for_ever(adapter))
        telling.add_done_callback(_end_with)
        yield
        telling.cancel()
        with suppress(asyncio.CancelledError):
            await telling

    app = FastAPI(title="WeChat official account", docs_url=None, redoc_url=None, openapi_url=None, lifespan=living)
    app.include_router(_callback(adapter, account))
    for router in further:
        app.include_router(router)

    @app.get("/health")
    async def health() -> JSONResponse:
        return JSONResponse({"ready": True})

    return app


def _callback(adapter: Adapter, account: Account) -> APIRouter:
    router = APIRouter()

    @router.get("/wechat")
    async def greet(
        timestamp: Annotated[str, Query(max_length=32)] = "",
        nonce: Annotated[str, Query(max_length=64)] = "",
        echostr: Annotated[str, Query(max_length=256)] = "",
        given: Annotated[str, Query(alias="signature", max_length=64)] = "",
    ) -> Response:
        """WeChat asks once whether this address belongs to the account."""
        if not is_signed(given, account.token, timestamp, nonce):
            return _refused("signature")
        return PlainTextResponse(echostr)

    @router.post("/wechat")
    async def receive(
        request: Request,
        timestamp: Annotated[str, Query(max_length=32)] = "",
        nonce: Annotated[str, Query(max_length=64)] = "",
        given: Annotated[str, Query(alias="signature", max_length=64)] = "",
        msg_signature: Annotated[str, Query(max_length=64)] = "",
    ) -> Response:
        """A message of a customer."""
        try:
            fields = _opened(await _body(request), account, timestamp, nonce, given, msg_signature)
            message = message_of(fields)
        except _NotOursError as refusal:
            return _refused(str(refusal))
        except (MessageError, SealError) as error:
            log.warning("a message cannot be read", extra={"cause": type(error).__name__})
            return PlainTextResponse("the message cannot be read", HTTPStatus.BAD_REQUEST)
        text = await _reply_in_time(adapter, message, account.reply_within_s)
        if not text:
            return PlainTextResponse(_NOTHING)
        xml = reply_xml(message, text, at_s=int(account.clock().timestamp()))
        return Response(_closed(xml, account, timestamp, nonce), media_type="application/xml")

    return router


async def _reply_in_time(adapter: Adapter, message: Message, within_s: float) -> str:
    """The reply; nothing where it comes too late: then it is sent as a message of its own, since nobody asks again."""
    try:
        async with asyncio.timeout(within_s):
            return await adapter.reply(message)
    except TimeoutError:
        log.warning("a reply comes too late and is sent as a message")
        adapter.bring_later(message)
        return ""


async def _tell_for_ever(adapter: Adapter) -> None:
    while True:
        await asyncio.sleep(_LOOK_EVERY_S)
        await adapter.tell_due()


def _end_with(telling: "asyncio.Task[None]") -> None:
    """Who waits for a message must not wait for ever: a process that sends none ends, and is started again."""
    if not telling.cancelled() and telling.exception() is not None:
        log.critical("no more answers are sent", exc_info=telling.exception())
        signal.raise_signal(signal.SIGTERM)


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise MessageError(f"larger than {MOST_BYTES} bytes")
    return bytes(body)


def _opened(
    body: bytes, account: Account, timestamp: str, nonce: str, given: str, msg_signature: str
) -> dict[str, str]:
    """The fields of a message. Raises `_NotOursError`, `MessageError`, `SealError`."""
    if not is_signed(given, account.token, timestamp, nonce):
        raise _NotOursError("signature")
    fields = fields_of(body)
    if account.seal is None:
        return fields
    sealed = fields.get("Encrypt", "")
    if not sealed or not is_signed(msg_signature, account.token, timestamp, nonce, sealed):
        raise _NotOursError("msg_signature")
    return fields_of(account.seal.open(sealed).encode())


def _closed(xml: str, account: Account, timestamp: str, nonce: str) -> str:
    if account.seal is None:
        return xml
    sealed = account.seal.close(xml)
    signed = signature(account.token, timestamp, nonce, sealed)
    return document({"Encrypt": sealed, "MsgSignature": signed, "TimeStamp": timestamp, "Nonce": nonce})


def _refused(what: str) -> Response:
    log.warning("a request is not WeChat's", extra={"wrong": what})
    return PlainTextResponse(f"{what} is wrong: are token and key those of the account?", HTTPStatus.FORBIDDEN)

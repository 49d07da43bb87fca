"""`avm wechat`: the adapter between a WeChat official account and the gateway."""

import hmac
import logging
import os
from contextlib import AsyncExitStack, asynccontextmanager
from hashlib import sha256
from typing import TYPE_CHECKING

import httpx
import typer
import uvicorn

from infra.cli import CommandError
from infra.cli.connections import utc_now
from infra.cli.gateway_server import bound
from infra.settings import Settings, WeChatSettings
from producers.wechat.adapter import WAIT_S, Adapter
from producers.wechat.api import WeChatApi
from producers.wechat.app import Account, build
from producers.wechat.envelope import Seal
from producers.wechat.gateway import Gateway
from producers.wechat.simulator import SimulatedWeChat, api_routes, simulator_routes
from producers.wechat.store import AskedStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import APIRouter, FastAPI

log = logging.getLogger(__name__)

_SIMULATED_API = "/simulator/api"
_GATEWAY_WITHIN_S = WAIT_S + 1.0  # WeChat waits 5 s in all
_API_WITHIN_S = 10.0

app = typer.Typer(add_completion=False)


class WeChatSettingsError(CommandError):
    """A setting without which the account cannot be served."""

    def __init__(self, missing: list[str]) -> None:
        names = ", ".join(f"AVM_WECHAT__{name.upper()}" for name in missing)
        super().__init__(f"not set: {names}; they stand on the settings page of the official account, or are ours")


@app.command()
def wechat() -> None:
    """Run the adapter until it is told to stop."""
    settings = Settings()
    given = settings.wechat
    secret_names = ("token", "app_secret", "api_key")
    missing = [name for name in secret_names if not getattr(given, name).get_secret_value()]
    missing += [name for name in ("app_id", "gateway_url") if not getattr(given, name)]
    if missing:
        raise WeChatSettingsError(sorted(missing))
    listening = bound(given.host, given.port)
    host, port = listening.getsockname()[:2]
    log.info("wechat adapter listens", extra={"host": host, "port": port})
    web = application(settings, own_url=f"http://{host}:{port}")
    uvicorn.Server(uvicorn.Config(web, log_config=None, access_log=False, server_header=False)).run([listening])


def application(settings: Settings, *, own_url: str) -> "FastAPI":
    """The adapter of these settings; `own_url` is where it will be reached."""
    given = settings.wechat
    api_url, further = given.api_url, tuple["APIRouter", ...]()
    if given.simulator:
        log.warning("the simulator is on: whoever reaches its page speaks as any customer")
        simulated = simulated_wechat(given)
        api_url, further = (
            own_url + _SIMULATED_API,
            (
                simulator_routes(simulated),
                api_routes(simulated, prefix=_SIMULATED_API),
            ),
        )
    adapter = _adapter(settings, api_url)
    web = build(
        adapter, Account(token=given.token.get_secret_value(), seal=_seal(given), clock=utc_now), further=further
    )
    _close_with(web, adapter)
    return web


def simulated_wechat(given: WeChatSettings) -> SimulatedWeChat:
    """WeChat's side of this account, for those who have none."""
    return SimulatedWeChat(
        token=given.token.get_secret_value(),
        app_id=given.app_id,
        secret=given.app_secret.get_secret_value(),
        seal=_seal(given),
        clock=utc_now,
    )


def _seal(given: WeChatSettings) -> Seal | None:
    aes_key = given.encoding_aes_key.get_secret_value()
    return Seal.of(aes_key, given.app_id, os.urandom) if aes_key else None


def _adapter(settings: Settings, api_url: str) -> Adapter:
    given = settings.wechat
    secret = subject_secret(given)
    inside = httpx.AsyncClient(
        base_url=given.gateway_url,
        headers={"X-API-Key": given.api_key.get_secret_value()},
        timeout=_GATEWAY_WITHIN_S,
        trust_env=False,
    )
    api = WeChatApi(
        client=httpx.AsyncClient(base_url=api_url, timeout=_API_WITHIN_S),
        app_id=given.app_id,
        secret=given.app_secret.get_secret_value(),
        template_id=given.template_id,
        clock=utc_now,
    )
    store = AskedStore.at(settings.state / "wechat" / "asked.sqlite", secret, os.urandom)
    return Adapter(gateway=Gateway(client=inside), messenger=api, store=store, secret=secret, clock=utc_now)


def subject_secret(given: WeChatSettings) -> bytes:
    """What customers' tokens and request numbers hang on."""
    own = given.subject_secret.get_secret_value()
    return own.encode() or hmac.digest(given.app_secret.get_secret_value().encode(), b"subject", sha256)


def _close_with(web: "FastAPI", adapter: Adapter) -> None:
    """Connections and the file end with the application."""
    living = web.router.lifespan_context

    @asynccontextmanager
    async def closing(app: "FastAPI") -> "AsyncIterator[None]":
        async with AsyncExitStack() as stack:
            stack.callback(adapter.store.close)
            stack.push_async_callback(adapter.gateway.client.aclose)
            if isinstance(adapter.messenger, WeChatApi):
                stack.push_async_callback(adapter.messenger.client.aclose)
            await stack.enter_async_context(living(app))
            yield

    web.router.lifespan_context = closing

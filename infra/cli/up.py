"""`avm up`: the whole system on this machine, from the broker to the desk's pages."""

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from argon2 import PasswordHasher
from confluent_kafka.admin import AdminClient
from pydantic import SecretStr
from rich.console import Console
from rich.live import Live
from rich.table import Table

from infra.cli.connections import enlist_channels, kafka_conf, reaching
from infra.embedded.lock import FolderInUseError
from infra.embedded.ports import LOOPBACK, held_ports
from infra.embedded.processes import Phase, ProcessSpec, ProcessState, Supervisor, answers
from infra.embedded.stack import Connections, LocalStack, running_connections
from infra.kafka.admin import WantedTopic, apply, plan, wanted_topics
from infra.settings import DeskAccount, OauthClient, Settings, WeChatSettings
from schemas.catalogue import TOPICS
from schemas.codes import Lane
from schemas.domain.channels import CHANNELS

STAGES = ("intake", "enrichment", "scoring", "routing", "reporting")
_WORKER_GRACE_S = 35.0  # a worker may need 30 s to finish its batch and commit
_PAGES = ("gateway", "ledger", "desk", "batch", "callbacks", "wechat")
_BATCH_NICENESS, _LAST_NICENESS = 10, 19  # a ninth, and a sixty-eighth, of what an online process gets
_SECRETS = "secrets.json"
_REFRESH_S = 0.5
DEMONSTRATION_TEAM = (
    "demonstration-reviewer",
    "demonstration-second",
    "demonstration-third",
    "demonstration-fourth",
)
# People at the desk of this machine: one of each kind, and those whom the demonstration needs.
_LOCAL_USERS = {
    "reviewer": ("G2", ("REVIEWER",)),
    "senior": ("G3", ("REVIEWER", "SENIOR")),
    "expert": ("G4", ("REVIEWER", "SENIOR")),
    **dict.fromkeys(DEMONSTRATION_TEAM, ("G4", ("REVIEWER", "SENIOR"))),
    "supervisor": ("G4", ("SUPERVISOR", "SENIOR")),
    "quality": ("G3", ("QA",)),
    "auditor": ("G1", ("AUDITOR",)),
    "admin": ("G1", ("ADMIN",)),
}
_LOCAL_SKILLS = {"ADDRESS": 3, "THIN_MARKET": 3, "OUTLIER": 3, "DISPUTE": 3}  # no queue of their own: any city
_CERTIFIED_UNTIL = date(2099, 12, 31)  # nobody examines the people of a local stack

app = typer.Typer(add_completion=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """A running local system. `settings` are complete: every address is filled in."""

    settings: Settings
    stack: LocalStack
    supervisor: Supervisor
    pages: Mapping[str, str]
    api_keys: Mapping[str, str]  # channel code -> key in clear, of this state folder alone
    oauth_secrets: Mapping[str, str]  # channel code -> secret in clear of its client, whose id is `client_id_of` it
    passwords: Mapping[str, str]  # user of the desk -> password in clear, likewise


def processes(settings: Settings) -> tuple[ProcessSpec, ...]:
    """Return every process of the house but broker and database, in the order of their start.

    They read what they need from the environment, see `environment`; so none is given here but the command.
    """
    env = environment(settings)

    def spec(name: str, *command: str, port: int | None = None) -> ProcessSpec:
        return ProcessSpec(
            name=name,
            argv=(sys.executable, "-m", "infra.cli", *command),
            env=env | _membership(name),
            ready=None if port is None else answers(port),
            is_service=True,
            niceness=_niceness(name),
        )

    return (
        spec("ledger", "consumer", "ledger", port=settings.ledger.port),
        *(spec(f"{stage}.{lane}", "worker", stage, "--lane", lane) for stage in STAGES for lane in Lane),
        spec("settle", "worker", "settle"),
        spec("shadow", "worker", "shadow"),
        spec("gateway", "gateway", port=settings.gateway.port),
        spec("desk", "desk", port=settings.desk.port),
        spec("callbacks", "consumer", "callbacks", port=settings.callbacks.port),
        spec("batch", "batch-service", port=settings.batch.port),
        spec("notifier", "consumer", "notifier"),
        spec("wechat", "wechat", port=settings.wechat.port),
    )


def _niceness(name: str) -> int:
    """Nobody waits for the batch lane as for the online lane, and nobody at all for the shadow.

    A job's answers go before its reports: a report costs several times what its answer does, and may follow later.
    """
    if name in {"shadow", f"reporting.{Lane.BATCH}"}:
        return _LAST_NICENESS
    return _BATCH_NICENESS if name.endswith(f".{Lane.BATCH}") or name == "batch" else 0


def _membership(name: str) -> dict[str, str]:
    """A killed process comes back as the same member of its group, and need not wait until its old self is given up."""
    return {"AVM_KAFKA__INSTANCE_ID": name}


def environment(settings: Settings) -> dict[str, str]:
    """Return the variables by which a child process gets the same settings."""
    given = {
        "STATE": str(settings.state.resolve()),
        "KAFKA__BOOTSTRAP": settings.kafka.bootstrap,
        "KAFKA__PARTITIONS": str(settings.kafka.partitions),
        "KAFKA__REPLICATION": str(settings.kafka.replication),
        "POSTGRES__DSN": settings.postgres.dsn.get_secret_value(),
        "GATEWAY__PORT": str(settings.gateway.port),
        "GATEWAY__PUBLIC_URL": settings.gateway.public_url,
        "GATEWAY__LEDGER_URL": settings.gateway.ledger_url,
        "GATEWAY__API_KEYS": json.dumps(settings.gateway.api_keys),
        "GATEWAY__OAUTH_CLIENTS": json.dumps(settings.gateway.model_dump(mode="json")["oauth_clients"]),
        "LEDGER__PORT": str(settings.ledger.port),
        "DESK__PORT": str(settings.desk.port),
        "CALLBACKS__PORT": str(settings.callbacks.port),
        "CALLBACKS__NETWORKS": json.dumps(settings.callbacks.networks),
        "CALLBACKS__ALLOW_HTTP": str(settings.callbacks.allow_http),
        "BATCH__PORT": str(settings.batch.port),
        "BATCH__URL": settings.batch.url,
        "BATCH__WINDOW": str(settings.batch.window),
        **_of_wechat(settings.wechat),
        "DESK__DUTY_POOL": str(settings.desk.duty_pool),
        "DESK__ACCOUNTS": json.dumps(settings.desk.model_dump(mode="json")["accounts"]),
    }
    return {f"AVM_{name}": value for name, value in given.items()}


def _of_wechat(settings: WeChatSettings) -> dict[str, str]:
    return {
        "WECHAT__PORT": str(settings.port),
        "WECHAT__TOKEN": settings.token.get_secret_value(),
        "WECHAT__APP_ID": settings.app_id,
        "WECHAT__APP_SECRET": settings.app_secret.get_secret_value(),
        "WECHAT__ENCODING_AES_KEY": settings.encoding_aes_key.get_secret_value(),
        "WECHAT__GATEWAY_URL": settings.gateway_url,
        "WECHAT__API_KEY": settings.api_key.get_secret_value(),
        "WECHAT__SIMULATOR": str(settings.simulator),
    }


@contextmanager
def running_stack(settings: Settings) -> Iterator[tuple[LocalStack, Settings]]:
    """Run broker and database in `settings.state`, with every topic of the catalogue, and complete the settings.

    Raises:
        FolderInUseError: Another stack works there.
    """
    with LocalStack(settings.state) as stack:
        connections = running_connections(settings.state)
        if connections is None:
            raise RuntimeError(f"the stack in {settings.state} vanished while starting")
        complete = reaching(settings, connections)
        apply_topics(complete)
        yield stack, complete


def apply_topics(settings: Settings) -> None:
    """Create the topics of the catalogue and correct their settings; raises TopicsError on a wrong partition count."""
    admin = AdminClient(kafka_conf(settings))
    apply(admin, plan(admin, catalogue_topics(settings)))


def catalogue_topics(settings: Settings) -> tuple[WantedTopic, ...]:
    """Return the topics of the catalogue as these settings want them."""
    return wanted_topics(
        TOPICS, replication_factor=settings.kafka.replication, max_partitions=settings.kafka.partitions
    )


@asynccontextmanager
async def running_system(
    settings: Settings,
    specs: Callable[[Settings], Sequence[ProcessSpec]] = processes,
    before: Callable[[Settings], None] | None = None,
) -> AsyncIterator[System]:
    """Run everything on this machine until the block is left; processes may not be ready yet when it is entered.

    `specs` chooses the processes; default: all of them. `before` runs once broker and database are there. The loop is
    blocked until then: nothing else runs yet, and they must be children of this thread.
    """
    enlist_channels(settings)
    with running_stack(settings) as (stack, reaching):
        if before is not None:
            before(reaching)
        complete, in_clear = _with_secrets(_with_pages(reaching, _former_ports(settings.state)))
        pages = {
            "gateway": complete.gateway.public_url,
            "ledger": complete.gateway.ledger_url,
            "desk": f"http://{LOOPBACK}:{complete.desk.port}",
            "batch": complete.batch.url,
            "callbacks": f"http://{LOOPBACK}:{complete.callbacks.port}",
            "wechat": f"http://{LOOPBACK}:{complete.wechat.port}",
        }
        connections = Connections(
            bootstrap=complete.kafka.bootstrap, dsn=complete.postgres.dsn.get_secret_value(), pages=pages
        )
        stack.announce(connections)
        supervisor = Supervisor(
            specs(complete), logs=stack.folder / "logs", env=dict(os.environ), grace_s=_WORKER_GRACE_S
        )
        async with supervisor:
            yield System(settings=complete, stack=stack, supervisor=supervisor, pages=pages, **in_clear)


@app.command()
def up(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object once everything is ready.")] = False,
) -> None:
    """Start the whole system on this machine and keep it running until Ctrl-C. A second start resumes."""
    settings = Settings()
    if settings.kafka.bootstrap:
        raise typer.BadParameter("AVM_KAFKA__BOOTSTRAP names a broker; `avm up` runs its own: unset it")
    try:
        asyncio.run(_keep_up(settings, as_json=as_json))
    except FolderInUseError as error:
        typer.echo(f"avm up: {error}", err=True)
        raise typer.Exit(1) from None


async def _keep_up(settings: Settings, *, as_json: bool) -> None:
    console = Console(stderr=True)
    console.print(f"Starting Kafka and PostgreSQL in {settings.state.resolve()} …")
    async with running_system(settings) as system:
        ended = asked_to_end()
        if console.is_terminal:
            with Live(_table(system), console=console, auto_refresh=False) as live:
                await _show_until(ended, system, lambda table: live.update(table, refresh=True), as_json=as_json)
        else:  # a log file gets the table once, when everything is ready
            await _show_until(ended, system, console.print, as_json=as_json, only_ready=True)
        console.print("Stopping …")
    console.print("Everything is stopped; `avm up` resumes with all data.")


def asked_to_end() -> asyncio.Event:
    """An event that Ctrl-C, SIGTERM and a closed terminal set."""
    asked, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, asked.set)
    return asked


async def _show_until(
    ended: asyncio.Event, system: System, show: Callable[[Table], None], *, as_json: bool, only_ready: bool = False
) -> None:
    told = False
    shown: tuple[ProcessState, ...] = ()
    while not ended.is_set():
        states = system.supervisor.states()
        is_ready = all(state.phase is Phase.READY for state in states)
        if (is_ready and not told) if only_ready else states != shown:
            show(_table(system))
            shown = states
        if is_ready and not told:
            told = True
            if as_json:
                print(
                    json.dumps({"bootstrap": system.settings.kafka.bootstrap, "pages": dict(system.pages)}), flush=True
                )
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), _REFRESH_S)


def _table(system: System) -> Table:
    table = Table(title="House valuation, local", title_justify="left")
    for column in ("process", "state", "restarts", "address"):
        table.add_column(column)
    table.add_row("kafka", Phase.READY, "", system.settings.kafka.bootstrap)
    table.add_row("postgres", Phase.READY, "", "")
    for state in system.supervisor.states():
        table.add_row(state.name, state.phase, str(state.restarts or ""), system.pages.get(state.name, ""))
    table.caption = f"logs: {system.settings.state / 'logs'} · API keys: {system.settings.state / _SECRETS}"
    return table


def _former_ports(state: Path) -> dict[str, int]:
    """Return the ports the pages had at the last start, so that bookmarks go on working."""
    try:
        pages = json.loads((state / "pages.json").read_text())
        return {name: urlsplit(url).port or 0 for name, url in pages.items()}
    except (OSError, ValueError):
        return {}


def _with_pages(settings: Settings, former: Mapping[str, int]) -> Settings:
    """Give every page a port: the one in the settings, else its former one while free, else any."""
    configured = {name: getattr(settings, name).port for name in _PAGES}
    with held_ports([configured[name] or former.get(name, 0) for name in _PAGES]) as held:
        ports = {name: configured[name] or port for name, port in zip(_PAGES, held, strict=True)}
    urls = {name: f"http://{LOOPBACK}:{port}" for name, port in ports.items()}
    (settings.state / "pages.json").write_text(json.dumps(urls))
    gateway = {
        "port": ports["gateway"],
        "public_url": settings.gateway.public_url or urls["gateway"],
        "ledger_url": urls["ledger"],
    }
    return settings.model_copy(
        update={
            "gateway": settings.gateway.model_copy(update=gateway),
            "ledger": settings.ledger.model_copy(update={"port": ports["ledger"]}),
            "desk": settings.desk.model_copy(update={"port": ports["desk"]}),
            "batch": settings.batch.model_copy(update={"port": ports["batch"], "url": urls["batch"]}),
            "callbacks": settings.callbacks.model_copy(update={"port": ports["callbacks"]}),
            "wechat": settings.wechat.model_copy(
                update={"port": ports["wechat"], "gateway_url": settings.wechat.gateway_url or urls["gateway"]}
            ),
        }
    )


def _with_secrets(settings: Settings) -> tuple[Settings, dict[str, dict[str, str]]]:
    """Add one API key per channel and accounts for the desk, made once for this state folder.

    The second value has the keys and passwords in clear, by the names of `System`'s fields.
    """
    kept = _kept_secrets(settings.state / _SECRETS)
    keys = {hashlib.sha256(key.encode()).hexdigest(): channel for channel, key in kept["api_keys"].items()}
    hasher = PasswordHasher()
    accounts = {
        user: DeskAccount(
            password_hash=hasher.hash(kept["passwords"][user]),
            grade=grade,
            roles=roles,
            skills=_LOCAL_SKILLS,
            certified_until=_CERTIFIED_UNTIL,
        )
        for user, (grade, roles) in _LOCAL_USERS.items()
    }
    # A duty pool, so that whoever tries the system out at night finds their tasks.
    desk = {"accounts": {**accounts, **settings.desk.accounts}, "duty_pool": True}
    clients = {
        client_id_of(channel): OauthClient(channel=channel, secret_sha256=hashlib.sha256(secret.encode()).hexdigest())
        for channel, secret in kept["oauth_secrets"].items()
    }
    gateway = {
        "api_keys": {**keys, **settings.gateway.api_keys},
        "oauth_clients": {**clients, **settings.gateway.oauth_clients},
    }
    updated = settings.model_copy(
        update={
            "gateway": settings.gateway.model_copy(update=gateway),
            "desk": settings.desk.model_copy(update=desk),
            "wechat": _with_simulator(settings.wechat, kept["wechat"], kept["api_keys"]["WECHAT_OA"]),
        }
    )
    return updated, {name: kept[name] for name in ("api_keys", "oauth_secrets", "passwords")}


def _with_simulator(settings: WeChatSettings, account: Mapping[str, str], api_key: str) -> WeChatSettings:
    """A simulated account, unless the settings name a real one."""
    if settings.app_id:
        return settings
    secret = {name: SecretStr(text) for name, text in {**account, "api_key": api_key}.items()}
    return settings.model_copy(update={**secret, "app_id": "wx-simulated", "simulator": True})


def client_id_of(channel: str) -> str:
    """The id of a channel's OAuth client on a local stack: credit-mgmt for CREDIT_MGMT."""
    return channel.lower().replace("_", "-")


def _kept_secrets(path: Path) -> dict[str, dict[str, str]]:
    """Read the secrets of a state folder; what an earlier release did not know is added."""
    kept = json.loads(path.read_text()) if path.exists() else {}
    complete = {name: {**made, **kept.get(name, {})} for name, made in _new_secrets().items()}
    if complete != kept:
        path.touch(mode=0o600)
        path.write_text(json.dumps(complete, indent=2))
    return complete


def _new_secrets() -> dict[str, dict[str, str]]:
    return {
        "api_keys": {channel: secrets.token_urlsafe(24) for channel in CHANNELS},
        "oauth_secrets": {channel: secrets.token_urlsafe(24) for channel in CHANNELS},
        "passwords": {user: secrets.token_urlsafe(9) for user in _LOCAL_USERS},
        "wechat": {
            "token": secrets.token_hex(16),
            "app_secret": secrets.token_hex(16),
            "encoding_aes_key": base64.b64encode(secrets.token_bytes(32)).decode().rstrip("="),
        },
    }

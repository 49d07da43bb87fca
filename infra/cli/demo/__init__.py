"""`avm demo`: the whole service on this machine, at work."""

import asyncio
import json
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from infra.cli import CommandError
from infra.cli.connections import codec, kafka_conf, utc_now
from infra.cli.demo import customers, ways
from infra.cli.demo import market as markets
from infra.cli.demo.answers import FOLLOWED, Answers
from infra.cli.demo.customers import WeChat
from infra.cli.demo.figures import figures
from infra.cli.demo.questions import Question, Way
from infra.cli.demo.reviewer import review
from infra.cli.up import System, asked_to_end, running_system
from infra.embedded.lock import FolderInUseError
from infra.embedded.processes import NotReadyError
from infra.kafka.follower import TopicFollower
from infra.kafka.producer import Publisher
from infra.kafka.reader import Start, TopicReader
from infra.settings import Settings
from schemas.catalogue import DEAD_LETTERS

app = typer.Typer(add_completion=False)

_READY_WITHIN_S = 240.0
_QUIET_S = 60.0  # so long without any news, what is unanswered is lost
_CALLER_WAITS_S = 3
_BATCH_WAITS_S = 45.0
_PLACE = ("dlq.topic", "dlq.partition", "dlq.offset")


@app.command()
def demo(  # noqa: PLR0917 -- typer reads options from parameters
    market: Annotated[
        Path | None,
        typer.Option(help="Folder of real data that fits a description in docs/examples/markets; default: synthetic."),
    ] = None,
    typed: Annotated[
        bool,
        typer.Option("--as-typed", help="With --market: addresses as people type them, with slips and parts left out."),
    ] = False,
    requests: Annotated[int | None, typer.Option(help="How many; default 320, with --market all there are.")] = None,
    communities: Annotated[int, typer.Option(help="Communities of the synthetic market.")] = 3_000,
    deals: Annotated[int, typer.Option(help="Deals of the synthetic market.")] = 60_000,
    end: Annotated[bool, typer.Option("--exit", help="Stop when all is answered.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Start everything, send requests over every way in, let a demonstration reviewer decide what is uncertain.

    Exit code 0 only when nothing is lost.
    """
    settings = Settings()
    if settings.kafka.bootstrap:
        raise CommandError("AVM_KAFKA__BOOTSTRAP names a broker; the demonstration runs its own: unset it")
    if typed and market is None:
        raise CommandError("--as-typed needs --market: requests of the synthetic market are written freely anyway")
    console = Console(stderr=True)
    if market is None:
        prepared = markets.synthetic(settings.state, communities=communities, deals=deals, count=requests or 320)
    else:
        prepared = markets.from_files(market, count=requests, typed=typed)
    console.print(f"{prepared.name}: {len(prepared.questions):,} requests to ask")
    try:
        found = asyncio.run(_run(settings, prepared, console, stay=not end, as_json=as_json))
    except (FolderInUseError, NotReadyError, ways.BatchFailedError, httpx.HTTPError) as error:
        raise CommandError(str(error)) from error
    raise typer.Exit(0 if found["lost"] == 0 else 1)


async def _run(
    settings: Settings, prepared: markets.Prepared, console: Console, *, stay: bool, as_json: bool
) -> dict[str, Any]:
    def prepare(reaching: Settings) -> None:
        markets.prepare(prepared, reaching, console.print)

    console.print(f"Starting Kafka and PostgreSQL in {settings.state.resolve()} …")
    async with running_system(settings, before=prepare) as system:
        ended = asked_to_end()
        console.print("Starting the stages, the ledger, the gateway and the desk …")
        await system.supervisor.wait_ready(_READY_WITHIN_S)
        found = await _ask_everything(system, prepared, console)
        if as_json:
            sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
            sys.stdout.flush()
        _show(found, system, console)
        if stay:
            console.print("Everything keeps running; Ctrl-C stops it.")
            await ended.wait()
        console.print("Stopping …")
    return found


async def _ask_everything(system: System, prepared: markets.Prepared, console: Console) -> dict[str, Any]:
    started = utc_now()
    run = f"demo-{started:%Y%m%d%H%M%S}"
    wechat = WeChat.of(system.settings.wechat, system.pages["wechat"])
    asked = ways.request_numbers(prepared.questions, run, wechat)
    conf, encoder = kafka_conf(system.settings), codec(system.settings)
    answers = Answers(encoder, frozenset(asked))
    stop_reviewer = asyncio.Event()
    with TopicFollower(conf, FOLLOWED, answers.take) as follower:
        if not await asyncio.to_thread(follower.wait_until_positioned, 30.0):
            raise CommandError("the results topics cannot be read")
        reviewer = asyncio.create_task(review(system.pages["desk"], system.passwords, stop=stop_reviewer))
        senders = asyncio.create_task(_send(system, prepared.questions, run, wechat))
        await _watch(answers, asked, senders, console)
        await senders
        stop_reviewer.set()
        await reviewer
    return figures(
        asked,
        answers,
        summary=await _ledger(system, "/summary", started),
        latencies=(await _ledger(system, "/latencies", started, lane="online"))["stages"],
        market=prepared.kind,
        dead_letters=await asyncio.to_thread(_dead_letters, system.settings),
    )


async def _send(system: System, questions: tuple[Question, ...], run: str, wechat: WeChat) -> None:
    """All ways at once."""
    settings = system.settings
    by_page, by_wechat = (ways.of_way(questions, way) for way in (Way.PAGE, Way.WECHAT))
    with closing(Publisher(kafka_conf(settings), on_fatal=lambda _: None)) as publisher:
        await asyncio.gather(
            ways.by_http(
                ways.of_way(questions, Way.HTTP),
                run=run,
                gateway=system.pages["gateway"],
                api_keys=system.api_keys,
                wait_s=_CALLER_WAITS_S,
            ),
            ways.by_batch(ways.of_way(questions, Way.BATCH), run=run, settings=settings, wait_s=_BATCH_WAITS_S),
            ways.by_kafka(
                ways.of_way(questions, Way.KAFKA), run=run, publisher=publisher, codec=codec(settings), clock=utc_now
            ),
            customers.by_page(
                by_page,
                [ways.number_of(question, run) for question in by_page],
                gateway=system.pages["gateway"],
                wait_s=_CALLER_WAITS_S,
            ),
            wechat.say(by_wechat, [ways.number_of(question, run) for question in by_wechat]),
        )


async def _watch(
    answers: Answers, asked: Mapping[str, Question], senders: "asyncio.Task[None]", console: Console
) -> None:
    """Show the state until every question is answered and every report is there, or nothing moves any more."""
    seen: Any = None
    last_news = time.monotonic()
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while True:
            standing = answers.standing()
            if standing != seen:
                seen, last_news = standing, time.monotonic()
                live.update(_live_table(standing.by_status, len(asked), standing.reports), refresh=True)
            if senders.done() and senders.exception() is not None:
                return
            quiet_s = time.monotonic() - last_news
            done = senders.done() and standing.final == len(asked) and standing.reports >= answers.reports_due()
            if done or (senders.done() and quiet_s > _QUIET_S):
                return
            await asyncio.sleep(0.2)


async def _ledger(system: System, path: str, since: datetime, **more: str) -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=system.pages["ledger"], timeout=30.0, trust_env=False) as client:
        response = await client.get(path, params={"since": since.isoformat(), **more})
        response.raise_for_status()
        found: dict[str, Any] = response.json()
        return found


def _dead_letters(settings: Settings) -> int:
    with TopicReader(kafka_conf(settings), [DEAD_LETTERS.named()], start=Start.BEGINNING) as reader:
        letters = list(reader.to_end(within_s=60.0))
    # intake and the ledger bury the same broken request each: one record of its topic is one dead letter
    return len({tuple(dict(letter.headers() or ()).get(name) for name in _PLACE) for letter in letters})


def _live_table(by_status: Mapping[str, int], asked: int, reports: int) -> Table:
    table = Table("status", "requests", title=f"{sum(by_status.values())} of {asked} heard of, {reports} reports")
    for status, count in sorted(by_status.items()):
        table.add_row(status, str(count))
    return table


def _show(found: Mapping[str, Any], system: System, console: Console) -> None:
    table = Table("figure", "value", title="Demonstration", title_justify="left")
    for name, value in found.items():
        if isinstance(value, Mapping):
            for inner, figure in value.items():
                shown = "  ".join(f"{k} {v:,}" for k, v in figure.items()) if isinstance(figure, Mapping) else figure
                table.add_row(f"{name} · {inner}", str(shown))
        else:
            table.add_row(name, str(value))
    console.print(table)
    pages = Table(title="Pages", title_justify="left", show_header=False)
    pages.add_column(overflow="fold")
    pages.add_column(no_wrap=True)
    pages.add_column(overflow="fold")
    pages.add_row("估值页面 H5", f"{system.pages['gateway']}/", "")
    pages.add_row("API (OpenAPI)", f"{system.pages['gateway']}/openapi.json", "X-API-Key: secrets.json")
    pages.add_row("微信公众号模拟 WeChat", f"{system.pages['wechat']}/simulator/", "")
    pages.add_row("人工估值席位 desk", f"{system.pages['desk']}/", "reviewer, password in secrets.json")
    console.print(pages)
    console.print(f"secrets.json: {system.settings.state / 'secrets.json'}", markup=False, soft_wrap=True)

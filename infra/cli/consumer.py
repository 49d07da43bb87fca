"""`avm consumer NAME`: one consumer process."""

import ssl
from contextlib import closing
from datetime import timedelta
from enum import StrEnum
from functools import partial
from typing import Annotated

import typer

from infra.cli import CommandError
from infra.cli.connections import settings_in_force, utc_now
from infra.cli.serving import consuming, serve_beside, work_alone
from infra.postgres import pool
from infra.postgres.migrate import migrate
from infra.settings import Settings

app = typer.Typer(add_completion=False)


class ConsumerName(StrEnum):
    """The consumers there are. The desk has a command of its own."""

    CALLBACKS = "callbacks"
    LEDGER = "ledger"
    NOTIFIER = "notifier"


@app.command()
def consumer(name: Annotated[ConsumerName, typer.Argument(help="The consumer to run.")]) -> None:
    """Run a consumer until it is told to stop; it migrates its tables first."""
    settings = settings_in_force()
    match name:
        case ConsumerName.CALLBACKS:
            code = _callbacks(settings)
        case ConsumerName.LEDGER:
            code = _ledger(settings)
        case ConsumerName.NOTIFIER:
            code = _notifier(settings)
    raise typer.Exit(code)


def _callbacks(settings: Settings) -> int:
    from consumers.callbacks import api, loop
    from consumers.callbacks.loop import Webhooks
    from consumers.callbacks.meters import Meters
    from consumers.callbacks.standing import standing_now
    from consumers.callbacks.targets import TargetRules, networks_of
    from consumers.callbacks.webhook import Limits, client
    from infra.storage.files import FileStore

    dsn, given = settings.postgres.dsn.get_secret_value(), settings.callbacks
    limits = Limits(whole=timedelta(seconds=given.timeout_s))
    tls = ssl.create_default_context(cafile=given.ca_file or None)
    try:
        rules = TargetRules(networks=networks_of(given.networks), allow_http=given.allow_http)
    except ValueError as error:
        raise CommandError(f'AVM_CALLBACKS__NETWORKS: {error}; write CIDR texts, e.g. ["10.20.0.0/16"]') from error
    webhooks = Webhooks(
        open_client=lambda: client(limits, tls), rules=rules, limits=limits, concurrency=given.concurrency
    )
    meters = Meters()
    run = partial(
        loop.run,
        webhooks=webhooks,
        keep_file=FileStore(settings.reconciliation_url).keep,
        keep_for=timedelta(days=given.keep_days),
        meters=meters,
    )
    migrate(dsn, room=loop.ROOM)
    with closing(pool.open_pool(dsn, room=loop.ROOM, size=1)) as connections:
        meters.watch(lambda: standing_now(connections, utc_now()))
        web = api.build(meters.text)
        return serve_beside(web, host=given.host, port=given.port, work=consuming(settings, run))


def _ledger(settings: Settings) -> int:
    from consumers.ledger import api, appraisal_api, loop, work_orders
    from consumers.ledger.outcomes import OutcomeQueries
    from consumers.ledger.queries import LedgerQueries
    from consumers.ledger.registry import RegistryQueries
    from consumers.ledger.training_rows import TrainingRows

    dsn = settings.postgres.dsn.get_secret_value()
    migrate(dsn, room=loop.ROOM)
    with closing(pool.open_pool(dsn, room=loop.ROOM)) as connections:
        appraisals = appraisal_api.routes(OutcomeQueries(connections), TrainingRows(connections), utc_now)
        orders = work_orders.routes(connections)
        web = api.build(LedgerQueries(connections), utc_now, RegistryQueries(connections), appraisals, orders)
        return serve_beside(
            web, host=settings.ledger.host, port=settings.ledger.port, work=consuming(settings, loop.run)
        )


def _notifier(settings: Settings) -> int:
    from consumers.notifier import loop

    migrate(settings.postgres.dsn.get_secret_value(), room=loop.ROOM)
    return work_alone(consuming(settings, loop.run), health_port=settings.health_port)

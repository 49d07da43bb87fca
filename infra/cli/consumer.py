"""`avm consumer NAME`: one consumer process."""

from contextlib import closing
from enum import StrEnum
from typing import Annotated

import typer

from infra.cli.connections import settings_in_force, utc_now
from infra.cli.serving import consuming, serve_beside
from infra.postgres import pool
from infra.postgres.migrate import migrate

app = typer.Typer(add_completion=False)


class ConsumerName(StrEnum):
    """The consumers there are. The desk has a command of its own."""

    LEDGER = "ledger"


@app.command()
def consumer(name: Annotated[ConsumerName, typer.Argument(help="The consumer to run.")]) -> None:  # noqa: ARG001
    """Run a consumer until it is told to stop; it migrates its tables first."""
    from consumers.ledger import api, appraisal_api, loop
    from consumers.ledger.outcomes import OutcomeQueries
    from consumers.ledger.queries import LedgerQueries
    from consumers.ledger.registry import RegistryQueries
    from consumers.ledger.training_rows import TrainingRows

    settings = settings_in_force()
    dsn = settings.postgres.dsn.get_secret_value()
    migrate(dsn, room=loop.ROOM)
    with closing(pool.open_pool(dsn, room=loop.ROOM)) as connections:
        appraisals = appraisal_api.routes(OutcomeQueries(connections), TrainingRows(connections), utc_now)
        web = api.build(LedgerQueries(connections), utc_now, RegistryQueries(connections), appraisals)
        code = serve_beside(
            web, host=settings.ledger.host, port=settings.ledger.port, work=consuming(settings, loop.run)
        )
    raise typer.Exit(code)

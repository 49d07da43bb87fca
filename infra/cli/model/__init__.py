"""`avm model`: train, release, list and evaluate models."""

import typer

from infra.cli.model.evaluate import evaluate
from infra.cli.model.release import history, list_models, release
from infra.cli.model.steps import approve, canary, challenge, preview, promote, rollback, withdraw
from infra.cli.model.thresholds import thresholds
from infra.cli.model.train import train

app = typer.Typer(help="Train, release, list and evaluate models.", no_args_is_help=True)
app.command()(train)
app.command()(release)
app.command("list")(list_models)
app.command()(history)
app.command()(challenge)
app.command()(preview)
app.command()(canary)
app.command()(promote)
app.command()(approve)
app.command()(rollback)
app.command()(withdraw)
app.command()(evaluate)
app.command()(thresholds)

"""`avm model`: train, release, list and evaluate models."""

import typer

from infra.cli.model.evaluate import evaluate
from infra.cli.model.release import list_models, release
from infra.cli.model.train import train

app = typer.Typer(help="Train, release, list and evaluate models.", no_args_is_help=True)
app.command()(train)
app.command()(release)
app.command("list")(list_models)
app.command()(evaluate)

"""`avm policy`: check, show and rehearse routing policies; propose and approve changes; see what they lead to."""

import typer

from infra.cli.policy.changes import approve, dry_run, proposals, propose
from infra.cli.policy.figures import automation, curve
from infra.cli.policy.files import check, show

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Check, rehearse, propose and approve policies.")
app.command()(check)
app.command()(show)
app.command("dry-run")(dry_run)
app.command()(propose)
app.command()(approve)
app.command()(proposals)
app.command()(curve)
app.command()(automation)

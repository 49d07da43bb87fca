"""`avm callbacks`: the endpoints of the bank's systems, what was delivered to them, and what has to be sent again."""

import typer

from infra.cli.callbacks import days, deliveries, endpoints

app = typer.Typer(help="Bring results back to the bank: endpoints, deliveries, reconciliation.", no_args_is_help=True)
app.add_typer(endpoints.app, name="endpoints")
app.add_typer(deliveries.app, name="deliveries")
app.command()(deliveries.resend)
app.command()(days.reconcile)
app.command()(days.export)

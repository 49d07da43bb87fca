"""`avm evaluate`: measure what reads addresses, on labelled files."""

import typer

from infra.cli.evaluate import communities, pairs, parsing

app = typer.Typer(help="Measure what reads addresses, on labelled files.", no_args_is_help=True)


@app.callback()
def _one_of_several() -> None:
    """Keep the sub-command's name even while there is only one."""


app.command("parsing")(parsing.evaluate_parsing)
app.command("pairs")(pairs.evaluate_pairs)
app.command("communities")(communities.evaluate_communities)

"""`avm evaluate`: measure what reads addresses, on labelled files."""

import typer

app = typer.Typer(help="Measure what reads addresses, on labelled files.", no_args_is_help=True)


@app.callback()
def _one_of_several() -> None:
    """Keep the sub-command's name even while there is only one."""


# One line per sub-command: app.command("parsing")(parsing.evaluate_parsing), imported above.

"""`avm`: the composition roots.

One module per command or command group, each with a typer `app`; it builds, in order, what its process is made of.
"""

import importlib
import os
import sys
from collections.abc import Sequence

from infra.cli import logs

# group or command -> module; imported only when asked for, so that `avm --help` and short commands stay quick
_COMMANDS = {
    "up": "Start the whole system on this machine and keep it running.",
    "demo": "Start everything, send requests over every way in, and show what came back.",
    "doctor": "Say what this machine lacks and how to mend it.",
    "worker": "Run one stage on one lane.",
    "consumer": "Run one consumer: ledger, callbacks, notifier.",
    "gateway": "Run the HTTP gateway.",
    "access": "Block channels and credentials at the gateway; make secrets for them.",
    "wechat": "Run the adapter of the WeChat official account.",
    "desk": "Run the manual-valuation desk.",
    "desk-staff": "Add, list, import and retire the people of the desk.",
    "desk-quality": "Draw second readings, show agreement, list values to revalue.",
    "batch": "Submit files of requests, follow them and fetch their results.",
    "batch-service": "Run the batch service.",
    "callbacks": "Bring results back: endpoints, deliveries, reconciliation, export.",
    "reference": "Load communities, deals and coverage; look after aliases.",
    "market": "Generate a synthetic market.",
    "model": "Train, release, list and evaluate models.",
    "index": "Publish and show vintages of the price index.",
    "parser": "Train, release and try the address tagger.",
    "evaluate": "Measure what reads addresses, on labelled files.",
    "appraisals": "Load offline appraisals and compare values with them.",
    "registry": "Correct, tag and show known properties.",
    "sources": "Register sources of data and their licences.",
    "topics": "Plan, apply and export the Kafka topics.",
    "dead-letters": "List, show and replay dead letters.",
    "policy": "Check, rehearse, propose and approve routing policies.",
    "outage": "See what waits for a model, and end an outage of the scorer.",
    "segments": "Admit, hold and release segments of the market.",
    "report": "Preview the valuation report.",
    "trace": "Show one valuation from request to report.",
    "audit": "Check, export and replay the audit.",
    "notices": "Show the words of notices; announce maintenance and incidents to the bank.",
    "check-integration": "Check a bank system's connection, from its credentials to its receipts.",
    "conformity": "Show which tender clause is shown by which tests.",
}

# They multiply small matrices by the thousand: a second BLAS thread doubles the price of each, and takes another
# worker's core. So does training: its trees are grown on one thread anyway, for equal bytes.
_ONE_BLAS_THREAD = ("worker", "evaluate", "parser", "model")


class CommandError(Exception):
    """Something the person at the terminal can mend: said in one line, exit code 1."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `avm COMMAND …`. Logs go to standard error; `--json` alone prints to standard output."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] in {"-h", "--help", "help"}:
        _print_commands()
        return
    name = given[0]
    if name not in _COMMANDS:
        sys.stderr.write(f"avm: there is no command {name!r}; `avm --help` lists them\n")
        raise SystemExit(2)
    logs.set_up()
    if name in _ONE_BLAS_THREAD:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read once, when numpy is imported
    app = importlib.import_module(f"infra.cli.{name.replace('-', '_')}").app
    app.pretty_exceptions_enable = False  # its boxes fill a log, and could show the values of variables
    try:
        app(args=given[1:], prog_name=f"avm {name}")
    except CommandError as error:
        sys.stderr.write(f"avm {name}: {error}\n")
        raise SystemExit(1) from None


def _print_commands() -> None:
    width = max(map(len, _COMMANDS))
    lines = [f"  {name:<{width}}  {says}" for name, says in _COMMANDS.items()]
    sys.stdout.write("House valuation on Apache Kafka.\n\nUsage: avm COMMAND [--help]\n\n" + "\n".join(lines) + "\n")

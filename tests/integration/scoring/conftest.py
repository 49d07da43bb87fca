"""A small synthetic market, and the models that `avm model train` learns from it."""

import json
from datetime import date

import pytest
from typer.testing import CliRunner

from infra.cli import CommandError
from infra.cli.model import app
from producers.simulator.market import generate, write

UNTIL = date(2026, 11, 1)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("market")
    write(generate(3, communities=60, deals=900, until=UNTIL), made)
    return made


@pytest.fixture(scope="session")
def run():
    """`run("train", …) -> JSON`: a command of `avm model`; raises the `CommandError` it ends with."""

    def invoke(*arguments):
        result = CliRunner().invoke(app, [*map(str, arguments), "--json"])
        if isinstance(result.exception, CommandError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout.strip().splitlines()[-1])

    return invoke


@pytest.fixture(scope="session")
def trained(folder, run):
    """The folder of the artefacts, and what training said of them."""
    out = folder / "out"
    given = ("--deals", folder / "deals.parquet", "--communities", folder / "communities.parquet")
    made = run("train", *given, "--until", UNTIL, "--licences", folder / "sources.toml", "--out", out)
    return out, made["models"]

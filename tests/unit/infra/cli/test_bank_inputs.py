"""The list of what the bank has to deliver: every command it shows is one, and what it says is assumed is there."""

import importlib
import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from infra.cli import reference

ROOT = Path(__file__).resolve().parents[4]
DOCUMENT = ROOT / "docs" / "bank-inputs.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.startswith("avm ")]


@pytest.mark.requirement("IN11")
def test_the_list_holds_what_the_contract_leaves_to_the_bank():
    for needed in (
        "Branch list", "Slip layout", "Embed positions", "Credentials, certificates", "Kafka principals",
        "Webhook addresses", "Offline appraisals", "County list", "Batch times", "Words of notices", "Calendar",
    ):  # fmt: skip
        assert needed in TEXT
    rows = [line for line in TEXT.splitlines() if re.match(r"\| \d+ \|", line)]
    assert [row.split("|")[1].strip() for row in rows] == [str(number + 1) for number in range(len(rows))]
    assert all(cell.strip() for row in rows for cell in row.split("|")[1:-1]), "nothing is left open"


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_of_the_list_is_one_with_these_options(line):
    name, *words = shlex.split(line, comments=True)[1:]
    app: typer.Typer = importlib.import_module(f"infra.cli.{name.replace('-', '_')}").app
    command = typer.main.get_command(app)
    while commands := getattr(command, "commands", {}):
        command = commands[words.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known


def test_the_county_list_that_is_assumed_passes_the_check_it_is_shown_with():
    done = CliRunner().invoke(
        reference.app, ["load", str(ROOT / "docs/examples/coverage-2026.csv"), "--topic", "coverage", "--dry-run"]
    )
    assert done.exit_code == 0, done.output


def test_every_page_and_file_the_list_points_at_is_there():
    pages = re.findall(r"\]\(([^)#]+)", TEXT)
    assert len(pages) > 10
    assert [page for page in pages if not (DOCUMENT.parent / page).exists()] == []
    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) <= {
        re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^## (.+)$", TEXT, re.MULTILINE)
    }

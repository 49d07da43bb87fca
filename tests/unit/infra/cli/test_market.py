import json

import pytest
from typer.testing import CliRunner

from infra.cli.market import app


@pytest.mark.requirement("IN11")
def test_the_command_writes_a_market_and_prints_one_object(tmp_path):
    arguments = ["generate", "--out", str(tmp_path), "--seed", "3", "--communities", "60", "--deals", "200"]
    result = CliRunner().invoke(app, [*arguments, "--until", "2026-06-01", "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["market"] == "synthetic"
    assert told["deals"] == 200
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "README.txt",
        "communities.parquet",
        "coverage.csv",
        "deals.parquet",
        "rents.parquet",
        "sources.toml",
    ]

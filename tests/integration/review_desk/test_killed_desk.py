"""A desk that is killed while its reviewers work: the bench of `make bench-desk`, small."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.postgres

_ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.requirement("RD5", "RD2")
def test_nothing_is_decided_twice_or_lost_when_the_desk_is_killed(postgres):
    command = [sys.executable, "-m", "bench.desk", "--tasks", "120", "--reviewers", "10", "--kills", "1"]
    run = subprocess.run(
        [*command, "--think", "0.05", "--dsn", postgres], cwd=_ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    figures = json.loads(run.stdout)
    counts = {name: figures[name] for name in ("tasks", "decided", "decided_twice", "lost")}
    assert counts == {"tasks": 120, "decided": 120, "decided_twice": 0, "lost": 0}
    assert "killed at" in run.stderr

"""Keeps how every test ended, for `avm conformity`, at the end of a full run: one without paths, -k, -m or the like."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

RECORD = Path("build/requirements.json")
_FROM_BAD_TO_GOOD = ("failed", "skipped", "passed")
_NARROWED_BY = ("keyword", "markexpr", "deselect", "ignore", "ignore_glob", "lf", "stepwise", "collectonly")


class Recorder:
    """Notes the outcome of every test; of one with parameters, or with a failing teardown, the worst."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._outcomes: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Set-up, call and teardown each report; `passed` counts only where nothing worse was said."""
        test = report.nodeid.partition("[")[0]
        before = self._outcomes.get(test, report.outcome)
        self._outcomes[test] = min(before, report.outcome, key=_FROM_BAD_TO_GOOD.index)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the record, unless the run was broken off, by hand or by -x."""
        ended = exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}
        if not ended or session.shouldstop or session.shouldfail:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        record = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "outcomes": self._outcomes}
        self._path.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def pytest_configure(config: pytest.Config) -> None:
    """Record full runs alone: a part of the tests must not stand for all of them."""
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    if whole and not any(config.getoption(option, None) for option in _NARROWED_BY):
        config.pluginmanager.register(Recorder(config.rootpath / RECORD), "requirements-recorder")

"""Clause → row → tests → 符合/满足/偏离, on a made-up tree; and what our own tests claim, on the real one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra import cli
from infra.cli.conformity import (
    RECORD,
    ROWS,
    Plan,
    State,
    as_object,
    by_clause,
    judge,
    read_record,
    read_register,
    tagged_tests,
    worst,
)

ROOT = Path(__file__).resolve().parents[3]

REGISTER = """
[rows.IN1]
says = "all pass"
from = ["V-01", "V-10"]
where = ["gateway"]
priority = "P0"
carried = true

[rows.IN2]
says = "one is skipped"
from = ["V-02", "V-01"]
where = ["gateway"]
priority = "P0"
carried = true

[rows.IN3]
says = "one fails"
from = ["V-03", "V-02"]
where = ["gateway"]
priority = "P0"
carried = true

[rows.IN4]
says = "nothing shows it, and nothing is claimed"
from = ["V-04"]
where = ["gateway"]
priority = "P1"

[rows.IN5]
says = "nothing shows it, though it is claimed"
from = ["M-07"]
where = ["gateway"]
priority = "P1"
carried = true

[rows.IN6]
says = "shown in part, ahead of its release"
from = ["V-06"]
where = ["gateway"]
priority = "P1"

[[not_software]]
clauses = ["V-05"]
why = "a form"
"""

TESTS = """
import pytest

@pytest.mark.requirement("IN1")
def test_that_passes(): ...

class TestOfAClass:
    @pytest.mark.requirement("IN1", "IN6")
    @pytest.mark.parametrize("n", [1, 2])
    def test_inside(self, n): ...

@pytest.mark.requirement("IN2")
def test_that_skips():
    pytest.skip("the data is absent")

@pytest.mark.requirement("IN2")
def test_that_is_not_run(): ...

@pytest.mark.requirement("IN3")
@pytest.mark.parametrize("n", [1, 2])
def test_that_fails_once(n):
    assert n == 1

@pytest.fixture
def broken():
    yield
    assert False

@pytest.mark.requirement("IN3")
def test_whose_teardown_fails(broken): ...

def test_without_a_row(): ...
"""

OF_A_MODULE = """
import pytest

pytestmark = [pytest.mark.requirement("IN1"), pytest.mark.slow]

def test_by_its_module(): ...
"""

INI = """
[pytest]
testpaths = tests
markers =
    requirement(id, ...): row
    slow: slow
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A checkout with six rows and two files of tests."""
    root = tmp_path_factory.mktemp("checkout")
    for name, content in {
        ROWS.as_posix(): REGISTER,
        "pytest.ini": INI,
        "tests/test_made_up.py": TESTS,
        "tests/deep/test_of_a_module.py": OF_A_MODULE,
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return root


def run_tests(root, *arguments):
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.requirements_plugin", *arguments],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )


@pytest.fixture(scope="module")
def recorded(tree):
    """The tree after a full run of its tests, from which one test is then struck."""
    run_tests(tree)
    record = tree / RECORD
    document = json.loads(record.read_text(encoding="utf-8"))
    del document["outcomes"]["tests/test_made_up.py::test_that_is_not_run"]
    record.write_text(json.dumps(document), encoding="utf-8")
    return tree


def findings_of(root, record=None):
    register, tests = read_register(root / ROWS), tagged_tests(root)
    known = read_record(root / RECORD) if record is None else record
    return {row.id: judge(row, tests.get(row.id, ()), known) for row in register.rows}


@pytest.mark.requirement("CM1")
def test_tests_are_found_by_their_marks_in_functions_classes_and_modules(tree):
    tests = tagged_tests(tree)
    assert tests["IN1"] == (
        "tests/deep/test_of_a_module.py::test_by_its_module",
        "tests/test_made_up.py::test_that_passes",
        "tests/test_made_up.py::TestOfAClass::test_inside",
    )
    assert tests["IN6"] == ("tests/test_made_up.py::TestOfAClass::test_inside",)
    assert not any("without_a_row" in test for named in tests.values() for test in named)


@pytest.mark.requirement("CM1")
def test_a_full_run_records_the_worst_of_each_test(recorded):
    outcomes = read_record(recorded / RECORD).outcomes
    assert outcomes["tests/test_made_up.py::TestOfAClass::test_inside"] == "passed"
    assert outcomes["tests/test_made_up.py::test_that_skips"] == "skipped"
    assert outcomes["tests/test_made_up.py::test_that_fails_once"] == "failed"
    assert outcomes["tests/test_made_up.py::test_whose_teardown_fails"] == "failed"


@pytest.mark.parametrize("narrowed", [["tests/deep"], ["-k", "passes"], ["-m", "slow"], ["-x"]])
def test_a_part_of_the_tests_does_not_stand_for_all_of_them(recorded, narrowed):
    before = (recorded / RECORD).read_bytes()
    run_tests(recorded, *narrowed)
    assert (recorded / RECORD).read_bytes() == before


@pytest.mark.requirement("CM1")
def test_a_row_conforms_meets_or_deviates_by_its_tests(recorded):
    found = findings_of(recorded)
    assert {row: (finding.state, finding.plan) for row, finding in found.items()} == {
        "IN1": (State.CONFORMS, Plan.NOTHING),
        "IN2": (State.MEETS, Plan.NOTHING),
        "IN3": (State.DEVIATES, Plan.NOTHING),
        "IN4": (State.DEVIATES, Plan.PLANNED),
        "IN5": (State.DEVIATES, Plan.MISSING),
        "IN6": (State.CONFORMS, Plan.IN_PART),
    }
    assert found["IN2"].tests == {
        "tests/test_made_up.py::test_that_skips": "skipped",
        "tests/test_made_up.py::test_that_is_not_run": None,
    }


@pytest.mark.requirement("CM1")
def test_without_a_recorded_run_nothing_conforms(recorded, tmp_path):
    found = findings_of(recorded, read_record(tmp_path / "none.json"))
    assert {finding.state for finding in found.values()} == {State.MEETS, State.DEVIATES}
    assert found["IN1"].state is State.MEETS


@pytest.mark.requirement("CM1")
def test_a_clause_is_as_good_as_the_worst_of_its_rows(recorded):
    clauses = by_clause(list(findings_of(recorded).values()))
    assert {clause: worst(found) for clause, found in clauses.items()} == {
        "V-01": State.MEETS,
        "V-02": State.DEVIATES,
        "V-03": State.DEVIATES,
        "V-04": State.DEVIATES,
        "V-06": State.CONFORMS,
        "V-10": State.CONFORMS,
    }
    assert list(clauses)[-1] == "V-10"


@pytest.mark.requirement("CM1")
def test_the_command_prints_every_clause_and_fails_only_when_strict(recorded, capsys):
    arguments = ["conformity", "--root", str(recorded)]
    with pytest.raises(SystemExit, match="0"):
        cli.main(arguments)
    shown = capsys.readouterr().out
    assert "V-10  符合" in shown
    assert "V-01  满足" in shown
    assert "not software, a form: V-05" in shown
    with pytest.raises(SystemExit, match="0"):
        cli.main([*arguments, "V-02"])
    assert "failed   tests/test_made_up.py::test_that_fails_once" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="0"):
        cli.main([*arguments, "--json"])
    assert json.loads(capsys.readouterr().out)["totals"]["clauses"] == {"符合": 2, "满足": 1, "偏离": 3}
    with pytest.raises(SystemExit, match="1"):
        cli.main([*arguments, "--strict"])
    assert capsys.readouterr().err.strip().endswith("deviating without a plan: IN3, IN5")


def test_a_checkout_without_a_register_is_named(tmp_path):
    with pytest.raises(cli.CommandError, match=r"rows\.toml is not there"):
        read_register(tmp_path / ROWS)


@pytest.mark.requirement("CM1")
def test_every_row_named_by_a_test_is_in_the_register():
    assert set(tagged_tests(ROOT)) - {row.id for row in read_register(ROOT / ROWS).rows} == set()


@pytest.mark.requirement("CM1")
def test_every_row_that_the_release_carries_is_shown_by_a_test():
    carried = {row.id for row in read_register(ROOT / ROWS).rows if row.carried}
    assert {"IN1", "GV2", "CM1"} <= carried
    assert carried - set(tagged_tests(ROOT)) == set()


@pytest.mark.requirement("CM1")
def test_every_clause_of_the_tender_leads_to_a_row_or_to_a_reason_why_not():
    register = read_register(ROOT / ROWS)
    in_rows = {clause for row in register.rows for clause in row.clauses}
    excused = {clause for clause in register.not_software if clause.startswith("V-")}
    assert in_rows | excused == {f"V-{number:02}" for number in range(1, 101)}
    assert in_rows & excused == set()
    assert all(register.not_software.values())


def test_the_object_names_every_test_of_a_row(recorded):
    register, found = read_register(recorded / ROWS), findings_of(recorded)
    document = as_object(register, list(found.values()), read_record(recorded / RECORD))
    assert document["rows"][0]["tests"] == found["IN1"].tests
    assert document["clauses"][0] == {"clause": "V-01", "state": "满足", "rows": ["IN1", "IN2"]}

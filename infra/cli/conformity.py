"""`avm conformity`: tender clause → row → tests → 符合/满足/偏离. `docs/conformity/README.md` explains it."""

import ast
import json
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from infra.cli import CommandError

ROWS: Final = Path("docs/conformity/rows.toml")
TESTS: Final = Path("tests")
RECORD: Final = Path("build/requirements.json")  # written by tests/requirements_plugin.py
_CHECKOUT: Final = Path(__file__).resolve().parents[2]
_MARK: Final = "requirement"

app = typer.Typer(add_completion=False)


class State(StrEnum):
    """How a row stands, from good to bad."""

    CONFORMS = "符合"
    MEETS = "满足"
    DEVIATES = "偏离"


class Plan(StrEnum):
    """What is still to come for a row; nothing for one that the release carries and that has tests."""

    NOTHING = ""
    IN_PART = "in part"
    PLANNED = "planned"
    MISSING = "test missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing to build and test. `sources` are tender clauses (V-…) and others; `carried` by the present release."""

    id: str
    says: str
    sources: tuple[str, ...]
    where: tuple[str, ...]
    priority: str
    carried: bool

    @property
    def clauses(self) -> tuple[str, ...]:
        """The tender clauses among the sources."""
        return tuple(source for source in self.sources if source.startswith("V-"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """All rows, and why some clauses are no matter of software."""

    rows: tuple[Row, ...]
    not_software: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The last full run of the tests. `outcomes`: test -> passed, failed or skipped; the worst of its parameters."""

    at: str | None
    outcomes: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """How a row stands. `tests`: test -> its outcome, `None` where the last run does not have it."""

    row: Row
    tests: Mapping[str, str | None]
    state: State
    plan: Plan


def read_register(path: Path) -> Register:
    """Read `rows.toml`. Raises `CommandError` for a file that is absent or malformed."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        rows = tuple(_row(id_, entry) for id_, entry in document["rows"].items())
        groups = document.get("not_software", [])
        return Register(rows=rows, not_software={one: group["why"] for group in groups for one in group["clauses"]})
    except FileNotFoundError as error:
        raise CommandError(f"{path} is not there; this command needs a checkout of the sources") from error
    except (KeyError, TypeError, tomllib.TOMLDecodeError) as error:
        raise CommandError(f"{path} is malformed: {error!r}") from error


def _row(id_: str, entry: Mapping[str, Any]) -> Row:
    return Row(
        id=id_,
        says=entry["says"],
        sources=tuple(entry["from"]),
        where=tuple(entry["where"]),
        priority=entry["priority"],
        carried=entry.get("carried", False),
    )


def tagged_tests(root: Path) -> dict[str, tuple[str, ...]]:
    """Row -> the tests below `root` that claim to show it, by name as pytest gives it, without parameters."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted((root / TESTS).rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
        for test, rows in _claims(tree.body, path.relative_to(root).as_posix(), _of_module(tree)):
            for row in sorted(rows):
                found[row].append(test)
    return {row: tuple(tests) for row, tests in found.items()}


def _claims(body: Sequence[ast.stmt], scope: str, inherited: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    for node in body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        rows = inherited.union(*map(_named, node.decorator_list))
        if isinstance(node, ast.ClassDef):
            yield from _claims(node.body, f"{scope}::{node.name}", rows)
        elif node.name.startswith("test"):
            yield f"{scope}::{node.name}", rows


def _of_module(tree: ast.Module) -> frozenset[str]:
    marks = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"
    ]
    return frozenset().union(*(_named(part) for mark in marks for part in ast.walk(mark)))


def _named(node: ast.AST) -> frozenset[str]:
    """The rows that `pytest.mark.requirement("IN1", …)` names; none for anything else."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == _MARK:
        return frozenset(str(ast.literal_eval(argument)) for argument in node.args)
    return frozenset()


def read_record(path: Path) -> Record:
    """The last full run; an empty record where there was none yet."""
    if not path.exists():
        return Record(at=None, outcomes={})
    document = json.loads(path.read_text(encoding="utf-8"))
    return Record(at=document["at"], outcomes=document["outcomes"])


def judge(row: Row, tests: Sequence[str], record: Record) -> Finding:
    """How the row stands by the tests that claim to show it."""
    outcomes = {test: record.outcomes.get(test) for test in tests}
    return Finding(row=row, tests=outcomes, state=_state(list(outcomes.values())), plan=_plan(row, tests))


def _state(outcomes: Sequence[str | None]) -> State:
    if not outcomes or "failed" in outcomes:
        return State.DEVIATES
    return State.CONFORMS if all(outcome == "passed" for outcome in outcomes) else State.MEETS


def _plan(row: Row, tests: Sequence[str]) -> Plan:
    if row.carried:
        return Plan.NOTHING if tests else Plan.MISSING
    return Plan.IN_PART if tests else Plan.PLANNED


def by_clause(findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    """Clause -> the rows it led to, clauses in order. Rows without a clause are not in it."""
    found: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        for clause in finding.row.clauses:
            found[clause].append(finding)
    return dict(sorted(found.items(), key=lambda item: int(item[0].removeprefix("V-"))))


def worst(findings: Sequence[Finding]) -> State:
    """The state of a clause: the worst of its rows."""
    return max((finding.state for finding in findings), key=list(State).index)


@app.command()
def conformity(
    only: Annotated[str | None, typer.Argument(help="A clause (V-36) or row (IN1): show its tests by name.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, with every test.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit code 1 when a test failed or a row of this release has none.")
    ] = False,
    root: Annotated[Path, typer.Option(help="Checkout of the sources.")] = _CHECKOUT,
) -> None:
    """Show which tender clause is shown by which tests, and how they ended in the last full run."""
    register, tests, record = read_register(root / ROWS), tagged_tests(root), read_record(root / RECORD)
    findings = [judge(row, tests.get(row.id, ()), record) for row in register.rows]
    if as_json:
        print(json.dumps(as_object(register, findings, record), ensure_ascii=False, indent=2))
    elif only is not None:
        _show_tests(only, register, findings)
    else:
        _show(register, findings, record)
    overdue = [one for one in findings if one.state is State.DEVIATES and one.plan is not Plan.PLANNED]
    if strict and overdue:
        raise CommandError("deviating without a plan: " + ", ".join(finding.row.id for finding in overdue))


def as_object(register: Register, findings: Sequence[Finding], record: Record) -> dict[str, Any]:
    """Everything that is known, as plain values."""
    clauses = by_clause(findings)
    return {
        "recorded_at": record.at,
        "clauses": [
            {"clause": clause, "state": worst(found), "rows": [finding.row.id for finding in found]}
            for clause, found in clauses.items()
        ],
        "rows": [
            {
                "row": finding.row.id,
                "says": finding.row.says,
                "from": finding.row.sources,
                "where": finding.row.where,
                "priority": finding.row.priority,
                "state": finding.state,
                "plan": finding.plan,
                "tests": finding.tests,
            }
            for finding in findings
        ],
        "not_software": register.not_software,
        "totals": {
            "clauses": Counter(worst(found) for found in clauses.values()),
            "rows": Counter(finding.state for finding in findings),
        },
    }


def _show(register: Register, findings: Sequence[Finding], record: Record) -> None:
    print(f"last full run of the tests: {record.at or 'none yet, run make test'}")
    clauses = by_clause(findings)
    for clause, found in clauses.items():
        _show_group(f"{clause}  {worst(found)}", found)
    _show_group("no clause, good practice", [finding for finding in findings if not finding.row.clauses])
    reasons: defaultdict[str, list[str]] = defaultdict(list)
    for clause, why in register.not_software.items():
        reasons[why].append(clause)
    for why, named in reasons.items():
        print(f"not software, {why}: {' '.join(named)}")
    totals = Counter(worst(found) for found in clauses.values())
    print("clauses: " + ", ".join(f"{totals[state]} {state}" for state in State))


def _show_group(heading: str, findings: Sequence[Finding]) -> None:
    print(heading)
    for finding in findings:
        outcomes = Counter(outcome or "not run" for outcome in finding.tests.values())
        tests = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items())) or "no test"
        print(f"  {finding.row.id:<4}  {finding.state}  {finding.plan:<12}  {tests:<22}  {finding.row.says}")


def _show_tests(only: str, register: Register, findings: Sequence[Finding]) -> None:
    if only in register.not_software:
        print(f"{only}: not software ({register.not_software[only]})")
        return
    wanted = [finding for finding in findings if only in {finding.row.id, *finding.row.sources}]
    if not wanted:
        raise CommandError(f"there is neither a clause nor a row {only!r}")
    for finding in wanted:
        print(f"{finding.row.id} {finding.state} {finding.plan} {finding.row.says}".replace("  ", " "))
        for test, outcome in finding.tests.items():
            print(f"  {outcome or 'not run':<8} {test}")

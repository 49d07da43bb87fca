"""The figures of the contract stand in `schemas/domain/contract.py` and nowhere else.

Three rules find a literal that restates one. A name that speaks of a promise (online, interim, ack, deviation …) must
not be given, defaulted to or compared with a number; a line whose comment names a row of the contract (C-02) or the
contract itself must not hold a number; and no span of time is written that is exactly the online or the interim
answer. They look at our sources and at the policies beside them, never at tests.
"""

import ast
import csv
import io
import re
import tokenize
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from schemas.domain import contract
from schemas.domain.channels import CHANNELS, Profile

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("schemas", "streams", "consumers", "producers", "infra")
PROMISES = {
    "ack",
    "acknowledge",
    "answer",
    "automatic",
    "automation",
    "availability",
    "deadline",
    "deviation",
    "interim",
    "maintenance",
    "online",
    "outage",
}
PROMISE_PAIRS = {("working", "days"), ("manual", "days"), ("auto", "ratio"), ("batch", "least"), ("within", "10pct")}
SPANS = {"days", "hours", "minutes", "seconds", "milliseconds"}
NAMES_THE_CONTRACT = re.compile(r"\bC-\d\d|\bcontract(?:'s|ual)?\b|合同约定", re.IGNORECASE)
NUMBER_IN_TOML = re.compile(r"^[^#\"]*=\s*[\d_.]+\b.*?(#.*)$")


def speaks_of_a_promise(name):
    words = name.lower().strip("_").split("_")
    return bool(PROMISES & set(words)) or any(pair in PROMISE_PAIRS for pair in pairwise(words))


def is_number(node):
    """A number other than nought, which counts from nothing and promises nothing."""
    if isinstance(node, ast.UnaryOp):
        return is_number(node.operand)
    return isinstance(node, ast.Constant) and type(node.value) in {int, float} and node.value != 0


def is_measure(node):
    """`timedelta(seconds=10)` or `Decimal("0.9")`, wherever it is written from."""
    if not isinstance(node, ast.Call):
        return False
    kind = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    given = [*node.args, *(keyword.value for keyword in node.keywords)]
    if kind == "Decimal":
        return any(isinstance(one, ast.Constant) and Decimal(str(one.value)) for one in given)
    return kind == "timedelta" and any(map(is_number, given))


def is_an_answer_time(node):
    """A literal `timedelta` of exactly the online or the interim answer, whatever its name."""
    if not is_measure(node) or not all(isinstance(keyword.value, ast.Constant) for keyword in node.keywords):
        return False
    given = {keyword.arg: keyword.value.value for keyword in node.keywords if keyword.arg in SPANS}
    return timedelta(**given) in {contract.ONLINE_ANSWER.value, contract.INTERIM_ANSWER.value}


def is_literal(value):
    return is_number(value) or any(map(is_measure, ast.walk(value)))


def name_of(node):
    return getattr(node, "id", None) or getattr(node, "attr", None) or ""


def named_values(tree):
    """Every (name, value) that the source puts side by side."""
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=targets, value=value):
                yield from ((name_of(target), value) for target in targets)
            case ast.AnnAssign(target=target, value=value) if value is not None:
                yield name_of(target), value
            case ast.keyword(arg=str(name), value=value):
                yield name, value
            case ast.Dict(keys=keys, values=values):
                constants = zip(keys, values, strict=True)
                yield from ((key.value, value) for key, value in constants if isinstance(getattr(key, "value", 0), str))
            case ast.arguments():
                positional = [*node.posonlyargs, *node.args]
                defaults = [*zip(positional[::-1], node.defaults[::-1], strict=False)]
                defaults += [(a, d) for a, d in zip(node.kwonlyargs, node.kw_defaults, strict=True) if d is not None]
                yield from ((argument.arg, default) for argument, default in defaults)
            case ast.Compare(left=left, comparators=others):
                sides = [left, *others]
                yield from ((name_of(one), other) for one in sides for other in sides if other is not one)


def restated_in_python(source):
    """Line numbers of literals that restate a figure of the contract."""
    tree = ast.parse(source)
    lines = {value.lineno for name, value in named_values(tree) if speaks_of_a_promise(name) and is_literal(value)}
    lines |= {node.lineno for node in ast.walk(tree) if is_an_answer_time(node)}
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    numbers = {t.start[0] for t in tokens if t.type == tokenize.NUMBER and t.string not in {"0", "1"}}
    comments = {t.start[0] for t in tokens if t.type == tokenize.COMMENT and NAMES_THE_CONTRACT.search(t.string)}
    return sorted(lines | (numbers & comments))


def restated_in_toml(source):
    found = []
    for number, line in enumerate(source.splitlines(), 1):
        key = line.partition("=")[0].strip()
        value = NUMBER_IN_TOML.match(line + " #")
        if value and (speaks_of_a_promise(key) or NAMES_THE_CONTRACT.search(value[1])):
            found.append(number)
    return found


def ours(ending):
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob(f"*{ending}"))]


@pytest.mark.requirement("GV2")
def test_no_source_restates_a_figure_of_the_contract():
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in ours(".py")
        if path != Path(contract.__file__)
        for line in restated_in_python(path.read_text(encoding="utf-8"))
    ]
    found += [
        f"{path.relative_to(ROOT)}:{line}"
        for path in ours(".toml")
        for line in restated_in_toml(path.read_text(encoding="utf-8"))
    ]
    assert found == [], "take these numbers from schemas/domain/contract.py"


@pytest.mark.requirement("GV2")
@pytest.mark.parametrize(
    "planted",
    [
        "online: timedelta = timedelta(seconds=10)",
        "answer_s = 10.0",
        "def late(*, interim_after=timedelta(seconds=8)): ...",
        "def late(answer_within=10): ...",
        "deadline = received_at + timedelta(seconds=10)",
        "Waits(answer_s=10.0)",
        "allowance: timedelta = timedelta(seconds=10)",
        "first = timedelta(milliseconds=8000)",
        "DEVIATION = Decimal('0.10')",
        "passes = automatic_ratio >= 0.9",
        "figures = {'auto_ratio': 0.9}",
        "hit = error <= 0.10  # the contract's ten per cent",
        "limit = 10  # C-02",
    ],
)
def test_a_planted_literal_is_found(planted):
    assert restated_in_python(planted) == [1]


@pytest.mark.requirement("GV2")
@pytest.mark.parametrize(
    "innocent",
    [
        "online: timedelta = ONLINE_ANSWER.value",
        "answers = 0",
        "lease = timedelta(minutes=5)",
        "acknowledgement_s = 5.0  # by the broker",
        "late = left < timedelta(0)",
        "deadline = monotonic() + within_s",
        "shown = answers[:200]",
    ],
)
def test_other_numbers_are_left_alone(innocent):
    assert restated_in_python(innocent) == []


@pytest.mark.requirement("GV2")
@pytest.mark.parametrize("planted", ["review_working_days = 1", "least = 0.9  # C-01", "online_s = 10 # seconds"])
def test_a_planted_literal_is_found_in_a_policy(planted):
    assert restated_in_toml(planted) == [1]
    assert restated_in_toml("min_p10 = 0.55  # calibrated chance\nmin_comparables = 3") == []


@pytest.mark.requirement("GV2")
def test_the_contract_says_what_the_tender_says():
    assert {figure.id for figure in contract.FIGURES} == {f"C-{n:02}" for n in range(1, 19) if n != 17}
    assert contract.AUTOMATIC_RATIO.value == Decimal("0.90")
    assert contract.ONLINE_ANSWER.value == timedelta(seconds=10)
    assert contract.MANUAL_ANSWER.value == 1
    assert contract.DEVIATION.value == Decimal("0.10")
    assert contract.MAINTENANCE_NOTICE.value == 5
    assert [f.value for f in (contract.FAULT_ON_SITE, contract.FAULT_SOLUTION, contract.FAULT_CLOSED)] == [1, 1, 3]
    by_the_tender = [figure for figure in contract.FIGURES if not figure.assumed]
    assert contract.AVAILABILITY not in by_the_tender
    assert contract.ONLINE_ANSWER in by_the_tender


def test_every_figure_is_listed_once():
    kept = [one for one in vars(contract).values() if isinstance(one, contract.Figure)]
    assert Counter(map(id, [*kept, *contract.TERM_WARNINGS])) == Counter(map(id, contract.FIGURES))


def test_the_steps_of_an_online_answer_fit_into_it():
    budgets = [value for name, value in vars(contract).items() if name.endswith("_BUDGET")]
    assert sum((budget.value for budget in budgets), timedelta(0)) <= contract.INTERIM_ANSWER.value
    assert contract.INTERIM_ANSWER.value < contract.ONLINE_ANSWER.value


def test_the_channels_are_the_contracted_ones():
    profiles = Counter(channel.profile for channel in CHANNELS.values())
    assert profiles[Profile.CUSTOMER] + profiles[Profile.PUBLIC] == contract.EXTERNAL_CHANNELS.value


def test_the_coverage_table_has_the_contracted_provinces_and_cities():
    with (ROOT / "docs/examples/coverage-2026.csv").open(encoding="utf-8", newline="") as file:
        places = {(row["province"], row["city"]) for row in csv.DictReader(file) if row["status"] == "ACTIVE"}
    assert len({province for province, _ in places} - {"浙江省"}) == contract.PROVINCES.value
    assert len({city for province, city in places if province == "浙江省"}) == contract.ZHEJIANG_CITIES.value

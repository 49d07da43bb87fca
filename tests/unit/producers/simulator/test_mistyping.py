"""Corruptions are seeded, realistic and honest: the place they name stays the place."""

import ast
import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.simulator import mistyping
from producers.simulator.mistyping import Kind, Named, Typist

_ROOT = Path(__file__).parents[4]
_NAMES = (
    "望京西园三区",
    "望京西园四区",
    "学清路18号院",
    "阳光花园",
    "阳光小区",
    "建外SOHO",
    "康营家园十七区",
    "翠微路甲1号",
)
_LIST = tuple(Named(name=name, city="北京市", district="朝阳区") for name in _NAMES)
_TELLING = re.compile(r"[0-9A-Z〇零一二三四五六七八九十甲乙丙丁]")


@pytest.fixture(scope="module")
def typist():
    return Typist(_LIST)


@pytest.mark.parametrize("kind", Kind)
def test_the_same_seed_types_the_same_addresses(kind, typist):
    def typed():
        rng = random.Random(7)
        return [typist.write(one, kind, rng) for one in _LIST for _ in range(20)]

    assert typed() == typed()
    assert all(typed())


@settings(deadline=None)
@given(st.integers(0, 10**9), st.sampled_from(_LIST))
def test_digits_letters_and_numerals_of_a_name_are_never_changed(seed, one):
    slipped = Typist(_LIST)._mistyped(one.name, random.Random(seed))
    assert _TELLING.findall(slipped) == _TELLING.findall(one.name)


def test_a_slip_is_a_slip_and_never_spells_another_name(typist):
    rng = random.Random(3)
    others = set(_NAMES)
    for one in _LIST:
        typed = {typist._renamed(one, Kind.TYPO, rng) for _ in range(300)}
        assert typed.isdisjoint(others - {one.name})
        assert len(typed - {one.name}) > 20


def test_every_kind_does_what_it_says(typist):
    rng = random.Random(1)
    yangguang = _LIST[3]
    assert typist.write(yangguang, Kind.COMPLETE, rng).startswith("北京市朝阳区阳光花园")
    assert "朝阳区" not in typist.write(yangguang, Kind.NO_DISTRICT, rng)
    assert "北京" not in typist.write(yangguang, Kind.NO_CITY, rng)
    assert "陽光花園" in typist.write(yangguang, Kind.TRADITIONAL, rng)
    assert not re.search(r"[0-9]", typist.write(_LIST[2], Kind.FULL_WIDTH, rng))
    assert typist.write(_LIST[0], Kind.INITIALS, rng) == "北京市朝阳区wjxy3q"
    assert re.search(r"[号弄院]阳光花园", typist.write(yangguang, Kind.ROAD, rng))
    assert typist.write(_LIST[2], Kind.PHASE, rng).startswith("北京市朝阳区学清路18号院")  # a house has no phases


def test_a_third_of_the_slips_is_random_and_three_names_in_ten_are_mistyped():
    """No method can know a random character: the bar must not be met by making the errors easy."""
    assert sum(mistyping._SLIPS.values()) == pytest.approx(1)
    assert mistyping._SLIPS["random"] + mistyping._SLIPS["inserted"] >= 0.3
    assert mistyping._MISTYPED >= 0.3
    assert sum(mistyping._PLACES.values()) == sum(mistyping._TAILS.values()) == pytest.approx(1)


def test_the_hand_and_the_resolver_know_nothing_of_each_other():
    """What resolves is measured with corruptions it has not seen the tables of, and the other way round."""
    hand = _imports(_ROOT / "producers" / "simulator" / "mistyping.py")
    assert not any(name.startswith("streams") for name in hand)
    for file in (_ROOT / "streams" / "enrichment").rglob("*.py"):
        assert not any("simulator" in name or "mistyping" in name for name in _imports(file)), file


def _imports(file):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)

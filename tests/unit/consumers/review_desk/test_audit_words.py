"""Every act that the desk's sources put into the audit has a Chinese word."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import consumers.review_desk
from consumers.review_desk.knowledge.audit_words import ACTION
from consumers.review_desk.oversight.supervisor_moves import Command
from consumers.review_desk.queue.settling import ACTIONS

_SOURCES = Path(consumers.review_desk.__file__).parent
# Where acts are made from a name that is passed on: the place of that argument.
_PASSED_ON = {"act": 0, "_act": 1, "move": 1, "_audit": 2, "refusals_audited": 3, "_audited": 2}


def acts_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign) and any(isinstance(at, ast.Name) and at.id == "action" for at in node.targets):
            yield from _texts(node.value)
        if not isinstance(node, ast.Call):
            continue
        for word in node.keywords:
            if word.arg == "action":
                yield from _texts(word.value)
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        place = _PASSED_ON.get(name)
        if place is not None and len(node.args) > place:
            yield from _texts(node.args[place])


def _texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)


def every_act() -> set[str]:
    found = {act for path in _SOURCES.rglob("*.py") for act in acts_of(path)}
    return found | set(ACTIONS.values()) | set(Command)


def test_the_sources_are_read_for_acts_of_every_form():
    forms = {"ROUTED", "REPLY_IN", "EVIDENCE_REPLACED", "WITHDRAW_GUIDELINE", "RENEW", "RESUME", "LOGGED_IN", "DECIDE"}
    assert forms | {"STAFF_ADDED", "OPINION", "LEASE_LAPSED", "PAUSE_QUEUE", "CONCLUDE"} <= every_act()


@pytest.mark.requirement("SE4")
def test_every_act_of_the_desk_has_a_word_of_its_own():
    assert sorted(every_act() - ACTION.keys()) == []
    words = list(ACTION.values())
    assert sorted(word for word in set(words) if words.count(word) > 1) == []

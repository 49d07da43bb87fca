"""Chains and seals by themselves: whatever is done to them, the check says so."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.postgres.audit import BEGINNING, Act, Head, Seal, canonical, chained, seal_hash
from infra.postgres.audit_check import Fault, faults_of_chain, faults_of_seals

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
START = Head(subject="v", sequence=0, hash=BEGINNING)
ACTS = st.lists(
    st.builds(
        Act,
        actor=st.text(max_size=5),
        action=st.sampled_from(["LOOK", "HOLD"]),
        at=st.integers(0, 10**9).map(lambda n: NOON + timedelta(microseconds=n)),
        details=st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=3) | st.none(), max_size=3),
    ),
    min_size=2,
    max_size=6,
)


def faults(lines):
    return [(found.sequence, found.fault) for found in faults_of_chain(lines)]


@pytest.mark.requirement("SE4")
@given(ACTS)
def test_a_chain_as_it_was_written_is_sound_also_when_it_was_written_in_two_goes(acts):
    at_once = chained(START, acts)
    first = chained(START, acts[:1])
    later = chained(Head(subject="v", sequence=1, hash=first[-1].hash), acts[1:])
    assert first + later == at_once
    assert faults(at_once) == []


@pytest.mark.requirement("SE4")
@given(ACTS, st.data())
def test_any_change_to_a_line_shows_at_that_line(acts, data):
    lines = chained(START, acts)
    at = data.draw(st.integers(0, len(lines) - 1))
    change = data.draw(
        st.sampled_from(
            [
                {"actor": lines[at].actor + "x"},
                {"action": "DECIDE"},
                {"at": lines[at].at + timedelta(microseconds=1)},
                {"details": lines[at].details[:-1] + " }"},
                {"subject": "w"},
            ]
        )
    )
    lines[at] = replace(lines[at], **change)
    assert (at + 1, Fault.CHANGED) in faults(lines)


@pytest.mark.requirement("SE4")
@given(ACTS, st.data())
def test_a_line_removed_or_repeated_or_two_exchanged_show(acts, data):
    lines = chained(START, acts)
    at = data.draw(st.integers(0, len(lines) - 2))
    exchanged = [*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]]
    for broken in (lines[:at] + lines[at + 1 :], [*lines[: at + 1], lines[at], *lines[at + 1 :]], exchanged):
        assert faults(broken)


@pytest.mark.requirement("SE4")
def test_a_line_rewritten_with_a_fitting_hash_breaks_the_link_behind_it():
    lines = chained(START, [Act(actor="lin", action="LOOK", at=NOON)] * 3)
    forged = chained(Head(subject="v", sequence=1, hash=lines[0].hash), [Act(actor="wu", action="LOOK", at=NOON)])
    assert faults([lines[0], *forged, lines[2]]) == [(3, Fault.BROKEN_LINK)]


def seals(*groups):
    made, previous = [], BEGINNING
    for number, heads in enumerate(groups, 1):
        digest = seal_hash(number, NOON, previous, heads)
        seal = Seal(number=number, at=NOON, heads=len(heads), previous=previous, hash=digest)
        made.append((seal, heads))
        previous = digest
    return made


@pytest.mark.requirement("SE4")
def test_a_seal_shows_what_it_covers_and_what_stood_before_it():
    a, b = Head(subject="a", sequence=3, hash="1" * 64), Head(subject="b", sequence=1, hash="2" * 64)
    whole = seals([a], [a, b], [b])
    assert list(faults_of_seals(whole)) == []
    assert [found.fault for found in faults_of_seals([whole[0], (whole[1][0], [a]), whole[2]])] == [Fault.SEAL_CHANGED]
    assert [found.fault for found in faults_of_seals([whole[0], whole[2]])] == [Fault.SEAL_GAP]
    other = seals([b])[0]
    assert [found.fault for found in faults_of_seals([other, *whole[1:]])] == [Fault.SEAL_BROKEN_LINK]


def test_equal_details_give_equal_text():
    assert canonical({"b": 1, "a": "说"}) == canonical({"a": "说", "b": 1}) == '{"a":"说","b":1}'

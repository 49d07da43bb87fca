from dataclasses import replace
from datetime import timedelta

import pytest

from consumers.review_desk.queue import presence
from consumers.review_desk.queue.presence import PresenceState
from tests.fakes.desk import MONDAY_NOON, POLICY

NOON = MONDAY_NOON
HERE = presence.turned(presence.newcomer("lin", NOON), PresenceState.READY, NOON)


@pytest.mark.requirement("RD5")
def test_whoever_is_silent_for_forty_five_seconds_is_offline():
    assert presence.as_of(HERE, NOON + timedelta(seconds=44), POLICY) is HERE
    lost = presence.as_of(HERE, NOON + timedelta(seconds=45), POLICY)
    assert (lost.state, lost.reason, lost.since) == (PresenceState.OFFLINE, "连接中断", NOON + timedelta(seconds=45))


def test_a_break_that_goes_silent_is_offline_too():
    pausing = presence.turned(HERE, PresenceState.BREAK, NOON, "午餐")
    assert presence.as_of(pausing, NOON + timedelta(minutes=1), POLICY).state is PresenceState.OFFLINE


@pytest.mark.requirement("RD5")
def test_three_offers_missed_in_a_row_are_a_break():
    second = presence.missed(presence.missed(HERE, NOON, POLICY), NOON, POLICY)
    assert (second.state, second.missed) == (PresenceState.READY, 2)
    third = presence.missed(second, NOON + timedelta(minutes=3), POLICY)
    assert (third.state, third.reason) == (PresenceState.BREAK, "连续未接派单")
    back = presence.turned(third, PresenceState.READY, NOON + timedelta(minutes=4))
    assert (back.missed, back.idle_since) == (0, NOON + timedelta(minutes=4))


def test_an_offer_taken_in_between_starts_the_count_anew():
    once = presence.missed(presence.missed(HERE, NOON, POLICY), NOON, POLICY)
    assert presence.missed(presence.busy(once, NOON), NOON, POLICY).state is PresenceState.READY


def test_a_missed_offer_puts_a_person_at_the_end_of_the_line():
    assert presence.missed(HERE, NOON + timedelta(minutes=1), POLICY).idle_since == NOON + timedelta(minutes=1)


def test_saying_ready_again_changes_nothing_but_the_sign_of_life():
    later = NOON + timedelta(seconds=30)
    assert presence.turned(HERE, PresenceState.READY, later) == replace(HERE, seen_at=later)


def test_wrapping_up_ends_by_itself():
    wrapping = presence.turned(HERE, PresenceState.WRAP_UP, NOON)
    seen = replace(wrapping, seen_at=NOON + POLICY.wrap_up)
    assert presence.as_of(wrapping, NOON + timedelta(seconds=30), POLICY).state is PresenceState.WRAP_UP
    assert presence.as_of(seen, NOON + POLICY.wrap_up, POLICY).state is PresenceState.READY

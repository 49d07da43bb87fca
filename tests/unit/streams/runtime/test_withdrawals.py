from datetime import UTC, datetime, timedelta

import pytest

from schemas.catalogue import FOR_PEOPLE, WITHDRAWALS
from schemas.codes import Action
from schemas.events import Withdrawn
from streams.runtime.stage import Change
from streams.runtime.withdrawals import Withdrawals

AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


def followed(*actions_and_revisions) -> Withdrawals:
    view = Withdrawals()
    view.apply(
        [
            Change(
                topic=WITHDRAWALS,
                key="v-1",
                event=Withdrawn(valuation_id="v-1", action=action, revision=revision, withdrawn_at=AT),
            )
            for action, revision in actions_and_revisions
        ]
    )
    return view


@pytest.mark.requirement("IN9")
def test_what_a_channel_cancelled_answers_nobody_whatever_asking_it_is_of():
    view = followed((Action.CANCEL, 1))
    assert view.cover("v-1", 1)
    assert view.cover("v-1", 7)
    assert not view.cover("v-2", 1)


@pytest.mark.requirement("IN9")
def test_what_was_taken_from_the_model_is_answered_by_the_next_asking_alone():
    view = followed((Action.FORCE_MANUAL, 2))
    assert [view.cover("v-1", revision) for revision in (1, 2, 3)] == [True, True, False]


def test_an_answer_of_what_was_taken_from_the_model_may_have_been_first_and_then_has_its_report():
    assert not followed((Action.FORCE_MANUAL, 2)).have_ended("v-1")
    assert followed((Action.FORCE_MANUAL, 2), (Action.CANCEL, 3), (Action.FORCE_MANUAL, 2)).have_ended("v-1")


def test_what_came_of_a_dispute_is_never_covered():
    view = followed((Action.CANCEL, 1))
    assert not view.cover("v-1", 2, supersedes="GJ-1")
    assert not view.have_ended("v-1", supersedes="GJ-1")


def test_what_was_withdrawn_long_ago_takes_no_room():
    view = Withdrawals()
    for day in range(100):
        event = Withdrawn(
            valuation_id=f"v-{day}", action=Action.CANCEL, revision=1, withdrawn_at=AT + timedelta(days=day)
        )
        view.apply([Change(topic=WITHDRAWALS, key=event.valuation_id, event=event)])
    assert len(view) == FOR_PEOPLE.days + 1
    assert view.cover("v-99", 1)
    assert not view.cover("v-1", 1)

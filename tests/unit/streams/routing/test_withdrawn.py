"""What its channel has withdrawn: routing asks and answers nobody, and settling says no second end."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from schemas.catalogue import ALIASES, RESULTS, WITHDRAWALS
from schemas.codes import Action, Lane, Reason, ReviewOutcome
from schemas.events import Decided, ReviewProgressed, Withdrawn
from streams.routing.asking import asked
from streams.routing.degraded import DegradedDesk
from streams.routing.settle import SettleStage
from streams.routing.stage import RoutingStage
from streams.runtime.stage import Change
from streams.runtime.withdrawals import WITHDRAWN, Withdrawals
from tests.fakes import valuations

NOW = datetime(2026, 11, 24, 1, 30, tzinfo=UTC)


@pytest.fixture
def withdrawn():
    def make(valuation_id, action=Action.CANCEL, revision=1):
        event = Withdrawn(valuation_id=valuation_id, action=action, revision=revision, withdrawn_at=NOW)
        view = Withdrawals()
        view.apply([Change(topic=WITHDRAWALS, key=valuation_id, event=event)])
        return view

    return make


def routed(subject, policy, admitted, withdrawals):
    stage = RoutingStage(
        lambda: policy, lambda: NOW, Lane.ONLINE, standings=admitted, desk=DegradedDesk(), withdrawals=withdrawals
    )
    return stage.handle([subject])[0]


def settled(event, policy, withdrawals):
    return SettleStage(lambda: policy, lambda: NOW, withdrawals=withdrawals).handle([event])[0]


def a_decision(policy, **changes):
    scored = valuations.scored()
    review = replace(asked(scored, (Reason.WIDE_RANGE,), policy, NOW)[0].event, **changes)
    return replace(valuations.decided(), review=review, outcome=ReviewOutcome.VALUE)


@pytest.mark.requirement("IN9")
@pytest.mark.parametrize("changes", [{}, {"p10": 0.3}], ids=["would stand", "would go to people"])
def test_a_scored_valuation_that_was_withdrawn_is_neither_answered_nor_given_to_people(
    scored, policy, admitted, withdrawn, changes
):
    subject = scored(**changes)
    outcome = routed(subject, policy, admitted, withdrawn(subject.valuation_id))
    assert (outcome.outputs, outcome.silence) == ((), WITHDRAWN)
    assert routed(subject, policy, admitted, withdrawn("another")).outputs


@pytest.mark.requirement("IN9")
def test_what_was_forced_to_people_reaches_them_with_its_reason_while_its_first_asking_is_silent(
    scored, policy, admitted, withdrawn
):
    view = withdrawn(scored().valuation_id, Action.FORCE_MANUAL)
    assert routed(scored(), policy, admitted, view).silence == WITHDRAWN
    again = scored(revision=2, force_manual=True)
    review = routed(again, policy, admitted, view).outputs[0].event
    assert Reason.FORCED_BY_BANK in review.reasons


@pytest.mark.requirement("IN9")
def test_a_decision_about_what_was_withdrawn_is_no_second_end_but_what_it_taught_stays(policy, withdrawn):
    decision = replace(a_decision(policy), confirmed_community_id="c-2")
    outcome = settled(decision, policy, withdrawn(decision.valuation_id))
    assert outcome.silence == WITHDRAWN
    assert all(output.topic == ALIASES for output in outcome.outputs)
    progress = ReviewProgressed(
        valuation_id=decision.valuation_id, review=decision.review, number=1, due_at=NOW, progressed_at=NOW
    )
    assert settled(progress, policy, withdrawn(decision.valuation_id)).silence == WITHDRAWN


def test_what_came_of_a_dispute_is_settled_all_the_same(policy, withdrawn):
    decision = a_decision(policy, supersedes="GJ-1")
    assert isinstance(decision, Decided)
    outcome = settled(decision, policy, withdrawn(decision.valuation_id))
    assert [output.topic for output in outcome.outputs] == [RESULTS]

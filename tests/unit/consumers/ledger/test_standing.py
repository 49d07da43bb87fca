"""Merging is a property: whatever order and however often, the outcome is the same."""

from datetime import timedelta
from functools import reduce
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.ledger.standing import FINAL_RANK, Answer, Conclusion, Identity, Milestones, Standing, merged, rank_of
from schemas.codes import Status
from tests.fakes.valuations import NOON

SUBJECT = UUID(int=7)
instants = st.integers(0, 5).map(lambda s: NOON + timedelta(seconds=s))
maybe = st.none() | instants


@st.composite
def answers(draw) -> Answer:
    status = draw(st.sampled_from(list(Status)))
    at = draw(instants)
    revision = draw(st.integers(0, 3))
    supersedes = draw(st.sampled_from([None, "GJ-1"])) if revision > 1 else None
    # the id follows from what it names, as it does for real events
    answer_id = UUID(int=hash((status, revision, at, supersedes)) & (2**128 - 1))
    return Answer(
        status=status,
        status_rank=rank_of(status),
        revision=revision,
        answer_id=answer_id,
        answer_at=at,
        supersedes=supersedes,
    )


standings = st.builds(
    Standing,
    valuation_id=st.just(SUBJECT),
    identity=st.builds(
        Identity, identity_rank=st.integers(0, 3), identity_at=instants, channel=st.sampled_from([None, "A", "B"])
    ),
    milestones=st.builds(
        Milestones, deadline_at=maybe, review_at=maybe, decided_at=maybe, answered_at=maybe, late_at=maybe
    ),
    answer=st.just(Answer()) | answers(),
    conclusion=st.builds(
        Conclusion,
        concluded_at=maybe,
        concluded_status=st.sampled_from([None, "COMPLETED_AUTO", "EXPIRED"]),
        concluded_touched=st.booleans(),
    ),
)


@given(st.lists(standings, min_size=1, max_size=6), st.randoms())
def test_order_grouping_and_repetition_change_nothing(parts, order):
    expected = reduce(merged, parts)
    shuffled = order.sample(parts, len(parts)) + order.sample(parts, order.randint(0, len(parts)))
    assert reduce(merged, shuffled) == expected
    middle = order.randint(1, len(shuffled))
    halves = [half for half in (shuffled[:middle], shuffled[middle:]) if half]
    assert reduce(merged, [reduce(merged, half) for half in halves]) == expected


@given(standings, standings)
def test_an_accepted_valuation_that_has_ended_changes_its_answer_for_a_dispute_alone(one, later):
    ended = one.answer.status_rank == FINAL_RANK and one.answer.revision > 0 and later.answer.supersedes is None
    came_later = (
        later.answer.answer_at is None
        or one.answer.answer_at is None
        or (later.answer.answer_at > one.answer.answer_at)
    )
    if ended and came_later:
        assert merged(one, later).answer == one.answer


def test_different_valuations_are_not_merged():
    other = Standing(
        valuation_id=UUID(int=8),
        identity=Identity(identity_rank=1, identity_at=NOON),
        milestones=Milestones(),
        answer=Answer(),
    )
    mine = Standing(valuation_id=SUBJECT, identity=other.identity, milestones=other.milestones, answer=other.answer)
    with pytest.raises(ValueError, match="different valuations"):
        merged(mine, other)


def ended(revision, minutes, *, status=Status.COMPLETED_AUTO, touched=False, supersedes=None):
    at = NOON + timedelta(minutes=minutes)
    return Standing(
        valuation_id=SUBJECT,
        identity=Identity(identity_rank=2, identity_at=NOON),
        milestones=Milestones(),
        answer=Answer(
            status=status,
            status_rank=rank_of(status),
            revision=revision,
            answer_id=UUID(int=revision),
            answer_at=at,
            human_touched=touched,
            supersedes=supersedes,
        ),
        conclusion=Conclusion(concluded_at=at, concluded_status=status, concluded_touched=touched),
    )


@pytest.mark.requirement("DI2", "RP6")
def test_the_answer_to_a_dispute_replaces_the_first_whose_end_stays_what_times_and_ratios_are_about():
    first = ended(1, 0)
    disputed = ended(2, 90, status=Status.COMPLETED_MANUAL, touched=True, supersedes="GJ-1")
    for standing in (merged(first, disputed), merged(disputed, first)):
        assert (standing.answer.status, standing.answer.revision) == (Status.COMPLETED_MANUAL, 2)
        assert standing.final_at == NOON
        assert standing.conclusion == first.conclusion


@pytest.mark.requirement("DI2")
def test_of_several_disputes_the_last_asked_for_stands():
    first = ended(1, 0)
    second, third = ended(2, 90, supersedes="GJ-1"), ended(3, 200, supersedes="GJ-2")
    assert reduce(merged, [third, first, second]).answer == third.answer


@pytest.mark.requirement("RD10")
def test_a_late_word_about_the_queue_does_not_undo_the_question_that_people_asked():
    question, progress = ended(1, 5, status=Status.NEEDS_CLARIFICATION), ended(1, 9, status=Status.PENDING_MANUAL)
    goes_on = ended(2, 7, status=Status.PENDING_MANUAL)
    for order in ([question, progress], [progress, question]):
        assert reduce(merged, order).answer == question.answer
        assert reduce(merged, [*order, goes_on]).answer == goes_on.answer

"""Merging is a property: whatever order and however often, the outcome is the same."""

from datetime import timedelta
from functools import reduce
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.ledger.standing import FINAL_RANK, Answer, Identity, Milestones, Standing, merged, rank_of
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
    # the id follows from what it names, as it does for real events
    answer_id = UUID(int=hash((status, revision, at)) & (2**128 - 1))
    return Answer(status=status, status_rank=rank_of(status), revision=revision, answer_id=answer_id, answer_at=at)


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
def test_an_accepted_valuation_that_has_ended_never_changes_its_answer_afterwards(one, later):
    ended = one.answer.status_rank == FINAL_RANK and one.answer.revision > 0
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

"""What the ledger takes for one fact, and what for two."""

from dataclasses import replace

import pytest

from consumers.ledger.entry import entry_of
from infra.postgres.ingest import Received
from schemas.catalogue import DECISIONS, RESULTS, REVIEW_PROGRESS, SCORED
from schemas.codes import Lane, Reason, ReviewOutcome, Status
from schemas.events import ReviewProgressed
from tests.fakes import valuations
from tests.fakes.valuations import NOON


def line(event, topic=SCORED):
    lane = Lane.ONLINE if topic.lanes else None
    record = valuations.record_of(topic, event, lane=lane)
    return entry_of(
        Received(
            topic=topic, lane=lane, partition=0, offset=0, appended_at=NOON, event=event, headers=record.headers,
            value=record.value,
        )
    )  # fmt: skip


@pytest.mark.requirement("RT6")
def test_what_is_scored_again_after_an_outage_is_a_line_of_its_own():
    without = replace(valuations.scored(valuation=None), concerns=(Reason.NO_MODEL,))
    recovered = valuations.scored()
    for_comparison = replace(recovered, concerns=(Reason.COMPARISON_ONLY,))
    assert len({line(one).event_id for one in (without, recovered, for_comparison)}) == 3


def test_the_same_scoring_delivered_again_is_the_same_line():
    assert line(valuations.scored()).event_id == line(valuations.scored()).event_id


@pytest.mark.requirement("RD10")
@pytest.mark.parametrize(
    ("outcome", "ends"),
    [
        (ReviewOutcome.VALUE, True),
        (ReviewOutcome.UNABLE, True),
        (ReviewOutcome.CLARIFY, False),
        (ReviewOutcome.RETURN_TO_AUTO, False),
    ],
)
def test_a_decision_that_asks_or_sends_back_ends_no_case(outcome, ends):
    standing = line(valuations.decided(outcome=outcome), DECISIONS).standing
    assert (standing.milestones.decided_at == NOON) is ends


@pytest.mark.requirement("RT4")
def test_each_word_of_the_desk_about_a_review_is_a_line_and_so_is_the_answer_it_becomes():
    review = valuations.review()
    words = [
        ReviewProgressed(
            valuation_id=review.valuation_id, review=review, number=number, due_at=NOON, progressed_at=NOON
        )
        for number in (1, 2)
    ]
    answers = [valuations.resulted(status=Status.PENDING_MANUAL, update=number) for number in (0, 1, 2)]
    lines = [*(line(one, REVIEW_PROGRESS) for one in words), *(line(one, RESULTS) for one in answers)]
    assert len({one.event_id for one in lines}) == 5
    assert "review" not in lines[0].payload
    assert lines[0].lane == Lane.ONLINE

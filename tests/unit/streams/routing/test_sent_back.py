"""Decisions that end nothing, and what the desk says on the way: questions, returns, progress, disputes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from schemas.catalogue import ACCEPTED, ALIASES, RESULTS, REVIEWS
from schemas.codes import Lane, MatchLevel, Occasion, Reason, ReviewOutcome, Status
from schemas.domain.channels import Profile
from schemas.domain.clarification import CLARIFICATION
from schemas.errors import PermanentError
from schemas.events import Candidate, Decided, DisputeOpened, ReviewProgressed
from schemas.headers import fact_of
from streams.routing.degraded import DegradedDesk, park
from streams.routing.settle import SettleStage
from streams.routing.stage import RoutingStage
from tests.fakes import valuations

NOW = datetime(2026, 11, 24, 1, 30, tzinfo=UTC)
CHOICES = tuple(
    Candidate(
        community_id=f"c-{n}",
        name=f"望京花园{n}期",
        city="北京市",
        district="朝阳区",
        probability=0.3,
        matched_by="similar",
    )
    for n in range(6)
)


@pytest.fixture
def routed(policy, admitted):
    def run(subject):
        stage = RoutingStage(lambda: policy, lambda: NOW, Lane.ONLINE, standings=admitted, desk=DegradedDesk())
        return stage.handle([subject])[0].outputs

    return run


@pytest.fixture
def decided(scored, routed):
    """`decided(outcome, candidates=…)`: a decision on a doubtful case whose name may be several communities'."""

    def make(outcome, *, confirmed=None, **changes):
        review, _ = routed(scored(p10=0.3, **{"candidates": CHOICES} | changes))
        return Decided(
            valuation_id=review.event.valuation_id,
            review=review.event,
            outcome=outcome,
            reasons=(),
            reviewer="lin.f",
            reviewer_grade="G3",
            claimed_at=NOW - timedelta(minutes=20),
            decided_at=NOW,
            guideline_version="2026-10",
            confirmed_community_id=confirmed,
        )

    return make


@pytest.fixture
def settled(policy):
    def run(event):
        (outcome,) = SettleStage(lambda: policy, lambda: NOW).handle([event])
        return outcome.outputs

    return run


@pytest.mark.requirement("RD10", "AD2")
def test_a_question_of_the_desk_has_the_shape_of_enrichment_s_own(decided, settled):
    (output,) = settled(decided(ReviewOutcome.CLARIFY))
    question = output.event
    assert (output.topic, output.lane) == (RESULTS, Lane.ONLINE)
    assert (question.status, question.revision) == (Status.NEEDS_CLARIFICATION, 1)
    assert question.reasons == (Reason.ADDR_AMBIGUOUS,)
    assert question.address.candidates == CHOICES[:5]
    assert "请确认是哪一个：北京市朝阳区望京花园0期；" in question.reason_text
    assert question.due_at == CLARIFICATION.reply_by(NOW, Profile.STAFF)
    assert (question.value, question.valuation, question.human) == (None, None, None)


@pytest.mark.requirement("RD10")
def test_of_one_candidate_it_is_asked_whether_it_is_the_one(decided, settled):
    (output,) = settled(decided(ReviewOutcome.CLARIFY, candidates=CHOICES[:1]))
    assert output.event.reason_text == "请确认房屋所在小区是否为：北京市朝阳区望京花园0期。"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"candidates": ()}, "no candidate"),
        ({"occasion": Occasion.DESK_REPLY}, "asked once already"),
        ({"occasion": Occasion.DISPUTED}, "about a dispute"),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused(decided, settled, changes, why):
    with pytest.raises(PermanentError, match=why):
        settled(decided(ReviewOutcome.CLARIFY, **changes))


@pytest.mark.requirement("RD10")
def test_a_reply_to_the_desk_goes_back_to_people_however_sure_the_model_is(scored, routed):
    due = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
    review, interim = routed(scored(revision=2, occasion=Occasion.DESK_REPLY, chosen_community_id="c-1", due_at=due))
    assert (review.topic, review.event.reasons) == (REVIEWS, (Reason.DESK_REPLY,))
    assert review.event.scored.request.revision == 2
    assert review.event.due_at == interim.event.due_at == due
    assert "11月26日11:00" in interim.event.reason_text


@pytest.mark.requirement("IN9")
def test_a_case_returned_to_the_model_is_accepted_again_with_the_community_and_the_old_clock(decided, settled):
    decision = decided(ReviewOutcome.RETURN_TO_AUTO, confirmed="c-3")
    accepted, interim = settled(decision)
    before = decision.review.scored.request
    assert (accepted.topic, accepted.lane) == (ACCEPTED, Lane.ONLINE)
    assert accepted.event.request == replace(before, revision=2, chosen_community_id="c-3", occasion=Occasion.RETURNED)
    assert (interim.event.status, interim.event.revision) == (Status.PROCESSING, 2)


@pytest.mark.requirement("AD1")
def test_the_community_of_a_returned_case_is_learned_as_any_other(scored, decided, settled):
    address = {name: getattr(valuations.OPEN_ADDRESS, name) for name in ("candidates", "parts")}
    unknown = {"community_id": None, "community_name": None, "match_level": MatchLevel.DISTRICT}
    outputs = settled(decided(ReviewOutcome.RETURN_TO_AUTO, confirmed="c-9", **address, **unknown))
    assert [output.topic for output in outputs] == [ACCEPTED, RESULTS, ALIASES]


@pytest.mark.requirement("IN9")
@pytest.mark.parametrize(
    ("changes", "confirmed", "why"),
    [
        ({}, None, "confirmed_community_id"),
        ({"occasion": Occasion.RETURNED}, "c-3", "returned once already"),
        ({"occasion": Occasion.DISPUTED}, "c-3", "about a dispute"),
    ],
)
def test_a_case_goes_back_to_the_model_once_and_only_with_a_community(decided, settled, changes, confirmed, why):
    with pytest.raises(PermanentError, match=why):
        settled(decided(ReviewOutcome.RETURN_TO_AUTO, confirmed=confirmed, **changes))


@pytest.mark.requirement("IN9")
def test_what_the_model_says_after_a_return_stands_but_counts_as_touched(scored, routed):
    (output,) = routed(scored(revision=2, occasion=Occasion.RETURNED, chosen_community_id="c-1"))
    assert output.event.status is Status.COMPLETED_AUTO
    assert output.event.human_touched


@pytest.mark.requirement("IN9", "RD1")
def test_a_low_value_after_a_return_is_a_new_review_with_the_old_due_time(scored, decided, routed):
    first = decided(ReviewOutcome.RETURN_TO_AUTO, confirmed="c-3").review
    again, _ = routed(scored(p10=0.3, revision=2, occasion=Occasion.RETURNED, chosen_community_id="c-1"))
    assert again.event.due_at == first.due_at
    assert again.event.scored.request.revision == 2


@pytest.fixture
def progress(decided):
    def make(**changes):
        review = decided(ReviewOutcome.VALUE).review
        told = ReviewProgressed(
            valuation_id=review.valuation_id,
            review=review,
            number=1001,
            due_at=review.due_at,
            progressed_at=NOW,
            position=7,
            expected_at=datetime(2026, 11, 24, 3, 40, tzinfo=UTC),
            desk="BOHAI_RIM",
        )
        return replace(told, **changes)

    return make


@pytest.mark.requirement("RT4")
def test_the_channel_hears_the_place_in_the_queue_and_the_expected_time(progress, settled):
    (output,) = settled(progress())
    interim = output.event
    assert (interim.status, interim.revision, interim.update) == (Status.PENDING_MANUAL, 1, 1001)
    assert (interim.queue_position, interim.expected_at) == (7, datetime(2026, 11, 24, 3, 40, tzinfo=UTC))
    assert interim.reason_text.endswith("当前排队第7位。预计11月24日11:40前后完成。")
    assert interim.value is None


@pytest.mark.requirement("RT4")
def test_each_word_about_a_review_is_a_fact_of_its_own(progress, settled, scored, routed):
    (first,), (second,) = settled(progress()), settled(progress(number=1002))
    _, interim = routed(scored(p10=0.3))
    assert len({fact_of(output.event) for output in (interim, first, second)}) == 3


@pytest.mark.requirement("RD14")
def test_the_channel_hears_of_a_survey_and_sees_when_it_is_due_now(progress, settled):
    due = datetime(2026, 11, 27, 2, 0, tzinfo=UTC)
    (output,) = settled(progress(position=None, expected_at=None, on_survey=True, due_at=due))
    assert output.event.due_at == due
    assert "11月27日10:00" in output.event.reason_text
    assert output.event.reason_text.endswith("已安排实地勘察。")


@pytest.fixture
def opened(scored):
    subject = scored(revision=2, occasion=Occasion.DISPUTED)
    return DisputeOpened(
        valuation_id=subject.valuation_id,
        scored=subject,
        reason_code="TOO_LOW",
        raised_at=NOW,
        opened_at=NOW + timedelta(seconds=1),
        supersedes="GJ-20261123-7Q2K9XMD-1",
    )


@pytest.mark.requirement("DI2")
def test_a_dispute_is_a_manual_valuation_within_a_working_day_of_it(opened, settled):
    review, interim = settled(opened)
    assert (review.topic, review.event.reasons) == (REVIEWS, (Reason.DISPUTE,))
    assert review.event.due_at == interim.event.due_at == NOW + timedelta(days=1)  # Tuesday to Wednesday
    assert review.event.supersedes == opened.supersedes
    assert review.event.skill == "RESIDENTIAL"
    assert (interim.event.status, interim.event.revision) == (Status.PENDING_MANUAL, 2)


@pytest.mark.requirement("DI2", "RP6")
def test_the_decision_on_a_dispute_names_the_answer_it_replaces(opened, settled, decided):
    review, _ = settled(opened)
    decision = replace(decided(ReviewOutcome.VALUE), review=review.event, unit_price=48_000)
    (output,) = settled(decision)
    assert (output.event.status, output.event.revision) == (Status.COMPLETED_MANUAL, 2)
    assert output.event.supersedes == opened.supersedes


@pytest.mark.requirement("RT6", "IN9")
def test_a_returned_case_that_waits_for_a_model_says_so_as_a_fact_of_its_own(decided, settled, policy):
    accepted, returned = settled(decided(ReviewOutcome.RETURN_TO_AUTO, confirmed="c-3"))
    again = replace(decided(ReviewOutcome.VALUE).review.scored, request=accepted.event.request)
    _, parked = park(again, (Reason.SYSTEM_DEGRADED,), policy, NOW).outputs
    assert parked.event.revision == returned.event.revision
    assert parked.event.status is returned.event.status is Status.PROCESSING
    assert fact_of(parked.event) != fact_of(returned.event)

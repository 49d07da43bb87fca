from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from consumers.review_desk.queue import moves
from consumers.review_desk.queue.intake import gone_on, is_blind, kind_of, task_of
from consumers.review_desk.regions import Region
from consumers.review_desk.task import Kind, TaskState
from schemas.ids import valuation_id
from tests.fakes import valuations as made
from tests.fakes.desk import POLICY, person
from tests.fakes.valuations import NOON

LIN = person("lin")


def later(number: str = "r-1", *, revision: int = 2, at: datetime = NOON + timedelta(hours=1), **changes):
    asked = replace(made.scored(number), request=made.request(number, revision=revision))
    return made.review(number, scored=asked, requested_at=at, **changes)


def test_a_request_becomes_a_task_of_its_regions_desk():
    task = task_of(made.review(skill="RESIDENTIAL"), POLICY)
    assert (task.task_id, task.valuation_id) == (made.review().valuation_id,) * 2
    assert (task.region, task.queue) == (Region.YANGTZE_DELTA, "YANGTZE_DELTA/RESIDENTIAL")
    assert (task.state, task.kind, task.internal) == (TaskState.QUEUED, Kind.VALUATION, False)
    assert (task.model_value, task.received_at, task.community_id) == (3_669_500, NOON, "c-1")


@pytest.mark.parametrize(
    ("reasons", "kind"),
    [
        (("WIDE_RANGE",), Kind.VALUATION),
        (("QA_SAMPLE",), Kind.AUDIT),
        (("WIDE_RANGE", "QA_SAMPLE"), Kind.VALUATION),
        (("DISPUTE",), Kind.DISPUTE),
        (("DISPUTE", "HIGH_VALUE"), Kind.DISPUTE),
    ],
)
def test_the_reasons_say_what_a_task_is_for(reasons, kind):
    assert kind_of(made.review(reasons=reasons)) is kind


@pytest.mark.requirement("DI2", "GV4")
def test_disputes_and_samples_are_blind_tasks_of_their_own():
    for reasons in (("DISPUTE",), ("QA_SAMPLE",)):
        task = task_of(made.review(reasons=reasons), POLICY)
        assert task.blind
        assert task.task_id != task.valuation_id
    assert task_of(made.review(reasons=("QA_SAMPLE",)), POLICY).internal


@pytest.mark.requirement("GV4")
def test_some_ordinary_tasks_are_blind_too_and_always_the_same_ones():
    ids = [valuation_id("CREDIT_MGMT", str(number)) for number in range(2_000)]
    blind = [one for one in ids if is_blind(one, POLICY)]
    assert 250 <= len(blind) <= 350  # 15 % of 2 000; these ids are the same in every run
    assert all(is_blind(one, POLICY) for one in blind)


@pytest.mark.requirement("RT5")
def test_what_comes_in_the_night_is_parked_till_the_desk_opens_unless_somebody_is_on_duty():
    night = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
    parked = task_of(made.review(requested_at=night), POLICY)
    opening = datetime(2026, 3, 3, 1, 0, tzinfo=UTC)
    assert (parked.state, parked.parked_until, parked.queued_at) == (TaskState.PARKED, opening, opening)
    on_duty = task_of(made.review(requested_at=night), replace(POLICY, duty_pool=True))
    assert (on_duty.state, on_duty.queued_at) == (TaskState.QUEUED, night)


@pytest.mark.requirement("RD6")
def test_a_reply_brings_the_task_back_to_its_reviewer_with_what_is_new():
    worked_on = moves.claim(task_of(made.review(), POLICY), LIN, NOON, POLICY)
    waiting = replace(moves.wait_for_reply(worked_on, LIN, NOON), draft={"x": 1})
    promised = made.review().due_at + timedelta(minutes=59, seconds=40)  # told at the reply's receipt
    back = gone_on(waiting, later(reasons=("HIGH_VALUE",), due_at=promised), POLICY)
    assert (back.state, back.revision, back.reasons) == (TaskState.QUEUED, 2, ("HIGH_VALUE",))
    assert (back.preferred, back.draft, back.clarified) == ("lin", {"x": 1}, True)
    assert back.due_at == promised
    assert back.preferred_until == NOON + timedelta(hours=1) + POLICY.same_reviewer_within


@pytest.mark.requirement("RT5", "RD6")
def test_a_reply_in_the_night_is_parked_and_kept_for_the_reviewer_after_the_opening():
    waiting = moves.wait_for_reply(moves.claim(task_of(made.review(), POLICY), LIN, NOON, POLICY), LIN, NOON)
    back = gone_on(waiting, later(at=datetime(2026, 3, 2, 15, 0, tzinfo=UTC)), POLICY)
    opening = datetime(2026, 3, 3, 1, 0, tzinfo=UTC)
    assert (back.state, back.preferred) == (TaskState.PARKED, "lin")
    assert back.preferred_until == opening + POLICY.same_reviewer_within


def test_new_evidence_leaves_a_task_in_the_hands_that_have_it():
    worked_on = moves.claim(task_of(made.review(), POLICY), LIN, NOON, POLICY)
    renewed = gone_on(worked_on, later(reasons=("HIGH_VALUE",)), POLICY)
    assert renewed.worked_on_by("lin", NOON)
    assert (renewed.revision, renewed.reasons, renewed.due_at) == (2, ("HIGH_VALUE",), worked_on.due_at)

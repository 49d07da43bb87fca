"""Tasks that check somebody look like any other."""

from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from consumers.review_desk.deciding.case import Surroundings, case_of
from consumers.review_desk.quality.seeds import as_received, refuse_own, second_reading, seeded
from consumers.review_desk.queue.moves import as_of
from consumers.review_desk.regions import Region
from consumers.review_desk.task import Kind, NotAllowedError, Task, TaskState, TaskUnavailableError
from schemas.domain.contract import MANUAL_ANSWER
from schemas.domain.worktime import due_at
from tests.fakes import valuations as made

THEN = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
NOW = datetime(2026, 3, 3, 1, 0, tzinfo=UTC)  # 9:00 in Shanghai, the morning after
REVIEW = made.review(requested_at=THEN)
FIRST = Task(
    task_id="9b2d3c1e-5a44-5d3f-9a10-3f2f5d0c0001",
    valuation_id=REVIEW.valuation_id,
    revision=1,
    region=Region.YANGTZE_DELTA,
    city="杭州市",
    property_type="APARTMENT",
    skill="RESIDENTIAL",
    community_id="c-1",
    address=REVIEW.scored.request.address,
    area_m2=Decimal("89.50"),
    reasons=REVIEW.reasons,
    model_value=3_669_500,
    priority=640,
    received_at=THEN,
    requested_at=THEN,
    due_at=THEN + timedelta(hours=24),
    state=TaskState.DECIDED,
    queued_at=THEN,
    reviewer="lin",
    transfers=2,
    renewals=1,
    version=7,
    draft={"unit_price": 41_000},
)


def checking_tasks() -> list[Task]:
    return [second_reading(FIRST, REVIEW, ("wu",), NOW), seeded(FIRST, REVIEW, ("zhao",), number=1, now=NOW)]


@pytest.mark.requirement("GV4")
def test_a_second_reading_is_blind_stays_at_the_desk_and_is_never_for_who_decided_or_approved():
    task = second_reading(replace(FIRST, excluded=("chen",)), REVIEW, ("wu", "lin"), NOW)
    assert (task.kind, task.blind, task.internal, task.origin) == (Kind.SECOND_READING, True, True, FIRST.task_id)
    assert task.excluded == ("chen", "lin", "wu")
    assert task.due_at == due_at(task.received_at, MANUAL_ANSWER.value)


@pytest.mark.requirement("GV4")
def test_samples_drawn_together_do_not_come_in_together():
    ids = [f"9b2d3c1e-5a44-5d3f-9a10-3f2f5d0c{number:04d}" for number in range(200)]
    found = [second_reading(replace(FIRST, task_id=task_id), REVIEW, (), NOW) for task_id in ids]
    at = [task.received_at for task in found]
    assert len(set(at)) == 200
    assert NOW <= min(at) < NOW + timedelta(minutes=30)
    assert NOW + timedelta(hours=5, minutes=30) < max(at) <= NOW + timedelta(hours=6)
    assert {task.state for task in found} == {TaskState.PARKED}
    assert all(task.parked_until == task.queued_at == task.received_at for task in found)


@pytest.mark.requirement("GV4")
@pytest.mark.parametrize("task", checking_tasks(), ids=lambda task: str(task.kind))
def test_nothing_of_a_checking_task_is_unlike_a_task_that_has_just_come_in(task):
    ordinary = Task(
        **{name: getattr(task, name) for name in ("task_id", "valuation_id", "revision", "region", "city")},
        **{name: getattr(task, name) for name in ("property_type", "skill", "community_id", "address", "area_m2")},
        reasons=task.reasons,
        model_value=task.model_value,
        priority=task.priority,
        received_at=task.received_at,
        requested_at=task.received_at,
        due_at=due_at(task.received_at, MANUAL_ANSWER.value),
        queued_at=task.received_at,
        blind=True,
    )
    task = as_of(task, task.received_at)
    unlike = {field.name for field in fields(Task) if getattr(task, field.name) != getattr(ordinary, field.name)}
    assert unlike == {"kind", "internal", "excluded", "origin"}  # none of which a reviewer is shown
    assert task.task_id != FIRST.task_id
    assert UUID(task.task_id).version == UUID(FIRST.task_id).version


@pytest.mark.requirement("GV4")
def test_the_evidence_is_as_received_with_the_case_as_it_was_asked():
    fresh = as_received(REVIEW, NOW)
    asked = fresh.scored.request
    assert (asked.received_at, asked.value_date, fresh.requested_at) == (NOW, date(2026, 3, 3), NOW)
    assert (asked.address, asked.area_m2) == (REVIEW.scored.request.address, REVIEW.scored.request.area_m2)
    assert fresh.scored.valuation == REVIEW.scored.valuation
    assert fresh.reasons == REVIEW.reasons


def test_a_value_asked_for_a_day_in_the_past_stays_of_that_day():
    past = replace(REVIEW.scored.request, value_date=date(2025, 6, 30))
    review = replace(REVIEW, scored=replace(REVIEW.scored, request=past))
    assert as_received(review, NOW).scored.request.value_date == date(2025, 6, 30)


def test_it_waits_behind_what_the_channels_wait_for():
    assert second_reading(FIRST, replace(REVIEW, priority=640), (), NOW).priority == 99
    assert second_reading(FIRST, replace(REVIEW, priority=31), (), NOW).priority == 31


@pytest.mark.requirement("GV4")
def test_a_known_answer_is_for_nobody_who_has_had_the_case():
    task = seeded(replace(FIRST, excluded=("chen",)), REVIEW, ("zhao", "lin"), number=1, now=NOW)
    assert task.excluded == ("chen", "lin", "zhao")
    assert task.task_id != seeded(FIRST, REVIEW, (), number=2, now=NOW).task_id


@pytest.mark.parametrize(
    "origin",
    [
        replace(FIRST, state=TaskState.WORKING),
        replace(FIRST, internal=True),
        replace(FIRST, received_at=NOW - timedelta(days=91)),
    ],
    ids=["undecided", "the desk's own", "too old"],
)
def test_no_known_answer_of_a_case_that_is_not_fit_for_it(origin):
    with pytest.raises(TaskUnavailableError):
        seeded(origin, REVIEW, (), number=1, now=NOW)


@pytest.mark.requirement("GV4")
def test_nobody_is_reviewer_and_quality_control_on_one_case():
    with pytest.raises(NotAllowedError):
        refuse_own(FIRST, "lin")
    refuse_own(FIRST, "wu")


@pytest.mark.requirement("GV4")
def test_the_case_of_a_sample_says_what_that_of_an_ordinary_blind_task_says():
    ordinary = Task(
        **{field.name: getattr(FIRST, field.name) for field in fields(Task) if field.name not in _MOVED},
        task_id="9b2d3c1e-5a44-5d3f-9a10-3f2f5d0c0002",
        received_at=NOW,
        requested_at=NOW,
        queued_at=NOW,
        due_at=due_at(NOW, MANUAL_ANSWER.value),
        priority=50,
        blind=True,
    )
    plain_address = replace(REVIEW.scored, address=replace(REVIEW.scored.address, candidates=()))
    review, around = as_received(replace(REVIEW, scored=plain_address), NOW), Surroundings()
    audit = replace(ordinary, kind=Kind.AUDIT, reasons=("QA_SAMPLE",))
    times = dict.fromkeys(("received_at", "requested_at", "queued_at", "parked_until"), NOW)
    checking = [as_of(replace(task, **times, due_at=ordinary.due_at), NOW) for task in checking_tasks()]
    samples = [replace(task, task_id=ordinary.task_id) for task in (*checking, audit)]
    plain = case_of(ordinary, review, around, now=NOW)
    assert [case_of(task, replace(review, reasons=task.reasons), around, now=NOW) for task in samples] == [plain] * 3
    assert plain.model is None


_MOVED = frozenset(
    {"task_id", "received_at", "requested_at", "queued_at", "due_at", "priority", "blind", "state", "reviewer"}
    | {"transfers", "renewals", "version", "draft"}
)

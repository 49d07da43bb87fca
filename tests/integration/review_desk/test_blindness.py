"""A sample is not to be told from any other blind task: the same fields, the same words, on every surface."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from consumers.review_desk.api.tasks import add_tasks_api
from consumers.review_desk.deciding.decision import outcomes_of
from consumers.review_desk.pages.lists import task_row
from consumers.review_desk.pages.pool import rows_of
from consumers.review_desk.task import Kind
from infra.postgres.migrate import migrate
from infra.postgres.pool import open_pool
from tests.fakes import valuations as made
from tests.fakes.desk_day import NOON, ZHAO, Clock, Day

pytestmark = pytest.mark.postgres

SAMPLES = (Kind.AUDIT, Kind.SECOND_READING, Kind.SEEDED)
OWN = {"task_id", "valuation_id"}  # every task has its own


@pytest.fixture
def day(postgres):
    migrate(postgres, room="review_desk")
    with open_pool(postgres, room="review_desk") as pool:
        yield Day(pool, Clock())


@pytest.fixture
def tasks(day):
    """An ordinary blind task, and one of each kind of sample, as they lie in the queue."""
    plain = made.review("r-1", requested_at=NOON, skill="RESIDENTIAL")
    day.comes_in("r-1", review=plain, blind=True, task_id=plain.valuation_id)
    for kind in SAMPLES:
        asked = replace(plain, reasons=("QA_SAMPLE",), priority=0) if kind is Kind.AUDIT else replace(plain, priority=7)
        day.comes_in(f"r-{kind}", kind=kind, review=asked, blind=True, internal=True, excluded=("lin",))
    (ordinary,) = day.tasks(Kind.VALUATION)
    return ordinary, [day.tasks(kind)[0] for kind in SAMPLES]


def someone(_request: Request):
    return ZHAO


@pytest.mark.requirement("GV4")
def test_by_json_a_sample_has_the_fields_and_words_of_an_ordinary_blind_task(day, tasks):
    app = FastAPI()
    add_tasks_api(app, SimpleNamespace(desk=day.desk), someone)
    lines = TestClient(app).get("/api/tasks").json()["pool"]
    assert len(lines) == 1 + len(SAMPLES)
    assert all(line["task_id"] == line["valuation_id"] for line in lines)
    first, *others = ({name: value for name, value in line.items() if name not in OWN} for line in lines)
    assert others == [first] * len(SAMPLES)
    assert (first["kind"], first["reasons"], first["excluded"]) == ("VALUATION", [], [])


@pytest.mark.requirement("GV4")
def test_in_the_lists_a_sample_reads_like_an_ordinary_blind_task(tasks):
    ordinary, samples = tasks
    for sample in samples:
        assert task_row(sample, NOON) | {"id": ""} == task_row(ordinary, NOON) | {"id": ""}
        (row,), (plain) = rows_of([sample], NOON), rows_of([ordinary], NOON)[0]
        assert row | {"id": ""} == plain | {"id": ""}


@pytest.mark.requirement("GV4")
def test_a_sample_is_offered_the_outcomes_of_any_other_task(day, tasks):
    ordinary, samples = tasks
    _, review = day.store.find(ordinary.task_id)
    assert {outcomes_of(sample, review) for sample in samples} == {outcomes_of(ordinary, review)}

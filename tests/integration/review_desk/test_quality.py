"""Second readings, known answers and what they say of people and of the model, on a real database."""

import hashlib
from dataclasses import replace
from datetime import date, timedelta
from types import SimpleNamespace

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from consumers.review_desk.api.quality import add_quality_api
from consumers.review_desk.api.refusals import add_refusals
from consumers.review_desk.oversight.notices import shown_to
from consumers.review_desk.quality.agreement import Check
from consumers.review_desk.quality.corrections import PROGRAM, Corrections
from consumers.review_desk.quality.disputes import Disputes
from consumers.review_desk.quality.patterns import PatternRules, Scope
from consumers.review_desk.quality.quality import Quality
from consumers.review_desk.quality.rows import readable
from consumers.review_desk.quality.sampling import drawn, seed_of
from consumers.review_desk.quality.seeds import Basis, KnownAnswer
from consumers.review_desk.task import Kind, NotAllowedError, TaskState, TaskUnavailableError
from infra.postgres.migrate import migrate
from infra.postgres.pool import open_pool
from schemas.codes import SegmentState
from schemas.events import ReviewRequested, SegmentStanding
from tests.fakes import valuations as made
from tests.fakes.desk_day import LIN, MEI, MODEL_PRICE, NEW, NOON, SUN, WU, ZHAO, Clock, Day
from tests.fakes.valuations import CODEC

pytestmark = pytest.mark.postgres

SECRET = "a-secret-of-this-database"
MONDAY = date(2026, 3, 2)
WINDOW = (NOON - timedelta(days=1), NOON + timedelta(days=9))


@pytest.fixture
def pool(postgres):
    migrate(postgres, room="review_desk")
    with open_pool(postgres, room="review_desk") as pool:
        yield pool


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def day(pool, clock):
    return Day(pool, clock)


@pytest.fixture
def quality(day, clock):
    return Quality(day.store, policy=day.policy, clock=clock, new_secret=lambda: SECRET)


@pytest.fixture
def corrections(day, clock):
    return Corrections(day.store, clock=clock)


def the_next_morning(clock: Clock) -> None:
    clock.now = NOON + timedelta(hours=21, minutes=5)  # Tuesday, 9:05


def seed_digest(seed: str) -> str:
    return hashlib.sha256(seed.encode()).hexdigest()


def first_opinion(day: Day, task_id: str, *, author: str, sent_back_by: str) -> None:
    """Somebody had written an opinion that another person sent back."""
    query = """
        insert into approval (task_id, reviewer, grade, claimed_at, submitted_at, conclusion, because,
            guideline_version, returned_by) values (%s, %s, 'G2', %s, %s, '{}', '', '', %s)
    """
    with day.pool.connection() as connection:
        connection.execute(query, [task_id, author, NOON, NOON, sent_back_by])


def count(pool, query: str) -> int:
    with pool.connection() as connection:
        return connection.execute(query).fetchone()[0]


@pytest.mark.requirement("GV4")
def test_a_day_is_drawn_once_at_the_first_opening_after_it_and_the_draw_can_be_done_again(day, quality, clock, pool):
    for number in range(21):
        day.decides(day.comes_in(f"r-{number}"), LIN, MODEL_PRICE)
    with pytest.raises(ValueError, match="not over"):
        quality.draw(MONDAY)
    clock.now = NOON + timedelta(hours=18)  # Tuesday, 6:00: nobody is there yet
    assert quality.tick(clock.now) == ()
    the_next_morning(clock)
    (found,) = quality.tick(clock.now)
    assert (found.on_day, found.decisions, found.drawn) == (MONDAY, 21, 2)

    readings = day.tasks(Kind.SECOND_READING)
    with pool.connection() as connection:
        again = drawn(
            readable(connection, *WINDOW),
            seed=seed_of(MONDAY, SECRET),
            share=found.share,
            newcomer_share=found.newcomer_share,
        )
    assert again.seed_digest == found.seed_digest
    assert {one.task_id for one in again.drawn} == {task.origin for task in readings}
    assert quality.draw(MONDAY) == found
    clock.passes(minutes=2)
    assert quality.tick(clock.now) == ()
    assert day.tasks(Kind.SECOND_READING) == readings
    assert day.audited("desk", "SAMPLE_DRAWN") == 1


@pytest.mark.requirement("GV4")
def test_a_second_reading_goes_to_another_person_stays_at_the_desk_and_is_measured(day, quality, clock, pool):
    day.decides(day.comes_in("r-1"), LIN, 44_000, approver="wu")
    the_next_morning(clock)
    quality.draw(MONDAY)
    (reading,) = day.tasks(Kind.SECOND_READING)
    with pytest.raises(TaskUnavailableError):  # it has not come in yet
        day.desk.claim(reading.task_id, ZHAO)
    clock.passes(hours=6)
    for first in (LIN, WU):
        with pytest.raises(NotAllowedError, match="由他人处理"):
            day.desk.claim(reading.task_id, first)
    assert day.desk.claim_next(LIN) is None
    sent = count(pool, "select count(*) from outbox")
    day.decides(reading.task_id, ZHAO, 40_000)
    assert count(pool, "select count(*) from outbox") == sent

    (pair,) = quality.pairs(MEI, *WINDOW)
    assert (pair.check, pair.reviewer, pair.reader) == (Check.SECOND_READING, "lin", "zhao")
    assert pair.deviation == pytest.approx(0.10)  # 44 000 beside 40 000: at the border, which agrees
    found = quality.agreement(MEI, *WINDOW).reviewers["lin"]
    assert (found.n, found.within_5, found.within_10, found.is_enough) == (1, 0, 1, False)
    assert quality.newcomer_agreement("lin") is None
    clock.passes(days=1)
    assert quality.draw(date(2026, 3, 3)).decisions == 0  # what was read a second time is not read a third


@pytest.mark.requirement("GV4")
def test_a_database_keeps_its_secret_and_a_seed_of_the_settings_stands_above_it(day, quality, clock, pool):
    the_next_morning(clock)
    made_once = quality.draw(MONDAY)
    another = Quality(day.store, policy=day.policy, clock=clock, new_secret=lambda: "another")
    sunday, saturday = date(2026, 3, 1), date(2026, 2, 28)
    assert another.draw(sunday).seed_digest == seed_digest(seed_of(sunday, SECRET))
    given = Quality(day.store, policy=day.policy, clock=clock, new_secret=lambda: "another", sampling_seed="ours")
    assert given.draw(saturday).seed_digest == seed_digest(seed_of(saturday, "ours"))
    assert made_once.seed_digest == seed_digest(seed_of(MONDAY, SECRET))
    kept = "select string_agg(details::text, '') from audit_line"
    with pool.connection() as connection:
        (told,) = connection.execute(kept).fetchone()
    assert made_once.seed_digest in told
    assert SECRET not in told
    assert seed_of(MONDAY, SECRET) not in told


@pytest.mark.requirement("GV4")
def test_nobody_of_a_panel_reads_its_decision_a_second_time(day, quality, clock):
    task_id = day.comes_in("r-1")
    day.decides(task_id, WU, MODEL_PRICE)  # the chair's name stands under it
    seat = day.comes_in("r-1", kind=Kind.OPINION, internal=True, blind=True, origin=task_id)
    day.decides(seat, replace(WU, username="bo"), 42_000)
    first_opinion(day, task_id, author="chen", sent_back_by="qian")
    the_next_morning(clock)
    quality.draw(MONDAY)
    (reading,) = day.tasks(Kind.SECOND_READING)
    assert reading.excluded == ("bo", "chen", "qian", "wu")


@pytest.mark.requirement("GV4")
def test_an_automatic_answer_is_measured_by_its_audit(day, quality):
    asked = made.review("r-1", reasons=("QA_SAMPLE",), requested_at=NOON)
    day.decides(day.comes_in("r-1", kind=Kind.AUDIT, review=asked, blind=True), LIN, 30_000)
    found = quality.agreement(MEI, *WINDOW)
    assert (found.automatic.n, found.automatic.within_10, found.reviewers) == (1, 0, {})
    assert found.automatic.mean_deviation == pytest.approx(MODEL_PRICE / 30_000 - 1)


@pytest.mark.requirement("GV4")
def test_a_known_answer_is_waited_for_and_scored_like_any_other_task(day, quality, clock):
    origin = day.comes_in("r-1")
    day.decides(origin, LIN, MODEL_PRICE)
    clock.passes(days=1)
    right = KnownAnswer(value=3_600_000, basis=Basis.DEAL, source="deal-7")
    task_id = quality.plant(origin, right, MEI)
    assert day.desk.pool(ZHAO) == ()
    clock.passes(days=1)
    with pytest.raises(NotAllowedError, match="由他人处理"):
        day.desk.claim(task_id, LIN)
    (shown,) = day.desk.pool(ZHAO)
    assert (shown.task_id, shown.state, shown.blind) == (task_id, TaskState.QUEUED, True)
    day.decides(task_id, ZHAO, 45_000)

    (pair,) = quality.pairs(MEI, *WINDOW)
    assert (pair.check, pair.reviewer, pair.reference) == (Check.SEEDED, "zhao", 3_600_000)
    assert not pair.agrees(quality.rules.tolerance)
    (seed,) = quality.seeds(MEI)
    assert (seed.reviewer, seed.decided, seed.basis) == ("zhao", 4_027_500, Basis.DEAL)
    again = quality.plant(origin, right, MEI)
    assert again != task_id
    clock.passes(days=1)
    with pytest.raises(NotAllowedError):  # who gave the answer before would only repeat it
        day.desk.claim(again, ZHAO)


@pytest.mark.requirement("GV4")
def test_only_quality_control_plants_and_a_refusal_is_audited(day, quality):
    origin = day.comes_in("r-1")
    day.decides(origin, LIN, MODEL_PRICE)
    with pytest.raises(NotAllowedError):
        quality.plant(origin, KnownAnswer(value=1, basis=Basis.QA), ZHAO)
    assert day.audited(made.review("r-1").valuation_id, "REFUSED") == 1
    with pytest.raises(NotAllowedError):
        quality.pairs(LIN, *WINDOW)
    assert day.audited("desk", "REFUSED") == 1
    assert day.tasks(Kind.SEEDED) == []


@pytest.mark.requirement("GV4")
def test_a_case_that_the_ledger_found_out_about_is_planted_once(day, quality):
    asked = made.review("r-1")
    assert quality.plant_known(asked.valuation_id, KnownAnswer(value=1, basis=Basis.DEAL), "QA-1") is None
    day.decides(day.comes_in("r-1"), LIN, MODEL_PRICE)
    known = KnownAnswer(value=3_500_000, basis=Basis.OFFLINE_APPRAISAL, source="office 17")
    assert quality.plant_known(asked.valuation_id, known, "QA-1") is not None
    assert quality.plant_known(asked.valuation_id, known, "QA-1") is None
    assert len(day.tasks(Kind.SEEDED)) == 1


@pytest.mark.requirement("RD16")
def test_of_a_newcomers_decisions_a_fifth_is_read_again_until_the_figure_is_there(day, quality, clock):
    for number in range(10):
        day.decides(day.comes_in(f"r-{number}"), NEW, MODEL_PRICE)
    the_next_morning(clock)
    quality.draw(MONDAY)
    readings = day.tasks(Kind.SECOND_READING)
    assert len(readings) == 2
    clock.passes(hours=6)
    for reading in readings:
        day.decides(reading.task_id, ZHAO, MODEL_PRICE)
    assert quality.agreement(MEI, *WINDOW).reviewers["new"].within_5 == 2
    assert quality.newcomer_agreement("new") is None  # two are no thirty


# ---- patterns of failure ---------------------------------------------------------------------------------------------


def standings(pool) -> list[SegmentStanding]:
    with pool.connection() as connection:
        rows = connection.execute("select value from outbox where topic = 'policy.segments' order by id").fetchall()
    return [CODEC.decode(value, SegmentStanding) for (value,) in rows]


@pytest.mark.requirement("RT7")
def test_three_corrections_in_a_community_send_it_to_people_once(day, corrections, clock, pool):
    for number in range(2):
        day.decides(day.comes_in(f"r-{number}"), WU, 50_000)
    day.decides(day.comes_in("r-near"), WU, round(MODEL_PRICE * 1.15))  # 15 %: at the limit it is no correction
    assert corrections.check(clock.now) == ()
    day.comes_in("r-9", kind=Kind.DISPUTE, revision=2, blind=True)
    (found,) = corrections.check(clock.now)
    (held,) = standings(pool)
    assert (held.segment, held.state, held.by) == ("杭州市|RESIDENTIAL|c-1", SegmentState.HELD, PROGRAM)
    assert (day.audited("desk", "PATTERN_FOUND"), found.first_at) == (1, NOON)
    with pool.connection() as connection:
        (notice,) = shown_to(connection, SUN, clock.now)
        assert shown_to(connection, LIN, clock.now) == ()
    assert "c-1" in notice.text

    day.decides(day.comes_in("r-10"), WU, 50_000)
    clock.passes(hours=1)
    assert corrections.check(clock.now) == ()
    assert len(standings(pool)) == 1


@pytest.mark.requirement("RT7")
def test_a_segment_in_which_a_city_and_a_model_fail_at_once_is_held_once(day, clock, pool):
    corrections = Corrections(day.store, clock=clock, rules=PatternRules(in_community=9, in_city=3, of_model=3))
    for number in range(3):
        day.decides(day.comes_in(f"r-{number}"), WU, 50_000)
    assert [one.subject.scope for one in corrections.check(clock.now)] == [Scope.CITY, Scope.MODEL]
    assert [one.segment for one in standings(pool)] == ["杭州市|RESIDENTIAL"]
    assert [one.segments for one in corrections.patterns(SUN)] == [("杭州市|RESIDENTIAL",)] * 2


@pytest.mark.requirement("RT7")
def test_a_pattern_that_cannot_be_kept_stops_no_other(day, clock, pool):
    corrections = Corrections(day.store, clock=clock, rules=PatternRules(in_city=3, of_model=3))
    for number in range(3):
        day.decides(day.comes_in(f"r-{number}"), WU, 50_000)
    with pool.connection() as connection:
        connection.execute("alter table pattern add constraint none_of_cities check (scope <> 'CITY')")
    assert [one.subject.scope for one in corrections.check(clock.now)] == [Scope.COMMUNITY, Scope.MODEL]
    assert day.audited("desk", "PATTERN_FOUND") == 2
    with pool.connection() as connection:
        connection.execute("alter table pattern drop constraint none_of_cities")
    assert [one.subject.scope for one in corrections.check(clock.now)] == [Scope.CITY]


@pytest.mark.requirement("RT7")
def test_a_pattern_is_closed_by_a_supervisor_and_then_counts_anew(day, corrections, clock, pool):
    for number in range(3):
        day.decides(day.comes_in(f"r-{number}"), WU, 50_000)
    (found,) = corrections.check(clock.now)
    clock.passes(hours=1)
    with pytest.raises(NotAllowedError):
        corrections.close(found.pattern_id, MEI, "已核查模型输入")
    corrections.close(found.pattern_id, SUN, "已核查模型输入")
    with pytest.raises(TaskUnavailableError):
        corrections.close(found.pattern_id, SUN, "已核查模型输入")
    (shown,) = corrections.patterns(SUN)
    assert (shown.closed_by, shown.signals) == ("sun", 3)
    clock.passes(hours=1)
    assert corrections.check(clock.now) == ()
    for number in range(3, 6):
        day.decides(day.comes_in(f"r-{number}"), WU, 50_000)
    assert len(corrections.check(clock.now)) == 1


@pytest.mark.requirement("RT7")
def test_after_seven_days_a_correction_counts_no_more(day, corrections, clock):
    for number in range(2):
        day.decides(day.comes_in(f"r-{number}"), WU, 50_000)
    clock.passes(days=7)
    day.decides(day.comes_in("r-3"), WU, 50_000)
    assert corrections.check(clock.now) == ()


@pytest.mark.requirement("RT7")
def test_a_second_reading_is_no_second_correction(day, quality, corrections, clock):
    for number in range(2):
        day.decides(day.comes_in(f"r-{number}"), WU, 50_000)
    the_next_morning(clock)
    quality.draw(MONDAY)
    clock.passes(hours=6)
    for reading in day.tasks(Kind.SECOND_READING):
        day.decides(reading.task_id, ZHAO, 51_000)
    assert corrections.check(clock.now) == ()


# ---- conflict of interest --------------------------------------------------------------------------------------------


@pytest.mark.requirement("GV6")
def test_nobody_values_where_they_live_and_a_forced_try_is_refused_and_told(day):
    lives_there = replace(ZHAO, conflicts=frozenset({"c-1"}))
    task_id = day.comes_in("r-1")
    assert day.desk.pool(lives_there) == ()
    assert day.desk.claim_next(lives_there) is None
    with pytest.raises(NotAllowedError, match="须回避"):
        day.desk.claim(task_id, lives_there)
    assert day.audited(made.review("r-1").valuation_id, "REFUSED") == 1
    assert day.desk.claim_next(LIN).task_id == task_id


@pytest.mark.requirement("GV6")
def test_a_greater_priority_moves_the_order_and_nothing_else(day):
    plain = made.review("r-1", requested_at=NOON)
    waits = day.comes_in("r-1", review=plain)
    first = day.comes_in("r-2", review=made.review("r-2", requested_at=NOON, priority=790))
    assert [task.task_id for task in day.desk.pool(ZHAO)] == [first, waits]
    vip, ordinary = (day.store.find(task_id) for task_id in (first, waits))
    same = ("due_at", "blind", "excluded", "model_value", "region", "skill", "state")
    assert [getattr(vip[0], name) for name in same] == [getattr(ordinary[0], name) for name in same]
    assert isinstance(vip[1], ReviewRequested)
    lives_there = replace(ZHAO, conflicts=frozenset({"c-1"}))
    with pytest.raises(NotAllowedError, match="须回避"):
        day.desk.claim(first, lives_there)


def test_a_known_answer_needs_a_task_and_money(quality):
    with pytest.raises(TaskUnavailableError):
        quality.plant("00000000-0000-0000-0000-000000000000", KnownAnswer(value=1, basis=Basis.QA), MEI)
    with pytest.raises(ValueError, match="above 0"):
        quality.plant("00000000-0000-0000-0000-000000000000", KnownAnswer(value=0, basis=Basis.QA), MEI)


# ---- the interface ---------------------------------------------------------------------------------------------------


def named(request: Request):
    return {"mei": MEI, "sun": SUN, "lin": LIN}[request.headers["who"]]


@pytest.mark.requirement("GV4")
def test_quality_by_json(day, quality, corrections, clock):
    office = SimpleNamespace(quality=quality, corrections=corrections, disputes=Disputes(day.store, clock=clock))
    app = FastAPI()
    add_refusals(app)
    add_quality_api(app, office, named)
    client = TestClient(app)
    mei, window = {"who": "mei"}, {"since": "2026-03-01", "until": "2026-03-09"}
    origin = day.comes_in("r-1")
    for number in range(3):
        day.decides(day.comes_in(f"x-{number}"), WU, 50_000)
    day.decides(origin, LIN, MODEL_PRICE)
    corrections.tick(clock.now)
    seed = {"task_id": origin, "value": 3_669_500, "basis": "DEAL", "source": "deal-7"}
    planted = client.post("/api/quality/seeds", json=seed, headers=mei)
    assert planted.status_code == 201
    clock.passes(days=1)
    day.decides(planted.json()["task_id"], ZHAO, MODEL_PRICE)

    told = client.get("/api/quality/agreement", params=window, headers=mei).json()
    assert (told["reviewers"]["zhao"]["n"], told["reviewers"]["zhao"]["is_enough"]) == (1, False)
    (pair,) = client.get("/api/quality/pairs", params=window, headers=mei).json()["pairs"]
    assert (pair["check"], pair["deviation"]) == ("SEEDED", 0.0)
    assert client.get("/api/quality/seeds", headers=mei).json()["seeds"][0]["decided"] == 3_669_500
    (pattern,) = client.get("/api/quality/patterns", headers=mei).json()["patterns"]
    closing = f"/api/quality/patterns/{pattern['pattern_id']}/close"
    assert client.post(closing, json={"reason": "好"}, headers={"who": "sun"}).status_code == 422
    assert client.post(closing, json={"reason": "已核查模型输入"}, headers={"who": "sun"}).status_code == 204
    quality.draw(MONDAY)
    (draw,) = client.get("/api/quality/draws", headers=mei).json()["draws"]
    assert (draw["decisions"], "seed" in draw) == (4, False)
    assert client.get("/api/disputes", params=window, headers=mei).json() == {"disputes": []}
    assert client.get("/api/quality/pairs", params=window, headers={"who": "lin"}).status_code == 403
    wrong = {"since": "2026-03-09", "until": "2026-03-01"}
    assert client.get("/api/quality/pairs", params=wrong, headers=mei).status_code == 422

"""The queue on a real database: never two holders, nothing lost in a crash, the order, and who may have what."""

import itertools
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

import psycopg
import pytest
from psycopg.errors import LockNotAvailable

from consumers.review_desk.oversight.pauses import Pause, pause
from consumers.review_desk.people.staff import Family, Grade, Person
from consumers.review_desk.queue import moves, presence_rows, queue_rows
from consumers.review_desk.queue.assignment import Floor, may_have, rank_at
from consumers.review_desk.queue.desk import Desk
from consumers.review_desk.queue.overflow import Opened
from consumers.review_desk.queue.presence import PresenceState
from consumers.review_desk.regions import Region
from consumers.review_desk.store import TaskStore
from consumers.review_desk.task import IncompleteCommandError, Kind, NotAllowedError, TaskState, TaskUnavailableError
from infra.postgres.audit import Act
from infra.postgres.migrate import migrate
from infra.postgres.pool import open_pool
from schemas.catalogue import DECISIONS
from tests.fakes import valuations as made
from tests.fakes.desk import HOME, MONDAY_NOON, POLICY, person, task
from tests.fakes.desk_room import LIN, MEI, WU, DeskRoom
from tests.fakes.valuations import CODEC

pytestmark = pytest.mark.postgres

NOON = MONDAY_NOON


@pytest.fixture
def room(postgres):
    migrate(postgres, room="review_desk")
    with open_pool(postgres, room="review_desk", size=8) as pool:
        yield DeskRoom(pool)


@pytest.fixture
def desk(room):
    return room.desk()


def refused(command: Callable[[], object]) -> TaskUnavailableError:
    with pytest.raises(TaskUnavailableError) as error:
        command()
    return error.value


@pytest.mark.requirement("RD2")
def test_many_people_at_the_same_moment_never_hold_the_same_task(room, desk):
    room.put(*(task(str(number)) for number in range(12)))
    people = [person(f"p-{number}") for number in range(16)]
    with ThreadPoolExecutor(6) as threads:
        claimed = list(threads.map(desk.claim_next, people))
    held = [one.task_id for one in claimed if one is not None]
    assert len(held) == len(set(held)) == 12
    assert all(desk.my_work(who).working == one for who, one in zip(people, claimed, strict=True))


@pytest.mark.requirement("RD2")
def test_one_task_wanted_by_many_is_one_persons(room, desk):
    room.put(task())
    people = [person(f"p-{number}") for number in range(6)]

    def claim(who: Person) -> str | None:
        try:
            return desk.claim(task().task_id, who).reviewer
        except TaskUnavailableError:
            return None

    with ThreadPoolExecutor(6) as threads:
        claimed = list(threads.map(claim, people))
    assert len([one for one in claimed if one is not None]) == 1


def test_who_asks_twice_at_once_gets_one_task(room, desk):
    room.put(*(task(str(number)) for number in range(4)))
    with ThreadPoolExecutor(6) as threads:
        claimed = list(threads.map(lambda _: desk.claim_next(LIN), range(6)))
    assert len({one.task_id for one in claimed if one is not None}) == 1


@pytest.mark.requirement("RD5")
def test_another_process_goes_on_where_one_was_killed(room, desk):
    room.put(task("1"), task("2"))
    first = desk.claim_next(LIN)
    desk.heartbeat(LIN, first.task_id, {"unit_price": 41_000})
    again = room.desk()
    mine = again.my_work(LIN).working
    assert (mine.task_id, mine.draft) == (first.task_id, {"unit_price": 41_000})
    assert again.claim_next(WU).task_id != first.task_id


@pytest.mark.requirement("RD5")
def test_a_process_that_dies_in_the_middle_of_a_command_leaves_nothing_of_it(room, desk):
    room.put(task())
    taken = desk.claim_next(LIN)

    def decide_and_die() -> None:
        with room.store.locked(taken.task_id) as held:
            act = Act(actor="lin", action="DECIDED", at=NOON)
            held.save(moves.submit(held.task, LIN, NOON, TaskState.DECIDED), act)
            held.publish(DECISIONS, made.decided(), act)
            with room.pool.connection() as other:
                other.execute("select pg_terminate_backend(%s)", [held.connection.info.backend_pid])

    with pytest.raises(psycopg.OperationalError):
        decide_and_die()
    assert room.task(taken.task_id) == taken
    assert [action for _, action in room.acts(taken.valuation_id)] == ["ROUTED", "CLAIM"]
    with room.pool.connection() as connection:
        assert connection.execute("select count(*) from outbox").fetchone() == (0,)


@pytest.mark.requirement("RD5")
def test_a_lapsed_lease_frees_the_task_with_its_draft_though_nobody_cleans_up(room, desk):
    room.put(task())
    taken = desk.claim_next(LIN)
    desk.heartbeat(LIN, taken.task_id, {"unit_price": 41_000})
    assert desk.claim_next(WU) is None
    room.clock.forward(minutes=5, seconds=45)
    assert desk.pool(WU)[0].state is TaskState.QUEUED
    assert desk.claim_next(WU).draft == {"unit_price": 41_000}
    assert refused(lambda: desk.heartbeat(LIN, taken.task_id)).current.reviewer == "wu"


@pytest.mark.requirement("RD5")
def test_signs_of_life_keep_the_task_till_the_lease_ends_for_good(room, desk):
    room.put(task())
    taken = desk.claim_next(LIN)
    for _ in range(14):
        room.clock.forward(minutes=2)
        desk.heartbeat(LIN, taken.task_id)
    assert desk.renew(taken.task_id, LIN).lease_ends_at == NOON + timedelta(minutes=60)
    for _ in range(15):
        room.clock.forward(minutes=2)
        desk.heartbeat(LIN, taken.task_id)
    room.clock.forward(minutes=2)
    assert desk.claim_next(WU).task_id == taken.task_id


@pytest.mark.requirement("RD5")
def test_a_draft_is_kept_as_far_as_it_can_be(room, desk):
    room.put(task())
    desk.claim_next(LIN)
    desk.heartbeat(LIN, task().task_id, {"rationale": "a\x00b"})
    assert room.task(task().task_id).draft == {"rationale": "a\ufffdb"}
    room.clock.forward(seconds=15)
    with pytest.raises(IncompleteCommandError, match="不是数值"):
        desk.heartbeat(LIN, task().task_id, {"unit_price": float("nan")})
    kept = room.task(task().task_id)
    assert kept.draft == {"rationale": "a\ufffdb"}
    assert kept.lease_until == room.clock.now + POLICY.silent + POLICY.grace


def test_who_lost_a_task_without_noticing_can_have_another(room, desk):
    room.put(task("1"))
    desk.claim_next(LIN)
    room.clock.forward(minutes=6)
    room.put(task("2", priority=700))
    assert desk.claim_next(LIN).task_id == task("2").task_id
    assert [one.task_id for one in desk.pool(WU)] == [task("1").task_id]


@pytest.mark.requirement("RT4")
def test_tasks_go_out_by_time_to_due_moved_by_priority(room, desk):
    soon, late = NOON + timedelta(hours=1), NOON + timedelta(hours=8)
    tasks = [
        task("1", priority=0, due_at=late),
        task("2", priority=0, due_at=soon),
        task("3", priority=600, due_at=late),
        task("4", priority=400, due_at=soon),
    ]
    room.put(*tasks)
    order = [desk.claim_next(person(name)).task_id for name in "abcd"]
    assert order == [one.task_id for one in sorted(tasks, key=rank_at)]
    assert [int(one[-2:]) for one in order] == [4, 2, 3, 1]


def test_who_has_a_task_in_work_is_given_it_again_and_no_second_one(room, desk):
    room.put(task("1"), task("2"))
    first = desk.claim_next(LIN)
    assert desk.claim_next(LIN) == first
    other = next(one for one in (task("1"), task("2")) if one.task_id != first.task_id)
    assert refused(lambda: desk.claim(other.task_id, LIN)).current.task_id == first.task_id


@pytest.mark.requirement("RD3")
def test_the_second_skill_is_asked_while_the_main_one_is_busy_and_not_while_it_is_free(room, desk):
    backup = person("xu", main_queue="BOHAI_RIM/VILLA", skills=MappingProxyType({HOME: 2}))
    desk.ready(LIN)
    room.put(task("1"), task("2"))
    assert desk.claim_next(backup) is None
    desk.claim_next(LIN)
    assert desk.claim_next(backup) is not None


@pytest.mark.requirement("RD2")
def test_dispatch_offers_to_who_has_waited_longest_and_counts_what_is_missed(room, desk):
    for who in (LIN, WU):
        desk.ready(who)
        room.clock.forward(seconds=1)
    room.put(task())
    assert desk.dispatch(room.clock()) == 1
    offered = desk.my_work(LIN)
    assert (offered.presence.state, offered.offered.reviewer) == (PresenceState.OFFERED, "lin")
    assert refused(lambda: desk.claim(task().task_id, WU)).current.reviewer == "lin"
    assert desk.refuse(task().task_id, LIN, "正在接听电话").seen_at == room.clock()
    assert desk.dispatch(room.clock()) == 1
    taken = desk.accept(task().task_id, WU)
    assert (taken.state, taken.reviewer) == (TaskState.WORKING, "wu")
    assert desk.my_work(LIN).presence.missed == 1
    assert [action for _, action in room.acts(task().valuation_id)] == [
        "ROUTED", "OFFER", "REFUSE", "OFFER", "ACCEPT",
    ]  # fmt: skip


@pytest.mark.requirement("RD2", "RD5")
def test_three_offers_let_pass_are_a_break(room, desk):
    room.people = [LIN]
    desk.ready(LIN)
    room.put(task())
    for _ in range(3):
        assert desk.dispatch(room.clock()) == 1
        for _ in range(4):
            room.clock.forward(seconds=15)
            desk.heartbeat(LIN)
    assert desk.dispatch(room.clock()) == 0
    assert desk.my_work(LIN).presence.state is PresenceState.BREAK
    assert [one.task_id for one in desk.pool(WU)] == [task().task_id]


@pytest.mark.requirement("RD5")
def test_who_is_silent_is_offered_nothing(room, desk):
    desk.ready(LIN)
    room.put(task())
    room.clock.forward(seconds=45)
    assert desk.dispatch(room.clock()) == 0
    with room.pool.connection() as connection:
        (state,) = connection.execute("select state from presence where username = 'lin'").fetchone()
    assert state == "OFFLINE"


def test_a_long_queue_keeps_nothing_from_the_people_of_another(room, desk):
    south = person("mo", main_queue="PEARL_DELTA/RESIDENTIAL", skills=MappingProxyType({}))
    room.people = [south]
    desk.ready(south)
    urgent = [task(str(number), priority=700) for number in range(60)]
    room.put(*urgent, task("99", region=Region.PEARL_DELTA, priority=0))
    assert desk.dispatch(room.clock()) == 1
    assert desk.my_work(south).offered.region is Region.PEARL_DELTA


def test_only_one_pass_of_dispatch_runs_at_a_time(room, desk):
    desk.ready(LIN)
    room.put(task())
    with room.pool.connection() as connection:
        connection.execute("select pg_advisory_xact_lock(hashtextextended(current_schema || '.dispatch', 0))")
        assert room.desk().dispatch(room.clock()) == 0
    assert desk.dispatch(room.clock()) == 1


@pytest.mark.requirement("RT5")
def test_what_was_parked_is_there_at_the_opening_in_its_order(room, desk):
    opening = NOON + timedelta(hours=21)
    parked = {"state": TaskState.PARKED, "parked_until": opening, "queued_at": opening}
    due = NOON + timedelta(days=2)
    room.put(task("1", due_at=due, **parked), task("2", due_at=due - timedelta(hours=1), **parked))
    room.clock.now = opening - timedelta(minutes=1)
    assert desk.claim_next(LIN) is None
    room.clock.now = opening
    assert desk.claim_next(LIN).task_id == task("2").task_id
    desk.dispatch(room.clock())
    assert ("dispatch", "UNPARK") in room.acts(task("1").valuation_id)


@pytest.mark.requirement("RD10")
def test_a_task_is_passed_on_with_draft_and_notes_three_times(room, desk):
    room.put(task())
    desk.claim_next(LIN)
    desk.heartbeat(LIN, task().task_id, {"unit_price": 41_000})
    for who, to in itertools.pairwise((LIN, WU, MEI, LIN)):
        desk.ready(to)
        passed_on = desk.transfer(task().task_id, who, to.username, f"请{to.name}接着看")
        assert (passed_on.state, passed_on.reviewer, passed_on.due_at) == (
            TaskState.OFFERED,
            to.username,
            task().due_at,
        )
        desk.accept(task().task_id, to)
    assert "班长" in refused(lambda: desk.transfer(task().task_id, LIN, "wu", "再转一次")).why
    assert desk.my_work(LIN).working.draft == {"unit_price": 41_000}
    assert len(desk.notes(task().task_id, LIN)) == 3


@pytest.mark.requirement("RD10")
def test_three_tasks_at_most_are_on_hold_and_each_comes_back(room, desk):
    room.put(*(task(str(number)) for number in range(4)))
    until = NOON + timedelta(hours=1)
    for _ in range(3):
        desk.hold(desk.claim_next(LIN).task_id, LIN, "等待小区核实", until)
    last = desk.claim_next(LIN)
    assert "3件" in refused(lambda: desk.hold(last.task_id, LIN, "再等一件", until)).why
    desk.release(last.task_id, LIN)
    held = desk.my_work(LIN).held
    assert len(held) == 3
    assert desk.resume(held[0].task_id, LIN).state is TaskState.WORKING


@pytest.mark.requirement("RD10", "RD12")
def test_a_colleague_is_asked_while_the_task_stays_and_answers_once(room, desk):
    room.put(task())
    desk.claim_next(LIN)
    number = desk.consult(task().task_id, LIN, "wu", "这个小区的学区是否已调整？")
    (asked,) = desk.my_work(WU).consultations
    assert (asked.consultation_id, asked.asked_by) == (number, "lin")
    desk.answer_consultation(number, WU, "今年已调整")
    assert "已经答复" in refused(lambda: desk.answer_consultation(number, WU, "改口")).why
    assert desk.consultations(task().task_id)[0].answer == "今年已调整"
    assert desk.my_work(LIN).working is not None
    with room.pool.connection() as connection:
        assert connection.execute("select count(*) from outbox").fetchone() == (0,)


def test_who_leaves_hands_everything_back_and_keeps_the_drafts(room, desk):
    room.put(task("1"), task("2"))
    desk.hold(desk.claim_next(LIN).task_id, LIN, "等待", NOON + timedelta(hours=1))
    working = desk.claim_next(LIN)
    desk.heartbeat(LIN, working.task_id, {"x": 1})
    assert desk.leave(LIN).state is PresenceState.OFFLINE
    assert {one.task_id for one in desk.pool(WU)} == {task("1").task_id, task("2").task_id}
    assert desk.claim(working.task_id, WU).draft == {"x": 1}


@pytest.mark.requirement("RD18")
def test_notes_are_read_in_the_regions_of_their_task_alone(room, desk):
    room.put(task())
    desk.claim_next(LIN)
    desk.add_note(task().task_id, LIN, "已电话核实楼层")
    assert [(note.author, note.text) for note in desk.notes(task().task_id, WU)] == [("lin", "已电话核实楼层")]
    with pytest.raises(NotAllowedError):
        desk.notes(task().task_id, replace(WU, regions=frozenset({Region.MIDWEST})))
    assert room.acts(task().valuation_id)[-1] == ("wu", "REFUSED")


@pytest.mark.requirement("GV6", "RD17", "RD18")
@pytest.mark.parametrize(
    "changes",
    [
        {"employer": "agency"},
        {"certified_until": None},
        {"regions": frozenset({Region.MIDWEST})},
        {"conflicts": frozenset({"c-1"})},
    ],
)
def test_who_may_not_have_a_task_is_refused_and_the_refusal_is_audited(room, desk, changes):
    room.put(task())
    barred = replace(LIN, **changes)
    with pytest.raises(NotAllowedError):
        desk.claim(task().task_id, barred)
    with room.pool.connection() as connection:
        query = "select count(*) from audit_line where actor = 'lin' and action = 'REFUSED'"
        assert connection.execute(query).fetchone() == (1,)
    assert desk.pool(barred) == ()


def test_a_paused_queue_keeps_its_tasks(room, desk):
    desk.ready(LIN)
    room.put(task())
    with room.pool.connection() as connection:
        pause(connection, Pause(queue=HOME, reason="系统核查", paused_by="sun", paused_at=NOON))
    assert desk.dispatch(room.clock()) == 0
    assert (desk.claim_next(LIN), desk.pool(LIN)) == (None, ())


def test_nobody_is_ready_before_the_bulletins_are_read(room):
    store = TaskStore(room.pool, CODEC, randomness=random.Random(1))
    strict = Desk(store, list, policy=POLICY, clock=room.clock, why_not_ready=lambda _: "请先阅读必读公告")
    room.put(task())
    for command in (lambda: strict.ready(LIN), lambda: strict.claim_next(LIN)):
        assert "公告" in refused(command).why


def test_an_unknown_task_is_refused_without_a_state(room, desk):
    for command in (
        lambda: desk.claim(task().task_id, LIN),
        lambda: desk.release(task().task_id, LIN),
        lambda: desk.heartbeat(LIN, task().task_id),
    ):
        assert refused(command).current is None


def test_a_row_that_cannot_catch_up_keeps_no_other_from_it(room, desk, caplog):
    room.put(task("1"), task("2"))
    for who in (LIN, WU):
        desk.claim_next(who)
    with room.pool.connection() as connection:
        stuck = f"check (task_id <> '{task('1').task_id}' or state <> 'QUEUED') not valid"
        connection.execute(f"alter table task add constraint stuck {stuck}".encode())
    room.clock.forward(hours=1)
    desk.dispatch(room.clock.now)
    assert room.task(task("1").task_id).state is TaskState.WORKING
    assert room.task(task("2").task_id).state is TaskState.QUEUED
    assert [record.task_id for record in caplog.records] == [task("1").task_id]


@pytest.mark.requirement("RD2")
def test_a_colleague_stays_as_they_are_while_they_are_passed_a_task(room, desk, monkeypatch):
    room.put(task())
    for who in (LIN, WU, MEI):
        desk.ready(who)
    find, tried = presence_rows.find, []

    def meanwhile(*asked):
        with room.pool.connection() as other, pytest.raises(LockNotAvailable):
            other.execute("select from presence where username = %s for update nowait", [asked[1]])
        tried.append(asked[1])
        return find(*asked)

    monkeypatch.setattr(presence_rows, "find", meanwhile)
    for giver, to in ((LIN, WU), (WU, LIN)):
        desk.claim_next(giver)
        assert desk.transfer(task().task_id, giver, to.username, "请接手").state is TaskState.OFFERED
    assert tried == ["wu", "lin"]


@pytest.mark.requirement("RD3", "RD18", "GV6")
def test_the_database_and_the_rule_agree_on_who_may_have_what(room):
    kinds = (Kind.VALUATION, Kind.DISPUTE, Kind.OPINION)
    places = (("YANGTZE_DELTA", "RESIDENTIAL"), ("BOHAI_RIM", "RESIDENTIAL"), ("MIDWEST", ""))
    special = (
        {},
        {"group": "EXPERTS"},
        {"group": HOME},
        {"excluded": ("p-0", "p-3")},
        {"preferred": "p-1", "preferred_until": NOON + timedelta(minutes=10)},
        {"model_value": 25_000_000},
        {"due_at": NOON + timedelta(hours=1)},
        {"community_id": None},
        {"community_id": None, "candidates": ("c-7", "c-1")},
    )
    waits = (0, 6, 16, 31)
    tasks = [
        task(
            str(number),
            **{"kind": kind, "region": Region(region), "skill": skill, "queued_at": NOON - timedelta(minutes=wait)}
            | changes,
        )
        for number, (kind, (region, skill), changes, wait) in enumerate(
            itertools.product(kinds, places, special, waits)
        )
    ]
    people = [
        person("p-0"),
        person("p-1", main_queue="MIDWEST/VILLA", skills=MappingProxyType({HOME: 1})),
        person("p-2", main_queue="BOHAI_RIM/RESIDENTIAL", grade=Grade.G3),
        person("p-3", main_queue="", skills=MappingProxyType({Family.DISPUTE: 2}), grade=Grade.G4),
        person("p-4", conflicts=frozenset({"c-1"})),
        person("p-5", regions=frozenset({Region.BOHAI_RIM}), main_queue="BOHAI_RIM/RESIDENTIAL"),
    ]
    floors = (Floor(), Floor.of({HOME, "MIDWEST/VILLA"}), Floor(paused=frozenset({"MIDWEST", HOME})))
    room.put(*tasks)
    opened, answers = Opened.at(NOON, POLICY), set()
    with room.pool.connection() as connection:
        for who, floor in itertools.product(people, floors):
            asked = queue_rows.question(who, opened, POLICY, floor)
            found = {one.task_id for one in queue_rows.pool(connection, asked, len(tasks))}
            ruled = {one.task_id for one in tasks if may_have(one, who, NOON, POLICY, floor) is None}
            assert found == ruled, who.username
            answers.add(len(found))
    assert len(answers) > len(people)  # the questions differ

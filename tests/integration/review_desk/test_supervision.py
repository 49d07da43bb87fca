"""A supervisor's commands on a real database: each audited, told, and leaving the draft where it was."""

import random
import statistics
import uuid
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from consumers.review_desk.api.refusals import add_refusals
from consumers.review_desk.api.supervision import add_supervision_api
from consumers.review_desk.deciding.panels import Panels
from consumers.review_desk.knowledge.guidelines import Guidelines
from consumers.review_desk.oversight.notices import Notice, Severity
from consumers.review_desk.oversight.pauses import paused_queues
from consumers.review_desk.oversight.roster import Roster, SwapState
from consumers.review_desk.oversight.supervision import Supervision
from consumers.review_desk.oversight.supervisor_moves import CommandError
from consumers.review_desk.oversight.wallboard import SOON, Wallboard
from consumers.review_desk.people.staff import Grade, Person, Role
from consumers.review_desk.people.staff_register import StaffRegister
from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.queue import presence_rows
from consumers.review_desk.queue.desk import Desk
from consumers.review_desk.regions import Region
from consumers.review_desk.store import TaskStore, insert, select_tasks
from consumers.review_desk.task import Kind, NotAllowedError, Task, TaskState, TaskUnavailableError
from infra.postgres.audit import Act
from infra.postgres.migrate import migrate
from infra.postgres.pool import open_pool
from schemas.codes import SegmentState
from schemas.events import SegmentStanding
from tests.fakes import valuations as made
from tests.fakes.supervised import LIN, NOW, SUN, WU, a_task, queued
from tests.fakes.valuations import CODEC

pytestmark = pytest.mark.postgres

REASON = "客户催办，需要尽快办结"
ALL = replace(SUN, username="zhao", name="赵班", regions=frozenset(Region))
FAR = replace(SUN, username="far", name="远班", regions=frozenset({Region.BOHAI_RIM}))


class Quiet:
    """The desk as far as a supervisor's SET_STATE needs it: who was told to do what."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def ready(self, person: Person, *, by_themselves: bool) -> None:
        assert not by_themselves
        self.told.append(("READY", person.username))

    def take_break(self, person: Person, reason: str, *, by_themselves: bool) -> None:
        assert not by_themselves
        self.told.append((reason, person.username))

    def leave(self, person: Person, *, by_themselves: bool) -> None:
        assert not by_themselves
        self.told.append(("OFFLINE", person.username))


@pytest.fixture
def pool(postgres):
    migrate(postgres, room="review_desk")
    with open_pool(postgres, room="review_desk") as pool:
        yield pool


@pytest.fixture
def staff(pool):
    register = StaffRegister(pool, clock=lambda: NOW)
    register.put_all((LIN, WU, SUN, FAR), "test")
    return register


@pytest.fixture
def store(pool):
    return TaskStore(pool, CODEC, randomness=random.Random(1))


@pytest.fixture
def desk():
    return Quiet()


@pytest.fixture
def supervision(store, staff, desk):
    return supervision_of(store, staff, desk)


def supervision_of(store, staff, desk) -> Supervision:
    parts = {"policy": DeskPolicy(), "clock": lambda: NOW}
    panels = Panels(store, guidelines=Guidelines(store.pool, clock=lambda: NOW, new_id=uuid.uuid4), **parts)
    return Supervision(store, desk=desk, person=staff.person, new_id=uuid.uuid4, panels=panels, **parts)


@pytest.fixture
def roster(pool, staff):
    return Roster(pool, person=staff.person, clock=lambda: NOW, new_id=uuid.uuid4)


def kept(pool, task: Task, number: str = "r-1") -> Task:
    """The task in the table, with ids of its own."""
    task = replace(task, task_id=str(uuid.uuid4()), valuation_id=str(uuid.uuid4()))
    with pool.connection() as connection:
        insert(connection, task, CODEC.encode(made.review(number)), None, Act(actor="t", action="ROUTED", at=NOW))
    return task


def seen(pool, username: str, at: datetime) -> None:
    """A sign of life of somebody's page."""
    with pool.connection() as connection:
        presence_rows.lock(connection, username, at)
        presence_rows.seen(connection, username, at)


def audited(pool, subject: str) -> list[tuple[str, str, str | None]]:
    with pool.connection() as connection:
        rows = connection.execute(
            "select actor, action, details->>'reason' from audit_line where subject = %s order by sequence", [subject]
        )
        return rows.fetchall()


def texts(supervision, person: Person) -> str:
    return "\n".join(notice.text for notice in supervision.notices(person))


@pytest.mark.requirement("RD15")
def test_each_command_on_a_task_is_audited_tells_its_reviewer_and_keeps_the_draft(pool, store, supervision):
    seized, moved, freed = (kept(pool, a_task(reviewer=name)) for name in ("lin", "wu", "zhou"))
    supervision.seize(SUN, seized.task_id, REASON)
    supervision.reassign(SUN, moved.task_id, "lin", REASON, version=1)
    supervision.force_release(SUN, freed.task_id, REASON)
    supervision.set_priority(SUN, freed.task_id, 99, REASON)
    found = {task.task_id: store.find(task.task_id)[0] for task in (seized, moved, freed)}
    assert (found[seized.task_id].reviewer, found[moved.task_id].preferred) == ("sun", "lin")
    assert (found[freed.task_id].state, found[freed.task_id].priority) == (TaskState.QUEUED, 99)
    assert {str(task.draft) for task in found.values()} == {"{'unit_price': 40000}"}
    assert {task.due_at for task in found.values()} == {a_task().due_at}
    assert audited(pool, seized.valuation_id)[1:] == [("sun", "SEIZE", REASON)]
    assert audited(pool, moved.valuation_id)[1:] == [("sun", "REASSIGN", REASON)]
    assert [action for _, action, _ in audited(pool, freed.valuation_id)[1:]] == ["FORCE_RELEASE", "SET_PRIORITY"]
    assert "已接管" in texts(supervision, LIN)
    assert "改派给您" in texts(supervision, LIN)
    assert "改派他人" in texts(supervision, WU)


@pytest.mark.requirement("RD15")
def test_a_stale_command_is_refused_and_a_supervisor_has_one_task_at_a_time(pool, supervision):
    first, second = kept(pool, a_task()), kept(pool, queued())
    with pytest.raises(TaskUnavailableError, match="已更新"):
        supervision.force_release(SUN, first.task_id, REASON, version=7)
    supervision.seize(SUN, first.task_id, REASON)
    with pytest.raises(TaskUnavailableError, match="已有处理中"):
        supervision.seize(SUN, second.task_id, REASON)


@pytest.mark.requirement("RD15", "RD18", "RD4")
@pytest.mark.parametrize("by", [LIN, FAR], ids=["a reviewer", "another region's supervisor"])
def test_who_may_not_command_is_refused_and_the_refusal_audited(pool, store, supervision, by):
    task = kept(pool, a_task(reviewer="wu"))
    for command in (supervision.seize, supervision.force_release, supervision.watch):
        with pytest.raises(NotAllowedError):
            command(by, task.task_id, REASON)
    assert [line[:2] for line in audited(pool, task.valuation_id)[1:]] == [(by.username, "REFUSED")] * 3
    assert store.find(task.task_id)[0].reviewer == "wu"


@pytest.mark.requirement("RD16", "RD17")
def test_a_task_is_reassigned_to_nobody_without_a_certificate(pool, staff, supervision):
    staff.put(replace(WU, certified_until=date(2026, 1, 1)), "test")
    task = kept(pool, a_task())
    with pytest.raises(NotAllowedError, match="吴核：上岗证书已过期"):
        supervision.reassign(SUN, task.task_id, "wu", REASON)


@pytest.mark.requirement("BA4")
def test_everything_a_leaver_has_open_goes_to_one_colleague_or_back_to_the_queues(pool, store, supervision):
    working = kept(pool, a_task())
    held = kept(pool, a_task(state=TaskState.ON_HOLD, held_until=NOW + timedelta(hours=1)))
    waiting = kept(pool, a_task(state=TaskState.WAIT_REPLY, lease_until=None))
    own = kept(pool, a_task(reviewer="wu"))
    approval = kept(pool, a_task(state=TaskState.PENDING_APPROVAL, reviewer="lin"))
    done = supervision.hand_over(SUN, "lin", "wu", REASON)
    assert (set(done.moved), done.left) == ({working.task_id, held.task_id, waiting.task_id}, {})
    assert {store.find(task.task_id)[0].preferred for task in (working, held)} == {"wu"}
    assert store.find(waiting.task_id)[0].reviewer == "wu"
    assert store.find(own.task_id)[0].version == 1
    assert store.find(approval.task_id)[0].version == 1  # its approver decides
    assert supervision.hand_over(SUN, "lin", None, REASON).moved == ()


@pytest.mark.requirement("RD15")
def test_watching_shows_the_draft_as_it_grows_is_audited_and_told(pool, store, supervision):
    task = kept(pool, a_task())
    watch_id = supervision.watch(SUN, task.task_id, REASON)
    assert supervision.look(SUN, watch_id).draft == {"unit_price": 40_000}
    with store.locked(task.task_id) as held:
        held.save(replace(held.task, draft={"unit_price": 41_000}), Act(actor="lin", action="DRAFT", at=NOW))
    seen = supervision.look(SUN, watch_id)
    assert (seen.draft, seen.task.reviewer) == ({"unit_price": 41_000}, "lin")
    assert audited(pool, task.valuation_id)[1] == ("sun", "WATCH", REASON)
    assert "旁看" in texts(supervision, LIN)
    for by, wanted in ((WU, watch_id), (SUN, str(uuid.uuid4())), (SUN, "no id")):
        with pytest.raises(NotAllowedError):
            supervision.look(by, wanted)


@pytest.mark.requirement("RD15")
def test_a_queue_is_paused_and_resumed_with_a_reason_each(pool, supervision):
    with pytest.raises(CommandError):
        supervision.pause_queue(SUN, "YANGTZE_DELTA/VILLA", " ")
    supervision.pause_queue(SUN, "YANGTZE_DELTA/VILLA", REASON)
    supervision.pause_queue(SUN, "YANGTZE_DELTA/VILLA", "另一个原因")
    (pause,) = supervision.pauses(SUN)
    assert (pause.queue, pause.reason, pause.paused_by) == ("YANGTZE_DELTA/VILLA", REASON, "sun")
    with pool.connection() as connection:
        assert paused_queues(connection) == {"YANGTZE_DELTA/VILLA"}
    with pytest.raises(NotAllowedError):
        supervision.resume_queue(FAR, "YANGTZE_DELTA/VILLA", REASON)
    supervision.resume_queue(SUN, "YANGTZE_DELTA/VILLA", "系统已恢复")
    assert supervision.pauses(SUN) == ()
    assert [action for _, action, _ in audited(pool, "desk")] == ["PAUSE_QUEUE", "REFUSED", "RESUME_QUEUE"]


@pytest.mark.requirement("RD15")
def test_a_person_is_put_into_another_state_and_told(pool, desk, supervision):
    supervision.set_state(SUN, "lin", "BREAK", "消防演习")
    supervision.set_state(SUN, "lin", "OFFLINE", "设备更换")
    assert desk.told == [("班长安排：消防演习", "lin"), ("OFFLINE", "lin")]
    assert audited(pool, "desk") == [("sun", "SET_STATE", "消防演习"), ("sun", "SET_STATE", "设备更换")]
    assert "设为小休：消防演习" in texts(supervision, LIN)
    for username, state in (("lin", "WORKING"), ("nobody", "READY")):
        with pytest.raises(CommandError):
            supervision.set_state(SUN, username, state, REASON)
    with pytest.raises(NotAllowedError):
        supervision.set_state(FAR, "lin", "READY", REASON)


@pytest.mark.requirement("RD5", "RD15")
def test_what_a_supervisor_makes_of_somebody_is_no_sign_that_they_are_there(pool, store, staff):
    now = NOW
    policy = DeskPolicy()
    desk = Desk(store, staff.people, policy=policy, clock=lambda: now)
    supervision = supervision_of(store, staff, desk)
    seen(pool, "lin", NOW - policy.silent + timedelta(seconds=1))
    supervision.set_state(SUN, "lin", "READY", REASON)
    assert [one.state for one in desk.presences() if one.username == "lin"] == ["READY"]
    now += timedelta(seconds=1)
    assert [one.state for one in desk.presences() if one.username == "lin"] == ["OFFLINE"]
    for state in ("BREAK", "OFFLINE"):
        supervision.set_state(SUN, "lin", state, REASON)
        (lin,) = [one for one in desk.presences() if one.username == "lin"]
        assert lin.seen_at == NOW - policy.silent + timedelta(seconds=1)
    with pytest.raises(CommandError, match="没有打开复核台"):
        supervision.set_state(SUN, "wu", "READY", REASON)


@pytest.mark.requirement("RD15", "RD18")
def test_commands_reach_no_further_than_their_givers_regions_and_refusals_are_audited(pool, supervision):
    notice = Notice(severity=Severity.INFO, text="午后例会", written_by="sun", written_at=NOW)
    for refused in (
        lambda: supervision.hold_segment(SUN, "北京市", "VILLA", REASON),
        lambda: supervision.broadcast(SUN, notice),
        lambda: supervision.broadcast(SUN, replace(notice, regions=frozenset({Region.MIDWEST}))),
    ):
        with pytest.raises(NotAllowedError):
            refused()
    assert audited(pool, "desk") == [("sun", "REFUSED", None)] * 3
    supervision.hold_segment(FAR, "北京市", "VILLA", REASON)
    supervision.broadcast(ALL, notice)
    supervision.pause_queue(FAR, "BOHAI_RIM", REASON)
    assert (supervision.pauses(SUN), len(supervision.pauses(FAR))) == ((), 1)


@pytest.mark.requirement("RD8", "RD18")
def test_shifts_are_planned_for_people_of_ones_regions_alone_and_refusals_audited(pool, roster):
    start = NOW + timedelta(days=1)
    shift = roster.put(SUN, "lin", start, start + timedelta(hours=8))
    roster.ask_swap(LIN, shift.shift_id, "wu", "孩子家长会")
    (swap,) = roster.swaps()
    for refused in (
        lambda: roster.put(FAR, "lin", start + timedelta(days=1), start + timedelta(days=1, hours=8)),
        lambda: roster.remove(FAR, shift.shift_id, REASON),
        lambda: roster.decide_swap(FAR, swap.swap_id, approve=True),
        lambda: roster.remove(LIN, shift.shift_id, REASON),
    ):
        with pytest.raises(NotAllowedError):
            refused()
    assert roster.between(start, start + timedelta(days=2)) == (shift,)
    assert [line[:2] for line in audited(pool, "roster")[2:]] == [("far", "REFUSED")] * 3 + [("lin", "REFUSED")]


@pytest.mark.requirement("RD10", "RD15")
def test_nobody_looks_into_a_sealed_opinion_nor_who_values_into_the_draft_of_a_blind_task(pool, supervision):
    seat, blind = kept(pool, a_task(kind=Kind.OPINION, blind=True)), kept(pool, a_task(reviewer="wu", blind=True))
    with pytest.raises(NotAllowedError, match="封存"):
        supervision.watch(SUN, seat.task_id, REASON)
    assert supervision.look(SUN, supervision.watch(SUN, blind.task_id, REASON)).draft == {}
    oversees = replace(SUN, username="qian", roles=frozenset({Role.SUPERVISOR}))
    assert supervision.look(oversees, supervision.watch(oversees, blind.task_id, REASON)).draft == blind.draft


@pytest.mark.requirement("RD15", "RD10")
def test_what_waits_for_an_approval_that_nobody_can_give_goes_to_a_panel_without_its_author(pool, store, supervision):
    task, queue = kept(pool, a_task(state=TaskState.PENDING_APPROVAL, lease_until=None)), kept(pool, queued())
    assert supervision.call_panel(SUN, task.task_id, REASON).state is TaskState.PANEL
    with pool.connection() as connection:
        seats = select_tasks(connection, "where t.origin = %(task_id)s", {"task_id": task.task_id})
    assert [(seat.kind, seat.state, seat.excluded) for seat in seats] == [
        (Kind.OPINION, TaskState.QUEUED, ("lin",))
    ] * 3
    assert ("sun", "CALL_PANEL", REASON) in audited(pool, task.valuation_id)
    assert "合议" in texts(supervision, LIN)
    with pytest.raises(TaskUnavailableError, match="待复核"):
        supervision.call_panel(SUN, queue.task_id, REASON)
    with pytest.raises(NotAllowedError):
        supervision.call_panel(FAR, task.task_id, REASON)
    assert store.find(queue.task_id)[0].state is TaskState.QUEUED


@pytest.mark.requirement("RD15", "RD10")
def test_a_panel_that_does_not_come_to_its_end_is_seated_anew_or_gets_another_chair(pool, staff, supervision, client):
    task = kept(pool, a_task(state=TaskState.PENDING_APPROVAL, lease_until=None))
    path, said = f"/api/supervision/tasks/{task.task_id}", {"reason": REASON}
    assert client.post(f"{path}/panel", json=said).json()["state"] == "PANEL"
    assert client.post(f"{path}/reseat", json=said).json()["state"] == "PANEL"
    with pool.connection() as connection:
        seats = select_tasks(connection, "where t.origin = %(task_id)s", {"task_id": task.task_id})
    assert sorted(seat.state for seat in seats) == [TaskState.CANCELLED] * 3 + [TaskState.QUEUED] * 3
    assert client.post(f"{path}/chair", json=said | {"chair": "wu"}).status_code == 409  # opinions are still out
    _all_in(pool, task)
    assert client.post(f"{path}/reseat", json=said).status_code == 409
    assert "专家" in client.post(f"{path}/chair", json=said | {"chair": "wu"}).json()["detail"]
    staff.put(replace(WU, grade=Grade.G4), "test")
    assert client.post(f"{path}/chair", json=said | {"chair": "wu"}).status_code == 200
    assert "主持合议" in texts(supervision, WU)
    assert client.post(f"{path}/chair", json=said | {"chair": "nobody"}).json()["field"] == "username"
    assert client.post(f"{path}/chair", json=said | {"chair": "wu", "reason": ""}).status_code == 422


def _all_in(pool, task: Task) -> None:
    """Three opinions given, the panel still open."""
    with pool.connection() as connection:
        connection.execute(
            "insert into decision (task_id, valuation_id, revision, kind, outcome, reasons, comparable_ids, unit_price,"
            " rationale, guideline_version, reviewer, grade, claimed_at, decided_at)"
            " select task_id, valuation_id, 1, 'OPINION', 'VALUE', '{}', '{}', 40000, 'x', '1',"
            " 'p' || row_number() over (), 'G3', %s, %s from task where origin = %s and state = 'QUEUED'",
            [NOW, NOW, task.task_id],
        )


@pytest.mark.requirement("RT7", "RD15")
def test_a_held_segment_is_told_to_routing_once_the_hold_is_kept(pool, supervision):
    supervision.hold_segment(SUN, "杭州市", "RESIDENTIAL", "同小区三起复估", community_id="c-1")
    with pool.connection() as connection:
        ((topic, key, value),) = connection.execute("select topic, key, value from outbox").fetchall()
    standing = CODEC.decode(value, SegmentStanding)
    assert (topic, bytes(key).decode()) == ("policy.segments", "杭州市|RESIDENTIAL|c-1")
    assert (standing.state, standing.by, standing.reason) == (SegmentState.HELD, "SUN", "同小区三起复估")
    assert audited(pool, "desk") == [("sun", "HOLD_SEGMENT", "同小区三起复估")]
    with pytest.raises(NotAllowedError):
        supervision.hold_segment(WU, "杭州市", "RESIDENTIAL", REASON)


@pytest.mark.requirement("RD15")
def test_a_notice_is_shown_to_whom_it_is_for_until_it_is_seen_or_over(supervision):
    calm = Notice(severity=Severity.INFO, text="午后例会", written_by="sun", written_at=NOW, regions=SUN.regions)
    supervision.broadcast(SUN, calm)
    supervision.broadcast(SUN, replace(calm, text="系统检修", severity=Severity.URGENT))
    supervision.broadcast(SUN, replace(calm, text="质检校准", roles=frozenset({Role.QA})))
    shown = supervision.notices(LIN)
    assert [notice.text for notice in shown] == ["系统检修", "午后例会"]
    supervision.acknowledge(LIN, shown[0].notice_id)
    supervision.acknowledge(LIN, shown[0].notice_id)
    assert [notice.text for notice in supervision.notices(LIN)] == ["午后例会"]
    assert len(supervision.notices(WU)) == 2
    for number in range(4):
        supervision.broadcast(SUN, replace(calm, text=f"第{number}条"))
    assert [notice.text for notice in supervision.notices(LIN)] == [
        "第3条",
        "第2条",
        "第1条",
        "另有 2 条，知悉以上后显示",
    ]
    for wrong in (replace(calm, text=" "), replace(calm, shown_until=NOW)):
        with pytest.raises(CommandError):
            supervision.broadcast(SUN, wrong)


@pytest.mark.requirement("RD8")
def test_a_swap_takes_effect_once_the_supervisor_agrees_and_both_are_told(supervision, roster):
    start = NOW + timedelta(days=1)
    shift = roster.put(SUN, "lin", start, start + timedelta(hours=8))
    with pytest.raises(NotAllowedError):
        roster.put(LIN, "lin", start, start + timedelta(hours=8))
    roster.ask_swap(LIN, shift.shift_id, "wu", "孩子家长会")
    with pytest.raises(CommandError, match="已有待批准"):
        roster.ask_swap(LIN, shift.shift_id, "wu", "孩子家长会")
    (swap,) = roster.swaps()
    assert roster.between(start, start + timedelta(hours=1))[0].username == "lin"
    assert roster.decide_swap(SUN, swap.swap_id, approve=True) is SwapState.APPROVED
    assert roster.between(start, start + timedelta(hours=1))[0].username == "wu"
    assert roster.swaps() == ()
    for person in (LIN, WU):
        assert "调班申请已批准" in texts(supervision, person)
    with pytest.raises(CommandError, match="已处理"):
        roster.decide_swap(SUN, swap.swap_id, approve=False, remark="人手不足")


@pytest.mark.requirement("RD8")
def test_a_shift_swapped_to_somebody_on_duty_is_refused(roster):
    start = NOW + timedelta(days=1)
    shift = roster.put(SUN, "lin", start, start + timedelta(hours=8))
    roster.put(SUN, "wu", start + timedelta(hours=4), start + timedelta(hours=12))
    with pytest.raises(CommandError, match="吴核在该时段已有班次"):
        roster.ask_swap(LIN, shift.shift_id, "wu", "孩子家长会")


@pytest.mark.requirement("RD8")
def test_ten_minutes_before_the_shift_ends_its_person_is_told_what_to_hand_over(pool, supervision, roster):
    kept(pool, a_task())
    roster.put(SUN, "lin", NOW - timedelta(hours=7), NOW + timedelta(minutes=10))
    roster.put(SUN, "wu", NOW - timedelta(hours=7), NOW + timedelta(minutes=11))
    assert "还有 1 件任务" in texts(supervision, LIN)
    assert supervision.notices(WU) == ()


DAY = datetime(2026, 6, 15, tzinfo=UTC) - timedelta(hours=8)  # midnight in Shanghai


def a_fixture_day(pool) -> list[tuple[Task, datetime | None]]:
    """Sixty tasks of two queues in all states, half of them decided at some time; the same ones each run."""
    dice, made_up = random.Random(7), []
    states = [TaskState.QUEUED, TaskState.WORKING, TaskState.ON_HOLD, TaskState.WAIT_REPLY, TaskState.PENDING_APPROVAL]
    for number in range(60):
        came = NOW - timedelta(minutes=dice.randrange(60 * 24 * 40))
        due = came + timedelta(minutes=dice.randrange(60 * 30)) if number % 3 else NOW + timedelta(minutes=30)
        skill = dice.choice(["RESIDENTIAL", "VILLA"])
        common = {"received_at": came, "requested_at": came, "due_at": due, "skill": skill, "internal": number % 7 == 0}
        if number % 2:
            ago = timedelta(minutes=dice.randrange(60 * 9 if number % 4 == 1 else 60 * 24 * 35))
            ended = max(NOW - ago, came + timedelta(minutes=2))
            task = kept(pool, a_task(state=TaskState.DECIDED, reviewer="wu", claimed_at=came, **common), str(number))
            made_up.append((task, ended))
        else:
            state = states[number // 2 % len(states)]
            hand = {"reviewer": f"p{number}"} if state is TaskState.WORKING else {}
            until = NOW + timedelta(minutes=5 if number % 4 else -5)
            made_up.append((kept(pool, a_task(state=state, lease_until=until, **common, **hand), str(number)), None))
    with pool.connection() as connection:
        for task, ended in made_up:
            if ended is not None:
                connection.execute(
                    "insert into decision (task_id, valuation_id, revision, kind, outcome, reasons, comparable_ids,"
                    " rationale, guideline_version, reviewer, grade, claimed_at, decided_at)"
                    " values (%s, %s, 1, 'VALUATION', 'VALUE', '{}', '{}', 'x', '1', 'wu', 'G3', %s, %s)",
                    [task.task_id, task.valuation_id, task.requested_at + timedelta(minutes=1), ended],
                )
    return made_up


@pytest.mark.requirement("OP5")
def test_the_wallboard_equals_a_recomputation_on_a_fixture_day(pool, staff):
    del staff
    day = a_fixture_day(pool)
    told = [task for task, ended in day if ended is None][:5]
    with pool.connection() as connection:
        connection.execute("insert into queue_blocked (queue, since) values (%s, %s)", [told[0].queue, NOW])
        for level, task in enumerate(told):
            insert_clock = "insert into task_clock (task_id, level_told) values (%s, %s)"
            connection.execute(insert_clock, [task.task_id, level])
    snapshot = Wallboard(pool, policy=DeskPolicy(), clock=lambda: NOW).snapshot(frozenset(Region))

    still = [task for task, ended in day if ended is None]
    lapsed = {TaskState.WORKING, TaskState.ON_HOLD}
    waits = [t for t in still if t.state is TaskState.QUEUED or (t.state in lapsed and t.lease_until <= NOW)]
    works = [t for t in still if t.state is TaskState.WORKING and t.lease_until > NOW]
    contract = [t for t in still if not t.internal and t.state is not TaskState.WAIT_REPLY]
    for line in snapshot.queues:
        assert line.waiting == sum(task.queue == line.queue for task in waits)
        assert line.in_work == sum(task.queue == line.queue for task in works)
        assert line.at_risk == sum(task.queue == line.queue and NOW <= task.due_at < NOW + SOON for task in contract)
        assert line.done == sum(ended is not None and ended >= DAY and task.queue == line.queue for task, ended in day)
    assert snapshot.total("wait_reply") == sum(task.state is TaskState.WAIT_REPLY for task in still)
    assert snapshot.total("approvals") == sum(task.state is TaskState.PENDING_APPROVAL for task in still)
    assert snapshot.total("breached") == sum(task.due_at < NOW for task in contract)
    assert snapshot.total("escalated") == len(told) - 1  # of the first nobody was told yet
    assert {line.queue for line in snapshot.queues if line.blocked_since} == {told[0].queue}
    assert snapshot.oldest_at == min(task.requested_at for task in waits)

    today = [(task, ended) for task, ended in day if ended is not None and ended >= DAY]
    assert snapshot.done_today == len(today) > 0
    answered = [(task, ended) for task, ended in today if not task.internal]
    late = [task for task in contract if DAY <= task.due_at < NOW]
    assert snapshot.today.ended == len(answered) + len(late)
    assert snapshot.today.in_time == sum(ended <= task.due_at for task, ended in answered)
    since = DAY - timedelta(days=30)
    long = [(t, e) for t, e in day if e is not None and t.received_at >= since and not t.internal]
    late_long = [task for task in contract if task.due_at < NOW and task.received_at >= since]
    assert snapshot.thirty_days.ended == len(long) + len(late_long)
    assert snapshot.thirty_days.in_time == sum(ended <= task.due_at for task, ended in long)
    handling = [ended - task.requested_at - timedelta(minutes=1) for task, ended in today]
    assert snapshot.handling.median == statistics.median(handling)
    assert snapshot.waiting.median == timedelta(minutes=1)
    (wu,) = [line for line in snapshot.people if line.username == "wu"]
    assert (wu.done, wu.state) == (len(today), "OFFLINE")
    elsewhere = Wallboard(pool, policy=DeskPolicy(), clock=lambda: NOW).snapshot(frozenset({Region.BOHAI_RIM}))
    assert (elsewhere.queues, elsewhere.done_today, elsewhere.thirty_days.ended) == ((), 0, 0)
    assert [line.username for line in elsewhere.people] == ["far"]


@pytest.mark.requirement("OP5")
def test_an_empty_desk_has_a_wallboard_without_figures(pool):
    snapshot = Wallboard(pool, policy=DeskPolicy(), clock=lambda: NOW).snapshot(frozenset(Region))
    assert (snapshot.queues, snapshot.done_today, snapshot.today.share) == ((), 0, None)
    assert (snapshot.handling.median, snapshot.oldest_at, snapshot.next_due_at) == (None, None, None)


@pytest.fixture
def client(pool, supervision, roster):
    people = {one.username: one for one in (LIN, WU, SUN, FAR)}

    def logged_in(request: Request) -> Person:
        return people[request.headers["x-user"]]

    app = FastAPI()
    add_refusals(app)
    office = SimpleNamespace(pool=pool, policy=DeskPolicy(), clock=lambda: NOW, supervision=supervision, roster=roster)
    add_supervision_api(app, office, logged_in)
    return TestClient(app, headers={"x-user": "sun"})


@pytest.mark.requirement("RD15")
def test_the_commands_over_the_interface_and_their_refusals(pool, client):
    task, lin = kept(pool, a_task()), {"x-user": "lin"}
    path = f"/api/supervision/tasks/{task.task_id}"
    moved = client.post(f"{path}/reassign", json={"to": "wu", "reason": REASON, "version": 1}).json()
    assert (moved["state"], moved["preferred"], moved["version"]) == ("QUEUED", "wu", 2)
    assert client.post(f"{path}/priority", json={"priority": 90, "reason": REASON}).json()["priority"] == 90
    stale = client.post(f"{path}/seize", json={"reason": REASON, "version": 1})
    assert (stale.status_code, stale.json()["version"]) == (409, 3)
    assert client.post("/api/supervision/tasks/no-id/seize", json={"reason": REASON}).status_code == 422
    no_reason = client.post(f"{path}/seize", json={"reason": " "})
    assert (no_reason.status_code, no_reason.json()["field"]) == (422, "reason")
    assert client.post(f"{path}/seize", json={"reason": REASON}, headers=lin).status_code == 403
    assert client.post(f"{path}/seize", json={"reason": REASON}).json()["reviewer"] == "sun"
    assert client.post(f"{path}/release", json={"reason": REASON}).json()["state"] == "QUEUED"
    assert client.post("/api/supervision/hand-over", json={"username": "wu", "reason": REASON}).json()["moved"] == []


@pytest.mark.requirement("RD15", "RD8")
def test_queues_people_notices_and_shifts_over_the_interface(pool, client, desk):
    queue = {"queue": "YANGTZE_DELTA/VILLA", "reason": REASON}
    assert client.post("/api/supervision/pauses", json=queue).status_code == 204
    assert client.get("/api/supervision/pauses").json()["pauses"][0]["paused_by"] == "sun"
    (line,) = client.get("/api/supervision/wallboard").json()["queues"]
    assert (line["queue"], line["is_paused"]) == ("YANGTZE_DELTA/VILLA", True)
    assert client.post("/api/supervision/pauses/end", json=queue).status_code == 204
    ready = {"state": "READY", "reason": REASON}
    away = client.post("/api/supervision/people/wu/state", json=ready)
    assert (away.status_code, away.json()["field"]) == (422, "state")
    seen(pool, "wu", NOW)
    assert client.post("/api/supervision/people/wu/state", json=ready).status_code == 204
    assert desk.told == [("READY", "wu")]
    held = {"city": "杭州市", "property_class": "VILLA", "reason": REASON}
    assert client.post("/api/supervision/holds", json=held).json()["segment"] == "杭州市|VILLA"
    said_to = {"text": "午后例会", "roles": ["REVIEWER"], "regions": ["YANGTZE_DELTA"]}
    said = client.post("/api/notices", json=said_to).json()
    (shown,) = client.get("/api/notices", headers={"x-user": "lin"}).json()["notices"]
    assert (shown["notice_id"], shown["text"]) == (said["notice_id"], "午后例会")
    assert client.post(f"/api/notices/{said['notice_id']}/seen", headers={"x-user": "lin"}).status_code == 204
    assert client.get("/api/notices", headers={"x-user": "lin"}).json() == {"notices": []}
    shift = {"username": "lin", "starts_at": "2026-06-16T09:00:00+08:00", "ends_at": "2026-06-16T17:00:00+08:00"}
    assert client.post("/api/roster", json=shift).status_code == 201
    assert client.post("/api/roster", json=shift).json()["detail"] == "林审在该时段已有班次"
    assert len(client.get("/api/roster", params={"monday": "2026-06-15"}).json()["shifts"]) == 1

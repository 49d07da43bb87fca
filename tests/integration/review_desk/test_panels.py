"""A panel from its call to its end, on a real database (RD7)."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest

from consumers.review_desk.deciding.decision import DeviationReason, IncompleteDecisionError
from consumers.review_desk.people.staff import Grade, Role
from consumers.review_desk.queue import moves
from consumers.review_desk.store import select_tasks
from consumers.review_desk.task import Kind, NotAllowedError, TaskState, TaskUnavailableError
from infra.postgres.audit import Act
from tests.fakes import valuations as made
from tests.fakes.deciding import GOOD, a_person
from tests.fakes.decision_room import HE, LIN, POLICY, QI, WU, DecisionRoom, decision_rooms

pytestmark = [pytest.mark.postgres, pytest.mark.requirement("RD7")]

FAR = replace(GOOD, unit_price=55_000, deviation_because=DeviationReason.RECENT_DEALS)  # 34 % from the model
MA = a_person("ma", Grade.G3)


def seats(room: DecisionRoom) -> list:
    with room.pool.connection() as connection:
        return list(select_tasks(connection, "where t.kind = 'OPINION' order by t.\"group\" nulls last, t.task_id", {}))


def give(room: DecisionRoom, seat, person, price: int) -> TaskState:
    task = room.claimed(seat.task_id, person)
    return room.decide(task, person, replace(GOOD, unit_price=price))


@pytest.fixture(scope="module")
def rooms(postgres_server):
    with decision_rooms(postgres_server) as room:
        yield room


@pytest.fixture
def room(rooms):
    return rooms()


@pytest.fixture
def called(room):
    task = room.in_hand(LIN)
    assert room.decide(task, LIN, FAR) is TaskState.PANEL
    return room.task(task.task_id)


def test_far_beyond_everybody_three_blind_internal_opinions_are_asked_for(room, called):
    opened = seats(room)
    assert len(opened) == 3
    for seat in opened:
        assert (seat.kind, seat.blind, seat.internal, seat.origin) == (Kind.OPINION, True, True, called.task_id)
        assert "lin" in seat.excluded
    assert room.sent() == []


def test_the_median_of_three_that_agree_goes_out_by_itself(room, called):
    for seat, person, price in zip(seats(room), (HE, WU, MA), (50_000, 52_000, 49_000), strict=True):
        assert give(room, seat, person, price) is TaskState.DECIDED
    (event,) = room.sent()
    assert (event.unit_price, event.reviewer, event.approver) == (50_000, "he", "wu")
    assert room.task(called.task_id).state is TaskState.DECIDED
    assert room.rows("select chair, closed_at is not null from panel") == [("he", True)]


def test_three_who_give_their_opinions_at_the_same_moment_end_it_once(room, called):
    given = [
        (room.claimed(seat.task_id, person), person, replace(GOOD, unit_price=price))
        for seat, person, price in zip(seats(room), (HE, QI, WU), (50_000, 51_000, 49_000), strict=True)
    ]
    together = Barrier(len(given))

    def give_with_the_others(one):
        together.wait()
        return room.decide(*one)

    with ThreadPoolExecutor(len(given)) as at_once:
        assert set(at_once.map(give_with_the_others, given)) == {TaskState.DECIDED}
    assert [event.unit_price for event in room.sent()] == [50_000]
    assert room.task(called.task_id).state is TaskState.DECIDED


def test_opinions_are_sealed_until_all_are_in(room, called):
    first, second, _ = seats(room)
    give(room, first, HE, 50_000)
    (panel,) = room.panels.panels(HE)
    assert (panel.given, panel.opinions, panel.spread) == (1, (), None)
    claimed = room.claimed(second.task_id, WU)
    case = room.decisions.case(claimed.task_id, WU)
    assert (case.model, case.earlier) == (None, ())
    assert "50000" not in repr(case)
    assert room.panels.panels(WU) == ()


def test_not_even_a_supervisor_reads_an_opinion_before_its_time(room, called):
    boss = a_person("boss", roles=frozenset({Role.SUPERVISOR}))
    seat = seats(room)[0]
    with room.store.locked(seat.task_id) as held:
        task = replace(moves.claim(held.task, HE, room.now, POLICY), draft={"unit_price": 50_123})
        held.save(task, Act(actor="he", action="CLAIM", at=room.now))
    assert room.decisions.case(seat.task_id, HE).task.draft == {"unit_price": 50_123}
    assert room.decisions.case(seat.task_id, boss).task.draft == {}
    room.decide(room.task(seat.task_id), HE)
    found = [line for line in room.decisions.search(boss, "翠苑") if line.kind is Kind.OPINION]
    assert len(found) == 3
    assert {line.outcome for line in found} == {None}


def test_where_they_lie_apart_the_chair_writes_the_grounds(room, called):
    for seat, person, price in zip(seats(room), (HE, WU, MA), (50_000, 58_000, 49_000), strict=True):
        give(room, seat, person, price)
    waiting = room.task(called.task_id)
    assert (waiting.state, room.sent()) == (TaskState.PANEL, [])
    (seen,) = room.panels.panels(HE)
    assert seen.needs_chair
    assert sorted(opinion.unit_price for opinion in seen.opinions) == [49_000, 50_000, 58_000]
    assert not room.panels.panels(WU)[0].needs_chair
    assert room.decisions.case(called.task_id, HE).model is not None
    with pytest.raises(TaskUnavailableError):
        room.decisions.case(called.task_id, QI)
    with pytest.raises(IncompleteDecisionError):
        room.panels.conclude(called.task_id, HE, "太短", version=waiting.version)
    for other in (WU, QI):
        with pytest.raises(NotAllowedError):
            room.panels.conclude(called.task_id, other, "取中位数，理由充分可靠", version=waiting.version)
    assert [actor for actor, _ in room.acts("REFUSED")] == ["wu", "qi"]
    ended = room.panels.conclude(called.task_id, HE, "第二份意见采用的实例已过时", version=waiting.version)
    assert ended is TaskState.DECIDED
    assert room.sent()[0].unit_price == 50_000
    with pytest.raises(TaskUnavailableError):
        room.panels.conclude(called.task_id, HE, "第二份意见采用的实例已过时", version=waiting.version)


def test_each_has_one_seat_and_the_last_is_an_experts(room, called):
    expert, second, third = seats(room)
    give(room, second, WU, 50_000)
    assert all("wu" in seat.excluded for seat in seats(room) if seat.state is TaskState.QUEUED)
    give(room, third, MA, 50_000)
    senior = a_person("su", Grade.G3)
    with pytest.raises(NotAllowedError):
        give(room, expert, senior, 50_000)
    assert [actor for actor, _ in room.acts("REFUSED")] == ["su"]
    assert room.sent() == []


def test_an_approver_who_is_far_from_the_author_calls_a_panel(room):
    task = room.in_hand(LIN)
    near = replace(GOOD, unit_price=46_000, deviation_because=DeviationReason.CONDITION)
    room.decide(task, LIN, near)
    version = room.task(task.task_id).version
    state = room.decisions.send_back(task.task_id, WU, "差异过大", version=version, unit_price=41_000)
    assert state is TaskState.PANEL
    assert all({"lin", "wu"} <= set(seat.excluded) for seat in seats(room))


@pytest.mark.requirement("DI2")
def test_a_dispute_far_from_the_first_persons_value_goes_to_a_panel(room):
    first = room.in_hand(LIN)
    room.decide(first, LIN)
    again = {"task_id": "00000000-0000-0000-0000-000000000009", "kind": Kind.DISPUTE, "blind": True}
    dispute = room.in_hand(WU, made.review(), **again)
    assert room.decide(dispute, WU, replace(GOOD, unit_price=46_000)) is TaskState.PANEL


def confirming(room: DecisionRoom, seat, person, community_id: str) -> TaskState:
    """An opinion on a house whose community the address left open."""
    task = room.claimed(seat.task_id, person)
    given = replace(GOOD, unit_price=60_000, confirmed_community_id=community_id, comparable_ids=())
    return room.decide(task, person, replace(given, few_comparables_because="没有可比实例"))


@pytest.fixture
def open_panel(room):
    task = room.in_hand(LIN, made.open_review())
    beyond_all = replace(GOOD, unit_price=600_000, comparable_ids=(), few_comparables_because="没有可比实例")
    assert room.decide(task, LIN, beyond_all) is TaskState.PANEL
    return room.task(task.task_id)


def test_what_the_members_confirmed_goes_out_with_their_median(room, open_panel):
    for seat, member in zip(seats(room), (HE, WU, MA), strict=True):
        confirming(room, seat, member, "c-1")
    assert [(event.unit_price, event.confirmed_community_id) for event in room.sent()] == [(60_000, "c-1")]


def test_the_median_rests_on_comparables(room, called):
    for seat, member, price in zip(seats(room), (HE, WU, MA), (50_000, 51_000, 49_000), strict=True):
        give(room, seat, member, price)
    assert room.sent()[0].comparable_ids == GOOD.comparable_ids


def test_of_several_communities_the_chair_chooses_one(room, open_panel):
    for seat, member, community_id in zip(seats(room), (HE, WU, MA), ("c-1", "c-9", "c-1"), strict=True):
        confirming(room, seat, member, community_id)
    assert room.sent() == []
    (panel,) = room.panels.panels(HE)
    assert (panel.communities, panel.needs_chair) == (("c-1", "c-9"), True)
    said = {"version": panel.task.version}
    with pytest.raises(IncompleteDecisionError) as refused:
        room.panels.conclude(open_panel.task_id, HE, "三人意见一致，取中位数", **said)
    assert [violation.field for violation in refused.value.violations] == ["confirmed_community_id"]
    room.panels.conclude(open_panel.task_id, HE, "三人意见一致，取中位数", confirmed_community_id="c-9", **said)
    assert room.sent()[0].confirmed_community_id == "c-9"


SUN = a_person("sun", roles=frozenset({Role.SUPERVISOR}))


@pytest.mark.requirement("RD15")
def test_seats_that_stay_empty_are_given_anew_and_what_was_said_stays(room, called):
    give(room, seats(room)[1], WU, 50_000)
    at_work = room.claimed(seats(room)[0].task_id, HE)
    with pytest.raises(NotAllowedError):
        room.panels.reseat(called.task_id, WU, "专家休假")
    room.panels.reseat(called.task_id, SUN, "专家休假")
    with pytest.raises(TaskUnavailableError):
        room.decide(at_work, HE, GOOD)
    anew = [seat for seat in seats(room) if seat.state is TaskState.QUEUED]
    assert [seat.group for seat in anew] == ["EXPERTS", None]
    assert all({"lin", "wu"} <= set(seat.excluded) for seat in anew)
    for seat, member, price in zip(anew, (QI, MA), (51_000, 49_000), strict=True):
        give(room, seat, member, price)
    assert [event.unit_price for event in room.sent()] == [50_000]
    with pytest.raises(TaskUnavailableError):
        room.panels.reseat(called.task_id, SUN, "专家休假")


@pytest.mark.requirement("RD15")
def test_another_expert_sums_up_a_panel_whose_own_cannot(room, called):
    for seat, member, price in zip(seats(room), (HE, WU, MA), (50_000, 60_000, 45_000), strict=True):
        give(room, seat, member, price)
    for chair, why in ((WU, "专家"), (replace(QI, conflicts=frozenset({"c-1"})), "回避")):
        with pytest.raises(NotAllowedError, match=why):
            room.panels.name_chair(called.task_id, SUN, chair, "主持人离职")
    assert room.panels.panels(QI) == ()
    room.panels.name_chair(called.task_id, SUN, QI, "主持人离职")
    (panel,) = room.panels.panels(QI)
    assert panel.needs_chair
    assert room.decisions.case(called.task_id, QI).task.task_id == called.task_id
    assert room.panels.conclude(called.task_id, QI, "三份意见以近期成交为准", version=panel.task.version) is (
        TaskState.DECIDED
    )
    assert room.sent()[0].reviewer == "qi"
    assert room.sent()[0].approver in {"he", "wu", "ma"}

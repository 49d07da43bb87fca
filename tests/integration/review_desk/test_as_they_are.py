"""Who acts counts as they are at that moment, and whoever judged a case before stays out of it (RD3, GV6, DI2)."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta

import pytest

from consumers.review_desk.deciding.decision import DeviationReason
from consumers.review_desk.deciding.decisions import Decisions
from consumers.review_desk.people.staff import Grade, Role
from consumers.review_desk.queue import moves, presence_rows
from consumers.review_desk.queue.assignment import barred
from consumers.review_desk.queue.desk import Desk
from consumers.review_desk.queue.intake import take_in, task_of
from consumers.review_desk.queue.presence import PresenceState
from consumers.review_desk.store import select_tasks
from consumers.review_desk.task import IncompleteCommandError, Kind, NotAllowedError, TaskState, TaskUnavailableError
from infra.postgres.audit import Act
from schemas.codes import ReviewOutcome
from tests.fakes import valuations as made
from tests.fakes.deciding import GOOD, UNABLE, a_person
from tests.fakes.decision_room import HE, LIN, POLICY, QI, WU, decision_rooms
from tests.fakes.valuations import CODEC, NOON

pytestmark = [pytest.mark.postgres, pytest.mark.requirement("RD3", "GV6")]

FAR = replace(GOOD, unit_price=46_000, deviation_because=DeviationReason.RECENT_DEALS)  # a second person is needed
APART = replace(FAR, unit_price=55_000)  # a panel is needed
MA = a_person("ma", Grade.G3)
LAPSED = date(2026, 3, 1)
NEIGHBOUR = frozenset({"c-1"})


@pytest.fixture(scope="module")
def rooms(postgres_server):
    with decision_rooms(postgres_server) as room:
        yield room


class Register:
    """People as the register has them, which tests change while a page is open."""

    def __init__(self, room) -> None:
        self.now = {one.username: one for one in (LIN, WU, HE, QI, MA)}
        self.unread: set[str] = set()
        self.desk = Desk(
            room.store,
            self.now.values,
            policy=POLICY,
            clock=lambda: room.now,
            why_not_ready=lambda one: "请先阅读" if one.username in self.unread else None,
            current=self.now.get,
        )
        self.decisions = Decisions(
            room.store,
            policy=POLICY,
            clock=lambda: room.now,
            guidelines=room.guidelines,
            panels=room.panels,
            current=self.now.get,
        )

    def change(self, username: str, **changes) -> None:
        self.now[username] = replace(self.now[username], **changes)


@pytest.fixture
def room(rooms):
    return rooms()


@pytest.fixture
def register(room):
    return Register(room)


CHANGES = pytest.mark.parametrize("changes", [{"conflicts": NEIGHBOUR}, {"certified_until": LAPSED}])


@CHANGES
def test_a_page_open_since_before_gets_nothing_more_by_what_its_person_was(room, register, changes):
    desk = register.desk
    desk.ready(LIN)
    held = room.put(made.review("r-1"))
    desk.claim(held.task_id, LIN)
    desk.hold(held.task_id, LIN, "等资料", NOON + timedelta(hours=2))
    offered, waiting = room.put(made.review("r-2")), room.put(made.review("r-3"))
    with room.store.locked(offered.task_id) as locked:
        locked.save(moves.offer(locked.task, LIN, NOON, POLICY), Act(actor="dispatch", action="OFFER", at=NOON))
    register.change("lin", **changes)
    for command in (
        lambda: desk.claim(waiting.task_id, LIN),
        lambda: desk.accept(offered.task_id, LIN),
        lambda: desk.resume(held.task_id, LIN),
    ):
        with pytest.raises(NotAllowedError):
            command()
    assert len(room.acts("REFUSED")) == 3


@CHANGES
def test_nobody_decides_on_what_they_may_no_longer_have(room, register, changes):
    task = room.in_hand(LIN)
    register.change("lin", **changes)
    with pytest.raises(NotAllowedError):
        register.decisions.decide(task.task_id, LIN, GOOD, version=task.version)
    assert room.sent() == []


def test_nobody_confirms_that_a_house_lies_in_their_own_community(room, register):
    review = made.open_review()
    own = review.scored.address.candidates[0].community_id
    register.change("lin", conflicts=frozenset({own}))
    task = room.in_hand(LIN, review)  # its evidence came after it was claimed
    back = replace(UNABLE, outcome=ReviewOutcome.RETURN_TO_AUTO, confirmed_community_id=own)
    with pytest.raises(NotAllowedError, match="回避"):
        register.decisions.decide(task.task_id, LIN, back, version=task.version)
    taken_in = task_of(review, POLICY)
    assert own in taken_in.candidates
    assert "回避" in barred(taken_in, register.now["lin"], NOON, POLICY)


@CHANGES
def test_nobody_approves_or_sends_back_what_they_might_not_have(room, register, changes):
    task = room.in_hand(LIN)
    room.decide(task, LIN, FAR)
    register.change("wu", **changes)
    version = room.task(task.task_id).version
    assert register.decisions.approvals(WU) == ()
    for command in (
        lambda: register.decisions.approve(task.task_id, WU, version=version),
        lambda: register.decisions.send_back(task.task_id, WU, "请补充依据", version=version),
    ):
        with pytest.raises(NotAllowedError):
            command()


@CHANGES
def test_nobody_opens_a_waiting_conclusion_that_they_could_not_approve(room, changes):
    task = room.in_hand(LIN)
    room.decide(task, LIN, FAR)
    with pytest.raises(TaskUnavailableError):
        room.decisions.case(task.task_id, replace(WU, **changes))
    assert room.decisions.case(task.task_id, WU).task.state is TaskState.PENDING_APPROVAL


@CHANGES
def test_nobody_gives_an_opinion_to_a_panel_as_what_they_were(room, register, changes):
    task = room.in_hand(LIN)
    room.decide(task, LIN, APART)
    seat = room.claimed(open_seats(room)[0].task_id, HE)
    register.change("he", **changes)
    with pytest.raises(NotAllowedError):
        register.decisions.decide(seat.task_id, HE, GOOD, version=seat.version)


def test_who_has_left_the_register_decides_nothing(room, register):
    task = room.in_hand(LIN)
    del register.now["lin"]
    with pytest.raises(NotAllowedError):
        register.decisions.decide(task.task_id, LIN, GOOD, version=task.version)


def test_a_bulletin_to_be_read_comes_before_the_next_task_also_for_who_is_ready(room, register):
    desk = register.desk
    desk.ready(LIN)
    in_hand = room.put(made.review("r-1"))
    assert desk.claim_next(LIN).task_id == in_hand.task_id
    register.unread.add("lin")
    assert desk.claim(in_hand.task_id, LIN).task_id == in_hand.task_id  # what is in work goes on
    desk.release(in_hand.task_id, LIN)
    for command in (lambda: desk.claim_next(LIN), lambda: desk.claim(in_hand.task_id, LIN)):
        with pytest.raises(IncompleteCommandError, match="请先阅读"):
            command()
    assert desk.dispatch(NOON) == 0
    desk.ready(WU)
    assert desk.dispatch(NOON) == 1
    assert room.task(in_hand.task_id).reviewer == "wu"


# ---- whoever judged before ------------------------------------------------------------------------------------------


def open_seats(room):
    with room.pool.connection() as connection:
        return select_tasks(connection, "where t.kind = 'OPINION' order by t.\"group\" nulls last, t.task_id", {})


def disputed(room, task):
    """The task of a dispute about that valuation."""
    review = made.review(reasons=("DISPUTE",), skill="RESIDENTIAL")
    request = replace(review.scored.request, revision=2)
    review = replace(review, valuation_id=task.valuation_id, scored=replace(review.scored, request=request))
    with room.pool.connection() as connection:
        take_in(connection, room.store, POLICY, review, CODEC.encode(review), None)
        (found,) = select_tasks(connection, "where t.kind = 'DISPUTE'", {})
    return found


@pytest.mark.requirement("DI2")
def test_a_dispute_of_what_a_panel_decided_is_neither_its_authors_nor_a_members(room):
    task = room.in_hand(LIN)
    room.decide(task, LIN, APART)
    for seat, member, price in zip(open_seats(room), (HE, WU, MA), (50_000, 51_000, 49_000), strict=True):
        room.decide(room.claimed(seat.task_id, member), member, replace(GOOD, unit_price=price))
    assert room.task(task.task_id).state is TaskState.DECIDED
    assert {"lin", "he", "wu", "ma"} <= set(disputed(room, task).excluded)


@pytest.mark.requirement("DI2")
def test_a_dispute_is_not_for_who_sent_the_opinion_back_though_it_was_written_anew(room):
    task = room.in_hand(LIN)
    room.decide(task, LIN, FAR)
    room.decisions.send_back(task.task_id, WU, "请补充依据", version=room.task(task.task_id).version)
    room.decide(room.task(task.task_id), LIN, FAR)
    room.decisions.approve(task.task_id, HE, version=room.task(task.task_id).version)
    assert set(disputed(room, task).excluded) == {"lin", "wu", "he"}


@pytest.mark.requirement("RD4")
def test_whoever_wrote_an_opinion_first_does_not_approve_the_next_ones(room):
    first = room.in_hand(WU, made.review(valuation=None))
    alone = replace(GOOD, comparable_ids=(), few_comparables_because="没有可比实例")
    assert room.decide(first, WU, alone) is TaskState.PENDING_APPROVAL
    room.decisions.send_back(first.task_id, HE, "请补充依据", version=room.task(first.task_id).version)
    with room.store.locked(first.task_id) as held:
        held.save(moves.release(held.task, WU, NOON), Act(actor="wu", action="RELEASE", at=NOON))
    assert room.decide(room.claimed(first.task_id, LIN), LIN, alone) is TaskState.PENDING_APPROVAL
    with pytest.raises(NotAllowedError, match="曾经办"):
        room.decisions.approve(first.task_id, WU, version=room.task(first.task_id).version)
    assert room.decisions.approve(first.task_id, HE, version=room.task(first.task_id).version) is TaskState.DECIDED


@pytest.mark.requirement("RD16")
def test_what_somebody_new_gives_back_to_the_model_goes_there_with_a_second_name(room):
    new = a_person("new", Grade.G1)
    review = made.open_review()
    confirmed = review.scored.address.candidates[0].community_id
    back = replace(UNABLE, outcome=ReviewOutcome.RETURN_TO_AUTO, confirmed_community_id=confirmed)
    task = room.in_hand(new, review)
    assert room.decide(task, new, back) is TaskState.PENDING_APPROVAL
    assert room.sent() == []
    version = room.task(task.task_id).version
    assert room.decisions.approve(task.task_id, WU, version=version) is TaskState.RETURNED_TO_AUTO
    (event,) = room.sent()
    assert (event.outcome, event.approver) == (ReviewOutcome.RETURN_TO_AUTO, "wu")


@pytest.mark.requirement("DI2")
@pytest.mark.parametrize("kind", [Kind.VALUATION, Kind.DISPUTE])
def test_nobody_is_asked_about_a_case_that_they_may_not_have(room, register, kind):
    task = room.in_hand(LIN, kind=kind, excluded=("wu",))
    with pytest.raises(NotAllowedError, match="另选"):
        register.desk.consult(task.task_id, LIN, "wu", "您当时怎么看？")
    assert register.desk.consult(task.task_id, LIN, "he", "您怎么看？")


@pytest.mark.requirement("RD7")
def test_nobody_is_asked_about_a_sealed_opinion(room, register):
    task = room.in_hand(HE, kind=Kind.OPINION, blind=True, internal=True)
    with pytest.raises(NotAllowedError, match="独立判断"):
        register.desk.consult(task.task_id, HE, "wu", "您怎么看？")


@pytest.mark.requirement("RD7", "DI2")
def test_what_one_typed_of_an_opinion_is_not_the_next_ones_to_read(room, register):
    task = room.in_hand(LIN)
    room.decide(task, LIN, APART)
    seat = room.claimed(open_seats(room)[1].task_id, WU)
    register.desk.heartbeat(WU, seat.task_id, {"unit_price": 50_000})
    register.desk.release(seat.task_id, WU)
    assert room.claimed(seat.task_id, WU).draft == {"unit_price": 50_000}
    register.desk.release(seat.task_id, WU)
    assert room.claimed(seat.task_id, MA).draft == {}


# ---- what comes back ------------------------------------------------------------------------------------------------


@pytest.mark.requirement("RD2")
@pytest.mark.parametrize("state", [PresenceState.OFFLINE, PresenceState.BREAK])
def test_what_comes_back_to_who_is_away_waits_for_them(room, state):
    task = room.in_hand(LIN)
    room.decide(task, LIN, FAR)
    room.is_there(LIN, state)
    version = room.task(task.task_id).version
    assert room.decisions.send_back(task.task_id, WU, "请补充依据", version=version) is TaskState.QUEUED
    assert room.task(task.task_id).preferred == "lin"


@pytest.mark.requirement("RD2")
def test_what_comes_back_at_the_moment_in_which_its_author_takes_another_waits_for_one_of_the_two(
    room, register, monkeypatch
):
    task = room.in_hand(LIN)
    room.decide(task, LIN, FAR)
    other, version = room.put(made.review("r-2")), room.task(task.task_id).version
    with ThreadPoolExecutor(1) as aside:
        going = []

        def meanwhile(*asked):
            if not going:  # the author's row is locked: this waits for the end of their turn
                going.append(aside.submit(room.decisions.send_back, task.task_id, WU, "请补充依据", version=version))
            return floor(*asked)

        floor = presence_rows.floor
        monkeypatch.setattr(presence_rows, "floor", meanwhile)
        assert register.desk.claim_next(LIN).task_id == other.task_id
        assert going[0].result() is TaskState.QUEUED
    assert room.task(task.task_id).preferred == "lin"


# ---- samples --------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("RD17", "GV4")
def test_a_reviewer_finds_a_sample_again_like_any_other_task_and_not_by_the_valuation_it_came_from(room):
    ordinary = room.in_hand(LIN, made.review("r-1"), blind=True)
    sample_id = "5f0c2a52-7c1b-4c1e-9d7e-0a4a3a1c9b11"
    seeded = {"kind": Kind.SEEDED, "blind": True, "internal": True, "task_id": sample_id, "excluded": ("he",)}
    sample = room.in_hand(WU, made.review("r-2"), **seeded)
    for who, task in ((LIN, ordinary), (WU, ordinary), (WU, sample), (LIN, sample)):
        (found,) = room.decisions.search(who, task.task_id)
        assert (found.task_id, found.valuation_id, found.kind) == (task.task_id, task.task_id, Kind.VALUATION)
    assert room.decisions.search(WU, sample.valuation_id) == ()
    assert room.decisions.search(HE, sample_id) == ()  # whose case it was
    assert sample_id in {found.task_id for found in room.decisions.search(WU, "wu")}
    assert sample_id not in {found.task_id for found in room.decisions.search(LIN, "wu")}


@pytest.mark.requirement("RD17", "GV4")
def test_a_supervisor_who_values_too_does_not_know_a_sample_before_it_is_valued(room, register):
    room.put(kind=Kind.SEEDED, blind=True, internal=True, origin="5f0c2a52-7c1b-4c1e-9d7e-0a4a3a1c9b11")
    sun = a_person("sun", roles=frozenset({Role.SUPERVISOR}))
    (known,) = register.desk.waiting(sun)
    assert (known.kind, known.internal) == (Kind.SEEDED, True)
    (unknown,) = register.desk.waiting(replace(sun, roles=sun.roles | {Role.REVIEWER}))
    assert (unknown.kind, unknown.internal, unknown.origin) == (Kind.VALUATION, False, None)

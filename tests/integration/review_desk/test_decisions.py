"""From the conclusion to the event on a real database: authority, four-eyes, outcomes, and what stays at the desk."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from consumers.review_desk.deciding.decision import DeviationReason, IncompleteDecisionError
from consumers.review_desk.people.staff import Grade, Role
from consumers.review_desk.queue import moves, notes
from consumers.review_desk.regions import Region
from consumers.review_desk.task import Kind, NotAllowedError, TaskState, TaskUnavailableError
from infra.postgres.audit import Act
from schemas.codes import ReviewOutcome
from schemas.events import ReviewProgressed
from tests.fakes import valuations as made
from tests.fakes.deciding import GOOD, UNABLE, a_person
from tests.fakes.decision_room import HE, LIN, POLICY, QI, WU, decision_rooms
from tests.fakes.valuations import NOON

pytestmark = pytest.mark.postgres

NEW = a_person("new", Grade.G1)
FAR = replace(GOOD, unit_price=46_000, deviation_because=DeviationReason.RECENT_DEALS)  # 12 % from the model
SECRET = "内部判断子丑寅卯辰巳午未"


@pytest.fixture(scope="module")
def rooms(postgres_server):
    with decision_rooms(postgres_server) as room:
        yield room


@pytest.fixture
def room(rooms):
    return rooms()


@pytest.mark.requirement("RD4", "RD13")
def test_within_authority_a_decision_goes_out_at_once(room):
    task = room.in_hand(LIN)
    assert room.decide(task, LIN) is TaskState.DECIDED
    (event,) = room.sent()
    assert (event.outcome, event.unit_price, event.reviewer, event.approver) == ("VALUE", 41_500, "lin", None)
    assert event.guideline_version == room.guidelines.version_in_force()
    assert room.rows("select value, model_unit_price, property_key from decision") == [
        (3_714_250, 41_000, "c-1|3|2|501")
    ]
    ((actor, details),) = room.acts("DECIDE")
    assert (actor, details["state"], details["from"], details["rules_version"]) == (
        "lin",
        "DECIDED",
        "WORKING",
        "2026-03",
    )


@pytest.mark.requirement("RD5")
def test_nothing_is_decided_twice(room):
    task = room.in_hand(LIN)
    room.decide(task, LIN)
    with pytest.raises(TaskUnavailableError) as refused:
        room.decide(task, LIN)
    assert refused.value.current.state is TaskState.DECIDED
    with pytest.raises(TaskUnavailableError):
        room.decisions.decide(task.task_id, LIN, GOOD, version=room.task(task.task_id).version)
    assert len(room.sent()) == 1


def test_only_who_has_it_in_hand_decides_and_only_as_it_was_seen(room):
    task = room.in_hand(LIN)
    with pytest.raises(TaskUnavailableError):
        room.decide(task, WU)
    with pytest.raises(TaskUnavailableError):
        room.decisions.decide(task.task_id, LIN, GOOD, version=task.version - 1)
    room.now = NOON + timedelta(hours=2)
    with pytest.raises(TaskUnavailableError):
        room.decide(task, LIN)
    assert room.sent() == []


def test_an_incomplete_decision_changes_nothing(room):
    task = room.in_hand(LIN)
    with pytest.raises(IncompleteDecisionError) as refused:
        room.decide(task, LIN, replace(GOOD, rationale="短", unit_price=None))
    assert [violation.field for violation in refused.value.violations] == ["rationale", "unit_price"]
    assert room.task(task.task_id) == task


@pytest.mark.requirement("RD4")
def test_beyond_authority_a_second_person_puts_their_name_to_it(room):
    task = room.in_hand(LIN)
    assert room.decide(task, LIN, FAR) is TaskState.PENDING_APPROVAL
    assert room.sent() == []
    (waiting,) = room.decisions.approvals(WU)
    assert (waiting.first.reviewer, waiting.first.conclusion, waiting.model_unit_price) == ("lin", FAR, 41_000)
    assert waiting.first.because == "与模型相差超过10%"
    assert room.decisions.approvals(LIN) == ()
    room.now = NOON + timedelta(hours=1)
    assert room.decisions.approve(task.task_id, WU, version=waiting.task.version) is TaskState.DECIDED
    (event,) = room.sent()
    assert (event.reviewer, event.reviewer_grade, event.approver) == ("lin", "G2", "wu")
    assert (event.unit_price, event.decided_at) == (46_000, room.now)
    assert room.rows("select reviewer, approver from decision") == [("lin", "wu")]


@pytest.mark.requirement("RD4", "RD5")
def test_of_two_who_approve_at_the_same_moment_one_does(room):
    task = room.in_hand(LIN)
    room.decide(task, LIN, FAR)
    version = room.task(task.task_id).version

    def approve(person):
        try:
            return room.decisions.approve(task.task_id, person, version=version)
        except TaskUnavailableError:
            return None

    with ThreadPoolExecutor(4) as at_once:
        answers = list(at_once.map(approve, (WU, HE, QI, WU)))
    assert answers.count(TaskState.DECIDED) == 1
    assert len(room.sent()) == 1


@pytest.mark.requirement("RD4", "DI2")
def test_who_approves_a_blind_case_sees_the_first_opinion_and_not_the_models(room):
    task = room.in_hand(LIN, kind=Kind.DISPUTE, blind=True, excluded=("he",))
    assert room.decide(task, LIN, replace(FAR, deviation_because=None)) is TaskState.PENDING_APPROVAL
    (waiting,) = room.decisions.approvals(WU)
    assert (waiting.model_unit_price, waiting.move, waiting.first.model_unit_price) == (None, None, None)
    assert "模型" not in waiting.first.because
    assert room.decisions.approvals(HE) == ()
    with pytest.raises(NotAllowedError):
        room.decisions.approve(task.task_id, HE, version=waiting.task.version)
    assert room.decisions.approve(task.task_id, WU, version=waiting.task.version) is TaskState.DECIDED


@pytest.mark.requirement("RD4", "SE3")
def test_self_approval_over_ceiling_and_another_region_are_refused_and_audited(room):
    task = room.in_hand(HE, made.review(valuation=None))
    room.decide(task, HE, replace(GOOD, comparable_ids=(), few_comparables_because="无同小区成交"))
    waiting = room.task(task.task_id)
    tower = replace(QI, regions=frozenset({Region.BOHAI_RIM}))
    for person in (HE, WU, tower, replace(QI, roles=frozenset({Role.ADMIN}))):
        with pytest.raises(NotAllowedError):
            room.decisions.approve(task.task_id, person, version=waiting.version)
    refusals = room.acts("REFUSED")
    assert [actor for actor, _ in refusals] == ["he", "wu", "qi", "qi"]
    assert all(details["command"] == "APPROVE" and details["why"] for _, details in refusals)
    assert room.sent() == []
    assert room.decisions.approve(task.task_id, QI, version=waiting.version) is TaskState.DECIDED


@pytest.mark.requirement("RD4", "RD18")
def test_a_case_of_another_region_is_neither_seen_nor_decided(room):
    task = room.in_hand(LIN)
    moved = replace(LIN, regions=frozenset({Region.BOHAI_RIM}))
    with pytest.raises(NotAllowedError):
        room.decisions.case(task.task_id, moved)
    with pytest.raises(NotAllowedError):
        room.decide(task, moved)
    assert [details["command"] for _, details in room.acts("REFUSED")] == ["LOOK", "DECIDE"]
    assert room.decisions.search(moved, "翠苑三区") == ()


@pytest.mark.requirement("RD16")
def test_whoever_is_new_is_approved_also_where_there_is_no_value(room):
    assert room.decide(room.in_hand(NEW), NEW, UNABLE) is TaskState.PENDING_APPROVAL


def test_what_comes_back_brings_its_remark_and_keeps_its_due_time(room):
    task = room.in_hand(LIN)
    room.decide(task, LIN, FAR)
    waiting = room.task(task.task_id)
    with pytest.raises(IncompleteDecisionError):
        room.decisions.send_back(task.task_id, WU, " ", version=waiting.version)
    assert room.decisions.send_back(task.task_id, WU, "请补充近期成交依据", version=waiting.version) is (
        TaskState.WORKING
    )
    back = room.task(task.task_id)
    assert (back.reviewer, back.due_at) == ("lin", task.due_at)
    assert room.decisions.case(task.task_id, LIN).remark == "请补充近期成交依据"
    assert room.decide(back, LIN) is TaskState.DECIDED
    assert room.sent()[0].unit_price == 41_500


def test_who_is_busy_gets_it_back_first_when_they_are_done(room):
    task = room.in_hand(LIN)
    room.decide(task, LIN, FAR)
    room.in_hand(LIN, made.review("r-2"))
    waiting = room.task(task.task_id)
    assert room.decisions.send_back(task.task_id, WU, "请补充依据", version=waiting.version) is TaskState.QUEUED
    assert room.task(task.task_id).preferred == "lin"


def test_the_channel_is_asked_once_and_the_task_waits(room):
    review = made.open_review()
    task = room.in_hand(LIN, review)
    ask = replace(UNABLE, outcome=ReviewOutcome.CLARIFY)
    assert room.decide(task, LIN, ask) is TaskState.WAIT_REPLY
    (event,) = room.sent()
    assert (event.outcome, event.reasons) == ("CLARIFY", ("ADDR_AMBIGUOUS",))
    asked = room.task(task.task_id)
    assert (asked.clarified, asked.paused_since) == (True, NOON)
    with room.store.locked(task.task_id) as held:
        held.save(moves.reply_came(held.task, room.now, POLICY), Act(actor="test", action="REPLY", at=room.now))
    again = room.claimed(task.task_id, LIN)
    with pytest.raises(IncompleteDecisionError):
        room.decide(again, LIN, ask)
    assert room.decide(again, LIN, UNABLE) is TaskState.PENDING_APPROVAL  # no model value: two people


@pytest.mark.requirement("IN9")
def test_back_to_the_model_with_a_confirmed_community_once(room):
    back = replace(UNABLE, outcome=ReviewOutcome.RETURN_TO_AUTO, confirmed_community_id="c-9")
    task = room.in_hand(LIN, made.open_review())
    assert room.decide(task, LIN, back) is TaskState.RETURNED_TO_AUTO
    assert room.sent()[0].confirmed_community_id == "c-9"
    again = room.in_hand(LIN, made.open_review(), task_id="00000000-0000-0000-0000-000000000002")
    assert ReviewOutcome.RETURN_TO_AUTO not in room.decisions.case(again.task_id, LIN).outcomes
    with pytest.raises(IncompleteDecisionError):
        room.decide(again, LIN, back)


@pytest.mark.requirement("GV4")
@pytest.mark.parametrize("kind", [Kind.SECOND_READING, Kind.SEEDED])
def test_what_is_internal_stays_at_the_desk(room, kind):
    task = room.in_hand(LIN, kind=kind, internal=True, blind=True)
    assert room.decide(task, LIN, replace(GOOD, unit_price=60_000)) is TaskState.DECIDED
    assert room.sent() == []
    assert room.rows("select kind, unit_price, blind from decision") == [(str(kind), 60_000, True)]


@pytest.mark.requirement("GV4")
@pytest.mark.parametrize("kind", [Kind.AUDIT, Kind.SECOND_READING, Kind.SEEDED])
@pytest.mark.parametrize(
    ("conclusion", "heard"),
    [
        (replace(UNABLE, outcome=ReviewOutcome.CLARIFY), TaskState.WAIT_REPLY),
        (
            replace(UNABLE, outcome=ReviewOutcome.RETURN_TO_AUTO, confirmed_community_id="c-9"),
            TaskState.RETURNED_TO_AUTO,
        ),
    ],
    ids=["question", "return"],
)
def test_what_is_only_compared_asks_nobody_and_tells_its_reviewer_what_they_would_hear_of_any_task(
    room, kind, conclusion, heard
):
    task = room.in_hand(LIN, made.open_review(), kind=kind, internal=True, blind=True)
    assert room.decide(task, LIN, conclusion) is heard
    assert (room.sent(), room.rows("select outcome from decision")) == ([], [(str(conclusion.outcome),)])
    assert room.rows("select state from task") == [("DECIDED",)]


@pytest.mark.requirement("GV4")
def test_a_sampled_automatic_answer_is_decided_blind_and_told(room):
    task = room.in_hand(NEW, kind=Kind.AUDIT, blind=True, internal=True)
    assert room.decide(task, NEW) is TaskState.DECIDED
    assert room.sent()[0].blind


@pytest.mark.requirement("RD12")
def test_no_word_written_at_the_desk_is_in_any_event(room):
    words = replace(FAR, rationale=f"依据{SECRET}", few_comparables_because=f"不足{SECRET}", comparable_ids=("deal-1",))
    first = room.in_hand(LIN)
    with room.pool.connection() as connection:
        notes.write(connection, first.task_id, "lin", NOON, f"备注{SECRET}", notes.NoteKind.NOTE)
    room.decide(first, LIN, words)
    waiting = room.task(first.task_id)
    room.decisions.send_back(first.task_id, WU, f"退回{SECRET}", version=waiting.version)
    room.decide(room.task(first.task_id), LIN, words)
    room.decisions.approve(first.task_id, WU, version=room.task(first.task_id).version)
    second = room.in_hand(LIN, made.open_review("r-2"))
    room.decide(second, LIN, replace(UNABLE, outcome=ReviewOutcome.CLARIFY, rationale=f"请问{SECRET}"))
    third = room.in_hand(LIN, made.review("r-3"))
    room.surveys.order(third.task_id, LIN, f"去看{SECRET}", NOON + timedelta(hours=3), version=third.version)
    room.surveys.report(third.task_id, LIN, f"看过{SECRET}", ("photo-1",))
    sent = room.rows("select topic, value, headers::text from outbox")
    assert {topic for topic, _, _ in sent} == {"valuation.decisions", "valuation.review-progress"}
    for topic, value, headers in sent:
        assert SECRET.encode() not in bytes(value), topic
        assert SECRET not in headers
    kept = room.rows("select rationale from decision")
    assert kept == [(f"依据{SECRET}",)]


@pytest.mark.requirement("RD9", "SE3")
def test_a_case_is_there_when_it_is_offered_with_all_the_desk_knows(room):
    earlier = room.in_hand(WU, made.review("r-0"))
    room.decide(earlier, WU)
    task = room.put()
    with room.store.locked(task.task_id) as held:
        held.save(moves.offer(held.task, LIN, room.now, POLICY), Act(actor="desk", action="OFFER", at=room.now))
    with room.pool.connection() as connection:
        notes.write(connection, task.task_id, "wu", NOON, "转办说明", notes.NoteKind.TRANSFER)
    case = room.decisions.case(task.task_id, LIN)
    assert case.model is not None
    assert [(past.nearness, past.unit_price) for past in case.earlier] == [("UNIT", 41_500)]
    assert [note.text for note in case.notes] == ["转办说明"]
    assert [actor for actor, _ in room.acts("LOOK")] == ["lin"]
    with pytest.raises(TaskUnavailableError):
        room.decisions.case(task.task_id, WU)
    with room.pool.connection() as connection:
        notes.ask(connection, task.task_id, "lin", "wu", "楼层系数怎么取？", NOON)
    assert room.decisions.case(task.task_id, WU).subject == case.subject
    room.decisions.case(task.task_id, a_person("boss", roles=frozenset({Role.SUPERVISOR})))


def test_a_case_is_found_by_its_address_in_characters_or_pinyin_its_number_its_reviewer_and_its_day(room):
    task = room.in_hand(LIN)
    room.decide(task, LIN)
    room.put(made.review("r-2"), task_id="00000000-0000-0000-0000-000000000002", kind=Kind.SEEDED, internal=True)
    for text in ("翠苑三区", "cuiyuansanqu", "CYSQ", task.valuation_id, "lin", "2026-03-02"):
        assert [found.task_id for found in room.decisions.search(LIN, text)] == [task.task_id], text
    for text in ("", "   ", "%", "\x00", "2026-03-03", "2026-99-99", "somebody"):
        assert room.decisions.search(LIN, text) == (), text
    seen = room.decisions.search(a_person("boss", roles=frozenset({Role.SUPERVISOR})), "翠苑三区")
    assert {found.kind for found in seen} == {Kind.VALUATION, Kind.SEEDED}
    with pytest.raises(NotAllowedError):
        room.decisions.search(a_person("root", roles=frozenset({Role.ADMIN})), "翠苑")


@pytest.mark.requirement("RD14")
def test_a_survey_keeps_the_case_open_tells_the_channel_and_brings_it_back(room):
    task = room.in_hand(LIN)
    due = NOON + timedelta(hours=3)
    with pytest.raises(IncompleteDecisionError):
        room.surveys.order(task.task_id, LIN, "看", due, version=task.version)
    assert room.surveys.order(task.task_id, LIN, "查看装修和房屋实际用途", due, version=task.version) is (
        TaskState.WAIT_SURVEY
    )
    (news,) = room.sent(ReviewProgressed)
    assert (news.on_survey, news.due_at, news.desk) == (True, task.due_at, "YANGTZE_DELTA")
    (order,) = room.surveys.open(WU)
    assert (order.ordered_by, order.due_at, order.photos) == ("lin", due, [])
    assert room.surveys.report(task.task_id, WU, "毛坯，未入住，与登记一致", ("p-1", "p-2")) is TaskState.QUEUED
    back = room.task(task.task_id)
    assert (back.preferred, back.due_at) == ("lin", task.due_at)
    assert room.surveys.of_task(task.task_id)[0].photos == ["p-1", "p-2"]
    with pytest.raises(TaskUnavailableError):
        room.surveys.report(task.task_id, WU, "毛坯，未入住，与登记一致", ("p-1",))

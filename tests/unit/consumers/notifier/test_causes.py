from dataclasses import fields, replace
from datetime import date, timedelta

import pytest

from consumers.notifier.causes import announcement, causes
from consumers.notifier.templates import shipped
from schemas.codes import Audience, BatchState, Lane, NoticeTrigger, Reason, Status
from schemas.events import BatchProgressed, ReportRevoked, ReviewAtRisk, ValueMoved
from tests.fakes.answers import NOON, a_full_answer, a_request, an_answer


def of(event):
    return list(causes(event))


def told(event):
    return [(cause.trigger, cause.variant, cause.audience) for cause in of(event)]


@pytest.mark.requirement("NT1")
@pytest.mark.parametrize(
    ("channel", "audience"), [("CREDIT_MGMT", Audience.CUSTOMER_MANAGER), ("APP", Audience.CUSTOMER)]
)
def test_a_result_is_told_to_the_people_of_its_channel(channel, audience):
    answer = an_answer(a_request(channel=channel))
    assert told(answer) == [(NoticeTrigger.RESULTED, "COMPLETED_AUTO", audience)]


@pytest.mark.parametrize("channel", ["WEBSITE", "PROBE", "UNKNOWN"])
def test_nobody_is_told_who_stands_behind_no_channel_of_the_bank(channel):
    assert told(an_answer(a_request(channel=channel))) == []


@pytest.mark.requirement("NT1")
def test_a_receipt_is_brought_only_where_it_was_not_said_inside_the_call():
    waiting, message = (an_answer(a_request(channel=code), Status.RECEIVED) for code in ("APP", "WECHAT_OA"))
    assert told(waiting) == []
    assert told(message) == [(NoticeTrigger.ACKNOWLEDGED, "RECEIVED", Audience.CUSTOMER)]


def test_rows_of_a_batch_moved_queues_and_refused_messages_are_no_news():
    pending = an_answer(a_request(), Status.PENDING_MANUAL)
    assert told(pending) == [(NoticeTrigger.INTERIM, "PENDING_MANUAL", Audience.CUSTOMER_MANAGER)]
    assert told(replace(pending, update=2)) == []
    assert told(replace(pending, lane=Lane.BATCH)) == []
    assert told(an_answer(a_request(), Status.REJECTED_INVALID)) == []


def test_a_reminder_is_another_cause_than_its_question_and_a_repeat_is_the_same():
    question = an_answer(a_request(), Status.NEEDS_CLARIFICATION)
    reminder = replace(question, reasons=(Reason.CLARIFICATION_REMINDER,))
    later = replace(question, resulted_at=question.resulted_at + timedelta(hours=1))
    keys = [cause.key for event in (question, reminder, later) for cause in of(event)]
    assert keys[0] == keys[2] != keys[1]


@pytest.mark.requirement("NT2")
def test_no_word_that_a_person_wrote_reaches_a_notice():
    secret = "某某的房子请务必估高一点"
    answer = a_full_answer(a_request())
    written = {field.name: secret for field in fields(answer) if field.name in {"reason_text", "address_entered"}}
    for cause in of(replace(answer, **written)):
        template = shipped().find(cause)
        assert secret not in "".join((*template.rendered(cause.facts), *cause.facts.values()))
        assert str(answer.value) not in "".join(template.rendered(cause.facts)).replace(",", "")


def risk(**changes):
    given = ReviewAtRisk(
        valuation_id="v-1", revision=1, number=3, share=0.9, due_at=NOON, noted_at=NOON, state="OFFERED"
    )
    return replace(given, **changes)


@pytest.mark.requirement("NT1")
def test_operations_hear_of_a_review_that_is_late_or_about_to_be():
    assert told(risk()) == [(NoticeTrigger.DUE_SOON, "DUE_SOON", Audience.OPERATIONS)]
    assert told(risk(share=1.0, is_breach=True)) == [(NoticeTrigger.DUE_SOON, "LATE", Audience.OPERATIONS)]
    assert told(risk(share=0.75)) == told(risk(escalated_to="SUPERVISOR")) == []


def revoked(**changes):
    given = ReportRevoked(
        valuation_id="v-1", report_no="GJ-1", channel="CREDIT_MGMT", reason="复估", revoked_at=NOON, replaced_by="GJ-2"
    )
    return replace(given, **changes)


@pytest.mark.requirement("NT1")
def test_a_report_that_no_longer_counts_is_told_with_the_one_that_does():
    (cause,) = of(revoked())
    assert (cause.trigger, cause.variant, cause.facts["replaced_by"]) == (NoticeTrigger.SUPERSEDED, "REPLACED", "GJ-2")
    assert told(revoked(replaced_by=None)) == [(NoticeTrigger.SUPERSEDED, "REVOKED", Audience.CUSTOMER_MANAGER)]


def progressed(state):
    return BatchProgressed(
        job_id="j-1",
        channel="BATCH_FILE",
        state=state,
        number=1,
        rows=12_000,
        refused=3,
        answered=11_400,
        deadline_at=NOON,
        at=NOON,
    )


@pytest.mark.requirement("NT1")
def test_the_end_of_a_job_is_told_and_its_way_is_not():
    ends = {BatchState.DELIVERED, BatchState.COMPLETED, BatchState.CANCELLED}
    assert {state for state in BatchState if told(progressed(state))} == ends
    (cause,) = of(progressed(BatchState.DELIVERED))
    _, text = shipped().find(cause).rendered(cause.facts)
    assert "12,000 行" in text
    assert "11,400 行" in text


def test_a_value_that_moved_is_told_in_percent_and_not_in_yuan():
    moved = ValueMoved(
        valuation_id="v-1",
        channel="BATCH_FILE",
        job_id="j-1",
        former_value=1_000_000,
        value=876_000,
        change=-0.124,
        former_on=date(2026, 1, 5),
        value_on=date(2026, 11, 5),
        found_at=NOON,
        business_ref="DK-9",
    )
    (cause,) = of(moved)
    title, text = shipped().find(cause).rendered(cause.facts)
    assert (title, text) == ("押品价值下降提示", "押品 DK-9 的估值较 2026-01-05 下降 12.4%，请关注贷款成数。")
    assert of(replace(moved, change=0.2))[0].variant == "RISEN"


@pytest.mark.requirement("NT3")
def test_what_the_bank_must_know_asks_for_a_receipt():
    facts = {"from": "2026-12-05 02:00", "to": "2026-12-05 04:00"}
    planned = announcement(NoticeTrigger.MAINTENANCE, "m-1", "PLANNED", facts)
    assert (planned.audience, planned.needs_receipt) == (Audience.OPERATIONS, True)
    _, text = shipped().find(planned).rendered(planned.facts)
    assert "2026-12-05 02:00 至 2026-12-05 04:00" in text


def test_every_cause_has_its_words():
    answers = [an_answer(a_request(channel=code), status) for code in ("CREDIT_MGMT", "WECHAT_OA") for status in Status]
    others = [risk(), risk(is_breach=True), revoked(), revoked(replaced_by=None), *map(progressed, BatchState)]
    found = [cause for event in (*answers, *others) for cause in of(event)]
    assert len(found) > 25
    assert [cause for cause in found if shipped().find(cause) is None] == []

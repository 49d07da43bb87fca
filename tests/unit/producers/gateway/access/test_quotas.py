from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from producers.gateway.access.caller import Caller
from producers.gateway.access.quotas import LocalCounts, asking, quota_refusal, window
from producers.gateway.problems import Code, ProblemError
from schemas.codes import Reason, Status
from schemas.domain.channels import CHANNELS, Counted, Period, Quota
from schemas.ids import valuation_id
from tests.fakes.access import an_access
from tests.fakes.answers import NOON, a_request

LATE_EVENING = datetime(2026, 3, 1, 15, 59, tzinfo=UTC)  # 23:59 in Shanghai


def a_caller(code="NET_BANK", *, quota=None, quotas=(), subject=None):
    wanted = (quota, *quotas) if quota is not None else quotas
    channel = replace(CHANNELS[code], quotas=wanted) if wanted else CHANNELS[code]
    return Caller(channel=channel, credential=f"{code}/1", scopes=frozenset(), subject=subject)


def asked_for(number, code="NET_BANK", *, subject="customer-1", **fields):
    request_id = f"r-{number}"
    return replace(
        a_request(),
        channel=code,
        client_request_id=request_id,
        valuation_id=valuation_id(code, request_id),
        subject_token=subject,
        **fields,
    )


def doors(*times):
    """Doors whose clock shows these times one after the other, and the last one from then on."""
    clock = list(times or (NOON,))
    return an_access({}, clock=lambda: clock.pop(0) if len(clock) > 1 else clock[0], monotonic_s=lambda: 0.0)


async def refused(access, caller, requested):
    try:
        await access.within_quota(caller, requested)
    except ProblemError as problem:
        return problem
    return None


@pytest.mark.requirement("IN5")
async def test_the_request_after_the_last_is_refused_and_told_when_to_come_again():
    access, caller = doors(LATE_EVENING), a_caller()
    for number in range(30):
        assert await refused(access, caller, asked_for(number)) is None
    problem = await refused(access, caller, asked_for(30))
    assert (problem.code, problem.status, problem.retry_after_s) == (Code.QUOTA_EXCEEDED, 429, 60)
    assert problem.problems[0].message == "每位客户每日最多 30 笔，已用完，请在下一周期再试。"
    assert await refused(access, caller, asked_for(31, subject="customer-2")) is None


@pytest.mark.requirement("IN5")
async def test_a_repeat_counts_once_and_is_let_through_when_the_quota_is_used_up():
    access, caller = doors(), a_caller(quota=Quota(count=2, per=Period.DAY, of=Counted.TOKEN))
    assert [await refused(access, caller, asked_for(number)) for number in (1, 1, 1, 2, 1)] == [None] * 5
    assert (await refused(access, caller, asked_for(3))) is not None


@pytest.mark.requirement("IN5")
async def test_a_flood_on_a_public_channel_leaves_the_internal_one_alone():
    access = doors()
    visitor = a_caller("WEBSITE", subject="a-visitor")
    flood = [await refused(access, visitor, asked_for(n, "WEBSITE", subject=None)) for n in range(200)]
    assert sum(problem is None for problem in flood) == 10
    staff = a_caller("CREDIT_MGMT")
    assert {await refused(access, staff, asked_for(n, "CREDIT_MGMT")) for n in range(500)} == {None}


async def test_a_whole_channel_may_be_counted_whoever_its_customers_are():
    access, caller = doors(), a_caller(quota=Quota(count=2, per=Period.HOUR, of=Counted.CHANNEL))
    answers = [await refused(access, caller, asked_for(n, subject=f"customer-{n}")) for n in range(3)]
    assert [problem is None for problem in answers] == [True, True, False]


async def test_without_a_customer_nothing_is_counted_by_customer():
    access, caller = doors(), a_caller(quota=Quota(count=1, per=Period.DAY, of=Counted.TOKEN))
    assert {await refused(access, caller, asked_for(n, subject=None)) for n in range(5)} == {None}


def test_days_and_hours_are_those_of_shanghai():
    assert window(Period.DAY, LATE_EVENING) == (
        datetime(2026, 2, 28, 16, tzinfo=UTC),
        datetime(2026, 3, 1, 16, tzinfo=UTC),
    )
    assert window(Period.HOUR, LATE_EVENING) == (
        datetime(2026, 3, 1, 15, tzinfo=UTC),
        datetime(2026, 3, 1, 16, tzinfo=UTC),
    )


def test_a_new_day_begins_a_new_count():
    quota = Quota(count=1, per=Period.DAY, of=Counted.TOKEN)
    counts, caller = LocalCounts(), a_caller(quota=quota)
    days = [LATE_EVENING, LATE_EVENING + timedelta(seconds=59), LATE_EVENING + timedelta(seconds=60)]
    admitted = [not counts.admit(asking(caller, asked_for(n), now)) for n, now in enumerate(days)]
    assert admitted == [True, False, True]


@pytest.mark.requirement("IN5")
async def test_a_request_number_of_yesterday_is_no_way_round_todays_quota():
    once = Quota(count=1, per=Period.DAY, of=Counted.TOKEN)
    day = timedelta(days=1)
    access = doors(NOON, NOON + day - timedelta(seconds=1), NOON + day - timedelta(seconds=1), NOON + day)
    caller = a_caller(quota=once)
    answers = [await refused(access, caller, asked_for(number)) for number in (1, 1, 2, 1)]
    # the second is a repeat of the first, the third takes today's place, the fourth is a new valuation by now
    assert [problem is None for problem in answers] == [True, True, True, False]


@pytest.mark.requirement("IN5")
async def test_a_visitor_that_takes_new_marks_is_stopped_by_the_quota_of_the_whole_website():
    limits = (
        Quota(count=2, per=Period.HOUR, of=Counted.TOKEN),
        Quota(count=5, per=Period.HOUR, of=Counted.CHANNEL),
    )
    access = doors()
    answers = []
    for number in range(9):
        caller = a_caller("WEBSITE", quotas=limits, subject=f"mark-{number // 3}")
        answers.append(await refused(access, caller, asked_for(number, "WEBSITE", subject=None)))
    assert [problem is None for problem in answers] == [True, True, False, True, True, False, True, False, False]
    assert [one.field for one in answers[2].problems] == ["subject_token"]
    assert [one.field for one in answers[8].problems] == ["channel"]


async def test_what_one_quota_refuses_uses_up_no_other():
    limits = (Quota(count=1, per=Period.HOUR, of=Counted.TOKEN), Quota(count=2, per=Period.HOUR, of=Counted.CHANNEL))
    access = doors()
    one, other = (a_caller("WEBSITE", quotas=limits, subject=mark) for mark in ("one", "other"))
    answers = [await refused(access, who, asked_for(n, "WEBSITE")) for n, who in enumerate((one, one, one, other))]
    assert [problem is None for problem in answers] == [True, False, False, True]


def test_a_refusal_says_why_and_overwrites_no_answer():
    told = quota_refusal(asked_for(1, address="杭州市文三路1号 13800138000"), CHANNELS["NET_BANK"], now=NOON)
    assert (told.status, told.reasons, told.revision) == (Status.REJECTED_INVALID, (Reason.QUOTA_EXCEEDED,), 0)
    assert told.problems[0].field == "subject_token"
    assert "13800138000" not in told.address_entered

"""Rates of C-04 and what outcomes say of a model, on hand-made cases."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from consumers.ledger.deviation import Exclusion, MatchedBy
from consumers.ledger.monitoring import bias_watch, coverage_watch, watch, window
from consumers.ledger.outcomes import Alone, Outcome, StagePair, stage_drift
from consumers.ledger.rates import Term, rate_report
from schemas.codes import AppraisalKind
from schemas.domain.measures import wilson

TODAY = date(2026, 6, 30)
NOON = datetime(2026, 6, 30, 4, 0, tzinfo=UTC)
CASE = Outcome(
    appraisal_id=UUID(int=1),
    valuation_id=UUID(int=2),
    number="A-1",
    kind=AppraisalKind.OFFLINE_APPRAISAL,
    source="office",
    is_blind=True,
    matched_by=MatchedBy.UNIT,
    days_apart=0,
    excluded=None,
    deviation=0.0,
    is_within=True,
    status="COMPLETED_AUTO",
    is_automatic=True,
    city="杭州市",
    property_type="APARTMENT",
    model="residential 3",
    segment="330100/RESIDENTIAL",
    p10=0.8,
    model_value=1_000_000,
    value=1_000_000,
    lower=900_000,
    upper=1_100_000,
    value_date=date(2026, 6, 1),
    reference=1_000_000,
    on_date=date(2026, 6, 1),
    reported_at=NOON,
)


def cases(count, ratio=1.0, **changes):
    """`count` cases whose value is `ratio` times the reference."""
    value = round(1_000_000 * ratio)
    told = {"value": value, "deviation": ratio - 1, "is_within": abs(ratio - 1) <= 0.1}
    return [replace(CASE, appraisal_id=UUID(int=number), **told | changes) for number in range(count)]


@pytest.mark.requirement("VM4")
def test_the_rate_stands_by_city_type_and_model_and_people_stand_apart():
    elsewhere = cases(5, 1.2, city="宁波市")
    report = rate_report(cases(20) + elsewhere + cases(7, 1.3, is_automatic=False), [])
    assert (report.automatic.n, report.automatic.within, report.automatic.share) == (25, 20, 0.8)
    assert report.automatic.interval == wilson(20, 25)
    assert (report.manual.n, report.manual.within) == (7, 0)
    segments = {(one.city, one.is_automatic): (one.rate.n, one.rate.within) for one in report.segments}
    assert segments == {("宁波市", True): (5, 0), ("杭州市", False): (7, 0), ("杭州市", True): (20, 20)}


@pytest.mark.requirement("VM4")
@pytest.mark.parametrize(
    ("within", "beyond", "alarm", "hold"),
    [
        (34, 6, False, False),  # 85 % exactly
        (33, 7, True, False),
        (28, 12, True, False),  # 70 % exactly
        (27, 13, True, True),
        (0, 29, False, False),  # 29 cases are too few to say anything
        (0, 30, True, True),
    ],
)
def test_below_85_per_cent_is_an_alarm_and_below_70_a_hold_is_proposed(within, beyond, alarm, hold):
    report = rate_report(cases(within) + cases(beyond, 1.2), [])
    (segment,) = report.segments
    assert (segment.rate.is_alarm, segment.rate.hold_proposed) == (alarm, hold)
    assert report.hold == ((segment,) if hold else ())
    assert (report.automatic.is_alarm, report.automatic.hold_proposed) == (alarm, False)


@pytest.mark.requirement("VM4")
def test_a_segment_of_people_is_never_proposed_for_a_hold():
    report = rate_report(cases(40, 1.5, is_automatic=False), [])
    assert report.segments[0].rate.is_alarm
    assert not report.hold


@pytest.mark.requirement("VM4")
def test_what_does_not_count_is_counted_apart_and_the_unmatched_are_listed():
    alone = Alone(appraisal_id=UUID(int=9), number="A-9", kind="x", source="s", on_date=TODAY, reason="AREA_MISSING")
    early = cases(3, value_date=date(2025, 12, 31))
    excluded = cases(2, excluded=Exclusion.NOT_ELIGIBLE)
    report = rate_report(cases(4) + early + excluded, [alone], Term(first=date(2026, 1, 1), last=date(2026, 12, 31)))
    assert (report.automatic.n, report.excluded) == (4, {"NOT_ELIGIBLE": 2, "OUT_OF_TERM": 3})
    assert report.unmatched == (alone,)


def test_a_statistic_of_fewer_than_30_is_left_out():
    assert rate_report(cases(29), []).automatic.mdape is None
    whole = rate_report(cases(15, 1.04) + cases(15, 0.98), []).automatic
    assert (whole.mdape, whole.bias) == (pytest.approx(0.03), pytest.approx(0.01))


def test_a_window_holds_what_arrived_in_its_weeks_and_tells_the_lag():
    old = cases(30, 1.5, reported_at=NOON - timedelta(weeks=4))  # on the day on which the window has not begun
    found = window(cases(30, 1.05) + old, 4, TODAY)
    assert (found.n, found.mdape, found.ppe10, found.bias) == (30, pytest.approx(0.05), 1.0, pytest.approx(0.05))
    assert (found.cod, found.lag_days) == (pytest.approx(0, abs=1e-9), 29)
    assert window(old, 12, TODAY).ppe10 == 0.0
    assert window(cases(29), 4, TODAY).mdape is None


@pytest.mark.parametrize(
    ("before", "now", "alarm"),
    [(1.03, 1.03, True), (0.97, 0.97, True), (1.03, 0.97, False), (1.01, 1.03, False), (1.03, 1.019, False)],
)
def test_two_weeks_of_bias_to_one_side_are_an_alarm(before, now, alarm):
    last_week = cases(30, before, reported_at=NOON - timedelta(weeks=1))
    assert bias_watch(last_week + cases(30, now), TODAY).is_alarm is alarm
    assert not bias_watch(last_week[:29] + cases(30, now), TODAY).is_alarm


@pytest.mark.parametrize(("outside", "alarm"), [(20, False), (26, False), (27, True), (14, False), (13, True)])
def test_intervals_must_cover_what_they_promise_within_three_points_of_200(outside, alarm):
    told = cases(200 - outside) + cases(outside, reference=2_000_000)
    found = coverage_watch(told)
    assert (found.n, found.coverage, found.is_alarm) == (200, pytest.approx(1 - outside / 200), alarm)
    assert coverage_watch(told[1:]).coverage is None


def test_only_automatic_values_against_blind_references_are_watched():
    seen, manual = cases(30, is_blind=False), cases(30, is_automatic=False)
    audits = cases(30, 1.04, kind="AUDIT")
    found = watch(cases(30) + seen + manual + audits + cases(30, excluded=Exclusion.DATES_APART), TODAY)
    assert [(one.reference, one.windows[0].n, one.windows[0].bias) for one in found] == [
        ("AUDIT", 30, pytest.approx(0.04)), ("OFFLINE_APPRAISAL", 30, pytest.approx(0)),
    ]  # fmt: skip


@pytest.mark.requirement("VM10")
def test_drift_between_loan_stages_has_a_median_and_a_greatest():
    pair = StagePair(
        property_key="c-1|3|2|501", pre_loan_id=UUID(int=1), in_loan_id=UUID(int=2), pre_loan_on=TODAY,
        in_loan_on=TODAY, pre_loan_area_m2=90.0, in_loan_area_m2=90.0, pre_loan_value=1_000_000,
        in_loan_value=1_030_000, pre_loan_model="m 1", in_loan_model="m 2", city=None, property_type="APARTMENT",
    )  # fmt: skip
    pairs = [replace(pair, in_loan_value=value) for value in (1_030_000, 1_010_000, 920_000)]
    assert stage_drift(pairs) == {
        "n": 3, "median_drift": pytest.approx(0.01), "greatest_drift": pytest.approx(-0.08),
    }  # fmt: skip
    assert stage_drift([]) == {"n": 0, "median_drift": None, "greatest_drift": None}

from datetime import UTC, datetime, timedelta

import pytest

from schemas.codes import Status
from schemas.domain.automation import Alert, Answered, automation

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def answered(status=Status.COMPLETED_AUTO, *, ago=timedelta(0), touched=False, kind="RESIDENTIAL") -> Answered:
    return Answered(received_at=NOW - ago, status=status, human_touched=touched, property_class=kind)


def of_day(cases):
    return next(one for one in automation(cases, NOW, windows=(DAY,)) if not one.property_class)


@pytest.mark.requirement("RT3")
@pytest.mark.parametrize(
    ("automatic", "alert"), [(100, None), (92, None), (91, Alert.WARNING), (90, Alert.WARNING), (89, Alert.ALARM)]
)
def test_a_ratio_under_92_per_cent_warns_and_under_90_alarms(automatic, alert):
    cases = [answered()] * automatic + [answered(Status.PENDING_MANUAL)] * (100 - automatic)
    found = of_day(cases)
    assert (found.ratio, found.alert) == (automatic / 100, alert)


@pytest.mark.requirement("RT3")
def test_windows_roll_and_forget_what_is_older():
    cases = [answered(Status.PENDING_MANUAL)] * 30 + [answered(ago=timedelta(days=3))] * 970
    day, week = automation(cases, NOW, windows=(DAY, 7 * DAY))[::2]
    assert (day.counted, day.alert) == (30, Alert.ALARM)
    assert (week.counted, week.alert) == (1_000, None)


def test_nobody_is_woken_for_fewer_than_thirty_answers():
    assert of_day([answered(Status.PENDING_MANUAL)] * 29).alert is None
    assert of_day([]).ratio is None


def test_a_value_a_person_touched_is_not_automatic_and_what_lies_outside_is_not_counted():
    found = of_day([answered(), answered(touched=True), answered(Status.OUT_OF_COVERAGE), answered(Status.FAILED)])
    assert (found.counted, found.automatic) == (3, 1)


@pytest.mark.requirement("VM5")
def test_commercial_property_is_counted_by_itself():
    cases = [answered()] * 40 + [answered(Status.PENDING_MANUAL, kind="COMMERCIAL")] * 40
    together, commercial, residential = automation(cases, NOW, apart=frozenset({"COMMERCIAL"}), windows=(DAY,))
    assert (together.ratio, residential.ratio, commercial.ratio) == (1.0, 1.0, 0.0)

"""Asking a person outside opening hours: the request goes on at once, and says until when it will be answered."""

from datetime import datetime

import pytest

from schemas.codes import Lane, Status
from schemas.domain.worktime import SHANGHAI
from streams.routing.degraded import DegradedDesk
from streams.routing.stage import RoutingStage


def at(day, hour, minute=0, *, month=11):
    return datetime(2026, month, day, hour, minute, tzinfo=SHANGHAI)


@pytest.mark.requirement("RT5", "RD1")
@pytest.mark.parametrize(
    ("received_at", "due", "said"),
    [
        (at(27, 16, 59), at(30, 16, 59), "11月30日16:59"),  # the last minute of a Friday
        (at(27, 17), at(30, 17), "11月30日17:00"),
        (at(27, 18, 30), at(30, 17), "11月30日17:00"),
        (at(28, 3), at(30, 17), "11月30日17:00"),  # the night to Saturday
        (at(30, 8, 59), at(30, 17), "11月30日17:00"),
        (at(30, 13, month=9), at(8, 13, month=10), "10月8日13:00"),  # before National Day
        (at(9, 18, month=10), at(10, 17, month=10), "10月10日17:00"),  # the Saturday that is worked for it
    ],
)
def test_whenever_it_comes_a_doubtful_value_goes_to_people_with_its_due_time(
    scored, policy, admitted, received_at, due, said
):
    stage = RoutingStage(lambda: policy, lambda: received_at, Lane.ONLINE, standings=admitted, desk=DegradedDesk())
    (outcome,) = stage.handle([scored("MOBILE_BANK", p10=0.3, received_at=received_at)])
    review, interim = (output.event for output in outcome.outputs)
    assert interim.status is Status.PENDING_MANUAL
    assert review.due_at == interim.due_at == due
    assert said in interim.reason_text

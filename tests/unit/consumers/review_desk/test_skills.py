"""Where skills are short of what cases ask for."""

from dataclasses import replace
from datetime import date

import pytest

from consumers.review_desk.oversight.skills import Gap, certificate_runs_out, gaps
from tests.fakes.supervised import LIN, SUN, WU

TODAY = date(2026, 6, 15)
FLATS, VILLAS = "YANGTZE_DELTA/RESIDENTIAL", "YANGTZE_DELTA/VILLA"


@pytest.mark.requirement("RD16")
def test_a_skill_with_demand_and_fewer_than_two_who_work_alone_is_a_gap():
    people = [
        replace(LIN, main_queue=FLATS, skills={VILLAS: 2, "DISPUTE": 4}),
        replace(WU, skills={FLATS: 3, "DISPUTE": 5}),
    ]
    asked = {FLATS: 90, VILLAS: 12, "DISPUTE": 3, "ADDRESS": 40, "OUTLIER": 0}
    assert gaps(asked, people, TODAY) == (
        Gap(code="ADDRESS", cases=40, able=()),
        Gap(code=VILLAS, cases=12, able=()),
    )


@pytest.mark.requirement("RD16")
def test_who_may_have_no_task_closes_no_gap():
    skilled = replace(LIN, skills={VILLAS: 5})
    people = [
        skilled,
        replace(WU, skills={VILLAS: 5}, certified_until=date(2026, 6, 14)),
        replace(SUN, is_active=False),
    ]
    assert gaps({VILLAS: 1}, people, TODAY) == (Gap(code=VILLAS, cases=1, able=("lin",)),)


@pytest.mark.parametrize(
    ("until", "soon"), [(None, True), (date(2026, 7, 14), True), (date(2026, 7, 15), False)], ids=str
)
def test_a_certificate_is_watched_for_thirty_days(until, soon):
    assert certificate_runs_out(replace(LIN, certified_until=until), TODAY) is soon

"""People and tasks of the desk, for tests."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from consumers.review_desk.people.staff import Grade, Person, Role
from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.regions import Region
from consumers.review_desk.task import Task

MONDAY_NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)  # 12:00 in Shanghai, an ordinary working day
POLICY = DeskPolicy()
HOME = "YANGTZE_DELTA/RESIDENTIAL"


def person(username: str, **changes: Any) -> Person:
    """A reviewer of the Yangtze delta's residential queue, fit to work."""
    made = Person(
        username=username,
        name=username.title(),
        grade=Grade.G2,
        roles=frozenset({Role.REVIEWER}),
        main_queue=HOME,
        skills=MappingProxyType({HOME: 3}),
        certified_until=date(2030, 1, 1),
    )
    return replace(made, **changes)


def task(number: str = "1", **changes: Any) -> Task:
    """A task of that queue, waiting since noon."""
    made = Task(
        task_id=f"00000000-0000-0000-0000-{number:>012}",
        valuation_id=f"00000000-0000-0000-0000-{number:>012}",
        revision=1,
        region=Region.YANGTZE_DELTA,
        city="杭州市",
        property_type="APARTMENT",
        skill="RESIDENTIAL",
        community_id="c-1",
        address="杭州市西湖区文三路1号",
        area_m2=Decimal("89.50"),
        reasons=("WIDE_RANGE",),
        model_value=3_669_500,
        priority=50,
        received_at=MONDAY_NOON,
        requested_at=MONDAY_NOON,
        due_at=MONDAY_NOON + timedelta(days=1),
        queued_at=MONDAY_NOON,
    )
    return replace(made, **changes)

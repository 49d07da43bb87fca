"""People and tasks of a supervisor's desk: lin and wu value, sun oversees them and may value, too."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from consumers.review_desk.people.staff import Grade, Person, Role
from consumers.review_desk.regions import Region
from consumers.review_desk.task import Task, TaskState

NOW = datetime(2026, 6, 15, 2, 0, tzinfo=UTC)
LIN = Person(
    username="lin",
    name="林审",
    grade=Grade.G2,
    roles=frozenset({Role.REVIEWER}),
    regions=frozenset({Region.YANGTZE_DELTA}),
    certified_until=date(2027, 1, 1),
)
WU = replace(LIN, username="wu", name="吴核", grade=Grade.G3)
SUN = replace(LIN, username="sun", name="孙班", roles=frozenset({Role.SUPERVISOR, Role.SENIOR}), grade=Grade.G4)


def a_task(task_id: str = "t-1", **changes) -> Task:
    """A task in lin's hands unless said otherwise."""
    task = Task(
        task_id=task_id,
        valuation_id="v-1",
        revision=1,
        region=Region.YANGTZE_DELTA,
        city="杭州市",
        property_type="APARTMENT",
        skill="RESIDENTIAL",
        address="翠苑三区3幢",
        area_m2=Decimal("89.50"),
        reasons=("WIDE_RANGE",),
        priority=50,
        received_at=NOW - timedelta(hours=1),
        requested_at=NOW - timedelta(hours=1),
        due_at=NOW + timedelta(hours=7),
        state=TaskState.WORKING,
        queued_at=NOW - timedelta(hours=1),
        reviewer="lin",
        claimed_at=NOW - timedelta(minutes=5),
        lease_until=NOW + timedelta(minutes=5),
        lease_ends_at=NOW + timedelta(minutes=25),
        draft={"unit_price": 40_000},
    )
    return replace(task, **changes)


def queued(**changes) -> Task:
    nobody = {
        "state": TaskState.QUEUED,
        "reviewer": None,
        "claimed_at": None,
        "lease_until": None,
        "lease_ends_at": None,
    }
    return a_task(**nobody | changes)

"""Which sources can be relied on, by their latest deliveries."""

from datetime import UTC, date, datetime, timedelta

import pytest

from schemas.codes import SourceKind
from schemas.domain.breaker import BreakerState
from schemas.domain.deliveries import Deliveries, state_of
from schemas.events import SourceDelivery, SourceLicence

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


def a_delivery(source="a", *, at=NOW, closed_until=None, failures=0):
    return SourceDelivery(
        source=source, delivered_at=at, loaded=1, rejected=0, failures=failures, closed_until=closed_until
    )


def a_licence(source="a", fresh_within_days=7):
    return SourceLicence(
        source=source,
        kind=SourceKind.DICTIONARY,
        holder="h",
        reference="r",
        allowed_uses=("DICTIONARY",),
        valid_from=date(2026, 1, 1),
        approved_by="s-1",
        second_approver="s-2",
        approved_at=NOW,
        fresh_within_days=fresh_within_days,
    )


@pytest.fixture
def deliveries():
    return Deliveries()


@pytest.mark.requirement("RT8")
def test_a_source_is_degraded_from_the_trip_until_a_good_delivery_closes_its_breaker(deliveries):
    deliveries.delivered("a", a_delivery(failures=3, closed_until=NOW + HOUR))
    assert deliveries.degraded(["b", "a", "a"], NOW) == ("a",)
    assert deliveries.degraded(["a"], NOW + 2 * HOUR) == ("a",), "a trial that is still to come proves nothing"
    deliveries.delivered("a", a_delivery())
    assert deliveries.degraded(["a"], NOW) == ()


@pytest.mark.requirement("RT8")
def test_bad_deliveries_below_the_trip_and_sources_that_never_delivered_are_trusted(deliveries):
    deliveries.delivered("a", a_delivery(failures=2))
    assert deliveries.degraded(["a", "b"], NOW) == deliveries.unavailable(["a", "b"], NOW) == ()
    assert state_of(None, NOW) is BreakerState.CLOSED


@pytest.mark.requirement("VF3")
def test_a_source_that_is_silent_for_longer_than_it_may_be_cannot_answer_but_has_no_open_breaker(deliveries):
    deliveries.licensed("a", a_licence(fresh_within_days=7))
    deliveries.delivered("a", a_delivery(at=NOW - timedelta(days=7)))
    assert deliveries.unavailable(["a"], NOW) == (), "the boundary passes"
    assert deliveries.unavailable(["a"], NOW + timedelta.resolution) == ("a",)
    assert deliveries.degraded(["a"], NOW + timedelta.resolution) == ()


@pytest.mark.requirement("VF3")
def test_one_that_may_be_silent_is_never_stale(deliveries):
    deliveries.licensed("a", a_licence(fresh_within_days=7))
    deliveries.delivered("a", a_delivery(at=NOW - timedelta(days=900)))
    deliveries.licensed("a", a_licence(fresh_within_days=None))
    assert deliveries.unavailable(["a"], NOW) == ()


def test_what_is_deleted_is_forgotten(deliveries):
    deliveries.delivered("a", a_delivery(failures=3, closed_until=NOW + HOUR))
    deliveries.delivered("a", None)
    assert deliveries.unavailable(["a"], NOW) == ()

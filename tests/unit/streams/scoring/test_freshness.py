"""Ages of sources by city: named when they are silent too long, and felt in the chance to be within ten per cent."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codes import SourceKind
from schemas.events import SourceLicence, SourceUsed
from streams.scoring.arrivals import Arrivals
from streams.scoring.freshness import PRICE_INDEX, days_over, lineage, lowered
from streams.scoring.licences import Licences

ON = date(2026, 7, 1)


def licence(source, fresh_within_days):
    return SourceLicence(
        source=source,
        kind=SourceKind.DEALS,
        holder="甲数据公司",
        reference=f"HT-{source}",
        allowed_uses=("COMPARABLES",),
        valid_from=date(2026, 1, 1),
        approved_by="E1001",
        second_approver="E1002",
        approved_at=datetime(2025, 12, 20, tzinfo=UTC),
        fresh_within_days=fresh_within_days,
    )


def licences(**limits):
    return Licences(rows={source: licence(source, days) for source, days in limits.items()})


@pytest.fixture
def deal(tools):
    def at(days_ago, **changes):
        day = ON - timedelta(days=days_ago)
        made = replace(tools.deals(1)[0], deal_date=day - timedelta(days=5), known_on=day, source="a")
        return replace(made, **{"deal_id": f"d{days_ago}", **changes})

    return at


def arrival(deal):
    return deal.city, deal.source, deal.known_on.toordinal()


def arrivals(*deals):
    made = Arrivals()
    for one in deals:
        made.put(*arrival(one))
    return made


def used_in(city, known, rules, *, on=ON, index_as_of=None):
    sources = known.sources(city)
    return lineage(sources, city, on, arrivals=known, licences=rules, index_as_of=index_as_of)


@pytest.mark.requirement("VM7")
@pytest.mark.parametrize(("age", "stale"), [(1, False), (14, False), (15, True), (200, True)])
def test_a_source_is_stale_once_its_newest_row_is_older_than_it_may_be(deal, age, stale):
    (used,) = used_in("甲市", arrivals(deal(age), deal(300)), licences(a=14))
    assert used == SourceUsed(source="a", reference="HT-a", newest_on=ON - timedelta(days=age), is_stale=stale)


@pytest.mark.requirement("VM7")
def test_each_source_and_city_has_its_own_age(deal):
    known = arrivals(deal(3), deal(40, source="b"), deal(90, city="乙市"))
    rules = licences(a=14, b=30)
    here = used_in("甲市", known, rules)
    assert [(one.source, one.is_stale) for one in here] == [("a", False), ("b", True)]
    assert days_over(here, ON, rules) == 10
    (there,) = used_in("乙市", known, rules)
    assert there.is_stale


def test_a_value_of_an_earlier_day_sees_the_ages_of_that_day(deal):
    known, rules = arrivals(deal(0), deal(60)), licences(a=14)
    (then,) = used_in("甲市", known, rules, on=ON - timedelta(days=50))
    assert (then.newest_on, then.is_stale) == (ON - timedelta(days=60), False)


def test_a_source_without_a_limit_may_be_silent(deal):
    rules = licences(a=None)
    used = used_in("甲市", arrivals(deal(900)), rules)
    assert not used[0].is_stale
    assert days_over(used, ON, rules) == 0


@pytest.mark.requirement("VM7")
def test_the_price_index_is_watched_once_it_is_registered(deal):
    known, learned = arrivals(deal(1)), ON - timedelta(days=40)
    assert len(used_in("甲市", known, licences(a=14), index_as_of=learned)) == 1
    rules = Licences(rows={PRICE_INDEX: licence(PRICE_INDEX, 28), "a": licence("a", 14)})
    used = used_in("甲市", known, rules, index_as_of=learned)
    assert [(one.source, one.is_stale) for one in used] == [("a", False), (PRICE_INDEX, True)]
    assert days_over(used, ON, rules) == 12


def test_a_deal_that_goes_no_longer_counts(deal):
    newest, older = deal(1), deal(30)
    known = arrivals(newest, older)
    known.remove(*arrival(newest))
    assert known.newest("甲市", "a", ON) == older.known_on
    known.remove(*arrival(older))
    assert (known.newest("甲市", "a", ON), known.sources("甲市"), known.cities()) == (None, (), ())


@pytest.mark.requirement("VM7")
def test_four_silent_weeks_cost_what_was_measured():
    assert lowered(0.75, 28) == pytest.approx(0.75 - 0.098)


@given(st.floats(0.01, 0.99), st.integers(0, 2000), st.integers(0, 2000))
def test_older_evidence_never_raises_the_certainty(p10, some, more):
    assert lowered(p10, 0) == p10
    assert 0 < lowered(p10, some + more) <= lowered(p10, some) <= p10

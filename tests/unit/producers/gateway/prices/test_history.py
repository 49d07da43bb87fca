from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.gateway.prices.feed import PriceFeed
from producers.gateway.prices.history import FEWEST_DEALS, MonthPrice, PriceHistory
from producers.gateway.prices.licences import ShownSources
from schemas.codes import PropertyType, SourceKind
from schemas.domain.provenance import decision_source
from schemas.events import Deal, SourceLicence
from tests.fakes.answers import CODEC

TODAY = date(2026, 3, 2)


def a_deal(number, **changes):
    given_ = {
        "community_id": "c1",
        "city": "杭州市",
        "deal_date": date(2026, 1, 5),
        "area_m2": 90.0,
        "unit_price": 50_000.0,
    }
    return Deal(deal_id=f"d{number}", **{**given_, "source": "registry", **changes})


def a_licence(**changes):
    allowed = {"allowed_uses": ("COMPARABLES",), "valid_from": date(2026, 1, 1), "valid_until": None}
    return SourceLicence(
        source="registry",
        kind=next(iter(SourceKind)),
        holder="某交易所",
        reference="L-1",
        approved_by="A1",
        second_approver="A2",
        approved_at=datetime(2026, 1, 1, tzinfo=UTC),
        **{**allowed, **changes},
    )


def history_of(*deals):
    history = PriceHistory()
    history.apply({deal.deal_id: deal for deal in deals})
    return history


def everything(_source):
    return True


def test_a_month_is_the_mean_of_its_deals_and_fewer_than_three_are_not_shown():
    january = [a_deal(n, unit_price=price) for n, price in enumerate((50_000, 52_000, 54_001))]
    february = [a_deal(n, deal_date=date(2026, 2, 1)) for n in range(10, 10 + FEWEST_DEALS - 1)]
    history = history_of(*january, *february)
    assert history.months("c1", everything) == (MonthPrice(month="2026-01", unit_price=52_000, deals=3),)
    assert history.months("another", everything) == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"property_type": PropertyType.SHOP},
        {"unit_price": 0.0},
        {"unit_price": float("nan")},
        {"source": decision_source(blind=True)},
    ],
)
def test_shops_prices_that_are_none_and_judgements_do_not_count(changes):
    assert history_of(*(a_deal(n, **changes) for n in range(5))).months("c1", everything) == ()


def test_a_corrected_deal_counts_once_and_a_withdrawn_one_not_at_all():
    history = history_of(*(a_deal(n) for n in range(5)))
    history.apply({"d0": a_deal(0, unit_price=60_000), "d1": a_deal(1, community_id="c2"), "d2": None})
    assert history.months("c1", everything) == (MonthPrice(month="2026-01", unit_price=53_333, deals=3),)
    assert len(history) == 4


@given(st.lists(st.dictionaries(st.integers(0, 12), st.none() | st.integers(10_000, 90_000), max_size=9), max_size=9))
def test_whatever_comes_in_whatever_order_the_last_word_on_each_deal_counts(batches):
    history, standing = PriceHistory(), {}
    for batch in batches:
        history.apply({f"d{n}": None if price is None else a_deal(n, unit_price=price) for n, price in batch.items()})
        standing |= batch
    prices = [price for price in standing.values() if price is not None]
    shown = [(one.deals, one.unit_price) for one in history.months("c1", everything)]
    expected = [(len(prices), round(sum(prices) / len(prices)))] if len(prices) >= FEWEST_DEALS else []
    assert shown == expected
    assert len(history) == len(prices)


@pytest.mark.requirement("VM3")
@pytest.mark.parametrize(
    ("licence", "is_shown"),
    [
        (a_licence(), True),
        (a_licence(allowed_uses=("TRAINING",)), False),
        (a_licence(valid_until=date(2026, 3, 1)), False),
        (a_licence(valid_from=date(2026, 3, 3)), False),
        (a_licence(revoked_at=datetime(2026, 2, 1, tzinfo=UTC)), False),
        (None, False),
    ],
)
def test_only_sources_whose_licence_allows_it_today_are_shown(licence, is_shown):
    history, sources = PriceHistory(), ShownSources(today=lambda: TODAY)
    feed = PriceFeed(history, sources, CODEC, source_topics=frozenset({"sources"}))
    for deal in map(a_deal, range(3)):
        feed.take("deals", deal.deal_id.encode(), CODEC.encode(deal))
    feed.take("sources", b"registry", CODEC.encode(licence) if licence else None)
    feed.settle()
    assert bool(history.months("c1", sources.may_be_shown)) is is_shown


def test_where_no_bank_is_served_no_licence_is_needed():
    assert ShownSources(today=lambda: TODAY, waived=True).may_be_shown("anything")


def test_what_cannot_be_read_is_counted_and_passed_over():
    history = PriceHistory()
    feed = PriceFeed(history, ShownSources(today=lambda: TODAY), CODEC, source_topics=frozenset({"sources"}))
    feed.take("deals", b"d1", b"nonsense")
    feed.take("deals", b"d2", CODEC.encode(a_deal(2)))
    feed.settle()
    assert (feed.unreadable, len(history)) == (1, 1)

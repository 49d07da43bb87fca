"""Shops by two methods: rents beside deals, from the outside of a batch."""

from dataclasses import replace
from datetime import timedelta
from math import exp, log

import numpy as np
import pytest

from schemas.catalogue import RENTS
from schemas.codes import PropertyType, RentKind
from schemas.events import Rent
from streams.runtime.stage import Change
from streams.scoring.comparables import ComparableBook
from streams.scoring.market import market_of, places_of
from streams.scoring.model import unpack
from streams.scoring.reference import Scorer, ScoringView
from streams.scoring.rents import RentBook, floor_step
from streams.scoring.stage import ScoringStage
from streams.scoring.training import train
from streams.scoring.valuation import value_batch

FLOORS = (1.0, 0.6, 0.45)  # worth of ground, first and second floor
GROSS_YIELD = 0.09  # for a building of 2016 by the assumed rate


@pytest.fixture(scope="module")
def shops(tools):
    """Shops of one street each, on three floors; a percent or two of noise."""
    rng = np.random.default_rng(8)
    made = []
    for number, deal in enumerate(tools.deals(420)):
        floor = 1 + number % 3
        community = int(deal.community_id[1:])
        worth = 40_000 * exp(0.2 * ((community * 7) % 11 - 5) / 5) * FLOORS[floor - 1]
        made.append(
            replace(
                deal,
                deal_id=f"s{number:04d}",
                property_type=PropertyType.SHOP,
                area_m2=float(rng.choice([35.0, 50.0, 80.0])),
                unit_price=round(worth * exp(0.05 * rng.standard_normal()), 2),
                floor=floor,
                total_floors=3,
                built_year=2016,
                rooms=None,
                halls=None,
                renovation=None,
            )
        )
    return made


@pytest.fixture(scope="module")
def shop_artefact(shops, tools):
    (artefact,) = train(shops, until=tools.today, communities=tools.communities())
    return artefact


@pytest.fixture(scope="module")
def scorer(shops, shop_artefact, tools):
    model = unpack(shop_artefact.content)
    book = ComparableBook(market_of(shops, places_of(tools.communities())), model.layer)
    return Scorer(model=model, sha256=shop_artefact.sha256, release="avm-shop", book=book)


def rents_of(shops, *, gross_yield=GROSS_YIELD, kind=RentKind.CONTRACT):
    return [
        Rent(
            rent_id=f"r-{deal.deal_id}",
            community_id=deal.community_id,
            city=deal.city,
            rent_date=deal.deal_date,
            monthly_rent=round(deal.unit_price * gross_yield / 12, 2),
            property_type=PropertyType.SHOP,
            kind=kind,
            area_m2=deal.area_m2,
            floor=deal.floor,
            total_floors=deal.total_floors,
            source="rents-of-test",
        )
        for deal in shops[::2]
    ]


def book_of(rents):
    book = RentBook()
    for rent in rents:
        book.put(rent)
    return book


@pytest.fixture(scope="module")
def rents(shops):
    return rents_of(shops)


def asked(tools, number=0, *, floor=1, built_year=2016, **changes):
    return tools.asked(
        number, area="50.00", property_type=PropertyType.SHOP, floor=floor, total_floors=3, built_year=built_year,
        **changes,
    )  # fmt: skip


@pytest.mark.requirement("VM5", "VM2")
def test_a_shop_is_valued_by_comparison_and_by_income(scorer, rents, tools):
    for floor in (1, 2, 3):
        (valuation,) = value_batch([asked(tools, floor=floor)], scorer, book_of(rents))
        income = valuation.income
        alone = valuation.unit_price / (income.unit_price / valuation.unit_price) ** (
            income.weight / (1 - income.weight)
        )
        assert min(alone, income.unit_price) - 1 <= valuation.unit_price <= max(alone, income.unit_price) + 1
        assert 0 < income.weight < 1
        assert valuation.income_value == income.unit_price * 50
        assert valuation.income_value == pytest.approx(valuation.comparison_value, rel=0.2)
        assert income.rate_basis == "MARKET"
        assert valuation.base_unit_price + sum(r.unit_price_change for r in valuation.reasons) == valuation.unit_price
        assert {"test", "rents-of-test"} == set(valuation.sources)


@pytest.mark.requirement("VM5")
def test_the_ground_floor_is_worth_twice_the_second(scorer, rents, tools):
    ground, second = value_batch([asked(tools), asked(tools, 1, floor=3)], scorer, book_of(rents))
    assert ground.income_value / second.income_value == pytest.approx(FLOORS[0] / FLOORS[2], rel=0.1)
    assert ground.value / second.value == pytest.approx(FLOORS[0] / FLOORS[2], rel=0.15)


@pytest.mark.requirement("VM5")
@pytest.mark.parametrize("with_rents", [True, False])
def test_the_interval_of_a_shop_is_a_fifth_either_side_at_least(scorer, rents, tools, with_rents):
    for valuation in value_batch(
        [asked(tools, i, floor=1 + i % 3, community_id=f"c{i:03d}") for i in range(30)],
        scorer,
        book_of(rents if with_rents else ()),
    ):
        assert valuation.lower <= 0.8 * valuation.value + 50
        assert valuation.upper >= 1.2 * valuation.value - 50


@pytest.mark.requirement("VM5")
def test_without_rents_the_comparison_stands_alone_and_says_so(scorer, rents, tools):
    alone = value_batch([asked(tools)], scorer)[0]
    assert alone.income is None
    assert alone.income_value is None
    assert "RENTS_UNKNOWN" in alone.limiting_factors
    beside = value_batch([asked(tools)], scorer, book_of(rents))[0]
    assert "RENTS_UNKNOWN" not in beside.limiting_factors
    two_only = value_batch([asked(tools)], scorer, book_of(rents[:2]))[0]
    assert two_only == alone


@pytest.mark.requirement("VM5")
def test_two_methods_far_apart_are_a_limiting_factor_and_make_the_value_less_sure(scorer, shops, rents, tools):
    near = value_batch([asked(tools)], scorer, book_of(rents))[0]
    dear = [replace(r, monthly_rent=r.monthly_rent * (2 if r.community_id == "c004" else 1)) for r in rents]
    apart = value_batch([asked(tools)], scorer, book_of(dear))[0]
    assert "MODEL_DISAGREEMENT" in apart.limiting_factors
    assert apart.unit_price > near.unit_price
    assert apart.p10 < near.p10
    assert (apart.upper - apart.lower) / apart.value >= (near.upper - near.lower) / near.value - 1e-4
    texts = {reason.factor: reason.text for reason in apart.reasons}
    assert texts["INCOME"].startswith("收益法校验：上调")


def test_rents_known_later_do_not_count(scorer, rents, tools):
    then = tools.today - timedelta(days=60)
    known = [rent for rent in rents if rent.rent_date < then]
    late = [replace(rent, known_on=then, monthly_rent=1.0) if rent.rent_date < then else rent for rent in rents[:40]]
    question = [asked(tools, value_date=then)]
    assert value_batch(question, scorer, book_of([*known, *late[40:]])) == value_batch(question, scorer, book_of(rents))
    assert value_batch(question, scorer, book_of(known))[0].income is not None


def test_asked_rents_count_for_less_and_at_a_discount(scorer, shops, tools):
    agreed = value_batch([asked(tools)], scorer, book_of(rents_of(shops)))[0].income
    listed = value_batch([asked(tools)], scorer, book_of(rents_of(shops, kind=RentKind.LISTING)))[0].income
    assert listed.monthly_rent == pytest.approx(0.95 * agreed.monthly_rent, rel=1e-3)


def test_the_land_term_counts_and_is_said_to_be_assumed(scorer, rents, tools):
    stated, older, unknown, granted = value_batch(
        [
            asked(tools),
            asked(tools, 1, built_year=2000),
            asked(tools, 2, built_year=None),
            asked(tools, 3, further={"land_until_year": 2035.0}),
        ],
        scorer,
        book_of(rents),
    )
    assert granted.income_value < older.income_value < stated.income_value
    assert unknown.income.term_assumed
    assert "LAND_TERM_ASSUMED" in unknown.limiting_factors
    assert "LAND_TERM_ASSUMED" not in stated.limiting_factors


@pytest.mark.requirement("VM1")
def test_twin_shops_get_the_same_value_in_any_batch_and_whatever_order_rents_came_in(scorer, rents, tools):
    batch = [asked(tools, i, floor=1 + i % 3, community_id=f"c{i:03d}") for i in range(24)]
    together = value_batch(batch, scorer, book_of(rents))
    assert [value_batch([one], scorer, book_of(rents[::-1]))[0] for one in batch[:6]] == together[:6]
    assert value_batch(batch[::-1], scorer, book_of(rents))[::-1] == together


def test_a_withdrawn_rent_no_longer_counts(scorer, rents, tools):
    book = book_of(rents)
    before = value_batch([asked(tools)], scorer, book)
    odd = replace(rents[0], rent_id="odd", community_id="c004", rent_date=tools.today - timedelta(1), monthly_rent=9e3)
    book.put(odd)
    assert value_batch([asked(tools)], scorer, book) != before
    book.remove("odd")
    book.remove("never there")
    assert value_batch([asked(tools)], scorer, book) == before
    assert len(book) == len(rents)


def test_a_place_learned_late_is_where_rents_are_looked_for(shops, scorer, rents, tools):
    """Without coordinates there is no rent near; they come without a new deal, rent or community."""
    found = [replace(community, longitude=None, latitude=None) for community in tools.communities()]
    places = places_of(found)
    own = replace(scorer, book=ComparableBook(market_of(shops, places), scorer.model.layer))
    book = book_of(rents)
    nowhere = value_batch([asked(tools)], own, book)
    for community in tools.communities():
        places.put(community)
    assert value_batch([asked(tools)], own, book) == value_batch([asked(tools)], own, book_of(rents)) != nowhere


@pytest.mark.requirement("VM5")
def test_an_infinite_rent_is_none(shops, rents, shop_artefact, tools):
    view = ScoringView(tools.memory_store({f"memory://{shop_artefact.sha256}": shop_artefact.content}))
    view.apply([*map(tools.put_community, tools.communities()), *map(tools.put_deal, shops)])
    view.apply([tools.released(shop_artefact), *(Change(topic=RENTS, key=rent.rent_id, event=rent) for rent in rents)])
    stage = ScoringStage(view, lambda: tools.now)
    before = tools.valuations(stage, [asked(tools)])
    odd = replace(rents[0], rent_id="odd", community_id="c004", monthly_rent=float("inf"))
    view.apply([Change(topic=RENTS, key="odd", event=odd)])
    assert tools.valuations(stage, [asked(tools)]) == before


def test_champion_and_challenger_each_keep_what_was_worked_out(shops, scorer, rents, tools):
    book, other = book_of(rents), ComparableBook(scorer.book.market, scorer.model.layer)
    first, second = (book.seen_with(one, listing_discount=0.0) for one in (scorer.book, other))
    assert book.seen_with(scorer.book, listing_discount=0.0) is first
    assert book.seen_with(other, listing_discount=0.0) is second
    third = ComparableBook(scorer.book.market, scorer.model.layer)
    book.seen_with(third, listing_discount=0.0)
    assert book.seen_with(other, listing_discount=0.0) is second
    assert book.seen_with(scorer.book, listing_discount=0.0) is not first  # asked for longest ago


@pytest.mark.requirement("VM5")
def test_the_stage_follows_rents_and_answers_with_both_methods(shops, rents, shop_artefact, tools):
    view = ScoringView(tools.memory_store({f"memory://{shop_artefact.sha256}": shop_artefact.content}))
    view.apply([*map(tools.put_community, tools.communities()), *map(tools.put_deal, shops)])
    view.apply([tools.released(shop_artefact)])
    stage = ScoringStage(view, lambda: tools.now)
    (alone,) = tools.valuations(stage, [asked(tools)])
    assert "RENTS_UNKNOWN" in alone.limiting_factors
    assert alone.model.segment == "SHOP"
    view.apply([Change(topic=RENTS, key=rent.rent_id, event=rent) for rent in rents])
    (both,) = tools.valuations(stage, [asked(tools)])
    assert both.income_value is not None
    view.apply([Change(topic=RENTS, key=rent.rent_id, event=None) for rent in rents])
    assert tools.valuations(stage, [asked(tools)]) == [alone]


def test_a_corrected_deal_no_longer_tells_of_yields(scorer, shops, rents, tools):
    market = market_of(shops, places_of(tools.communities()))
    own = replace(scorer, book=ComparableBook(market, scorer.model.layer))
    before = value_batch([asked(tools)], own, book_of(rents))[0]
    for deal in shops:
        market.put(replace(deal, unit_price=deal.unit_price * 3))
    wrong = value_batch([asked(tools)], own, book_of(rents))[0]
    assert wrong.income_value > 1.5 * before.income_value
    for deal in shops:
        market.put(deal)
    assert value_batch([asked(tools)], own, book_of(rents))[0] == before


@pytest.mark.parametrize(
    ("floor", "band", "total", "step"),
    [
        (-1, None, 3, 0.0),
        (0, None, 3, 0.0),
        (1, "低", 3, 1.0),
        (2, None, 2, 2.0),
        (3, None, 30, 3.0),
        (28, None, 30, 3.0),
        (None, "地下", None, 0.0),
        (None, "底商", None, 1.0),
        (None, "高楼层", None, 3.0),
        (None, "顶", 2, 2.0),
    ],
)
def test_floors_count_from_the_street(floor, band, total, step):
    assert floor_step(floor, band, total) == step


@pytest.mark.parametrize("band", [None, "低", "顶", "?"])
def test_a_floor_that_cannot_be_told_is_unknown(band):
    assert np.isnan(floor_step(None, band, None))


def test_a_rent_is_worth_what_its_yield_says(scorer, rents, tools):
    """By hand: a ninth of a percent of the price a month, over 28 years, is the price again."""
    income = value_batch([asked(tools)], scorer, book_of(rents))[0].income
    assert log(12 * income.monthly_rent / income.unit_price) == pytest.approx(log(GROSS_YIELD), abs=0.06)

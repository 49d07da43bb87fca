"""The parts behind a value: index, market columns, trees and certainty."""

import tracemalloc
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from schemas.events import Deal
from streams.scoring.attributes import floor_band
from streams.scoring.certainty import confidence_level, conformal_quantile
from streams.scoring.comparables import FEATURES, TIME
from streams.scoring.hedonics import FACTORS
from streams.scoring.index import ALL_CITIES, PriceIndex, fit_index
from streams.scoring.market import NEIGHBOURS, Market, Places, places_of
from streams.scoring.model import unpack
from streams.scoring.subjects import as_first_of_community, subjects_of
from streams.scoring.trees import explained, fit_trees


@pytest.mark.parametrize(
    ("stated", "floor", "total", "band"),
    [
        ("低楼层", None, None, "低"),
        ("高", 3, 30, "高"),
        (None, 1, 6, "底"),
        (None, 6, 6, "顶"),
        (None, 2, 6, "低"),
        (None, 3, 6, "中"),
        (None, 5, 6, "高"),
        (None, -1, 6, "地"),
        (None, 7, 6, None),
        (None, 5, None, None),
        ("?", None, None, None),
    ],
)
def test_the_floor_band_is_read_or_worked_out(stated, floor, total, band):
    assert floor_band(stated, floor, total) == band


def test_the_index_follows_the_market_and_not_the_mix():
    """Dear communities sell late: a mean of prices would rise by far more than the 3 % a month of each of them."""
    rng = np.random.default_rng(2)
    day = np.sort(rng.integers(0, 120, 3_000)) + 740_000
    late = (day - 740_000) / 120
    community = np.where(rng.random(3_000) < late, 20, 0) + rng.integers(0, 20, 3_000)
    price = 10 + 0.5 * (community >= 20) + 0.03 / 30 * (day - 740_000) + 0.05 * rng.standard_normal(3_000)
    index = fit_index(day=day, city=np.zeros(3_000, np.int64), names=["甲市"], group=community, log_price=price)
    (row, _) = index.rows(["甲市"])
    moved = index.at(np.array([row]), np.array([740_110])) - index.at(np.array([row]), np.array([740_010]))
    assert moved[0] == pytest.approx(0.1, abs=0.015)


def test_beyond_its_last_day_the_index_fades_out():
    day = np.repeat(np.arange(740_000, 740_100), 10)
    price = 10 + 0.001 * (day - 740_000)
    made = fit_index(
        day=day, city=np.zeros(1_000, np.int64), names=["甲市"], group=np.zeros(1_000, np.int64), log_price=price
    )
    at = made.at(np.zeros(4, np.int64), np.array([740_099, 740_106, 740_127, 740_900]))
    steps = np.diff(at)
    assert 0.005 < steps[0] < 0.007
    assert 0 < steps[1] < 0.02
    assert steps[2] < 0.001


@pytest.fixture(scope="module")
def two_cities():
    """The deals of 乙市 end 60 days before those of 甲市; both rose by 0.1 % a day."""
    day = np.concatenate([np.repeat(np.arange(740_000, 740_160), 10), np.repeat(np.arange(740_000, 740_100), 10)])
    city = np.repeat([0, 1], [1_600, 1_000])
    return fit_index(day=day, city=city, names=["甲市", "乙市"], group=city, log_price=10 + 0.001 * (day - 740_000))


def levels(index, city, *days, drift=True):
    return index.at(np.full(len(days), index.rows([city])[0]), np.array(days), drift=drift)


def test_a_city_whose_deals_end_earlier_fades_out_from_its_own_last_day(two_cities):
    assert two_cities.last == (740_159, 740_159, 740_099)
    end, week, four_weeks, later, last = levels(two_cities, "乙市", 740_099, 740_106, 740_127, 740_128, 740_159)
    assert 0.005 < week - end < 0.007
    assert 0.015 < four_weeks - end < 0.02
    assert four_weeks == later == last
    assert np.diff(levels(two_cities, "甲市", 740_100, 740_150))[0] == pytest.approx(0.05, abs=0.002)


def test_drift_counts_from_the_day_after_a_citys_own_last(two_cities):
    carried = two_cities.carried({"甲市": 0.03, "乙市": 0.05})
    for city, last, drift in (("甲市", 740_159, 0.03), ("乙市", 740_099, 0.05)):
        days = (last, last + 1, 740_187)
        moved = levels(carried, city, *days) - levels(two_cities, city, *days)
        np.testing.assert_allclose(moved, [0, drift, drift], atol=2e-8)
        np.testing.assert_allclose(
            levels(carried, city, *days, drift=False), levels(two_cities, city, *days), atol=2e-8
        )
    again = PriceIndex.from_json(carried.as_json())
    assert (again.last, again.drift) == (carried.last, carried.drift)


def test_a_city_without_deals_moves_with_all_others():
    day = np.arange(740_000, 740_300)
    made = fit_index(
        day=day,
        city=np.zeros(300, np.int64),
        names=["甲市"],
        group=np.zeros(300, np.int64),
        log_price=10 + 0.001 * (day - 740_000),
    )
    assert made.rows(["甲市", "乙市"]).tolist() == [1, 0, 0]


def a_deal(number, **changes):
    deal = Deal(
        deal_id=f"d{number}", community_id="c1", city="甲市", deal_date=date(2026, 1, 1 + number % 28), area_m2=80.0,
        unit_price=30_000.0,
    )  # fmt: skip
    return replace(deal, **changes)


def test_a_market_finds_deals_of_a_place_known_before_a_day():
    market = Market(Places())
    for number in range(10):
        market.put(a_deal(number, community_id=f"c{number % 2}"))
    market.put(a_deal(10, community_id="c0", deal_date=date(2026, 1, 2), known_on=date(2026, 2, 1)))
    market.settle()
    code = np.array([market.places.code("c0"), market.places.code("c1"), -1])
    first, last = market.by_community.before(code, np.array([date(2026, 1, 6).toordinal()] * 3))
    found = [
        {market.sold(row).deal_id for row in market.by_community.order[a:b]} for a, b in zip(first, last, strict=True)
    ]
    assert found == [{"d0", "d2", "d4"}, {"d1", "d3"}, set()]


def test_a_market_grown_by_and_by_equals_one_loaded_at_once():
    deals = [a_deal(number, community_id=f"c{number % 3}") for number in range(30)]
    slowly, at_once = Market(Places()), Market(Places())
    for deal in reversed(deals):
        slowly.put(deal)
        slowly.settle()
    for deal in deals:
        at_once.put(deal)
    slowly.put(replace(deals[3], unit_price=1.0))
    slowly.settle()
    slowly.put(deals[3])
    slowly.remove("d5")
    at_once.remove("d5")
    slowly.settle()
    at_once.settle()
    assert len(slowly) == len(at_once) == 29
    assert "d5" not in slowly
    for name in ("c0", "c1", "c2"):
        shelves = []
        for market in (slowly, at_once):
            first, last = market.by_community.before(np.array([market.places.code(name)]), np.array([800_000]))
            shelves.append([market.sold(row).deal_id for row in market.by_community.order[first[0] : last[0]]])
        assert shelves[0] == shelves[1]


def neighbours_of(market, community_id):
    codes = market.neighbours(np.array([market.places.code(community_id)]))[0]
    return [market.places.communities.texts[code] for code in codes if code >= 0]


def test_a_community_without_deals_any_more_is_no_neighbour():
    market = Market(Places())
    for number in range(4):
        market.put(a_deal(number, community_id=f"c{number}", longitude=116.0 + number / 100, latitude=40.0))
    market.settle()
    assert neighbours_of(market, "c0") == ["c1", "c2", "c3"]
    market.remove("d1")
    market.put(a_deal(2, community_id="c4", longitude=116.1, latitude=40.0))  # moves to another community
    market.settle()
    assert neighbours_of(market, "c0") == ["c3", "c4"]
    market.put(a_deal(1, community_id="c1"))
    market.settle()
    assert neighbours_of(market, "c0") == ["c1", "c3", "c4"]


def test_neighbours_at_one_point_do_not_depend_on_the_order_in_which_they_came():
    deals = [a_deal(number, community_id=f"c{number:03d}", longitude=116.0, latitude=40.0) for number in range(100)]
    found = []
    for order in (deals, deals[::-1]):
        market = Market(Places())
        for deal in order:
            market.put(deal)
            market.settle()
        found.append(neighbours_of(market, "c050"))
    assert found[0] == found[1] == sorted(found[0])
    assert len(found[0]) == NEIGHBOURS


def test_a_deal_is_not_known_before_its_own_day():
    market = Market(Places())
    market.put(a_deal(20, known_on=date(2026, 1, 1)))
    market.settle()
    first, last = market.by_community.before(
        np.array([market.places.code("c1")]), np.array([a_deal(20).deal_date.toordinal()])
    )
    assert first == last


def test_the_factors_of_a_leaf_add_up_to_the_prediction():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(500, len(FEATURES))).astype(np.float32)
    features[rng.random(features.shape) < 0.3] = np.nan
    area = FEATURES.index("log_area")
    target = 0.2 * np.nan_to_num(features[:, area]) + 0.05 * rng.normal(size=500)
    trees = explained([fit_trees(features, target, loss=loss, iterations=40) for loss in ("RMSE", "MAE")])
    parts = trees.parts(features)
    np.testing.assert_allclose(parts.sum(axis=1) + trees.bias, trees.model.predict(features), atol=1e-12)
    spread = parts.std(axis=0)
    assert FACTORS[int(spread.argmax())] == "AREA"
    assert spread[FACTORS.index("AREA")] > 5 * spread[FACTORS.index("LOCATION")]
    assert abs(parts.mean(axis=0)).max() < 0.02  # Shapley values are deviations from the mean


def book_of(artefact, deals, communities):
    from streams.scoring.comparables import ComparableBook

    market = Market(places_of(communities))
    for deal in deals:
        market.put(deal)
    made = ComparableBook(market, unpack(artefact.content).layer)
    made.follow()
    return made


def test_layer_one_is_the_sum_of_its_parts(artefact, market_deals, tools):
    made = book_of(artefact, market_deals, tools.communities())
    rows = made.market.rows
    day = np.full(len(rows), tools.today.toordinal())
    comparison = made.compare(subjects_of(rows, day=day, own=np.arange(len(rows))))
    np.testing.assert_allclose(comparison.base + comparison.parts.sum(axis=1), comparison.log_value, atol=1e-12)
    # The base is a mean of raw past prices: the market's rise since then is a part of its own, and upward.
    assert (comparison.parts[:, TIME] > 0).mean() > 0.9


def test_drift_alone_makes_no_fast_market(artefact, market_deals, tools):
    made = book_of(artefact, market_deals, tools.communities())
    rows = made.market.rows
    subjects = subjects_of(rows, day=np.full(len(rows), tools.today.toordinal()), own=np.arange(len(rows)))
    made.index = replace(made.index, drift=())
    before = made.movement(subjects, 30)
    made.index = made.index.carried({ALL_CITIES: 0.1})
    np.testing.assert_allclose(made.movement(subjects, 30), before, atol=2e-8)


def test_layer_one_is_near_the_truth_and_worse_without_the_community(artefact, market_deals, tools):
    made = book_of(artefact, market_deals, tools.communities())
    rows = made.market.rows
    subjects = subjects_of(rows, day=np.full(len(rows), tools.today.toordinal()), own=np.arange(len(rows)))
    index = made.index
    place = np.ones(len(rows), np.int64)
    truth = rows.log_price + index.at(place, subjects.day) - index.at(place, rows.day)
    known = np.median(np.abs(made.compare(subjects).log_value - truth))
    cold = np.median(np.abs(made.compare(as_first_of_community(subjects)).log_value - truth))
    assert known < 0.055  # noise of a deal is 0.05: its median absolute error 0.034
    assert cold > 2 * known


def most_held(made, subjects):
    """Bytes that a comparison holds at once beyond what the book holds anyhow."""
    made.compare(subjects)
    tracemalloc.start()
    made.compare(subjects)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def test_a_valuation_touches_its_neighbourhood_and_not_the_whole_market(artefact, tools):
    small, large = (book_of(artefact, tools.deals(count), tools.communities()) for count in (3_000, 18_000))
    asked = small.market.rows.taken(np.array([7]))  # the same place in both: the dictionary numbers them
    subjects = subjects_of(asked, day=np.array([tools.today.toordinal()]), own=np.array([-1]))
    one_column = 8 * (len(large.market) - len(small.market))
    assert most_held(large, subjects) - most_held(small, subjects) < one_column / 2


@pytest.mark.parametrize(
    ("p10", "level"), [(0.95, 7), (0.90, 7), (0.8999, 6), (0.80, 5), (0.75, 4), (0.65, 3), (0.5, 2), (0.49, 1)]
)
def test_confidence_levels_follow_the_table(p10, level):
    assert confidence_level(p10) == level


def test_the_conformal_quantile_covers_new_items():
    rng = np.random.default_rng(4)
    covered = [
        (np.abs(rng.standard_normal(200)) <= conformal_quantile(np.abs(rng.standard_normal(200)), 0.9)).mean()
        for _ in range(200)
    ]
    assert np.mean(covered) == pytest.approx(0.9, abs=0.01)


def test_more_coverage_is_never_narrower():
    scores = np.random.default_rng(1).random(50)
    widths = [conformal_quantile(scores, coverage) for coverage in (0.5, 0.8, 0.9, 0.99)]
    assert widths == sorted(widths)
    assert widths[-1] == scores.max()

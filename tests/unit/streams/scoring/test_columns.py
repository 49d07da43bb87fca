"""Columns of millions of rows that change in place, against what a plain list or dict would hold."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from schemas.codes import PropertyType
from schemas.events import Deal
from streams.scoring import market as markets
from streams.scoring.columns import Column, Register, checksums
from streams.scoring.market import Market, Places, Shelf
from streams.scoring.running import RunningSums


def column(values=()):
    made = Column(np.zeros(0, np.int64))
    made.append(np.array(values, np.int64))
    return made


@pytest.mark.parametrize("size", [5, 3_000])
def test_insertions_and_deletions_leave_what_they_would_leave_of_a_list(size):
    """Few rows are moved stretch by stretch, many by one copy: both sizes give what numpy gives."""
    rng = np.random.default_rng(size)
    made, plain = column(range(10_000)), np.arange(10_000)
    for _ in range(3):
        at, values = np.sort(rng.integers(0, len(plain) + 1, size)), rng.integers(0, 9, size)
        made.insert(at, values)
        plain = np.insert(plain, at, values)
        gone = np.sort(rng.permutation(len(plain))[:size])
        made.delete(gone)
        plain = np.delete(plain, gone)
        np.testing.assert_array_equal(made.values, plain)


def test_nothing_inserted_and_nothing_deleted_changes_nothing():
    made, none = column([1, 2]), np.zeros(0, np.int64)
    made.insert(none, none)
    made.delete(none)
    assert made.values.tolist() == [1, 2]


def test_what_was_read_stays_as_it_was_when_rows_are_added():
    made = column([1, 2])
    before = made.values
    for number in range(1_000):
        made.append(np.array([number]))
    assert before.tolist() == [1, 2]
    assert made.values.tolist() == [1, 2, *range(1_000)]


def test_a_table_that_grows_wider_knows_nothing_of_its_former_rows():
    made = Column(np.zeros((0, 0)))
    made.append(np.zeros((2, 0)))
    made.append(np.array([[7.0]]))
    np.testing.assert_array_equal(made.values, [[np.nan], [np.nan], [7.0]])


def test_a_register_finds_ids_whose_checksums_are_equal():
    ids = ["plumless", "buckeroo", "成交-1"]  # the first two have the same CRC-32
    assert len(set(checksums(ids))) == 2
    made = Register()
    made.append(ids[:2], checksums(ids[:2]))
    made.append(ids[2:], checksums(ids[2:]))
    assert [made.row(one) for one in (*ids, "other")] == [0, 1, 2, -1]
    assert [made.text(row) for row in range(3)] == ids
    made.forget(ids[:1])
    assert [made.row(one) for one in ids] == [-1, 1, 2]
    assert (len(made), sorted(made.rows.tolist())) == (2, [1, 2])
    made.append(ids[:1], checksums(ids[:1]))
    assert made.row(ids[0]) == 3


def test_sums_that_follow_a_shelf_are_those_of_one_filled_at_once():
    rng = np.random.default_rng(3)
    n = 400
    place, known, digest = rng.integers(-1, 4, n), 740_000 + rng.integers(0, 30, n), rng.integers(0, 1_000, n)
    values = rng.normal(size=(n, 2))
    slowly, shelf, done = RunningSums(), Shelf(), 0
    for upto in (200, 201, 300, 400):
        rows = np.arange(done, upto)
        shelf.insert(place[rows], known[rows], digest[rows], rows)
        gone = np.arange(done, upto, 7)
        slowly.follow(shelf, place[:upto], known[:upto], rows, values.__getitem__)
        shelf.remove(place[gone], known[gone], digest[gone], gone)
        slowly.follow(shelf, place[:upto], known[:upto], gone, values.__getitem__)
        done = upto
    at_once, left = RunningSums(), np.sort(shelf.order)
    at_once.follow(shelf, place, known, left, values.__getitem__)
    where, day = np.repeat(np.arange(-1, 5), 32), np.tile(740_000 + np.arange(32), 6)
    sums, count = slowly.before(shelf, where, day)
    np.testing.assert_array_equal(sums, at_once.before(shelf, where, day)[0])
    true = [
        values[[row for row in left if place[row] == at >= 0 and known[row] < on]].sum(axis=0)
        for at, on in zip(where, day, strict=True)
    ]
    np.testing.assert_allclose(sums, true, atol=1e-12)
    assert count.sum() > 0


def test_rows_of_one_key_leave_a_shelf_one_by_one():
    shelf, ones = Shelf(), np.ones(3, np.int64)
    shelf.insert(ones, ones, ones, np.array([4, 5, 6]))
    shelf.remove(ones[:2], ones[:2], ones[:2], np.array([6, 4]))
    assert shelf.order.tolist() == [5]


def whole_deal(number=1, **changes):
    told = {
        "deal_id": f"成交-{number}", "community_id": "c1", "community_name": "未知", "city": "甲市", "district": "东区",
        "business_circle": "商圈", "deal_date": date(2026, 1, 2), "known_on": date(2026, 2, 3), "area_m2": 80.123456789,
        "unit_price": 30_123.45, "floor": 2, "floor_band": "低楼层", "total_floors": 6, "built_year": 1999, "rooms": 2,
        "halls": 1, "building_type": "板楼", "structure": "砖混", "renovation": "精装", "has_lift": False,
        "near_metro": True, "five_years": True, "source": "甲", "further": {"frontage": 4.5},
        "property_type": PropertyType.APARTMENT,
    }  # fmt: skip
    return Deal(**{**told, **changes})


def test_deals_that_are_taken_out_come_back_as_they_were():
    market = Market(Places())
    deals = [
        whole_deal(1),
        whole_deal(2, source="乙"),
        whole_deal(3, floor=None, has_lift=None, further={}, community_name=None, property_type=PropertyType.VILLA),
    ]
    for deal in deals:
        market.put(replace(deal, unit_price=1.0))
    market.settle()
    for deal in deals:
        market.put(deal)
    assert market.taken_out(frozenset({"甲", "丙"})) == {deal.deal_id: deal for deal in (deals[0], deals[2])}
    market.settle()
    assert len(market) == 1
    assert "成交-2" in market


def test_what_is_printed_of_a_deal_is_what_was_told_of_it():
    market = Market(Places())
    market.put(whole_deal())
    market.settle()
    sold = market.sold(0)
    assert {name: getattr(whole_deal(), name) for name in sold._fields} == sold._asdict()


def test_a_market_that_is_loaded_in_pieces_holds_the_same_deals(monkeypatch):
    monkeypatch.setattr(markets, "_MOST_WAITING", 3)
    market = Market(Places())
    for number in range(8):
        market.put(whole_deal(number % 7, unit_price=1_000.0 + number))
    market.settle()
    prices = market.particulars.unit_prices[market.by_community.order]
    assert sorted(prices.tolist()) == [1_000.0 + number for number in range(1, 8)]
    assert market.removed.tolist() == [0]
    assert market.arrivals.newest("甲市", "甲", date(2026, 2, 4)) == date(2026, 2, 3)


def test_a_city_names_the_sources_that_were_known_before_a_day():
    market = Market(Places())
    market.put(whole_deal(1))
    market.put(whole_deal(2, source="乙", known_on=date(2026, 3, 1)))
    market.settle()
    assert market.arrivals.sources_before("甲市", date(2026, 3, 1)) == ("甲",)
    assert market.arrivals.sources_before("甲市", date(2026, 3, 2)) == ("乙", "甲")
    market.remove("成交-1")
    market.settle()
    assert market.arrivals.sources_before("甲市", date(2026, 3, 2)) == ("乙",)

from collections import Counter
from datetime import UTC, date, datetime

import pytest

from producers.simulator.market import generate
from producers.simulator.requests import Kind, requests, to_requested
from schemas.codes import Lane
from schemas.domain.request_rules import problems

UNTIL = date(2026, 6, 1)


@pytest.fixture(scope="module")
def market():
    return generate(7, deals=100, until=UNTIL)


@pytest.fixture(scope="module")
def drawn(market):
    return requests(market, seed=1, count=3_000, hard_share=0.3)


@pytest.mark.requirement("IN11")
def test_the_same_seed_gives_the_same_requests(market):
    assert requests(market, seed=1, count=50) == requests(market, seed=1, count=50)
    assert requests(market, seed=1, count=50) != requests(market, seed=2, count=50)


@pytest.mark.requirement("IN11")
def test_every_request_holds_to_the_contract(drawn):
    for number, request in enumerate(drawn):
        asked = to_requested(request, client_request_id=f"S-{number}", requested_at=datetime(2026, 6, 1, tzinfo=UTC))
        assert problems(asked, lane=Lane.ONLINE, today=UNTIL) == (), request.address


def test_every_kind_of_request_occurs_and_most_are_ordinary(drawn):
    kinds = Counter(request.kind for request in drawn)
    assert set(kinds) == set(Kind)
    assert 0.65 < kinds[Kind.ORDINARY] / len(drawn) < 0.75


def test_without_hard_ones_all_are_ordinary(market):
    assert {request.kind for request in requests(market, seed=1, count=100, hard_share=0)} == {Kind.ORDINARY}


def test_the_truth_is_known_for_houses_of_the_market_only(drawn):
    elsewhere = {Kind.NOT_COVERED, Kind.OUTSIDE_MAINLAND, Kind.UNKNOWN_COMMUNITY}
    for request in drawn:
        assert (request.community_id is None) == (request.kind in elsewhere)
        worthless = elsewhere | {Kind.SMALL_TITLE}
        assert (request.market_value is None) == (request.kind in worthless)
        if request.market_value is not None:
            assert 1_000 < request.market_value / request.area_m2 < 400_000


def test_an_ambiguous_name_stands_in_two_districts_and_none_is_written(market, drawn):
    districts = {}
    for row in market.communities.iter_rows(named=True):
        districts.setdefault((row["city"], row["name"]), set()).add(row["district"])
    by_id = {row["community_id"]: row for row in market.communities.iter_rows(named=True)}
    for request in drawn:
        if request.kind is Kind.AMBIGUOUS_NAME:
            row = by_id[request.community_id]
            assert len(districts[row["city"], row["name"]]) > 1
            assert row["district"] not in request.address


def test_only_the_credit_system_sends_references_of_a_loan(drawn):
    for request in drawn:
        assert (request.business_ref is not None) == (request.channel == "CREDIT_MGMT")
        assert (request.subject_token is None) == (request.channel == "CREDIT_MGMT")

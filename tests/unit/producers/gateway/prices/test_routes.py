from datetime import date

import httpx
from fastapi import FastAPI

from producers.gateway.http import problem_response
from producers.gateway.prices.history import PriceHistory
from producers.gateway.prices.licences import ShownSources
from producers.gateway.prices.routes import Prices, price_routes
from producers.gateway.problems import ProblemError
from tests.unit.producers.gateway.prices.test_history import TODAY, a_deal


def a_client(*, loaded=True):
    history = PriceHistory()
    history.apply({f"d{n}": a_deal(n, deal_date=date(2025, 11 + n % 2, 3)) for n in range(6)})
    prices = Prices(
        history=history,
        sources=ShownSources(today=lambda: TODAY, waived=True),
        name_of={"c1": "望京花园", "c2": "新小区"}.get,
        is_loaded=lambda: loaded,
    )
    app = FastAPI()
    app.include_router(price_routes(prices, lambda: None, prefix="/h5"))
    app.add_exception_handler(ProblemError, lambda _, problem: problem_response(problem))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway")


async def test_prices_are_told_by_month_oldest_first_and_nothing_else_of_the_deals():
    async with a_client() as client:
        answer = await client.get("/h5/communities/c1/prices")
        assert answer.json() == {
            "community_id": "c1",
            "name": "望京花园",
            "months": [
                {"month": "2025-11", "unit_price": 50_000, "deals": 3},
                {"month": "2025-12", "unit_price": 50_000, "deals": 3},
            ],
        }
        assert (await client.get("/h5/communities/c2/prices")).json()["months"] == []


async def test_an_unknown_community_is_not_found_and_nothing_is_said_before_all_is_loaded():
    async with a_client() as client:
        assert (await client.get("/h5/communities/unknown/prices")).status_code == 404
    async with a_client(loaded=False) as client:
        answer = await client.get("/h5/communities/c1/prices")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")

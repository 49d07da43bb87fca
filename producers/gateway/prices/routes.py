"""`GET …/communities/{id}/prices`: what homes of a community were sold for, by month."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path
from fastapi.responses import JSONResponse

from producers.gateway.prices.history import PriceHistory
from producers.gateway.prices.licences import ShownSources
from producers.gateway.problems import SCHEMA, Code, ProblemError

_LOADING_RETRY_S: Final = 5
_CACHED: Final = {"Cache-Control": "private, max-age=3600"}  # deals come by the day
_PROBLEM: Final[dict[str, Any]] = {"content": {"application/problem+json": {"schema": SCHEMA}}}
_EXAMPLE: Final[dict[str, Any]] = {
    "community_id": "1111027377528",
    "name": "望京花园",
    "months": [{"month": "2026-01", "unit_price": 52380, "deals": 6}],
}
_OK: Final[dict[str, Any]] = {
    "description": "Oldest month first; months with fewer than three deals are left out, so it may be empty.",
    "content": {"application/json": {"schema": {"type": "object"}, "example": _EXAMPLE}},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What the routes need: prices, the sources that may be shown, names of communities, and whether all is loaded."""

    history: PriceHistory
    sources: ShownSources
    name_of: Callable[[str], str | None]
    is_loaded: Callable[[], bool]


def price_routes(prices: Prices, admitted: Callable[..., Any], *, prefix: str, in_schema: bool = True) -> APIRouter:
    """Aggregated prices, for every profile; `admitted` is the dependency that lets callers in."""
    router = APIRouter(prefix=prefix, include_in_schema=in_schema, tags=["communities"])

    @router.get(
        "/communities/{community_id}/prices",
        summary="Mean unit prices of a community by month",
        responses={200: _OK, **dict.fromkeys((401, 403, 404, 422, 429, 503), _PROBLEM)},
        dependencies=[Depends(admitted)],
    )
    async def history(community_id: Annotated[str, Path(max_length=128)]) -> JSONResponse:
        """`unit_price` is the mean of the month's deals of homes in whole yuan per ㎡, `deals` their number."""
        if not prices.is_loaded():
            raise ProblemError(Code.LOADING, retry_after_s=_LOADING_RETRY_S)
        name = prices.name_of(community_id)
        if name is None:
            raise ProblemError(Code.NOT_FOUND)
        months = prices.history.months(community_id, prices.sources.may_be_shown)
        shown = [{"month": one.month, "unit_price": one.unit_price, "deals": one.deals} for one in months]
        return JSONResponse({"community_id": community_id, "name": name, "months": shown}, headers=_CACHED)

    return router

"""`GET …/addresses/suggest`: communities while an address is typed."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query
from fastapi.responses import JSONResponse

from producers.gateway.meters import Meters
from producers.gateway.openapi import problems_of
from producers.gateway.problems import Code, ProblemError
from producers.gateway.suggestions.index import Suggestion, SuggestionIndex
from producers.gateway.suggestions.readings import Place, place_named, readings
from schemas.domain.divisions import Divisions
from schemas.domain.normalise import normalise
from schemas.domain.request_rules import MAX_ADDRESS
from schemas.events import Problem

MOST: Final = 10
USUAL: Final = 8
_SHORTEST: Final = 2  # characters; one begins thousands of names
_LOADING_RETRY_S: Final = 5
_CACHED: Final = {"Cache-Control": "private, max-age=60"}  # a typed beginning is typed again when it is corrected
_EXAMPLE: Final[dict[str, Any]] = {
    "suggestions": [
        {
            "community_id": "1111027377528",
            "name": "望京花园",
            "city": "北京市",
            "district": "朝阳区",
            "highlight": {"field": "name", "start": 0, "end": 3},
        },
        {
            "community_id": "1111027380001",
            "name": "花家地西里",
            "alias": "望京花家地西里",
            "city": "北京市",
            "district": "朝阳区",
            "highlight": {"field": "alias", "start": 0, "end": 3},
        },
    ]
}
_OK: Final[dict[str, Any]] = {
    "description": "Likeliest first; may be empty, then `hint` says in Chinese what to type.",
    "content": {"application/json": {"schema": {"type": "object"}, "example": _EXAMPLE}},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestions:
    """What the routes need: the index, the divisions that places are named by, and whether all is loaded."""

    index: SuggestionIndex
    divisions: Divisions
    is_loaded: Callable[[], bool]


def suggestion_routes(
    suggestions: Suggestions,
    channel_of: Callable[..., Any],
    meters: Meters,
    *,
    prefix: str,
    in_schema: bool = True,
) -> APIRouter:
    """Suggest while somebody types."""
    router = APIRouter(prefix=prefix, include_in_schema=in_schema, tags=["addresses"])

    @router.get(
        "/addresses/suggest",
        summary="Communities while an address is typed",
        responses={200: _OK, **problems_of((401, 403, 422, 429, 503))},
        dependencies=[Depends(channel_of)],
    )
    async def suggest(
        q: Annotated[
            str,
            Query(
                max_length=MAX_ADDRESS,
                description="What was typed so far: characters, pinyin or its initials; a city and a district may"
                " stand before the name.",
                examples=["望京花", "wangjing", "wjhy", "北京市朝阳区望京花"],
            ),
        ] = "",
        city: Annotated[
            str,
            Query(max_length=MAX_ADDRESS, description="City in full or shortened: communities there come first."),
        ] = "",
        limit: Annotated[int, Query(ge=1, le=MOST)] = USUAL,
    ) -> JSONResponse:
        """Communities whose name, or another name people use, begins or goes on as typed.

        `highlight` is the stretch of `name` (or of `alias`, where that was found) that was typed: from character
        `start` up to, not including, `end`.
        """
        clock = asyncio.get_running_loop().time
        began = clock()
        near = _near(city, suggestions.divisions)
        if not suggestions.is_loaded():
            raise ProblemError(Code.LOADING, retry_after_s=_LOADING_RETRY_S)
        if _is_too_short(q, near, suggestions.divisions):
            return JSONResponse({"suggestions": [], "hint": "请至少输入小区名称的两个字"}, headers=_CACHED)
        found = suggestions.index.suggest(q, near=near, most=limit)
        meters.suggesting.observe(clock() - began)
        body: dict[str, Any] = {"suggestions": [_shown(one) for one in found]}
        if not found:
            body["hint"] = "未找到相应小区，可继续填写完整地址"
        return JSONResponse(body, headers=_CACHED)

    return router


def _near(city: str, divisions: Divisions) -> Place | None:
    if not city.strip():
        return None
    place = place_named(city, divisions)
    if place is None:
        unknown = Problem(field="city", code="UNKNOWN_VALUE", message="未找到该城市，请填写全称或简称，例如：杭州市")
        raise ProblemError(Code.INVALID_REQUEST, problems=[unknown])
    return place


def _is_too_short(typed: str, near: Place | None, divisions: Divisions) -> bool:
    """Whether nothing useful can be said yet. Within a city one character is enough to begin with."""
    if near is not None:
        return not normalise(typed)
    return not any(
        len(reading.text) >= _SHORTEST or (reading.says_where and reading.text)
        for reading in readings(typed, divisions)
    )


def _shown(one: Suggestion) -> dict[str, Any]:
    shown: dict[str, Any] = {"community_id": one.community_id, "name": one.name}
    if one.alias is not None:
        shown["alias"] = one.alias
    field = "name" if one.alias is None else "alias"
    highlight = {"field": field, "start": one.highlight.start, "end": one.highlight.end}
    return shown | {"city": one.city, "district": one.district, "highlight": highlight}

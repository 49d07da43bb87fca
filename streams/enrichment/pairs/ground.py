"""The counties two addresses can lie in, as far as they say so."""

import math
from collections.abc import Mapping
from functools import cache
from typing import Final

from schemas.domain.divisions import County, divisions
from streams.enrichment.places import find_place

Ground = frozenset[str] | None
"""Codes of the counties an address may lie in; `None` when it names no division that the official list knows."""

_PROVINCE_DIGITS: Final = 2
_CITY_DIGITS: Final = 4


def ground(text: str) -> Ground:
    """Where a normalised address may lie: read from the divisions at its beginning."""
    place = find_place(text, divisions())
    if place.counties:
        return frozenset(county.code for county in place.counties)
    if place.city and place.province:
        return _counties_of().get((place.province, place.city))
    return _counties_of().get((place.province, "")) if place.province else None


def common_ground(one: Ground, other: Ground) -> Mapping[str, float]:
    """Whether two addresses can lie in the same county, city and province; NaN while one of them does not say."""
    if one is None or other is None:
        said = float(one is not None) + 2 * float(other is not None)
        return {"ground_said": said, "same_county": math.nan, "same_city": math.nan, "same_province": math.nan}
    return {
        "ground_said": 3.0,
        "same_county": float(bool(one & other)),
        "same_city": _share(one, other, _CITY_DIGITS),
        "same_province": _share(one, other, _PROVINCE_DIGITS),
    }


def _share(one: frozenset[str], other: frozenset[str], digits: int) -> float:
    return float(bool({code[:digits] for code in one} & {code[:digits] for code in other}))


@cache
def _counties_of() -> Mapping[tuple[str, str], frozenset[str]]:
    """(province, city) -> codes of its counties; (province, "") -> those of the province."""
    found: dict[tuple[str, str], set[str]] = {}
    for county in divisions().counties.values():
        for place in _places(county):
            found.setdefault(place, set()).add(county.code)
    return {place: frozenset(codes) for place, codes in found.items()}


def _places(county: County) -> tuple[tuple[str, str], ...]:
    return (county.province, county.city), (county.province, "")

"""What is known of the house: stated by the channel, read off the address, or known of its community, in that order."""

from collections.abc import Iterator
from typing import Any

from schemas.codes import AttributeOrigin, PropertyType, Tradability
from schemas.domain.normalise import normalise
from schemas.events import Attributes, Community, Request
from streams.enrichment.eligibility import stated_tradability, stated_type, type_in_words
from streams.enrichment.parse import ParsedAddress

_STATED, _PARSED, _DICTIONARY, _IMPUTED = (
    AttributeOrigin.REQUEST,
    AttributeOrigin.PARSED,
    AttributeOrigin.DICTIONARY,
    AttributeOrigin.IMPUTED,
)


def attributes(request: Request, parsed: ParsedAddress, community: Community | None) -> Attributes:
    """All that is known, each field with where it came from. A stated value wins over what we read or look up."""
    words = _words(parsed, community)
    floor = _first((request.floor, _STATED), (parsed.unit.floor, _PARSED))
    total = _first((request.total_floors, _STATED), (community and community.total_floors, _DICTIONARY))
    found: dict[str, tuple[Any, AttributeOrigin] | None] = {
        "property_type": _type(request, words, community),
        "tradability": _tradability(request, words, community),
        "floor": floor,
        "total_floors": total,
        "floor_band": _band(floor, total),
        "built_year": _first((request.built_year, _STATED), (community and community.built_year, _DICTIONARY)),
        "rooms": _first((request.rooms, _STATED)),
        "building_type": _first((community and community.building_type, _DICTIONARY)),
    }
    known = {name: pair for name, pair in found.items() if pair is not None}
    return Attributes(
        **{name: value for name, (value, _) in known.items()},
        origins={name: origin for name, (_, origin) in known.items()},
    )


def floor_band(floor: int, total_floors: int) -> str | None:
    """底, 低, 中, 高 or 顶: the ground floor, the thirds between, and the top; `None` for a floor above the roof."""
    if not 0 < floor <= total_floors:
        return None
    if floor == total_floors and total_floors > 1:
        return "顶"
    if floor == 1:
        return "底"
    return "低" if floor <= total_floors / 3 else "中" if floor <= total_floors * 2 / 3 else "高"


def _first(*choices: tuple[Any, AttributeOrigin]) -> tuple[Any, AttributeOrigin] | None:
    return next(((value, origin) for value, origin in choices if value), None)


def _band(
    floor: tuple[Any, AttributeOrigin] | None, total: tuple[Any, AttributeOrigin] | None
) -> tuple[Any, AttributeOrigin] | None:
    band = floor_band(floor[0], total[0]) if floor and total else None
    return (band, floor[1]) if floor and band else None


def _type(
    request: Request, words: tuple[str, ...], community: Community | None
) -> tuple[PropertyType, AttributeOrigin] | None:
    stated = stated_type(request.property_type)
    read = next((kind for text in words if (kind := type_in_words(text)) is not PropertyType.UNKNOWN), None)
    listed = list(_listed_types(community))
    if stated is not PropertyType.UNKNOWN:
        return stated, _STATED
    if read is not None:
        return read, _PARSED
    if len(listed) == 1:
        return listed[0], _DICTIONARY
    if PropertyType.APARTMENT in listed or (community and not listed):
        return PropertyType.APARTMENT, _IMPUTED  # a community is made of flats unless somebody says otherwise
    return None


def _listed_types(community: Community | None) -> Iterator[PropertyType]:
    for name in community.property_types if community else ():
        if name in PropertyType.__members__:
            yield PropertyType(name)


def _tradability(
    request: Request, words: tuple[str, ...], community: Community | None
) -> tuple[Tradability, AttributeOrigin] | None:
    for texts, origin in (((request.property_type or "",), _STATED), (words, _PARSED)):
        said = stated_tradability(texts)
        if said is not Tradability.UNKNOWN:
            return said, origin
    if community and community.tradability is not Tradability.UNKNOWN:
        return community.tradability, _DICTIONARY
    return None


def _words(parsed: ParsedAddress, community: Community | None) -> tuple[str, ...]:
    """What was written beside the community's name: 龙湖公馆(别墅)3号楼 is no villa if the community is called so."""
    text = "".join((*parsed.heads[:1], parsed.remark))
    name = normalise(community.name) if community else ""
    return (text.replace(name, "") if name else text, parsed.remark)

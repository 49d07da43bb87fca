"""What is known of the house: stated by the channel, registered by people, read off the address, or looked up.

What the channel states (in its fields or in words beside the address) stands, whatever is registered: the two are shown
to a person when they differ. A registered fact outranks what we infer from a room number or find in the dictionary.
"""

from collections.abc import Iterator
from typing import Any, Final

from schemas.codes import AttributeOrigin, PropertyType, Tradability
from schemas.domain.normalise import normalise
from schemas.events import Attributes, Community, Request
from streams.enrichment.eligibility import stated_tradability, stated_type, type_in_words, without_parking
from streams.enrichment.parse import ParsedAddress
from streams.enrichment.registry import Registered

_STATED, _PARSED, _REGISTERED, _DICTIONARY, _IMPUTED = (
    AttributeOrigin.REQUEST,
    AttributeOrigin.PARSED,
    AttributeOrigin.REGISTRY,
    AttributeOrigin.DICTIONARY,
    AttributeOrigin.IMPUTED,
)
_ONLY_REGISTERED: Final = ("halls", "structure", "renovation", "has_lift", "near_metro")
# Completion, title and first sale of one house lie so far apart; further off, it is another house.
YEARS_APART: Final = 2

_Known = tuple[Any, AttributeOrigin]


def attributes(
    request: Request, parsed: ParsedAddress, community: Community | None, registered: Registered | None = None
) -> Attributes:
    """All that is known, each field with where it came from. `registered`: what the registry says of the house."""
    person = registered or Registered()
    words = _words(parsed, community)
    floor = _first((request.floor, _STATED), (person.fact("floor"), _REGISTERED), (parsed.unit.floor, _PARSED))
    total = _first(
        (request.total_floors, _STATED),
        (person.fact("total_floors"), _REGISTERED),
        (parsed.unit.total_floors, _PARSED),
        (community and community.total_floors, _DICTIONARY),
    )
    found: dict[str, _Known | None] = {
        "property_type": _type(request, words, person, community),
        "tradability": _tradability(request, words, person, community),
        "floor": floor,
        "total_floors": total,
        "floor_band": _band(floor, total),
        "built_year": _first(
            (request.built_year, _STATED),
            (person.fact("built_year"), _REGISTERED),
            (community and community.built_year, _DICTIONARY),
        ),
        "rooms": _first((request.rooms, _STATED), (person.fact("rooms"), _REGISTERED)),
        "building_type": _first(
            (person.fact("building_type"), _REGISTERED), (community and community.building_type, _DICTIONARY)
        ),
        **{name: _registered(person, name) for name in _ONLY_REGISTERED},
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


def _first(*choices: _Known) -> _Known | None:
    return next(((value, origin) for value, origin in choices if value), None)


def _registered(registered: Registered, name: str) -> _Known | None:
    value = registered.fact(name)
    return None if value is None else (value, _REGISTERED)


def _band(floor: _Known | None, total: _Known | None) -> _Known | None:
    band = floor_band(floor[0], total[0]) if floor and total else None
    return (band, floor[1]) if floor and band else None


def _type(
    request: Request, words: tuple[str, ...], registered: Registered, community: Community | None
) -> _Known | None:
    said = _stated_type(request, words) or _registered(registered, "property_type")
    if said is not None:
        return said
    listed = list(_listed_types(community))
    if len(listed) == 1:
        return listed[0], _DICTIONARY
    if PropertyType.APARTMENT in listed or (community and not listed):
        return PropertyType.APARTMENT, _IMPUTED  # a community is made of flats unless somebody says otherwise
    return None


def _stated_type(request: Request, words: tuple[str, ...]) -> _Known | None:
    stated = stated_type(request.property_type)
    if stated is not PropertyType.UNKNOWN:
        return stated, _STATED
    read = next((kind for text in words if (kind := type_in_words(text)) is not PropertyType.UNKNOWN), None)
    return None if read is None else (read, _PARSED)


def _listed_types(community: Community | None) -> Iterator[PropertyType]:
    for name in community.property_types if community else ():
        if name in PropertyType.__members__:
            yield PropertyType(name)


def _tradability(
    request: Request, words: tuple[str, ...], registered: Registered, community: Community | None
) -> _Known | None:
    said = _stated_tradability(request, words) or _registered(registered, "tradability")
    if said is not None:
        return said
    if community and community.tradability is not Tradability.UNKNOWN:
        return community.tradability, _DICTIONARY
    return None


def _stated_tradability(request: Request, words: tuple[str, ...]) -> _Known | None:
    for texts, origin in (((request.property_type or "",), _STATED), (words, _PARSED)):
        said = stated_tradability(texts)
        if said is not Tradability.UNKNOWN:
            return said, origin
    return None


def _words(parsed: ParsedAddress, community: Community | None) -> tuple[str, ...]:
    """What was written beside the community's name: 龙湖公馆(别墅)3号楼 is no villa if the community is called so.

    501及地下车位 is a flat; 地下车库B2层101 and 3号楼车位 are not.
    """
    is_flat = parsed.unit.room is not None and parsed.unit.floor is not None
    remark = without_parking(parsed.remark) if is_flat else parsed.remark
    text = "".join((*parsed.heads[:1], remark))
    name = normalise(community.name) if community else ""
    return (text.replace(name, "") if name else text, remark)

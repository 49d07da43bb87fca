"""The house as it was stated: what a verification asks the sources about."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from schemas.codes import AttributeOrigin, PropertyType, Tradability
from schemas.events import Attributes, Request
from streams.enrichment import names
from streams.enrichment.index import Entry
from streams.enrichment.resolve import Resolution


class Field(StrEnum):
    """What is compared, in the order in which it is reported."""

    COMMUNITY = "COMMUNITY"
    BUILDING = "BUILDING"
    UNIT = "UNIT"
    FLOOR = "FLOOR"
    TOTAL_FLOORS = "TOTAL_FLOORS"
    BUILT_YEAR = "BUILT_YEAR"
    ROOMS = "ROOMS"
    AREA = "AREA"
    PROPERTY_TYPE = "PROPERTY_TYPE"
    USAGE = "USAGE"
    TRADABILITY = "TRADABILITY"


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """A stated house. `None`: the channel did not state it, and neither does the address.

    `entry` is the community the address resolved to; `name` what was written as its name, `stated_community` the
    channel's field beside the address. `address_building` is the address's, `building` that or else the channel's.
    `is_ambiguous`: the address may mean several communities.
    """

    entry: Entry | None
    is_ambiguous: bool
    name: str | None
    stated_community: str | None
    stated_building: str | None
    address_building: str | None
    unit: str | None
    room: str | None
    floor: int | None
    total_floors: int | None
    built_year: int | None
    rooms: int | None
    area_m2: Decimal
    property_type: PropertyType | None
    usage: str | None
    tradability: Tradability | None

    @property
    def community_id(self) -> str | None:
        """The dictionary's number of the community; `None` while the address leaves that open."""
        return None if self.entry is None else self.entry.community.community_id

    @property
    def building(self) -> str | None:
        """The building to look for."""
        return self.address_building or self.stated_building

    @property
    def door(self) -> str | None:
        """Building, unit and room as they are written together; `None` where no room is stated."""
        return "".join(part for part in (self.building, self.unit, self.room) if part) if self.room else None


_STATED: Final = frozenset({AttributeOrigin.REQUEST, AttributeOrigin.PARSED})


def stated_house(request: Request, resolution: Resolution, attributes: Attributes) -> House:
    """What a request states, in its fields and in the words of its address, which `attributes` were read from."""
    parsed, origins = resolution.parsed, attributes.origins
    name = next((head for head in parsed.heads if names.is_telling(names.key_of_normalised(head))), None)
    return House(
        entry=resolution.chosen,
        is_ambiguous=resolution.is_ambiguous,
        name=name,
        stated_community=request.community,
        stated_building=request.building,
        address_building=parsed.unit.building,
        unit=parsed.unit.unit,
        room=parsed.unit.room,
        floor=request.floor,
        total_floors=request.total_floors,
        built_year=request.built_year,
        rooms=request.rooms,
        area_m2=request.area_m2,
        property_type=attributes.property_type if origins.get("property_type") in _STATED else None,
        usage=request.usage,
        tradability=attributes.tradability if origins.get("tradability") in _STATED else None,
    )

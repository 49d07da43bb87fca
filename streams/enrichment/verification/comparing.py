"""When a stated fact and a known one agree: one small rule for each field."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from schemas.codes import PropertyType, Tradability, VerificationOutcome
from schemas.domain.contract import VERIFIED_AREA_GAP_M2, VERIFIED_AREA_SHARE
from schemas.domain.property_key import property_key
from streams.enrichment import names
from streams.enrichment.eligibility import stated_type
from streams.enrichment.verification.house import Field, House
from streams.enrichment.verification.sources import Known

_RESIDENTIAL: Final = frozenset({PropertyType.APARTMENT, PropertyType.VILLA})  # 规划用途 of both is 住宅


def verdict(house: House, known: Known) -> VerificationOutcome | None:
    """CONFIRMED or MISMATCH; `None` where the two cannot be compared, or the difference proves nothing."""
    agrees = _AGREES[known.field](house, known)
    if agrees is None or (not agrees and known.is_typical):
        return None
    return VerificationOutcome.CONFIRMED if agrees else VerificationOutcome.MISMATCH


def same_area(stated_m2: Decimal, recorded_m2: Decimal) -> bool:
    """Whether two areas are one: within 1 m² or one per cent of the record, whichever is more; the boundary passes."""
    return abs(stated_m2 - recorded_m2) <= max(VERIFIED_AREA_GAP_M2, VERIFIED_AREA_SHARE * recorded_m2)


def same_building(one: str, other: str) -> bool:
    """Whether two spellings are one building: 3号楼 and 3幢 are."""
    return one == other or property_key("c", one) == property_key("c", other)


def same_community(stated: str, house: House) -> bool | None:
    """Whether a name is one of the resolved community's, with or without its city, district and ending.

    `None` while the address leaves open which community is meant.
    """
    entry = house.entry
    if entry is None:
        return None
    key = names.key(stated)
    if house.name is not None and key == names.key(house.name):
        return True  # the very words that led to it, whoever taught us that name
    for division in (entry.province, entry.city, entry.county.name if entry.county else ""):
        key = key.removeprefix(division) or key
    return any(key == name or _same_core(key, name) for name in (entry.key, *entry.aliases))


def types_of_usage(usage: str) -> frozenset[PropertyType]:
    """The property types that a planned use may stand for; empty where the words name none."""
    kind = stated_type(usage)
    if kind is PropertyType.UNKNOWN:
        return frozenset()
    return _RESIDENTIAL if kind in _RESIDENTIAL else frozenset({kind})


def _same_core(one: str, other: str) -> bool:
    """翠苑 and 翠苑小区, but not 翠苑公寓 and 翠苑别墅."""
    cores = names.core(one), names.core(other)
    endings = one.removeprefix(cores[0]), other.removeprefix(cores[1])
    return cores[0] == cores[1] and (endings[0] == endings[1] or not any(map(names.says_a_type, endings)))


def _community(house: House, _: Known) -> bool | None:
    return same_community(house.stated_community, house) if house.stated_community else True


def _building(house: House, known: Known) -> bool | None:
    stated = house.stated_building or house.building
    return same_building(stated, str(known.value)) if stated else None


def _unit(house: House, known: Known) -> bool | None:
    return None if house.door is None else house.door == known.value


def _floor(house: House, known: Known) -> bool | None:
    return None if house.floor is None else house.floor == known.value


def _total_floors(house: House, known: Known) -> bool | None:
    return None if house.total_floors is None else house.total_floors == known.value


def _built_year(house: House, known: Known) -> bool | None:
    if house.built_year is None or not isinstance(known.value, int):
        return None
    return abs(house.built_year - known.value) <= known.years_apart


def _rooms(house: House, known: Known) -> bool | None:
    return None if house.rooms is None else house.rooms == known.value


def _area(house: House, known: Known) -> bool | None:
    if not isinstance(known.value, int | float):
        return None  # a range of the community: no record of this house
    return same_area(house.area_m2, Decimal(str(known.value)))


def _property_type(house: House, known: Known) -> bool | None:
    if house.property_type is None or not isinstance(known.value, frozenset):
        return None
    return house.property_type in known.value


def _usage(house: House, known: Known) -> bool | None:
    stated = types_of_usage(house.usage) if house.usage else frozenset()
    if not stated or not isinstance(known.value, frozenset) or not known.value:
        return None
    return not stated.isdisjoint(known.value)


def _tradability(house: House, known: Known) -> bool:
    """Whether it is a commodity house: that is what is asked, whether or not anybody states it."""
    return known.value == Tradability.TRADABLE and house.tradability in {None, Tradability.TRADABLE}


_AGREES: Final[Mapping[Field, Callable[[House, Known], bool | None]]] = MappingProxyType(
    {
        Field.COMMUNITY: _community,
        Field.BUILDING: _building,
        Field.UNIT: _unit,
        Field.FLOOR: _floor,
        Field.TOTAL_FLOORS: _total_floors,
        Field.BUILT_YEAR: _built_year,
        Field.ROOMS: _rooms,
        Field.AREA: _area,
        Field.PROPERTY_TYPE: _property_type,
        Field.USAGE: _usage,
        Field.TRADABILITY: _tradability,
    }
)

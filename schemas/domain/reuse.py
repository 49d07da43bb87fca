"""Which answers may be issued again: for the same unit, with the same area, for the same service (IN10)."""

from decimal import Decimal

from schemas.codes import MatchLevel, ServiceType
from schemas.domain.property_key import property_key
from schemas.events import ResolvedAddress

_VALUED = frozenset({ServiceType.VALUATE, ServiceType.VERIFY_AND_VALUATE})


def reuse_key(address: ResolvedAddress | None, area_m2: Decimal | None, service: ServiceType) -> str | None:
    """`c-1|3|2|501/89.50/VALUATE`; `None` where the unit or the area is not known, or no value is asked for.

    A house known only by its building is not one unit: its neighbours have other floors.
    """
    if address is None or area_m2 is None or service not in _VALUED or address.match_level is not MatchLevel.ROOM:
        return None
    if not (address.community_id and address.building and address.room):
        return None
    key = property_key(address.community_id, address.building, address.unit, address.room)
    return f"{key}/{area_m2:.2f}/{service}"

"""房产登记 as a source: what people established of a house, its building and its community."""

from collections.abc import Iterator
from typing import Any, Final

from schemas.domain.property_key import property_key
from schemas.domain.texts import PROPERTY_TYPE_TEXTS, TRADABILITY_TEXTS
from schemas.domain.worktime import shanghai_date
from schemas.events import PropertyRecord
from streams.enrichment.attributes import YEARS_APART
from streams.enrichment.registry import PropertyRegistry, Registered, is_of_a_room
from streams.enrichment.verification.comparing import types_of_usage
from streams.enrichment.verification.house import Field, House
from streams.enrichment.verification.sources import Finding, Known, Value, plain

NAME: Final = "property-registry"
SAID_BY: Final = "房产登记"


class RegistrySource:
    """A `VerificationSource`: the property registry. It has what was corrected and rules nothing out."""

    def __init__(self, registry: PropertyRegistry) -> None:
        """`registry` is followed elsewhere, and read here."""
        self._registry = registry

    def asked(self, house: House, /) -> tuple[str, ...]:
        """The registry, once the community is known: its keys begin with that."""
        return () if house.community_id is None else (NAME,)

    def findings(self, house: House, /) -> tuple[Finding, ...]:
        """The facts of the closest records, and the door itself."""
        if house.community_id is None or not len(self._registry):
            return ()
        registered = self._registry.of(house.community_id, house.building, house.unit, house.room)
        return (*self._door(house, registered), *_facts(house, registered))

    def _door(self, house: House, registered: Registered) -> Iterator[Known]:
        """The building and the room by their records; a room that is registered under no unit has none."""
        community_id, building, room = house.community_id, house.building, house.room
        if community_id is None:
            return
        closest = registered.closest
        if building and closest is not None and closest.property_key != community_id:
            yield _known(Field.BUILDING, building, building, closest)
        if room is None:
            return
        if closest is not None and is_of_a_room(closest):
            yield _known(Field.UNIT, house.door, house.door or room, closest)
        elif house.unit is not None:
            without = self._registry.get(property_key(community_id, building, None, room))
            if without is not None:
                door = f"{building or ''}{room}"
                yield _known(Field.UNIT, door, f"{door}（不分单元）", without)


def _facts(house: House, registered: Registered) -> Iterator[Known]:
    for field, name, counted in (
        (Field.TOTAL_FLOORS, "total_floors", "层"),
        (Field.BUILT_YEAR, "built_year", "年"),
        (Field.ROOMS, "rooms", "室"),
        (Field.AREA, "area_m2", "㎡"),
    ):
        if (said := registered.said(name)) is not None:
            yield _known(field, said.value, f"{plain(said.value)}{counted}", said.record)
    yield from _floor(house, registered)
    if (said := registered.said("property_type")) is not None:
        kind = said.value
        yield _known(Field.PROPERTY_TYPE, frozenset({kind}), PROPERTY_TYPE_TEXTS[kind], said.record)
    yield from _usage(registered)
    if (said := registered.said("tradability")) is not None:
        yield _known(Field.TRADABILITY, said.value, TRADABILITY_TEXTS[said.value], said.record)


def _floor(house: House, registered: Registered) -> Iterator[Known]:
    """The floor of the room; where only the building is known, that nothing lies above its roof."""
    if (said := registered.said("floor")) is not None:
        yield _known(Field.FLOOR, said.value, f"{said.value}层", said.record)
    roof = registered.said("total_floors")
    if roof is not None and house.floor is not None and house.floor > roof.value:
        yield _known(Field.FLOOR, roof.value, f"该楼共{roof.value}层", roof.record)


def _usage(registered: Registered) -> Iterator[Known]:
    """The registered use; where none is, what the registered type is used for."""
    if (said := registered.said("usage")) is not None:
        yield _known(Field.USAGE, frozenset(types_of_usage(said.value)), said.value, said.record)
    elif (said := registered.said("property_type")) is not None:
        yield _known(Field.USAGE, frozenset({said.value}), PROPERTY_TYPE_TEXTS[said.value], said.record)


def _known(field: Field, value: Any, shown: str, record: PropertyRecord) -> Known:
    fact: Value = value
    return Known(
        field=field,
        value=fact,
        shown=shown,
        source=NAME,
        evidence=record.property_key,
        said_by=SAID_BY,
        known_on=shanghai_date(record.corrected_at),
        years_apart=YEARS_APART if field is Field.BUILT_YEAR else 0,
    )

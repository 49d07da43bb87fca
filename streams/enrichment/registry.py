"""The property registry in memory: what people established of a house, the closest record first."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from schemas.codes import PropertyType, Tradability
from schemas.domain.property_key import keys_down_to
from schemas.events import PropertyRecord

# A floor, a plan or an area is of one room: a building's record cannot speak of them.
_OF_A_ROOM: Final = frozenset({"floor", "rooms", "halls", "renovation", "area_m2"})
_ROOM_DEPTH: Final = 3  # separators in the key of a room
_NOTHING: Final = (None, PropertyType.UNKNOWN, Tradability.UNKNOWN)


class Said(NamedTuple):
    """A fact and the record that has it."""

    value: Any
    record: PropertyRecord


class Registered:
    """What the records of one house say together: a fact of the room before that of its unit, building, community."""

    def __init__(self, records: Sequence[PropertyRecord] = ()) -> None:
        """`records` in the order in which they are believed."""
        self._records = records

    def fact(self, name: str) -> Any:
        """The closest established fact of that name (a field of `PropertyRecord`); `None` where nobody has one."""
        said = self.said(name)
        return None if said is None else said.value

    def said(self, name: str) -> Said | None:
        """`fact`, with the record it stands in."""
        found = (Said(getattr(record, name), record) for record in self._records if _may_say(record, name))
        return next((said for said in found if said.value not in _NOTHING), None)

    @property
    def closest(self) -> PropertyRecord | None:
        """The record furthest down; `None` where nothing is registered."""
        return next(iter(self._records), None)

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags of all levels, each once, those of the room first."""
        return tuple(dict.fromkeys(tag for record in self._records for tag in record.tags))


class PropertyRegistry:
    """The records of the topic, by their keys there."""

    def __init__(self) -> None:
        self._records: dict[str, PropertyRecord] = {}

    def __len__(self) -> int:
        return len(self._records)

    def put(self, key: str, record: PropertyRecord) -> None:
        """Add or replace the record of a key."""
        self._records[key] = record

    def remove(self, key: str) -> None:
        """Forget the record of a key; harmless when it is not there."""
        self._records.pop(key, None)

    def get(self, key: str) -> PropertyRecord | None:
        """The record of exactly this key."""
        return self._records.get(key)

    def of(self, community_id: str, building: str | None, unit: str | None, room: str | None) -> Registered:
        """What is registered of a house."""
        if not self._records:
            return Registered()
        keys = reversed(keys_down_to(community_id, building, unit, room))
        return Registered(tuple(_known(self._records.get(key) for key in keys)))


def _known(records: Iterable[PropertyRecord | None]) -> Iterable[PropertyRecord]:
    return (record for record in records if record is not None)


def _may_say(record: PropertyRecord, name: str) -> bool:
    return name not in _OF_A_ROOM or is_of_a_room(record)


def is_of_a_room(record: PropertyRecord) -> bool:
    """Whether a record speaks of one room and not of all the rooms of its building."""
    return record.property_key.count("|") == _ROOM_DEPTH

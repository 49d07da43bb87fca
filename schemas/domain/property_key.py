"""The key under which a house is registered: community, building, unit and room, as far down as it goes.

`c-1`, `c-1|3`, `c-1|3|2`, `c-1|3|2|501`: the words 幢, 单元 and 室 are left out, so that every way of writing a
building leads to one key. A level that a house does not have stays empty (`c-1|3||501`: a building without units).
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from schemas.domain.normalise import normalise

_SEPARATOR: Final = "|"
_REMEMBERED: Final = 32_768  # spellings: most houses stand in building 1 to 30, and one is asked about several times
_LEVELS: Final = 4  # community, building, unit, room
_COUNTER: Final = re.compile(r"(?:号楼|幢|座|楼|号|单元|门|室|房)$")


class Levels(NamedTuple):
    """A key taken apart; empty where a level is not known, or the house does not have it."""

    community_id: str = ""
    building: str = ""
    unit: str = ""
    room: str = ""


class PropertyKeyError(ValueError):
    """A text is no key of the property registry; the message says what one looks like."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"{text!r} is no key of a property; write COMMUNITY, COMMUNITY|BUILDING, COMMUNITY|BUILDING|UNIT or "
            "COMMUNITY|BUILDING|UNIT|ROOM, e.g. c-1|3幢|2单元|501 (leave a level empty that the house does not have)"
        )


def property_key(
    community_id: str, building: str | None = None, unit: str | None = None, room: str | None = None
) -> str:
    """The key of the deepest level that is named. Raises `PropertyKeyError` without a community."""
    return _joined(community_id, (_bare(building), _bare(unit), _bare(room)))


def canonical(text: str) -> str:
    """A key as a person writes it, in its one spelling; a second time changes nothing. Raises `PropertyKeyError`."""
    levels = text.split(_SEPARATOR)
    if len(levels) > _LEVELS:
        raise PropertyKeyError(text)
    community_id, *rest = levels
    return _joined(community_id.strip(), tuple(map(_bare, rest)))


def levels_of(key: str | None) -> Levels:
    """The levels of a key in its one spelling; all empty for `None`."""
    return Levels(*key.split(_SEPARATOR)) if key else Levels()


def building_of(key: str | None) -> str | None:
    """The key of the building in which the house of a key stands; `None` where no building is known."""
    levels = levels_of(key)
    return _SEPARATOR.join(levels[:2]) if levels.building else None


def keys_down_to(
    community_id: str, building: str | None = None, unit: str | None = None, room: str | None = None
) -> tuple[str, ...]:
    """The keys that say something of a house, from its community down to its room, each once."""
    levels = (_bare(building), _bare(unit), _bare(room))
    return tuple(dict.fromkeys(_joined(community_id, levels[:depth]) for depth in range(len(levels) + 1)))


def _joined(community_id: str, levels: tuple[str, ...]) -> str:
    if not community_id:
        raise PropertyKeyError(_SEPARATOR.join((community_id, *levels)))
    return _SEPARATOR.join((community_id, *levels)).rstrip(_SEPARATOR)


@lru_cache(maxsize=_REMEMBERED)
def _bare(level: str | None) -> str:
    spelled = normalise((level or "").replace(_SEPARATOR, ""))
    while (bare := normalise(_COUNTER.sub("", spelled))) not in {"", spelled}:
        spelled = bare
    return spelled

"""Where names of the official list of divisions lie in an address: marks that the tagger weighs, not decisions."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final

from schemas.domain.divisions import Divisions, divisions, shortened

KINDS: Final = ("province", "city", "county", "town", "short province", "short city", "short county", "short town")
PLACES: Final = 3  # a mark for the first token of a name, for those inside, for the last
MARKS: Final = len(KINDS) * PLACES
_SHORTEST, _LONGEST = 2, 9  # characters of a name; longer ones (积石山保安族…自治县) are cut short by everybody
_TOWN_ENDINGS: Final = ("街道办事处", "街道", "镇", "乡", "苏木")


@cache
def names() -> dict[str, tuple[int, ...]]:
    """Every name of the list, in full and shortened, with the kinds it may be of; every beginning of one, with none."""
    found = _by_name(divisions())
    return {name[:end]: () for name in found for end in range(_SHORTEST, len(name))} | found


def marks(tokens: Sequence[str], lexicon: dict[str, tuple[int, ...]]) -> list[tuple[int, int]]:
    """The marks of an address as (token, mark), each at most once per name found."""
    found: list[tuple[int, int]] = []
    count = len(tokens)
    for start in range(count - 1):
        name = tokens[start]
        for end in range(start + 1, min(count, start + _LONGEST)):
            name += tokens[end]
            kinds = lexicon.get(name)
            if kinds is None:
                break  # no name begins so
            for kind in kinds:
                first = kind * PLACES
                found.append((start, first))
                found += [(inside, first + 1) for inside in range(start + 1, end)]
                found.append((end, first + 2))
    return found


def _by_name(known: Divisions) -> dict[str, tuple[int, ...]]:
    counties = known.counties.values()
    towns = {town for names_of in known.towns.values() for town in names_of}
    sources: tuple[Iterable[str], ...] = (
        known.provinces.values(),
        {county.city for county in counties},
        {county.name for county in counties},
        towns,
        map(shortened, known.provinces.values()),
        {shortened(county.city) for county in counties},
        {shortened(county.name) for county in counties},
        {_short_town(town) for town in towns},
    )
    found: dict[str, set[int]] = {}
    for kind, source in enumerate(sources):
        for name in source:
            if _SHORTEST <= len(name) <= _LONGEST:
                found.setdefault(name, set()).add(kind)
    return {name: tuple(sorted(kinds)) for name, kinds in found.items()}


def _short_town(name: str) -> str:
    for ending in _TOWN_ENDINGS:
        if name.endswith(ending) and len(name) - len(ending) >= _SHORTEST:
            return name.removesuffix(ending)
    return name

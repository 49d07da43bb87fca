"""What was typed, read as a place and the beginning of a name: 北京市朝阳区望京花 is 望京花 in 朝阳区 of 北京市."""

from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Final

from schemas.domain.divisions import County, Divisions
from schemas.domain.normalise import normalise

_LONGEST_NAME: Final = 15  # 双江拉祜族佤族布朗族傣族自治县
_SHORTEST_NAME: Final = 2
_NUMERALS: Final = tuple("〇零一二三四五六七八九十百")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The beginning of a name, and where to look for it; `None` where nothing was said of it."""

    text: str
    city: str | None = None
    district: str | None = None

    @property
    def says_where(self) -> bool:
        """Whether a city or a district was typed."""
        return self.city is not None or self.district is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A city, or a county of it."""

    city: str
    district: str | None = None


def place_named(name: str, divisions: Divisions) -> Place | None:
    """The place a caller names: a city in full or shortened, or a county-level city (义乌); `None`: there is none."""
    spelled = normalise(name)
    city = divisions.city(spelled)
    if city is not None:
        return Place(city=city)
    counties = [county for county in divisions.counties_named.get(spelled, ()) if county.name.endswith("市")]
    return Place(city=counties[0].city, district=counties[0].name) if len(counties) == 1 else None


def readings(typed: str, divisions: Divisions, near: str | None = None) -> tuple[Reading, ...]:
    """The readings worth looking up, the likelier first.

    Names in full (北京市) are read as the place they name. Shortened ones (北京) are so only in a second reading: they
    begin many names as well. So do counties of two characters: 西区 is one somewhere, 西区花园 a community elsewhere. A
    numeral at the end is read as it stands (三里屯) and as a number (三 of 三期 is 3 in the
    one spelling). `near` is the city in which an ambiguous district is looked for.
    """
    texts = [normalise(typed)]
    if texts[0].endswith(_NUMERALS):
        texts.append(normalise(f"{typed}期").removesuffix("期"))
    found = [_read(text, divisions, near, divisions.full_names.__contains__) for text in texts]
    found += [_read(text, divisions, near, lambda _: True) for text in texts]
    found += [Reading(text=text) for text in texts if text[:_SHORTEST_NAME] in divisions.full_names]
    return tuple(dict.fromkeys(reading for reading in found if reading.text))


def _read(text: str, divisions: Divisions, near: str | None, may: Callable[[str], bool]) -> Reading:
    province, rest = _cut(text, divisions.provinces, may)
    city, rest = _city(province, rest, divisions, may)
    county_name, after = _cut(rest, divisions.counties_named, may)
    counties = _counties(county_name, divisions, city, near) if county_name is not None else ()
    if len(counties) == 1:
        return Reading(text=after, city=counties[0].city, district=counties[0].name)
    if counties and city is None and len({county.name for county in counties}) == 1:
        return Reading(text=after, district=counties[0].name)
    return Reading(text=rest, city=city)


def _city(province: str | None, rest: str, divisions: Divisions, may: Callable[[str], bool]) -> tuple[str | None, str]:
    """The city that `rest` begins with, and what follows; a municipality is its own city."""
    name, after = _cut(rest, divisions.cities, may)
    within = None if province is None else divisions.provinces[province]
    if name is not None and within in {None, divisions.cities[name][0]}:
        county, _ = _cut(rest, divisions.counties_named, may)
        if county is None or len(county) <= len(name):  # 朝阳区 is no 朝阳市
            return divisions.city(name), after
    return (divisions.city(within), rest) if within is not None else (None, rest)


def _cut(text: str, names: Container[str], may: Callable[[str], bool]) -> tuple[str | None, str]:
    """The longest of these names that `text` begins with, and the rest."""
    for length in range(min(_LONGEST_NAME, len(text)), _SHORTEST_NAME - 1, -1):
        name = text[:length]
        if name in names and may(name):
            return name, text[length:]
    return None, text


def _counties(name: str, divisions: Divisions, city: str | None, near: str | None) -> tuple[County, ...]:
    """The counties of that name: of the city that was typed, else those nearby, else all."""
    found = divisions.counties_named.get(name, ())
    here = tuple(county for county in found if county.city == (city or near))
    return here if here or city is not None else found

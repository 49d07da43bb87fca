"""What the income method assumes by class and city, as a versioned file says it (`income_assumptions.toml`)."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from schemas.codes import PropertyType
from schemas.errors import PermanentError

_FILE: Final = Path(__file__).with_name("income_assumptions.toml")
_TERMS: Final = {
    "rate": (0.0, 0.3),
    "growth": (-0.1, 0.1),
    "vacancy": (0.0, 0.9),
    "costs": (0.0, 0.9),
    "land_years": (1, 70),
}
_GENERAL: Final = {"listing_discount": (0.0, 0.5), "assumed_age_years": (0, 40), "construction_years": (0, 10)}


class AssumptionsError(PermanentError):
    """The file of assumptions cannot be used; the message lists every fault with its key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Of one class of property: rate and growth a year, vacancy and costs as shares of the rent, term of land use."""

    rate: float
    growth: float
    vacancy: float
    costs: float
    land_years: float

    @property
    def kept(self) -> float:
        """Share of a full year's rent that is left as net income."""
        return (1 - self.vacancy) * (1 - self.costs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """A version of them. `classes` are the property types that the income method values."""

    version: str
    listing_discount: float
    assumed_age_years: float
    construction_years: float
    classes: Mapping[PropertyType, Terms]
    cities: Mapping[tuple[str, PropertyType], Terms]

    def terms(self, city: str | None, kind: PropertyType) -> tuple[Terms, bool]:
        """The terms of a class in a city, and whether the city has its own. Raises `KeyError` for another class."""
        own = self.cities.get((city or "", kind))
        return (own, True) if own else (self.classes[kind], False)


@cache
def default_assumptions() -> Assumptions:
    """Those that come with the service."""
    return parse(_FILE.read_text(encoding="utf-8"), _FILE.name)


def parse(text: str, name: str) -> Assumptions:
    """The assumptions in a file. Raises `AssumptionsError` with every fault of it."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise AssumptionsError(f"{name} is no TOML file: {error}") from error
    faults = [*_faults(content)]
    if faults:
        raise AssumptionsError(f"{name}: {'; '.join(faults)}")
    return Assumptions(
        version=content["version"],
        **{key: float(content[key]) for key in _GENERAL},
        classes={PropertyType(kind): _terms(table) for kind, table in content["classes"].items()},
        cities={
            (city, PropertyType(kind)): _terms(table)
            for city, classes in content.get("cities", {}).items()
            for kind, table in classes.items()
        },
    )


def _terms(table: Mapping[str, Any]) -> Terms:
    return Terms(**{key: float(table[key]) for key in _TERMS})


def _faults(content: Mapping[str, Any]) -> Iterator[str]:
    known = {"version", "classes", "cities", *_GENERAL}
    yield from (f"unknown key {key!r}; known are {', '.join(sorted(known))}" for key in content if key not in known)
    if not (isinstance(content.get("version"), str) and content["version"]):
        yield f"version must be a text, not {content.get('version')!r}"
    yield from _out_of_range(content, _GENERAL, "")
    tables = {"classes": content.get("classes", {})}
    tables |= {f"cities.{city}": classes for city, classes in content.get("cities", {}).items()}
    if not tables["classes"]:
        yield "classes is empty; give at least one, e.g. [classes.SHOP]"
    for path, classes in tables.items():
        for kind, table in classes.items():
            if kind not in set(PropertyType):
                yield f"{path}.{kind} is no property type; known are {', '.join(PropertyType)}"
            yield from (f"{path}.{kind} has an unknown key {key!r}" for key in table if key not in _TERMS)
            yield from _out_of_range(table, _TERMS, f"{path}.{kind}.")


def _out_of_range(table: Mapping[str, Any], ranges: Mapping[str, tuple[float, float]], path: str) -> Iterator[str]:
    for key, (least, most) in ranges.items():
        value = table.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            yield f"{path}{key} must be a number from {least:g} to {most:g}, not {value!r}"

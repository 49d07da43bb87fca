"""A mapping file (TOML): which column of somebody's table is which field of ours. See docs/reference-data.md."""

import dataclasses
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from schemas.domain.forbidden_inputs import forbidden_among, forbidden_further
from schemas.events import Community, CoverageRow, Deal, Rent


class Target(StrEnum):
    """What a file holds."""

    COMMUNITIES = "communities"
    DEALS = "deals"
    COVERAGE = "coverage"
    RENTS = "rents"

    @property
    def event(self) -> type:
        """The event a row becomes."""
        return _EVENTS[self]


_EVENTS: Mapping[Target, type] = {
    Target.COMMUNITIES: Community,
    Target.DEALS: Deal,
    Target.COVERAGE: CoverageRow,
    Target.RENTS: Rent,
}

_OF_DEALS = frozenset(one.name for one in dataclasses.fields(Deal))

DATUMS = ("WGS-84", "GCJ-02", "BD-09")
REGIONS = ("china", "world")
UNITS: Mapping[str, float] = {
    "元": 1.0,
    "元/㎡": 1.0,
    "万元": 10_000.0,
    "万元/㎡": 10_000.0,
    "㎡": 1.0,
    "sq ft": 0.09290304,
}
TOTAL_BY_AREA = "total / area"  # the only derivation there is
FURTHER_PREFIX = "further."  # of a column in a table with our own names

# Known only after a price is, or to be kept out of any model: no mapping may read them, whatever it calls them.
# DOM and followers are counted after listing; communityAverage and its kin are levels of a later day.
FORBIDDEN_COLUMNS = frozenset({"dom", "followers", "communityaverage", "avr_price_xls", "avr_price_2016_11"})

_TOP = {
    "target",
    "source",
    "datum",
    "encoding",
    "sheet",
    "columns",
    "constants",
    "templates",
    "transforms",
    "checks",
    "skip_empty",
    "merge_by",
    "region",
    "derive",
    "further",
}
_TRANSFORM_KEYS = {"unit", "format", "values", "unknown", "yes", "no", "separator", "county_of", "zero_is_empty"}
_CHECK_KEYS = {"total", "total_unit", "min_unit_price", "max_unit_price"}
_UNKNOWN = ("refuse", "empty", "keep")


class MappingError(ValueError):
    """A mapping file cannot be used; the message lists everything that is wrong with it."""

    def __init__(self, name: str, problems: Collection[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(f"mapping {name}: " + "; ".join(self.problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class Transform:
    """How the text of a column becomes the value of a field.

    `unit`: multiply into yuan or m². `formats`: of a date, as strptime reads it; several are tried in turn.
    `values`: theirs to ours; `unknown` says what becomes of others (refuse, empty, keep). `yes`/`no`: words of a truth
    value. `separator`: between the members of a list. `county_of`: the name (朝阳) becomes the county's full name in
    that city. `zero_is_empty`: 0 stands for nothing.
    """

    unit: str | None = None
    formats: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    unknown: str = "refuse"
    yes: tuple[str, ...] = ()
    no: tuple[str, ...] = ()
    separator: str | None = None
    county_of: str | None = None
    zero_is_empty: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """What a row of deals must hold to. `total` names the column of the total price, in `total_unit`."""

    total: str | None = None
    total_unit: str = "元"
    min_unit_price: float = 100.0  # below: a typing error or a part share
    max_unit_price: float = 1_000_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FileMapping:
    """A valid mapping. A field comes from `columns`, `templates` (`"lj-{id}"`, of columns) or `constants`.

    `further`: names of further numbers of a property and their columns. `derives_unit_price`: the unit price is the
    total (`checks.total`) over the area, where a file has none or a rounded one. `region`: coordinates outside it are
    typing errors.
    """

    name: str
    target: Target
    columns: Mapping[str, str]
    templates: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    transforms: Mapping[str, Transform] = field(default_factory=dict)
    checks: Checks = Checks()
    source: str = ""
    datum: str | None = None
    encoding: str | None = None
    sheet: str | None = None
    skip_empty: tuple[str, ...] = ()
    merge_by: str | None = None
    further: Mapping[str, str] = field(default_factory=dict)
    derives_unit_price: bool = False
    region: str = "china"

    @property
    def columns_read(self) -> frozenset[str]:
        """Every column the mapping needs in the file."""
        in_templates = {name for template in self.templates.values() for name in placeholders(template)}
        total = {self.checks.total} if self.checks.total else set()
        return frozenset({*self.columns.values(), *self.further.values(), *in_templates, *self.skip_empty, *total})


def read_mapping(path: Path) -> FileMapping:
    """Parse and check a mapping file. Raises `MappingError` with every problem of it."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MappingError(path.name, [f"it is no TOML file: {error}"]) from error
    return parse_mapping(content, path.name)


def own_names(target: Target, columns: Collection[str]) -> FileMapping:
    """The mapping of a file whose columns are named as our fields, e.g. of the synthetic market.

    Further numbers of deals stand in columns named `further.<name>`. Raises `MappingError` if one may not be read.
    """
    names = field_names(target)
    further = {
        name.removeprefix(FURTHER_PREFIX): name
        for name in columns
        if target is Target.DEALS and name.startswith(FURTHER_PREFIX)
    }
    problems = _further_problems(target, further)
    if problems:
        raise MappingError("own names", problems)
    return FileMapping(
        name="own names",
        target=target,
        columns={name: name for name in columns if name in names},
        transforms={name: Transform(separator="|") for name in ("property_types", "aliases") if name in names},
        further=further,
    )


def parse_mapping(content: Mapping[str, Any], name: str) -> FileMapping:
    """Check the content of a mapping file. Raises `MappingError` with every problem of it."""
    problems = [f"unknown key {key!r}; known are {', '.join(sorted(_TOP))}" for key in content if key not in _TOP]
    target_name = content.get("target")
    if target_name not in set(Target):
        raise MappingError(name, [*problems, f"target is {target_name!r}; it must be one of {', '.join(Target)}"])
    target = Target(target_name)
    columns, templates = dict(content.get("columns", {})), dict(content.get("templates", {}))
    constants, transforms = dict(content.get("constants", {})), dict(content.get("transforms", {}))
    further, derive, checks = content.get("further", {}), content.get("derive", {}), content.get("checks", {})
    derived = dict.fromkeys(derive, "")
    problems += _field_problems(target, columns, templates, {**constants, **derived}, transforms, further)
    problems += _further_problems(target, further) + _derive_problems(derive, checks)
    problems += _transform_problems(transforms)
    problems += [f"checks.{key} is unknown" for key in checks if key not in _CHECK_KEYS]
    problems += _choice("datum", content.get("datum"), DATUMS)
    problems += _choice("region", content.get("region"), REGIONS)
    problems += _choice("checks.total_unit", checks.get("total_unit"), UNITS)
    merge_by = content.get("merge_by")
    if merge_by is not None and merge_by not in {*columns, *templates}:
        problems.append(f"merge_by names {merge_by!r}, which no column or template fills")
    if problems:
        raise MappingError(name, problems)
    mapping = FileMapping(
        name=name,
        target=target,
        columns=columns,
        templates=templates,
        constants=constants,
        transforms={key: _transform(value) for key, value in transforms.items()},
        checks=Checks(**checks),
        source=content.get("source", ""),
        datum=content.get("datum"),
        encoding=content.get("encoding"),
        sheet=content.get("sheet"),
        skip_empty=tuple(content.get("skip_empty", ())),
        merge_by=merge_by,
        further=dict(further),
        derives_unit_price=bool(derive),
        region=content.get("region", REGIONS[0]),
    )
    named = {column for column in mapping.columns_read if column.lower() in FORBIDDEN_COLUMNS}
    forbidden = sorted({*named, *forbidden_among(columns.values())})
    if forbidden:
        raise MappingError(
            name,
            [
                f"column {column} may not be read: it is known only after the price, or tells of a person"
                for column in forbidden
            ],
        )
    return mapping


def field_names(target: Target) -> tuple[str, ...]:
    """The fields a row of the target may have. Further numbers have a table of their own."""
    return tuple(one.name for one in dataclasses.fields(target.event) if one.name != "further")


def required_fields(target: Target) -> tuple[str, ...]:
    """The fields every row of the target needs. `source` may come from the mapping's own key."""
    fields = dataclasses.fields(target.event)
    bare = [
        one.name for one in fields if one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING
    ]
    return tuple(name for name in bare if name != "source")


def placeholders(template: str) -> tuple[str, ...]:
    """The columns a template names: `lj-{id}` → id."""
    return tuple(piece.split("}", 1)[0] for piece in template.split("{")[1:])


def _field_problems(
    target: Target,
    columns: Mapping[str, Any],
    templates: Mapping[str, Any],
    constants: Mapping[str, Any],
    transforms: Mapping[str, Any],
    further: Mapping[str, Any],
) -> list[str]:
    known, filled = field_names(target), [*columns, *templates, *constants]
    problems = [
        f"{target} has no field {name!r}"
        for name in {*filled, *transforms}
        if name not in known and name not in further.keys() & transforms.keys()
    ]
    problems += [f"field {name!r} is filled twice" for name in set(filled) if filled.count(name) > 1]
    problems += [f"field {name!r} is not filled" for name in required_fields(target) if name not in filled]
    problems += [
        f"transforms.{name} has no column or template"
        for name in transforms
        if name not in {*columns, *templates, *further}
    ]
    problems += [
        f"{table}.{name} must be text"
        for table, values in (("columns", columns), ("templates", templates))
        for name, value in values.items()
        if not isinstance(value, str)
    ]
    return sorted(problems)


def _further_problems(target: Target, further: Mapping[str, Any]) -> list[str]:
    if further and target is not Target.DEALS:
        return [f"{target} have no further numbers; the table [further] is for deals"]
    problems = [f"further.{name} must name a column" for name, column in further.items() if not isinstance(column, str)]
    problems += [
        f"further.{name} is no plain name; write it in small letters, digits and _"
        for name in further
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name)
    ]
    problems += [f"further.{name} is a field of its own; map it under columns" for name in further if name in _OF_DEALS]
    refused = forbidden_further([*further, *map(str, further.values())])
    columns = FORBIDDEN_COLUMNS & {str(column).lower() for column in further.values()}
    return problems + [
        f"{name} may not be read as a further number: it speaks of a price, is known only after it, or is of a person"
        for name in sorted({*refused, *columns})
    ]


def _derive_problems(derive: Mapping[str, Any], checks: Mapping[str, Any]) -> list[str]:
    problems = [
        f'derive.{name} = {formula!r} is unknown; there is only unit_price = "{TOTAL_BY_AREA}"'
        for name, formula in derive.items()
        if (name, formula) != ("unit_price", TOTAL_BY_AREA)
    ]
    if derive and not checks.get("total"):
        problems.append("derive.unit_price needs the column of the total: name it as checks.total")
    return problems


def _transform_problems(transforms: Mapping[str, Any]) -> list[str]:
    problems = []
    for name, transform in transforms.items():
        problems += [f"transforms.{name}.{key} is unknown" for key in transform if key not in _TRANSFORM_KEYS]
        problems += _choice(f"transforms.{name}.unit", transform.get("unit"), UNITS)
        problems += _choice(f"transforms.{name}.unknown", transform.get("unknown"), _UNKNOWN)
    return problems


def _choice(what: str, value: object, allowed: Collection[str]) -> list[str]:
    return (
        [f"{what} is {value!r}; it must be one of {', '.join(allowed)}"]
        if value is not None and value not in allowed
        else []
    )


def _transform(content: Mapping[str, Any]) -> Transform:
    formats = content.get("format", ())
    return Transform(
        unit=content.get("unit"),
        formats=(formats,) if isinstance(formats, str) else tuple(formats),
        values={str(theirs): str(ours) for theirs, ours in content.get("values", {}).items()},
        unknown=content.get("unknown", "refuse"),
        yes=tuple(map(str, content.get("yes", ()))),
        no=tuple(map(str, content.get("no", ()))),
        separator=content.get("separator"),
        county_of=content.get("county_of"),
        zero_is_empty=content.get("zero_is_empty", False),
    )

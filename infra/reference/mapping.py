"""A mapping file (TOML): which column of somebody's table is which field of ours. See docs/reference-data.md."""

import dataclasses
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from schemas.events import Community, CoverageRow, Deal


class Target(StrEnum):
    """What a file holds."""

    COMMUNITIES = "communities"
    DEALS = "deals"
    COVERAGE = "coverage"

    @property
    def event(self) -> type:
        """The event a row becomes."""
        return _EVENTS[self]


_EVENTS: Mapping[Target, type] = {
    Target.COMMUNITIES: Community,
    Target.DEALS: Deal,
    Target.COVERAGE: CoverageRow,
}

DATUMS = ("WGS-84", "GCJ-02", "BD-09")
UNITS: Mapping[str, float] = {"元": 1.0, "元/㎡": 1.0, "万元": 10_000.0, "万元/㎡": 10_000.0, "㎡": 1.0}

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

    `unit`: multiply into yuan. `formats`: of a date, as strptime reads it; several are tried in turn. `values`: theirs
    to ours; `unknown` says what becomes of others (refuse, empty, keep). `yes`/`no`: words of a truth value.
    `separator`: between the members of a list. `county_of`: the name (朝阳) becomes the county's full name in that
    city. `zero_is_empty`: 0 stands for nothing.
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
    """A valid mapping. A field comes from `columns`, `templates` (`"lj-{id}"`, of columns) or `constants`."""

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

    @property
    def columns_read(self) -> frozenset[str]:
        """Every column the mapping needs in the file."""
        in_templates = {name for template in self.templates.values() for name in placeholders(template)}
        total = {self.checks.total} if self.checks.total else set()
        return frozenset({*self.columns.values(), *in_templates, *self.skip_empty, *total})


def read_mapping(path: Path) -> FileMapping:
    """Parse and check a mapping file. Raises `MappingError` with every problem of it."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MappingError(path.name, [f"it is no TOML file: {error}"]) from error
    return parse_mapping(content, path.name)


def own_names(target: Target, columns: Collection[str]) -> FileMapping:
    """The mapping of a file whose columns are named as our fields, e.g. of the synthetic market."""
    names = field_names(target)
    return FileMapping(
        name="own names",
        target=target,
        columns={name: name for name in columns if name in names},
        transforms={name: Transform(separator="|") for name in ("property_types", "aliases") if name in names},
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
    problems += _field_problems(target, columns, templates, constants, transforms)
    problems += _transform_problems(transforms)
    problems += [f"checks.{key} is unknown" for key in content.get("checks", {}) if key not in _CHECK_KEYS]
    problems += _choice("datum", content.get("datum"), DATUMS)
    problems += _choice("checks.total_unit", content.get("checks", {}).get("total_unit"), UNITS)
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
        checks=Checks(**content.get("checks", {})),
        source=content.get("source", ""),
        datum=content.get("datum"),
        encoding=content.get("encoding"),
        sheet=content.get("sheet"),
        skip_empty=tuple(content.get("skip_empty", ())),
        merge_by=merge_by,
    )
    forbidden = sorted(column for column in mapping.columns_read if column.lower() in FORBIDDEN_COLUMNS)
    if forbidden:
        raise MappingError(
            name, [f"column {column} is known only after the price and may not be read" for column in forbidden]
        )
    return mapping


def field_names(target: Target) -> tuple[str, ...]:
    """The fields a row of the target may have."""
    return tuple(one.name for one in dataclasses.fields(target.event))


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
) -> list[str]:
    known, filled = field_names(target), [*columns, *templates, *constants]
    problems = [f"{target} has no field {name!r}" for name in {*filled, *transforms} if name not in known]
    problems += [f"field {name!r} is filled twice" for name in set(filled) if filled.count(name) > 1]
    problems += [f"field {name!r} is not filled" for name in required_fields(target) if name not in filled]
    problems += [
        f"transforms.{name} has no column or template" for name in transforms if name not in {*columns, *templates}
    ]
    problems += [
        f"{table}.{name} must be text"
        for table, values in (("columns", columns), ("templates", templates))
        for name, value in values.items()
        if not isinstance(value, str)
    ]
    return sorted(problems)


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

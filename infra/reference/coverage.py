"""A coverage file is taken whole or not at all: half a table of where the service answers would be worse than none."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import cast

from infra.reference.mapping import FileMapping
from infra.reference.rows import RejectedRow, read_numbered
from schemas.codes import PropertyType
from schemas.domain.divisions import Divisions, divisions
from schemas.events import CoverageRow


class CoverageFileError(ValueError):
    """The file is refused whole; `rows` names every line and what is wrong there."""

    def __init__(self, name: str, rows: Sequence[RejectedRow]) -> None:
        self.rows = tuple(sorted(rows, key=lambda row: row.line))
        lines = "; ".join(f"line {row.line}: {row.reason} ({row.value})" for row in self.rows[:10])
        more = f"; and {len(self.rows) - 10} more" if len(self.rows) > 10 else ""  # noqa: PLR2004
        super().__init__(f"{name} was refused, nothing was loaded: {lines}{more}")


def read_coverage(path: Path, mapping: FileMapping, *, today: date) -> tuple[CoverageRow, ...]:
    """Every row of a coverage file.

    Raises:
        CoverageFileError: A row is unreadable, names an unknown county, or overlaps another row of its county.
        UnreadableTableError: The file is no table.
    """
    problems: list[RejectedRow] = []
    rows: list[tuple[int, CoverageRow]] = []
    for line, row in read_numbered(path, mapping, today=today):
        if isinstance(row, RejectedRow):
            problems.append(row)
        else:
            rows.append((line, cast("CoverageRow", row)))
    known = divisions()
    problems += [problem for line, row in rows for problem in _problems(line, row, known)]
    problems += _overlaps(rows)
    if problems or not rows:
        empty = [RejectedRow(line=1, column="", value="", reason="the file has no rows")]
        raise CoverageFileError(path.name, problems or empty)
    return tuple(row for _, row in rows)


def _problems(line: int, row: CoverageRow, known: Divisions) -> Iterable[RejectedRow]:
    county = known.counties.get(row.county_code)
    if county is None:
        yield RejectedRow(line=line, column="county_code", value=row.county_code, reason="unknown county code")
    elif (row.county, row.city) != (county.name, county.city):
        reason = f"code {row.county_code} is {county.city}{county.name}"
        yield RejectedRow(line=line, column="county", value=f"{row.city}{row.county}", reason=reason)
    for name in row.property_types:
        if name not in PropertyType.__members__:
            yield RejectedRow(line=line, column="property_types", value=name, reason="unknown property type")
    if row.effective_to is not None and row.effective_to < row.effective_from:
        value = f"{row.effective_from}..{row.effective_to}"
        yield RejectedRow(line=line, column="effective_to", value=value, reason="the period ends before it begins")


def _overlaps(rows: Iterable[tuple[int, CoverageRow]]) -> Iterable[RejectedRow]:
    by_county: defaultdict[str, list[tuple[int, CoverageRow]]] = defaultdict(list)
    for line, row in rows:
        by_county[row.county_code].append((line, row))
    for of_county in by_county.values():
        in_order = sorted(of_county, key=lambda pair: pair[1].effective_from)
        for (first, before), (line, after) in pairwise(in_order):
            if before.effective_to is None or after.effective_from <= before.effective_to:
                reason = f"the period overlaps line {first}"
                yield RejectedRow(line=line, column="county_code", value=after.county_code, reason=reason)

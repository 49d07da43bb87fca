"""The coverage gate: is a place in the table, and active, on the day of receipt (AD3)?"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date

from schemas.codes import Automation, CoverageStatus, PropertyType
from schemas.domain.divisions import Divisions
from schemas.events import CoverageDecision, CoverageRow

_MOST_CAREFUL = (Automation.SUSPENDED, Automation.HUMAN_ONLY, Automation.AUTO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """In: the decision that travels on and the property types enabled."""

    decision: CoverageDecision
    property_types: frozenset[PropertyType]


class CoverageTable:
    """The rows of the coverage topic, by their keys there. A county may have several, for different periods."""

    def __init__(self, divisions: Divisions) -> None:
        self._divisions = divisions
        self._rows: dict[str, CoverageRow] = {}
        self._by_county: defaultdict[str, dict[str, CoverageRow]] = defaultdict(dict)
        self._by_city: defaultdict[str, set[str]] = defaultdict(set)
        self._by_branch: defaultdict[str, dict[str, CoverageRow]] = defaultdict(dict)
        self.version = ""

    def __len__(self) -> int:
        return len(self._rows)

    def put(self, key: str, row: CoverageRow) -> None:
        """Add or replace the row of a key."""
        self.remove(key)
        self._rows[key] = row
        self._by_county[row.county_code][key] = row
        self._by_city[self._city(row)].add(row.county_code)
        if row.branch_code is not None:
            self._by_branch[row.branch_code][key] = row
        self.version = max(self.version, row.version)

    def remove(self, key: str) -> None:
        """Forget the row of a key; harmless when it is not there."""
        row = self._rows.pop(key, None)
        if row is not None:
            del self._by_county[row.county_code][key]
            self._by_branch[row.branch_code or ""].pop(key, None)
            if not self._by_county[row.county_code]:
                self._by_city[self._city(row)].discard(row.county_code)

    def county(self, county_code: str, on: date) -> Cover | None:
        """The cover of a county on a day; `None`: planned, withdrawn, not in force or not in the table."""
        row = self._in_force(county_code, on)
        rows = self._of_the_same_ground(county_code, on) if row is None else [row]
        active = [_cover(row) for row in rows if row.status is CoverageStatus.ACTIVE]
        return min(active, key=_care, default=None)

    def city(self, city: str, on: date) -> Cover | None:
        """For a house whose city is known but not its county: in when any county of the city is.

        The most careful automation of them applies, and all their property types; a person looks at it anyway.
        """
        covers = [cover for code in sorted(self._by_city.get(city, ())) if (cover := self.county(code, on)) is not None]
        if not covers:
            return None
        careful = min(covers, key=_care)
        return Cover(
            decision=CoverageDecision(
                county_code=self._divisions.city_codes.get(city, careful.decision.county_code),
                row_version=careful.decision.row_version,
                automation=careful.decision.automation,
                branch_code=careful.decision.branch_code,
            ),
            property_types=frozenset().union(*(cover.property_types for cover in covers)),
        )

    def city_of_branch(self, branch_code: str, on: date) -> str | None:
        """The city a branch of the bank is responsible for on a day; `None`: unknown, or counties of several cities."""
        counties = {row.county_code for row in self._by_branch.get(branch_code, {}).values()}
        rows = [row for code in counties if (row := self._in_force(code, on)) is not None]
        cities = {self._city(row) for row in rows if row.branch_code == branch_code}
        return cities.pop() if len(cities) == 1 else None

    def _of_the_same_ground(self, county_code: str, on: date) -> list[CoverageRow]:
        """Rows under the code of another list: a table that knows 江北区 covers its ground in 两江新区 too."""
        codes = self._divisions.overlaps.get(county_code, ())
        return [row for code in codes if (row := self._in_force(code, on)) is not None]

    def _in_force(self, county_code: str, on: date) -> CoverageRow | None:
        rows = [
            row
            for row in self._by_county.get(county_code, {}).values()
            if row.effective_from <= on and (row.effective_to is None or on <= row.effective_to)
        ]
        return max(rows, key=lambda row: (row.effective_from, row.version), default=None)

    def _city(self, row: CoverageRow) -> str:
        county = self._divisions.counties.get(row.county_code)
        return county.city if county else row.city


def _care(cover: Cover) -> int:
    """The most careful first."""
    return _MOST_CAREFUL.index(cover.decision.automation)


def _cover(row: CoverageRow) -> Cover:
    return Cover(
        decision=CoverageDecision(
            county_code=row.county_code,
            row_version=row.version,
            automation=row.automation,
            branch_code=row.branch_code,
        ),
        property_types=frozenset(PropertyType(name) for name in row.property_types if name in PropertyType.__members__),
    )

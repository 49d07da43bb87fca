"""On which days the deals of a city and source became known: how long a source has been silent there."""

from bisect import bisect_left, insort
from collections import Counter, defaultdict
from datetime import date


class Arrivals:
    """On which days deals of each city and source became known."""

    def __init__(self) -> None:
        self._counts: defaultdict[tuple[str, str], Counter[int]] = defaultdict(Counter)
        self._days: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        self._sources: defaultdict[str, set[str]] = defaultdict(set)

    def put(self, city: str, source: str, known: int, count: int = 1) -> None:
        """Count deals that became known on a day (its ordinal)."""
        place = city, source
        if not self._counts[place][known]:
            insort(self._days[place], known)
            self._sources[city].add(source)
        self._counts[place][known] += count

    def remove(self, city: str, source: str, known: int, count: int = 1) -> None:
        """Count deals no longer that were counted so."""
        place = city, source
        counts, days = self._counts[place], self._days[place]
        counts[known] -= count
        if not counts[known]:
            del counts[known]
            del days[bisect_left(days, known)]
        if not days:
            self._sources[city].discard(source)

    def newest(self, city: str, source: str, before: date) -> date | None:
        """The latest day before `before` on which a deal became known; `None` where there is none."""
        days = self._days.get((city, source), ())
        at = bisect_left(days, before.toordinal())
        return date.fromordinal(days[at - 1]) if at else None

    def cities(self) -> tuple[str, ...]:
        """The cities that have deals, by name."""
        return tuple(sorted(city for city, sources in self._sources.items() if sources))

    def sources(self, city: str) -> tuple[str, ...]:
        """The sources that have deals in a city, by name."""
        return tuple(sorted(self._sources.get(city, ())))

    def sources_before(self, city: str, before: date) -> tuple[str, ...]:
        """Those of a city's sources of which a deal was known before a day, by name."""
        return tuple(source for source in self.sources(city) if self.newest(city, source, before) is not None)

"""Planning a week of a desk: expected arrivals beside the people on the roster, from the desk's own history."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from consumers.review_desk.oversight.forecast import NeededHour, expected_arrivals, mean_handling, needed_people
from consumers.review_desk.oversight.roster import Roster
from consumers.review_desk.people.staff import Person, families_of
from infra.postgres.pool import Pool
from schemas.domain.worktime import SHANGHAI, shanghai_date

LOOK_BACK: Final = timedelta(weeks=8)  # of each weekday eight: long enough for a mean, short enough for this season
ASKED_FOR: Final = timedelta(days=30)
WITHIN: Final = timedelta(minutes=20)  # assumed: 80 % of the cases are in somebody's hands after twenty minutes
SHARE: Final = 0.80

# Only what channels asked for: samples are drawn by the desk itself and wait for a quiet hour.
_ARRIVED = """
    select requested_at from task
    where kind in ('VALUATION', 'DISPUTE') and requested_at >= %s and requested_at < %s and region = any(%s)
"""
_FIRST = "select min(requested_at) from task"
_HANDLED = """
    select d.decided_at - d.claimed_at from decision d join task t using (task_id)
    where d.decided_at >= %s and t.region = any(%s) order by d.decided_at desc limit 2000
"""
_ASKED = """
    select queue, reasons, count(*) from task
    where kind in ('VALUATION', 'DISPUTE') and requested_at >= %s and region = any(%s) group by queue, reasons
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A week's open hours. `handling`: the mean time of a case that the need was worked out with."""

    hours: tuple[NeededHour, ...]
    handling: timedelta

    @property
    def is_thin(self) -> bool:
        """Whether some hour rests on too little history to be planned by."""
        return any(hour.expected.is_thin for hour in self.hours)


class Planning:
    """Works out plans."""

    def __init__(
        self, pool: Pool, roster: Roster, *, person: Callable[[str], Person | None], clock: Callable[[], datetime]
    ) -> None:
        """`person` gives somebody by user name; `clock` the instant now, in UTC."""
        self._pool, self._roster, self._person, self._clock = pool, roster, person, clock

    def week(self, by: Person, monday: date) -> Plan:
        """The plan of a week for the regions of `by`. Shifts count of people who serve one of them."""
        today = shanghai_date(self._clock())
        regions = sorted(by.regions)
        end = _midnight(today)
        with self._pool.connection() as connection:
            first = (connection.execute(_FIRST).fetchone() or (None,))[0]
            arrived = [at for (at,) in connection.execute(_ARRIVED, [end - LOOK_BACK, end, regions])]
            handled = [span for (span,) in connection.execute(_HANDLED, [end - LOOK_BACK, regions])]
        since = max(today - LOOK_BACK, today if first is None else shanghai_date(first))
        days = [monday + timedelta(days=number) for number in range(7)]
        handling = mean_handling(handled)
        shifts = self._roster.week(monday)
        helps = {name for name in {shift.username for shift in shifts} if self._serves(name, by)}
        return Plan(
            hours=needed_people(
                expected_arrivals(arrived, (since, today - timedelta(days=1)), days),
                handling,
                [(shift.starts_at, shift.ends_at) for shift in shifts if shift.username in helps],
                within=WITHIN,
                share=SHARE,
            ),
            handling=handling,
        )

    def asked(self, by: Person) -> Counter[str]:
        """How many cases of the last 30 days asked for each skill: queues, and families of reasons."""
        since = self._clock() - ASKED_FOR
        with self._pool.connection() as connection:
            rows = connection.execute(_ASKED, [since, sorted(by.regions)]).fetchall()
        found: Counter[str] = Counter()
        for queue, reasons, count in rows:
            for code in (str(queue), *map(str, families_of(reasons))):
                found[code] += int(count)
        return found

    def _serves(self, username: str, by: Person) -> bool:
        person = self._person(username)
        return person is not None and not person.regions.isdisjoint(by.regions)


def _midnight(on: date) -> datetime:
    return datetime(on.year, on.month, on.day, tzinfo=SHANGHAI)

"""Values to revalue: the automatic answers that were given somewhere since a pattern of failure began.

What people valued is not among them, be it only after a dispute: their value stands. The list names valuations and
properties by their keys, no address and no customer, and can be run as a batch of revaluations.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from psycopg.rows import class_row

from infra.postgres.pool import Pool

_AFFECTED: Final = """
    select valuation_id, channel, resulted_at, value_date, city, property_type, community_id, property_key, area_m2,
        model, value, unit_price
    from valued
    where not exists (select from valuation v where v.valuation_id = valued.valuation_id and v.supersedes is not null)
        and is_automatic and value is not null and resulted_at >= %(since)s and resulted_at < %(until)s
        and (%(city)s::text is null or city = %(city)s)
        and (%(community_id)s::text is null or community_id = %(community_id)s)
        and (%(model)s::text is null or model = %(model)s)
    order by resulted_at, valuation_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What is affected: a city, a community, a model version (`residential 3`), or what lies in all that are given."""

    city: str | None = None
    community_id: str | None = None
    model: str | None = None

    def __post_init__(self) -> None:
        """Refuse a place that is everywhere."""
        if not (self.city or self.community_id or self.model):
            raise ValueError("say what is affected: a city, a community or a model version")


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """A final automatic answer. Money in whole yuan."""

    valuation_id: UUID
    channel: str
    resulted_at: datetime
    value_date: date
    city: str | None
    property_type: str
    community_id: str | None
    property_key: str | None
    area_m2: Decimal | None
    model: str | None
    value: int
    unit_price: int | None


def affected(pool: Pool, place: Place, since: datetime, until: datetime) -> tuple[Affected, ...]:
    """The automatic answers to revalue, the oldest first."""
    values = {"since": since, "until": until, "city": place.city}
    values |= {"community_id": place.community_id, "model": place.model}
    with pool.connection() as connection, connection.cursor(row_factory=class_row(Affected)) as cursor:
        return tuple(cursor.execute(_AFFECTED, values).fetchall())

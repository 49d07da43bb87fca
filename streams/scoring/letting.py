"""The income method for a batch of subjects of one segment that is let: rents and yields in, incomes out."""

from collections.abc import Sequence
from datetime import date
from typing import Final

import numpy as np

from schemas.codes import PropertyType
from schemas.events import Attributes
from streams.scoring.assumptions import Assumptions
from streams.scoring.attributes import NUMBERS
from streams.scoring.comparables import ComparableBook
from streams.scoring.income import LAND_UNTIL, Income, MarketRent, gap_of, income_value, remaining_years
from streams.scoring.rents import RentBook, Rented, floor_step
from streams.scoring.subjects import Subjects

_BUILT: Final = NUMBERS.index("built_year")


def incomes(
    subjects: Subjects,
    described: Sequence[Attributes],
    *,
    kind: PropertyType,
    rents: RentBook,
    book: ComparableBook,
    assumptions: Assumptions,
) -> list[Income | None]:
    """The income method for each subject, by what was known before its day; `None` where too few rents were.

    Property that is not let gets `None` throughout.
    """
    if kind not in assumptions.classes or not len(rents):
        return [None] * len(subjects)
    rented = rents.seen_with(book, listing_discount=assumptions.listing_discount)
    floors = np.array([floor_step(each.floor, each.floor_band, each.total_floors) for each in described])
    return [
        None if rent is None else _income(rent, subjects, i, described[i], kind, rented, assumptions)
        for i, rent in enumerate(rented.market_rents(subjects, floors))
    ]


def _income(  # noqa: PLR0913, PLR0917 - as `incomes`
    rent: MarketRent,
    subjects: Subjects,
    i: int,
    described: Attributes,
    kind: PropertyType,
    rented: Rented,
    assumptions: Assumptions,
) -> Income:
    city, day, known = (int(column[i]) for column in (subjects.city, subjects.day, subjects.known))
    terms, own_terms = assumptions.terms(rented.book.market.places.cities.texts[city] if city >= 0 else None, kind)
    on = date.fromordinal(day)
    built = float(subjects.numeric[i, _BUILT])
    return income_value(
        rent,
        terms,
        gap_of(rented.yields(city, day=day, known=known), terms, assumptions, value_date=on),
        own_terms=own_terms,
        years=remaining_years(
            terms,
            assumptions,
            value_date=on,
            built_year=None if np.isnan(built) else built,
            land_until=described.further.get(LAND_UNTIL),
        ),
    )

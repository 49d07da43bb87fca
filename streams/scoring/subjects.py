"""What is to be valued, as columns; and deals as if they were asked about, with more or less told of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from streams.scoring.attributes import FURTHER, NUMBERS, TEXTS, Floats, Ints, hide
from streams.scoring.market import Rows

EVERYTHING: Final = (*NUMBERS, *TEXTS, FURTHER)
NOT_OF_ADDRESS: Final = tuple(name for name in EVERYTHING if name not in {"floor", "floor_band", "total_floors"})
NOT_OF_BUILDING: Final = tuple(
    name for name in EVERYTHING if name not in {"floor", "floor_band", "total_floors", "built_year", "building_type"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subjects:
    """What is to be valued, as columns.

    `day` is the value date; deals known before the day `known` are looked at. `own` is the subject's own row among the
    deals (-1: none), never looked at. `cold` 1 hides all deals of its
    community: how the subject would be valued if it were the first one sold there.
    """

    community: Ints
    city: Ints
    district: Ints
    circle: Ints
    day: Ints
    known: Ints
    log_area: Floats
    numeric: Floats
    texts: Ints
    further: Floats
    own: Ints
    cold: Ints

    def __len__(self) -> int:
        return len(self.day)

    def taken(self, rows: Ints) -> "Subjects":
        """The subjects at these places."""
        return Subjects(**{name: getattr(self, name)[rows] for name in Subjects.__slots__})


def subjects_of(
    rows: Rows,
    *,
    day: Ints,
    own: Ints,
    known: Ints | None = None,
    hidden: Sequence[str] = (),
    views: Sequence[Sequence[str]] = (),
) -> Subjects:
    """Deals as if they were asked for on `day`, with columns hidden.

    `known`: only deals known before that day are looked at; `day` itself when left out. `views`: instead of `hidden`,
    one list of columns for each share of the rows, drawn by their digests.
    """
    numeric, texts, further = hide(rows.numeric, rows.texts, rows.further, hidden)
    for number, columns in enumerate(views):
        at = np.flatnonzero(rows.digest % len(views) == number)
        numeric[at], texts[at], further[at] = hide(rows.numeric[at], rows.texts[at], rows.further[at], columns)
    return Subjects(
        community=rows.community,
        city=rows.city,
        district=rows.district,
        circle=rows.circle,
        day=day,
        known=day if known is None else known,
        log_area=rows.log_area,
        numeric=numeric,
        texts=texts,
        further=further,
        own=own,
        cold=np.zeros(len(rows), np.int64),
    )


def as_first_of_community(subjects: Subjects) -> Subjects:
    """The same subjects as if nothing had been sold in their communities before."""
    return replace(subjects, cold=np.ones(len(subjects), np.int64))


def without_community(subjects: Subjects) -> Subjects:
    """The same subjects as if only their district were known."""
    nowhere = np.full(len(subjects), -1, np.int64)
    return replace(subjects, community=nowhere, circle=nowhere)

"""What is known of a flat, as numbers: one row for a deal or for a subject, in the same columns.

Unknown is NaN (numbers) or -1 (texts); nothing is imputed here.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from schemas.events import Attributes, Deal

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Described = Deal | Attributes

NUMBERS: Final = ("floor", "total_floors", "built_year", "rooms", "halls", "has_lift", "near_metro", "five_years")
TEXTS: Final = ("floor_band", "building_type", "structure", "renovation")
FURTHER: Final = "further"  # all numbers that only some kinds of property have, as one
BANDS: Final = "地底低中高顶"  # 低楼层, 低层 and 低 are the same band
UNKNOWN: Final = frozenset({"未知", "不详", "暂无数据", "na", "nan"})
_LAND_FLOOR: Final = 1  # 首层 is priced as 底, whatever the height of the house


class Vocabulary:
    """Texts of one column, numbered in order of appearance; grows and never forgets."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._codes: dict[str, int] = {}

    def code(self, text: str | None) -> int:
        """The number of `text`, new if need be; -1 for `None` and for texts that say nothing."""
        if not text or text in UNKNOWN:
            return -1
        code = self._codes.get(text)
        if code is None:
            code = self._codes[text] = len(self.texts)
            self.texts.append(text)
        return code

    def known(self, text: str | None) -> int:
        """The number of `text`, or -1 if it has none."""
        return self._codes.get(text, -1) if text else -1


class Vocabularies:
    """One `Vocabulary` for each column of `TEXTS`, and one for the names of further numbers."""

    def __init__(self) -> None:
        self.columns = tuple(Vocabulary() for _ in TEXTS)
        self.further = Vocabulary()

    def codes(self, described: Described) -> list[int]:
        """The texts of a flat as numbers, in the order of `TEXTS`."""
        return [column.code(text) for column, text in zip(self.columns, _texts(described), strict=True)]

    def known(self, described: Described) -> list[int]:
        """As `codes`, but without learning: what a customer typed must not fill the memory of a stage."""
        return [column.known(text) for column, text in zip(self.columns, _texts(described), strict=True)]

    def further_of(self, described: Sequence[Described]) -> Floats:
        """Further numbers (n x known names), NaN where unknown; names never learned are left out."""
        result = np.full((len(described), len(self.further.texts)), np.nan)
        for row, one in enumerate(described):
            for name, value in one.further.items():
                place = self.further.known(name)
                if place >= 0:
                    result[row, place] = value
        return result

    def learn_further(self, described: Iterable[Described]) -> None:
        """Take the names of their further numbers in, sorted: their order must not hang on who came first."""
        for name in sorted({name for one in described for name in one.further}):
            self.further.code(name)


def numbers(described: Described) -> list[float]:
    """The numbers of a flat in the order of `NUMBERS`; NaN where unknown."""
    values = (getattr(described, name, None) for name in NUMBERS)
    return [np.nan if value is None else float(value) for value in values]


def floor_band(stated: str | None, floor: int | None, total_floors: int | None) -> str | None:
    """底 低 中 高 顶 (地: below ground), from the stated band or from the floor and the height of the house.

    >>> floor_band("低楼层", None, None), floor_band(None, 5, 6), floor_band(None, 6, 6), floor_band(None, 6, None)
    ('低', '高', '顶', None)
    """
    if stated and stated[0] in BANDS:
        return stated[0]
    if floor is None or total_floors is None or total_floors < 1 or floor > total_floors:
        return None
    if floor <= 0:
        return "地"
    if floor == _LAND_FLOOR:
        return "底"
    if floor == total_floors:
        return "顶"
    return "低中高"[min(2, 3 * (floor - 1) // total_floors)]


def _texts(described: Described) -> tuple[str | None, ...]:
    band = floor_band(described.floor_band, described.floor, described.total_floors)
    return band, described.building_type, described.structure, described.renovation


def total_by(group: Ints, values: Floats, groups: int) -> Floats:
    """Sum of `values` in each of `groups`, added in the order of the rows: a group's sum depends on its rows alone."""
    return np.bincount(group, values, groups).astype(np.float64, copy=False)


def rows_by(group: Ints, columns: Floats, groups: int, how: np.ufunc = np.add, *, empty: float = 0.0) -> Floats:
    """Each column reduced within each of `groups`, which must come in order; `empty` where a group has no row."""
    result = np.full((groups, columns.shape[1]), empty)
    if len(group):
        first = np.flatnonzero(np.concatenate([[True], group[1:] != group[:-1]]))
        result[group[first]] = how.reduceat(columns, first, axis=0)
    return result


def hide(numeric: Floats, texts: Ints, further: Floats, columns: Sequence[str]) -> tuple[Floats, Ints, Floats]:
    """Copies in which the named columns are unknown: how a row looks to a customer who typed only address and area."""
    numeric, texts = numeric.copy(), texts.copy()
    numeric[:, [NUMBERS.index(name) for name in columns if name in NUMBERS]] = np.nan
    texts[:, [TEXTS.index(name) for name in columns if name in TEXTS]] = -1
    return numeric, texts, np.full_like(further, np.nan) if FURTHER in columns else further.copy()

"""Files of labelled pairs: an address, one that was found for it, and how far a person says they mean the same."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Final

import polars as pl

_COLUMNS: Final = ("address_a", "address_b", "label")
_READERS: Final[Mapping[str, Callable[[Path], pl.DataFrame]]] = {".parquet": pl.read_parquet, ".csv": pl.read_csv}
_SHOWN_FAULTS: Final = 5


class UnusablePairsError(ValueError):
    """A file cannot be learned from or scored on."""


class Relation(IntEnum):
    """How far two addresses mean the same. Ordered: a partial match is nearer to an exact one than none is."""

    NONE = 0  # other places
    PARTIAL = 1  # the same community, road or compound, but not the same unit of it; or one of them says less
    EXACT = 2  # the same building, shop or site


RELATIONS: Final = tuple(Relation)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledPair:
    """`address_a` was asked for, `address_b` is one of the candidates found for it."""

    address_a: str
    address_b: str
    relation: Relation


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledList:
    """An address with all its candidates, in the order of the file, and what a person said of each."""

    address: str
    candidates: tuple[str, ...]
    relations: tuple[Relation, ...]


def read_pairs(path: Path) -> list[LabelledPair]:
    """The pairs of a Parquet or CSV file with the columns address_a, address_b and label (0 none, 1 partial, 2 exact).

    Raises:
        UnusablePairsError: It cannot be read, lacks a column, has no row, or rows of it are faulty: their numbers.
    """
    table = _table(path)
    missing = [name for name in _COLUMNS if name not in table.columns]
    if missing:
        raise UnusablePairsError(
            f"{path} lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}; it has "
            f"{', '.join(table.columns)}; label is 0 (none), 1 (partial) or 2 (exact)"
        )
    pairs, faults = [], []
    for number, (address_a, address_b, label) in enumerate(table.select(_COLUMNS).iter_rows(), start=1):
        try:
            pairs.append(_pair(address_a, address_b, label))
        except ValueError as error:
            faults.append(f"row {number}: {error}")
    if faults:
        more = f" and {len(faults) - _SHOWN_FAULTS} more" if len(faults) > _SHOWN_FAULTS else ""
        raise UnusablePairsError(f"{path}: {'; '.join(faults[:_SHOWN_FAULTS])}{more}; mend or remove these rows")
    if not pairs:
        raise UnusablePairsError(f"{path} has no row")
    return pairs


def as_lists(pairs: Iterable[LabelledPair]) -> list[LabelledList]:
    """One list for each address that was asked for, in the order of its first row; candidates in the rows' order."""
    found: dict[str, list[LabelledPair]] = {}
    for pair in pairs:
        found.setdefault(pair.address_a, []).append(pair)
    return [
        LabelledList(
            address=address,
            candidates=tuple(pair.address_b for pair in of_address),
            relations=tuple(pair.relation for pair in of_address),
        )
        for address, of_address in found.items()
    ]


def fold_of(address: str, folds: int, *, salt: str = "") -> int:
    """Which of `folds` parts an address asked for belongs to: the same for the same text, wherever it stands."""
    return int.from_bytes(hashlib.sha256(f"{salt}|{address}".encode(errors="replace")).digest()[:8]) % folds


def without_addresses(lists: Sequence[LabelledList], addresses: Iterable[str]) -> list[LabelledList]:
    """The lists of other addresses: what may be learned from when `addresses` are scored."""
    kept_out = set(addresses)
    return [one for one in lists if one.address not in kept_out]


def digest(lists: Iterable[LabelledList]) -> str:
    """sha256 of what was learned from, list by list: it does not depend on the format of the file."""
    state = hashlib.sha256()
    for one in lists:
        state.update(json.dumps([one.address, one.candidates, one.relations], ensure_ascii=True).encode() + b"\n")
    return state.hexdigest()


def _table(path: Path) -> pl.DataFrame:
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise UnusablePairsError(f"{path} is neither .parquet nor .csv; convert it to one of them")
    try:
        return reader(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise UnusablePairsError(f"{path} cannot be read: {error}") from error


def _pair(address_a: object, address_b: object, label: object) -> LabelledPair:
    """One row; its fault as a `ValueError` that does not show the address."""
    if not isinstance(address_a, str) or not isinstance(address_b, str):
        raise ValueError("an address is missing or no text")  # noqa: TRY004 - a fault of the file, collected
    if str(label) not in {"0", "1", "2"}:
        raise ValueError(f"label {str(label)[:20]!r} is not 0, 1 or 2")
    return LabelledPair(address_a=address_a, address_b=address_b, relation=Relation(int(str(label))))

"""Files of labelled pairs: an address, one that was found for it, and how far a person says they mean the same."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Final

from streams.enrichment.labelled_file import UnusableLabelsError, rows_of

_COLUMNS: Final = ("address_a", "address_b", "label")


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
        UnusableLabelsError: It cannot be read, lacks a column, has no row, or rows of it are faulty: their numbers.
    """
    pairs = rows_of(path, _COLUMNS, _pair, meaning="label is 0 (none), 1 (partial) or 2 (exact)")
    if not pairs:
        raise UnusableLabelsError(f"{path} has no row")
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


def _pair(address_a: object, address_b: object, label: object) -> LabelledPair:
    """One row; its fault as a `ValueError` that does not show the address."""
    if not isinstance(address_a, str) or not isinstance(address_b, str):
        raise ValueError("an address is missing or no text")  # noqa: TRY004 - a fault of the file, collected
    if str(label) not in {"0", "1", "2"}:
        raise ValueError(f"label {str(label)[:20]!r} is not 0, 1 or 2")
    return LabelledPair(address_a=address_a, address_b=address_b, relation=Relation(int(str(label))))

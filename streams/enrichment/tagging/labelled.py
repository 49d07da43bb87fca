"""Files of labelled addresses: tokens with their BIO labels, one address a row."""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from streams.enrichment.labelled_file import UnusableLabelsError, rows_of, table_of

_COLUMNS: Final = ("split", "tokens", "labels")
_LABEL: Final = re.compile(r"O|[BI]-[A-Za-z]+")
_SHOWN_FAULTS: Final = 5
_MEANING: Final = (
    'tokens and labels are JSON lists of the same length, e.g. ["西","湖","区"] and ["B-district",'
    '"I-district","I-district"], split is a name such as train or dev'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledAddress:
    """An address as a person cut it. `labels` are `O`, `B-` or `I-` with a tag in lower case, one for each token."""

    split: str
    tokens: tuple[str, ...]
    labels: tuple[str, ...]

    @property
    def text(self) -> str:
        """The address as it was written."""
        return "".join(self.tokens)


def read_labelled(path: Path) -> list[LabelledAddress]:
    """The addresses of a Parquet or CSV file with the columns split, tokens and labels (the latter two JSON lists).

    Raises:
        UnusableLabelsError: It cannot be read, lacks a column, or rows of it are faulty: their numbers and why.
    """
    return rows_of(path, _COLUMNS, _labelled, meaning=_MEANING)


def read_texts(path: Path) -> list[str]:
    """The different addresses in the text columns of a Parquet or CSV file whose names begin with `address` or `text`.

    Raises:
        UnusableLabelsError: It cannot be read or has no such column.
    """
    table = table_of(path)
    columns = [
        name for name, kind in table.schema.items() if name.startswith(("address", "text")) and kind == pl.String
    ]
    if not columns:
        raise UnusableLabelsError(
            f"{path} has no column of addresses; it has {', '.join(table.columns)}; "
            "name the column address or text (or address_a, address_b)"
        )
    return sorted({text for name in columns for text in table[name] if text})


def of_splits(addresses: Iterable[LabelledAddress], splits: Sequence[str]) -> list[LabelledAddress]:
    """The addresses of these splits.

    Raises:
        UnusableLabelsError: There is none in one of them.
    """
    known = list(addresses)
    found = sorted({address.split for address in known})
    unknown = [split for split in splits if split not in found]
    if unknown:
        raise UnusableLabelsError(
            f"there is no row of split {', '.join(unknown)}; the splits are: {', '.join(found) or 'none'}"
        )
    return [address for address in known if address.split in splits]


def digest(addresses: Iterable[LabelledAddress]) -> str:
    """sha256 of what was learned from, row by row: it does not depend on the format of the file."""
    state = hashlib.sha256()
    for address in addresses:
        state.update(json.dumps([address.tokens, address.labels], ensure_ascii=False).encode() + b"\n")
    return state.hexdigest()


# ---- inside -----------------------------------------------------------------------------------------------------


def _labelled(split: object, tokens: object, labels: object) -> LabelledAddress:
    """One row; its fault as a `ValueError` that does not show the address."""
    cut, named = _texts(tokens, "tokens"), _texts(labels, "labels")
    if len(cut) != len(named):
        raise ValueError(f"{len(cut)} tokens, but {len(named)} labels")
    if not cut:
        raise ValueError("no tokens")
    if not all(cut):
        raise ValueError("an empty token")
    wrong = sorted({label for label in named if not _LABEL.fullmatch(label)})
    if wrong:
        raise ValueError(f"labels {', '.join(map(repr, wrong[:_SHOWN_FAULTS]))} are not O, B-tag or I-tag")
    return LabelledAddress(split=str(split), tokens=cut, labels=tuple(label[:2] + label[2:].lower() for label in named))


def _texts(value: object, column: str) -> tuple[str, ...]:
    try:
        found = json.loads(value) if isinstance(value, str) else None
    except json.JSONDecodeError as error:
        raise ValueError(f"{column} is no JSON: {error.msg} at character {error.pos}") from error
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise ValueError(f"{column} is no JSON list of texts")
    return tuple(found)

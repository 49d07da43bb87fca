"""Files that people labelled, Parquet or CSV: read whole, with every fault of a row named by its number."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

import polars as pl

_READERS: Final[Mapping[str, Callable[[Path], pl.DataFrame]]] = {".parquet": pl.read_parquet, ".csv": pl.read_csv}
_SHOWN_FAULTS: Final = 5

Row = TypeVar("Row")


class UnusableLabelsError(ValueError):
    """A file cannot be learned from or scored on."""


def table_of(path: Path) -> pl.DataFrame:
    """The table of a file. Raises `UnusableLabelsError` when it cannot be read."""
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise UnusableLabelsError(f"{path} is neither .parquet nor .csv; convert it to one of them")
    try:
        return reader(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise UnusableLabelsError(f"{path} cannot be read: {error}") from error


def rows_of(path: Path, columns: Sequence[str], as_row: Callable[..., Row], *, meaning: str) -> list[Row]:
    """`as_row` of the columns of each row, in the file's order; `meaning` says in an error what the columns hold.

    Raises:
        UnusableLabelsError: It cannot be read, lacks a column, or `as_row` raised `ValueError` for rows: their numbers.
    """
    table = table_of(path)
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise UnusableLabelsError(
            f"{path} lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}; it has "
            f"{', '.join(table.columns)}; {meaning}"
        )
    rows, faults = [], []
    for number, values in enumerate(table.select(columns).iter_rows(), start=1):
        try:
            rows.append(as_row(*values))
        except ValueError as error:
            faults.append(f"row {number}: {error}")
    if faults:
        more = f" and {len(faults) - _SHOWN_FAULTS} more" if len(faults) > _SHOWN_FAULTS else ""
        raise UnusableLabelsError(f"{path}: {'; '.join(faults[:_SHOWN_FAULTS])}{more}; mend or remove these rows")
    return rows

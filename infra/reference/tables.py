"""CSV, XLSX and Parquet as one stream of rows: line number and column → value."""

import csv
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SLICE = 5_000
_HEAD_BYTES = 65_536
FORMATS = (".csv", ".xlsx", ".parquet")


class UnreadableTableError(ValueError):
    """The file as a whole cannot be read; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of a file. `number` is what a person sees in it: the header of a CSV or XLSX is line 1."""

    number: int
    values: Mapping[str, Any]


def read_lines(path: Path, *, sheet: str | None = None, encoding: str | None = None) -> Iterator[Line]:
    """Every row of a table, read piece by piece. Raises `UnreadableTableError`, perhaps in the middle of the file."""
    kind = path.suffix.lower()
    if not path.is_file():
        raise UnreadableTableError(f"there is no file {path}")
    if kind == ".csv":
        yield from _csv(path, encoding or _encoding(path))
    elif kind == ".xlsx":
        yield from _xlsx(path, sheet)
    elif kind == ".parquet":
        yield from _parquet(path)
    else:
        raise UnreadableTableError(f"{path.name} is neither of {', '.join(FORMATS)}")


def columns_of(path: Path, *, sheet: str | None = None, encoding: str | None = None) -> tuple[str, ...]:
    """The column names of a table. Raises `UnreadableTableError`; a table without rows has none."""
    first = next(read_lines(path, sheet=sheet, encoding=encoding), None)
    return tuple(first.values) if first else ()


def count_lines(path: Path) -> int | None:
    """How many rows there will be, for a progress bar; `None` where counting would mean reading the file twice."""
    if path.suffix.lower() != ".parquet":
        return None
    import polars as pl

    try:
        return int(pl.scan_parquet(path).select(pl.len()).collect().item())
    except (pl.exceptions.PolarsError, OSError):
        return None


def _encoding(path: Path) -> str:
    """UTF-8 where it is valid, else GB 18030: what Excel saves as CSV on a Chinese machine."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    try:
        head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return "utf-8-sig" if error.start > len(head) - 4 else "gb18030"  # a character cut in two is no fault
    return "utf-8-sig"


def _csv(path: Path, encoding: str) -> Iterator[Line]:
    try:
        with path.open(encoding=encoding, newline="") as file:
            reader = csv.DictReader(file, strict=True)
            for values in reader:
                if any(value not in (None, "") for value in values.values()):
                    yield Line(number=reader.line_num, values={k: v for k, v in values.items() if k is not None})
    except (UnicodeError, LookupError) as error:
        raise UnreadableTableError(
            f"{path.name} is not text in {encoding}: {error}; name its encoding in the mapping"
        ) from error
    except csv.Error as error:
        raise UnreadableTableError(f"{path.name} is no readable CSV: {error}") from error


def _xlsx(path: Path, sheet: str | None) -> Iterator[Line]:
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except (zipfile.BadZipFile, InvalidFileException, KeyError, OSError, ValueError) as error:
        raise UnreadableTableError(
            f"{path.name} is no complete XLSX file ({error}); save it again and retry"
        ) from error
    try:
        if sheet is not None and sheet not in book.sheetnames:
            raise UnreadableTableError(f"{path.name} has no sheet {sheet!r}; it has {', '.join(book.sheetnames)}")
        rows = (book[sheet] if sheet else book.worksheets[0]).iter_rows(values_only=True)
        header = [str(name).strip() if name is not None else "" for name in next(rows, ())]
        for number, values in enumerate(rows, start=2):
            if any(value is not None for value in values):
                yield Line(number=number, values={k: v for k, v in zip(header, values, strict=False) if k})
    except (zipfile.BadZipFile, EOFError, OSError, SyntaxError) as error:
        raise UnreadableTableError(f"{path.name} breaks off ({error}); save it again and retry") from error
    finally:
        book.close()


def _parquet(path: Path) -> Iterator[Line]:
    import polars as pl

    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise UnreadableTableError(f"{path.name} is no readable Parquet file: {error}") from error
    number = 0
    for piece in frame.iter_slices(_SLICE):
        for values in piece.iter_rows(named=True):
            number += 1
            yield Line(number=number, values=values)

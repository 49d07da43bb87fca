"""Reading a table of requests from XLSX, CSV or Parquet, row by row: never the whole of it in memory.

An XLSX with a table of shared strings is the exception: its strings are, once each.
"""

import codecs
import csv
import unicodedata
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TextIO
from xml.etree.ElementTree import ParseError

CHUNK: Final = 1 << 20
_BOMS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_DELIMITERS: Final = (",", "\t", ";")
_SNIFFED: Final = 64 * 1024
_LONGEST_LINE: Final = 1 << 20  # characters of a CSV
_MOST_UNPACKED: Final = 2 << 30  # bytes of an XLSX, as its table of contents declares them
_PARQUET: Final = b"PAR1"
PARQUET_ROWS: Final = 5_000  # decoded at a time
_MEND_PARQUET: Final = "it is damaged or was cut off on its way; write it anew and send that"
_BROKEN_XLSX: Final = (
    zipfile.BadZipFile,
    KeyError,
    ValueError,
    EOFError,
    zlib.error,
    ParseError,
    OSError,
    IndexError,
    TypeError,
)


class FileKind(StrEnum):
    """How a table is written down. The result of a job is written as its input was, unless another is asked for."""

    CSV = "csv"
    XLSX = "xlsx"
    PARQUET = "parquet"


class FileError(Exception):
    """The file as a whole cannot be used. The message says what is wrong, where, and how to mend it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line below the header. `number` is the line in the sheet, the header being 1; `cells` are as in the file."""

    number: int
    cells: tuple[Any, ...]

    def text(self, column: int) -> str:
        """A cell as trimmed text; empty for an empty cell."""
        return cell_text(self.cells[column]) if column < len(self.cells) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A file with a header. `rows()` reads it anew each time; blank lines are left out."""

    path: Path
    name: str  # as its sender calls it: the path may be one of ours
    kind: FileKind
    header: tuple[str, ...]
    encoding: str | None = None  # of a CSV

    def rows(self) -> Iterator[Row]:
        """Every line below the header. Raises `FileError` where the file turns out to be broken."""
        for number, cells in enumerate(self._lines(), start=1):
            if number > 1 and any(cell_text(cell) for cell in cells):
                yield Row(number=number, cells=tuple(cells))

    def _lines(self) -> Iterator[Sequence[Any]]:
        match self.kind:
            case FileKind.XLSX:
                return _xlsx_lines(self.path, self.name)
            case FileKind.PARQUET:
                return parquet_lines(self.path, self.name)
            case FileKind.CSV:
                return _csv_lines(self.path, self.name, self.encoding or "utf-8")


def open_table(path: Path, name: str | None = None) -> Table:
    """Open a file and read its header. Messages call it by `name`; default: by its path.

    Raises:
        FileError: It is missing, empty, broken, or no table.
    """
    called = name or str(path)
    if not path.is_file():
        raise FileError(f"{called} does not exist or is no file; check the name")
    if path.stat().st_size == 0:
        raise FileError(f"{called} is empty; it needs a header line and at least one row")
    with path.open("rb") as file:
        start = file.read(4)
    kind = _kind(start, called)
    encoding = _encoding(path, called, start) if kind is FileKind.CSV else None
    table = Table(path=path, name=called, kind=kind, header=(), encoding=encoding)
    names = tuple(cell_text(cell) for cell in next(iter(table._lines()), ()))  # noqa: SLF001 - of this class
    if not any(names):
        raise FileError(f"{called}, line 1: there is no header; the first line must name the columns")
    if any("\0" in column for column in names):
        raise FileError(f"{called}, line 1: a column's name has a NUL character; name the columns in plain text")
    return replace(table, header=names)


def parquet_lines(path: Path, name: str) -> Iterator[Sequence[Any]]:
    """The names of the columns, then each row. A row is line n + 1, as if it stood in a sheet."""
    import polars as pl

    try:
        frame = pl.scan_parquet(path)
        yield tuple(frame.collect_schema())
        for batch in frame.collect_batches(chunk_size=PARQUET_ROWS, maintain_order=True):
            yield from batch.iter_rows()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise FileError(f"{name} cannot be read as Parquet ({type(error).__name__}): {_MEND_PARQUET}") from error


def _kind(start: bytes, name: str) -> FileKind:
    if start == _PARQUET:
        return FileKind.PARQUET
    if start[:2] == b"PK":
        return FileKind.XLSX
    if start == b"\xd0\xcf\x11\xe0":
        raise FileError(f"{name} is an old Excel file (XLS) or is encrypted; save it as XLSX without a password")
    return FileKind.CSV


def digest(path: Path) -> str:
    """Hex sha256 of a file."""
    found = sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            found.update(chunk)
    return found.hexdigest()


def cell_text(cell: object) -> str:
    """What a cell says. A number comes without what binary fractions add to it, a date as YYYY-MM-DD."""
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:.6f}".rstrip("0").rstrip(".")  # six places are what a request can carry
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    return str(cell).strip()


def kept_text(cell: object) -> str:
    """A cell of the sender's own as text: a text is as it was, a point in time with its clock and zone."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, float):
        return f"{cell:.15g}"  # what a sheet shows, and all that it has
    if isinstance(cell, datetime) and (cell.tzinfo is not None or cell.time() != time.min):
        return cell.isoformat(sep=" ")
    return cell_text(cell)


def normalised(name: str) -> str:
    """A header without what people vary: width, case, blanks, units in brackets."""
    plain = unicodedata.normalize("NFKC", name).lower()
    return "".join(letter for letter in plain.partition("(")[0] if letter.isalnum())


def _xlsx_lines(path: Path, name: str) -> Iterator[Sequence[Any]]:
    from openpyxl import load_workbook

    with _explained(name), path.open("rb") as file:  # open, because a name's ending may say something else
        with zipfile.ZipFile(file) as archive:
            unpacked = sum(part.file_size for part in archive.infolist())
        if unpacked > _MOST_UNPACKED:
            raise FileError(f"{name} unpacks to {unpacked >> 20} MiB, more than {_MOST_UNPACKED >> 20}; split it")
        file.seek(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # styles and extensions that openpyxl leaves out do not matter here
            workbook = load_workbook(file, read_only=True, data_only=True)
        try:
            if not workbook.worksheets:
                raise FileError(f"{name} has no sheet; put the table on the first sheet")
            yield from workbook.worksheets[0].iter_rows(values_only=True)
        finally:
            workbook.close()


@contextmanager
def _explained(name: str) -> Iterator[None]:
    try:
        yield
    except _BROKEN_XLSX as error:
        mend = "it is damaged or was cut off on its way; open it in Excel, save it anew as XLSX and send that"
        raise FileError(f"{name} cannot be read as XLSX ({type(error).__name__}): {mend}") from error


def _csv_lines(path: Path, name: str, encoding: str) -> Iterator[Sequence[str]]:
    with path.open(encoding=encoding, newline="") as file:
        first = file.read(_SNIFFED).partition("\n")[0]
        file.seek(0)
        lines = csv.reader(_bounded(file, name), delimiter=max(_DELIMITERS, key=first.count), strict=True)
        try:
            yield from lines
        except csv.Error as error:
            raise FileError(f"{name}, line {lines.line_num}: {error}; check the quotation marks there") from error


def _bounded(file: TextIO, name: str) -> Iterator[str]:
    """The lines of a text, none of them so long that it fills the memory."""
    number = 0
    while line := file.readline(_LONGEST_LINE + 1):
        number += 1
        if len(line) > _LONGEST_LINE:
            why = f"the line has more than {_LONGEST_LINE:,} characters; check the line ends and quotation marks there"
            raise FileError(f"{name}, line {number}: {why}")
        yield line


def _encoding(path: Path, name: str, start: bytes) -> str:
    for mark, encoding in _BOMS:
        if start.startswith(mark):
            if _decodes(path, encoding):
                return encoding
            said = encoding.removesuffix("-sig").upper()
            why = f"it begins as {said} and does not go on so, or was cut off; save it as CSV UTF-8 or as XLSX"
            raise FileError(f"{name} cannot be read as text: {why}")
    for encoding in ("utf-8", "gb18030"):
        if _decodes(path, encoding):
            return encoding
    raise FileError(f"{name} is text neither in UTF-8 nor in GB18030; save it as CSV UTF-8 or as XLSX")


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    with path.open("rb") as file:
        try:
            while chunk := file.read(CHUNK):
                if "\0" in decoder.decode(chunk):  # no text has it; a picture or a program does
                    return False
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True

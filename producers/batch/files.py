"""Reading a table of requests from XLSX or CSV, row by row."""

import codecs
import csv
import unicodedata
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from xml.etree.ElementTree import ParseError

CHUNK: Final = 1 << 20
_BOMS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_DELIMITERS: Final = (",", "\t", ";")
_SNIFFED: Final = 64 * 1024
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
    header: tuple[str, ...]
    encoding: str | None = None  # None: XLSX

    def rows(self) -> Iterator[Row]:
        """Every line below the header. Raises `FileError` where the file turns out to be broken."""
        lines = enumerate(_lines(self.path, self.encoding), start=1)
        next(lines, None)
        for number, cells in lines:
            if any(cell_text(cell) for cell in cells):
                yield Row(number=number, cells=tuple(cells))


def open_table(path: Path) -> Table:
    """Open a file and read its header.

    Raises:
        FileError: It is missing, empty, broken, or no table.
    """
    if not path.is_file():
        raise FileError(f"{path} does not exist or is no file; check the name")
    if path.stat().st_size == 0:
        raise FileError(f"{path} is empty; it needs a header line and at least one row")
    with path.open("rb") as file:
        start = file.read(4)
    if start[:2] == b"PK":
        encoding = None
    elif start == b"\xd0\xcf\x11\xe0":
        raise FileError(f"{path} is an old Excel file (XLS) or is encrypted; save it as XLSX without a password")
    else:
        encoding = _encoding(path, start)
    header = next(iter(_lines(path, encoding)), ())
    names = tuple(cell_text(cell) for cell in header)
    if not any(names):
        raise FileError(f"{path}, line 1: there is no header; the first line must name the columns")
    return Table(path=path, header=names, encoding=encoding)


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


def normalised(name: str) -> str:
    """A header without what people vary: width, case, blanks, units in brackets."""
    plain = unicodedata.normalize("NFKC", name).lower()
    return "".join(letter for letter in plain.partition("(")[0] if letter.isalnum())


def _lines(path: Path, encoding: str | None) -> Iterator[Sequence[Any]]:
    return _xlsx_lines(path) if encoding is None else _csv_lines(path, encoding)


def _xlsx_lines(path: Path) -> Iterator[Sequence[Any]]:
    from openpyxl import load_workbook

    with _explained(path), path.open("rb") as file:  # open, because a name's ending may say something else
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # styles and extensions that openpyxl leaves out do not matter here
            workbook = load_workbook(file, read_only=True, data_only=True)
        try:
            if not workbook.worksheets:
                raise FileError(f"{path} has no sheet; put the table on the first sheet")
            yield from workbook.worksheets[0].iter_rows(values_only=True)
        finally:
            workbook.close()


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except _BROKEN_XLSX as error:
        mend = "it is damaged or was cut off on its way; open it in Excel, save it anew as XLSX and send that"
        raise FileError(f"{path} cannot be read as XLSX ({type(error).__name__}): {mend}") from error


def _csv_lines(path: Path, encoding: str) -> Iterator[Sequence[str]]:
    with path.open(encoding=encoding, newline="") as file:
        first = file.read(_SNIFFED).partition("\n")[0]
        file.seek(0)
        lines = csv.reader(file, delimiter=max(_DELIMITERS, key=first.count), strict=True)
        try:
            yield from lines
        except csv.Error as error:
            raise FileError(f"{path}, line {lines.line_num}: {error}; check the quotation marks there") from error


def _encoding(path: Path, start: bytes) -> str:
    for mark, name in _BOMS:
        if start.startswith(mark):
            return name
    for name in ("utf-8", "gb18030"):
        if _decodes(path, name):
            return name
    raise FileError(f"{path} is text neither in UTF-8 nor in GB18030; save it as CSV UTF-8 or as XLSX")


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

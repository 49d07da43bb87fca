"""What is wrong with a template package, each with its file and line."""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from schemas.errors import PermanentError

UNREADABLE: Final = (OSError, ValueError)
"""What reading a file of a package may raise: it is away or closed to us, or (`UnicodeDecodeError`) is no UTF-8."""

_PLACE: Final = re.compile(r"at line (\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong. `file` is inside the package; `line` counts from 1, `None` where the whole is meant."""

    file: str
    line: int | None
    message: str

    def __str__(self) -> str:
        """`texts.toml:12: …`."""
        return f"{self.file}{'' if self.line is None else f':{self.line}'}: {self.message}"


class TemplateError(PermanentError):
    """A template package cannot be used. `faults` name every place."""

    def __init__(self, package: str, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        lines = "\n".join(f"  {fault}" for fault in self.faults)
        super().__init__(f"the report template {package} cannot be used:\n{lines}")


def read_utf8(package: Path, name: str) -> str:
    """The text of a file of a package. Raises `TemplateError` for one that is no UTF-8 or cannot be read."""
    try:
        return (package / name).read_text(encoding="utf-8")
    except UNREADABLE as error:
        message = f"cannot be read: {error}; save it as UTF-8"
        raise TemplateError(str(package), [Fault(file=name, line=None, message=message)]) from None


def toml_fault(name: str, error: tomllib.TOMLDecodeError) -> Fault:
    """The fault of a file that is not TOML."""
    place = _PLACE.search(str(error))
    return Fault(file=name, line=int(place.group(1)) if place else None, message=f"not TOML: {error}")


def line_of_table(text: str, table: str) -> int | None:
    """The line of `[table]`; `None` where it is written in another way."""
    return _line(text, re.compile(rf"^\s*\[+\s*{re.escape(table)}\s*\]+", re.MULTILINE), 0)


def line_of(text: str, table: str | None, key: str) -> int | None:
    """The line of a key in a table (`None`: before every table)."""
    start = 0
    if table is not None:
        heading = re.search(rf"^\s*\[+\s*{re.escape(table)}\s*\]+", text, re.MULTILINE)
        if heading is None:
            return None
        start = heading.end()
    return _line(text, re.compile(rf'^[ \t]*"?{re.escape(key)}"?\s*=', re.MULTILINE), start)


def _line(text: str, pattern: re.Pattern[str], start: int) -> int | None:
    found = pattern.search(text, start)
    # leading white space may hold line ends; the text itself is what is meant
    return None if found is None else text.count("\n", 0, found.end()) + 1

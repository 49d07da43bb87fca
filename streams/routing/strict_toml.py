"""Reads a TOML table strictly: each key once, of the right type, in its range; what is left over is a fault too.

Faults are collected with the path of their key instead of raised, so that an operator mends a file in one go.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import TypeVar

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")


class Table:
    """A table being read. Every reader gives a harmless placeholder for a faulty key, so that reading can go on."""

    def __init__(self, content: Mapping[str, object], faults: list[str], path: str = "") -> None:
        self._left = dict(content)
        self._faults = faults
        self._path = path

    def text(self, key: str) -> str:
        """A text that is not empty."""
        value = self._take(key)
        if isinstance(value, str) and value.strip():
            return value
        return self._fault(key, "must be a text that is not empty", value, "")

    def whole(self, key: str, *, least: int, most: int) -> int:
        """A whole number from `least` to `most`."""
        value = self._take(key)
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        return self._fault(key, f"must be a whole number from {least} to {most}", value, least)

    def number(self, key: str, *, least: float, most: float) -> float:
        """A number from `least` to `most`."""
        value = self._take(key)
        if isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most:
            return float(value)
        return self._fault(key, f"must be a number from {least:g} to {most:g}", value, least)

    def day(self, key: str) -> date:
        """A calendar day without a time."""
        value = self._take(key)
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        return self._fault(key, "must be a date such as 2026-11-01", value, date.min)

    def choice(self, key: str, among: type[E]) -> E:
        """A member of a closed list."""
        value = self._take(key)
        if isinstance(value, str) and value in set(among):
            return among(value)
        return self._fault(key, f"must be one of {', '.join(among)}", value, next(iter(among)))

    def table(self, key: str) -> "Table":
        """A table inside this one. Where it is missing or no table, that is the fault, and not each key it lacks."""
        value = self._take(key)
        path = f"{self._path}{key}."
        if isinstance(value, dict):
            return Table(value, self._faults, path)
        self._fault(key, "must be a table", value, None)
        return Table({}, [], path)

    def tables(self, key: str) -> Iterator["Table"]:
        """A list of tables, `[[key]]`; none when it is absent."""
        if key not in self._left:
            return
        value = self._take(key)
        for place, content in enumerate(value if isinstance(value, list) else [value]):
            path = f"{self._path}{key}[{place}]"
            if isinstance(content, dict):
                yield Table(content, self._faults, f"{path}.")
            else:
                self._faults.append(f"{path} must be a table")

    def over(self, defaults: Mapping[str, object]) -> "Table":
        """A table of the keys nobody has read yet, laid over defaults. What is faulty in it shows under this path."""
        return Table({**defaults, **self._left}, self._faults, self._path)

    def __contains__(self, key: str) -> bool:
        """Whether the file gives the key and nobody has read it yet."""
        return key in self._left

    def keys(self) -> tuple[str, ...]:
        """The keys that nobody has read yet, in the order of the file."""
        return tuple(self._left)

    def fault(self, key: str, text: str) -> None:
        """Note a fault that only the reader of the table can see."""
        self._faults.append(f"{self._path}{key} {text}")

    def close(self) -> None:
        """Note every key that nobody has read."""
        for key in self._left:
            self._faults.append(f"{self._path}{key} is not known")

    def _take(self, key: str) -> object:
        return self._left.pop(key, None)

    def _fault(self, key: str, text: str, value: object, placeholder: T) -> T:
        self.fault(key, "is missing" if value is None else f"{text}, not {value!r}")
        return placeholder

"""An event from the JSON in which the ledger keeps it: instants, dates, decimals and ids as text."""

import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

E = TypeVar("E")


def event_from_json(kind: type[E], record: Mapping[str, Any]) -> E:
    """The event. A field this release does not know is left out."""
    hints = typing.get_type_hints(kind)
    known = {field.name for field in fields(kind)} & record.keys()  # type: ignore[arg-type]
    return kind(**{name: _value(hints[name], record[name]) for name in known})


def _value(hint: Any, value: Any) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if value is None:
        return None
    if origin in {types.UnionType, typing.Union}:
        return _value(next(argument for argument in arguments if argument is not types.NoneType), value)
    if origin is tuple:
        return tuple(_value(arguments[0], item) for item in value)
    if origin is dict:
        return {key: _value(arguments[1], item) for key, item in value.items()}
    return _plain(hint, value)


def _plain(kind: type[Any], value: Any) -> Any:
    if is_dataclass(kind):
        return event_from_json(kind, value)
    if kind in {datetime, date}:
        return kind.fromisoformat(value)
    return kind(value) if kind is Decimal or issubclass(kind, StrEnum) else value

"""Event <-> the dict that fastavro reads and writes.

A converter is built once per class, so that a message costs one dict and one constructor per record, and nothing for
fields which are the same on both sides.
"""

import dataclasses
import types
import typing
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from operator import attrgetter
from typing import Any

from schemas.avro_files import NAMESPACE

Convert = Callable[[Any], Any]


def to_record(kind: type[Any], *, named: bool = False) -> Convert:
    """Event -> dict. Enum members stay: they are the strings that Avro writes.

    `named`, as fastavro likes it: a record that might have been absent becomes a pair of its Avro name and its dict.
    """
    convert = _TO_RECORD.get((kind, named))
    if convert is None:
        convert = _TO_RECORD[kind, named] = _build_to_record(kind, named=named)
    return convert


def from_record(kind: type[Any]) -> Convert:
    """Dict -> event. The dict is used up: its values are replaced in place."""
    convert = _FROM_RECORD.get(kind)
    if convert is None:
        convert = _FROM_RECORD[kind] = _build_from_record(kind)
    return convert


_TO_RECORD: dict[tuple[type[Any], bool], Convert] = {}
_FROM_RECORD: dict[type[Any], Convert] = {}


def _build_to_record(kind: type[Any], *, named: bool) -> Convert:
    names = tuple(field.name for field in dataclasses.fields(kind))
    values = attrgetter(*names)  # every record has two fields or more, so this gives a tuple
    nested = _changing_fields(kind, names, partial(_encoder, named=named))

    def convert(event: Any) -> dict[str, Any]:
        record = dict(zip(names, values(event), strict=True))
        for name, change in nested:
            value = record[name]
            if value is not None:
                record[name] = change(value)
        return record

    return convert


def _build_from_record(kind: type[Any]) -> Convert:
    names = tuple(field.name for field in dataclasses.fields(kind))
    nested = _changing_fields(kind, names, _decoder)

    def convert(record: dict[str, Any]) -> Any:
        for name, change in nested:
            value = record[name]
            if value is not None:
                record[name] = change(value)
        return kind(**record)

    return convert


def _changing_fields(
    kind: type[Any], names: tuple[str, ...], converter: Callable[[Any], Convert | None]
) -> tuple[tuple[str, Convert], ...]:
    hints = typing.get_type_hints(kind)
    changes = ((name, converter(hints[name])) for name in names)
    return tuple((name, change) for name, change in changes if change is not None)


def _required(hint: Any) -> Any:
    """The type itself of `T | None`."""
    if typing.get_origin(hint) is not types.UnionType:
        return hint
    return next(argument for argument in typing.get_args(hint) if argument is not types.NoneType)


def _encoder(hint: Any, *, named: bool) -> Convert | None:
    """How a field's value changes on its way out; `None` where it stays as it is."""
    kind = _required(hint)
    if typing.get_origin(kind) is tuple:
        return _each(list, _encoder(typing.get_args(kind)[0], named=named))
    if not (dataclasses.is_dataclass(kind) and isinstance(kind, type)):
        return None
    convert = to_record(kind, named=named)
    return _named(kind, convert) if named and kind is not hint else convert


def _named(kind: type[Any], convert: Convert) -> Convert:
    """Say which member of its union a record is: else fastavro checks all of it, to the last leaf, to find out."""
    name = f"{NAMESPACE}.{kind.__name__}"
    return lambda event: (name, convert(event))


def _decoder(hint: Any) -> Convert | None:
    """How a field's value changes on its way in; `None` where it stays as it is."""
    kind = _required(hint)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        return _each(tuple, _decoder(arguments[0]))
    if origin is dict:
        return _each_value(_decoder(arguments[1]))
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return from_record(kind)
    return _members(kind) if isinstance(kind, type) and issubclass(kind, StrEnum) else None


def _members(kind: type[StrEnum]) -> Convert:
    return {member.value: member for member in kind}.__getitem__  # four times quicker than calling the class


def _each(collect: Convert, change: Convert | None) -> Convert:
    return collect if change is None else lambda items: collect([change(item) for item in items])


def _each_value(change: Convert | None) -> Convert | None:
    return None if change is None else lambda items: {key: change(value) for key, value in items.items()}

"""Reads a registry of channels, and says everything that is wrong with it: channel, field, and how to mend it."""

import math
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import fields
from enum import StrEnum
from typing import Any, Final, TypeVar

from schemas.codes import Lane, ServiceType
from schemas.domain.channel_terms import (
    UNSERVED_MEDIA,
    Channel,
    ChannelFileError,
    Counted,
    Period,
    Profile,
    Quota,
    ReplyMode,
    Scope,
)

_Choice = TypeVar("_Choice", bound=StrEnum)

_CODE: Final = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")
_CODE_AT_MOST: Final = 32
_REQUIRED: Final = ("name", "profile", "services", "reply", "lanes", "scopes", "per_second", "burst")
_QUOTA_FORM: Final = "has count, per (HOUR or DAY) and of (TOKEN or CHANNEL)"

_OF_CUSTOMERS: Final = frozenset(Scope) - {Scope.TIMELINE_READ, Scope.BATCHES_WRITE}
_MAY_HAVE: Final = {
    Profile.STAFF: frozenset(Scope) - {Scope.PAGE_TOKENS_WRITE},
    Profile.CUSTOMER: _OF_CUSTOMERS,
    Profile.PUBLIC: frozenset({Scope.VALUATIONS_WRITE, Scope.VALUATIONS_READ}),
    Profile.INTERNAL: frozenset(
        {Scope.VALUATIONS_WRITE, Scope.VALUATIONS_READ, Scope.REPORTS_READ, Scope.TIMELINE_READ}
    ),
}


def read_channels(text: str) -> tuple[Channel, ...]:
    """Read a registry in TOML, one table per channel.

    Raises:
        ChannelFileError: With every fault found.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ChannelFileError([f"not valid TOML: {error}"]) from None
    faults: list[str] = []
    found = [_channel_of(code, table, faults) for code, table in tables.items()]
    if faults:
        raise ChannelFileError(faults)
    return tuple(channel for channel in found if channel is not None)


def faults_of(channel: Channel) -> Iterator[str]:
    """What does not go together in a channel whose fields are right one by one."""
    may_have = _MAY_HAVE[channel.profile]
    if too_many := sorted(channel.scopes - may_have):
        yield (
            f"scopes: a {channel.profile} channel cannot have {', '.join(too_many)}; "
            f"take it out, it may have {', '.join(sorted(may_have))}"
        )
    if channel.may_force_manual and channel.profile is not Profile.STAFF:
        yield "may_force_manual: only a STAFF channel may; take it out, or let profile be STAFF"
    if channel.may_force_manual and not channel.has_manual_lane:
        yield "may_force_manual: there is nobody to force it to; take it out, or let has_manual_lane be true"
    if Scope.BATCHES_WRITE in channel.scopes and not channel.may_be_batch:
        yield "scopes: batches:write needs the lane BATCH; add it to lanes, or take the scope out"
    if channel.may_be_batch and Scope.BATCHES_WRITE not in channel.scopes:
        yield "lanes: BATCH needs the scope batches:write; add it to scopes, or take the lane out"
    if channel.open_jobs is not None and not channel.may_be_batch:
        yield "open_jobs: only a channel with the lane BATCH has jobs; take it out, or add BATCH to lanes"
    if channel.reply is ReplyMode.MANIFEST and not channel.may_be_batch:
        yield "reply: MANIFEST is for the lane BATCH; add it to lanes, or choose another reply"
    limits = [(quota.per, quota.of) for quota in channel.quotas]
    if len(set(limits)) < len(limits):
        yield "quotas: two have the same per and of; keep the smaller one"


def _channel_of(code: str, table: Any, faults: list[str]) -> Channel | None:
    """One channel; `None` with its faults added to `faults`."""
    found: list[str] = []
    channel = _read(code, table, found)
    if channel is not None:
        found += faults_of(channel)
    faults += [f"{code}: {fault}" for fault in found]
    return None if found else channel


def _read(code: str, table: Any, faults: list[str]) -> Channel | None:
    if not isinstance(table, dict):
        faults.append(f"must be a table, like [{code}]")
        return None
    known = {field.name for field in fields(Channel)} - {"code"}
    faults += [f"unknown field {name}; known are {', '.join(sorted(known))}" for name in sorted(table.keys() - known)]
    faults += [f"{name} is missing" for name in _REQUIRED if name not in table]
    if code in UNSERVED_MEDIA:
        faults.append("fax, multimedia message and video are no channels of this service")
    read: dict[str, Any] = {}
    for name, convert in (("code", _code), *_CONVERTED.items()):
        if name in table or name == "code":
            try:
                read[name] = convert(code if name == "code" else table[name])
            except ValueError as error:
                faults.append(f"{name}: {error}")
    return None if faults else Channel(**read)


def _code(value: object) -> str:
    if not isinstance(value, str) or not _CODE.fullmatch(value) or len(value) > _CODE_AT_MOST:
        raise ValueError(f"{value!r} must be A-Z, 0-9 and single _ between them, at most 32, like NET_BANK")
    return value


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError('must be a list, like ["…"]')  # noqa: TRY004 - one kind of fault for the reader of a file
    return value


def _choice(kind: type[_Choice], *, written: Callable[[str], str] = str) -> Callable[[object], _Choice]:
    def chosen(value: object) -> _Choice:
        by_name = {written(one): one for one in kind}
        if not isinstance(value, str) or value not in by_name:
            raise ValueError(f"{value!r} is none of {', '.join(by_name)}")
        return by_name[value]

    return chosen


def _choices(one: Callable[[object], _Choice]) -> Callable[[object], frozenset[_Choice]]:
    def chosen(value: object) -> frozenset[_Choice]:
        found = frozenset(one(each) for each in _list(value))
        if not found:
            raise ValueError("must not be empty")
        return found

    return chosen


def _quotas(value: object) -> tuple[Quota, ...]:
    return tuple(_quota(one) for one in _list(value))


def _quota(table: object) -> Quota:
    if not isinstance(table, dict) or set(table) != {"count", "per", "of"}:
        raise ValueError(_QUOTA_FORM)
    period, counted = _choice(Period)(table["per"]), _choice(Counted)(table["of"])
    return Quota(count=_positive_whole(table["count"]), per=period, of=counted)


def _positive(value: object) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value <= 0:  # type: ignore[operator,arg-type]  # a number by now
        raise ValueError("must be a number over 0")
    return value  # type: ignore[return-value]  # as above


def _positive_whole(value: object) -> int:
    if not isinstance(_positive(value), int):
        raise ValueError("must be a whole number over 0")  # noqa: TRY004 - as above
    return int(_positive(value))


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")  # noqa: TRY004 - as above
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a text")
    return value


_CONVERTED: Final[dict[str, Callable[[object], Any]]] = {
    "name": _text,
    "profile": _choice(Profile),
    "services": _choices(_choice(ServiceType)),
    "reply": _choice(ReplyMode),
    "lanes": _choices(_choice(Lane, written=str.upper)),
    "scopes": _choices(_choice(Scope)),
    "per_second": _positive,
    "burst": _positive_whole,
    "waits_s": _positive,
    "quotas": _quotas,
    "open_jobs": _positive_whole,
    "aliases": lambda names: tuple(_code(name) for name in _list(names)),
    "has_manual_lane": _flag,
    "may_force_manual": _flag,
}

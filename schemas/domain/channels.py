"""The channel registry: every way a request may come in, as data (`channels.toml` beside this file).

An operator adds a channel without code: a file of the same form, handed to `enlist` once when a process starts.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any, Final

from schemas.codes import Lane, ServiceType
from schemas.domain.contract import ONLINE_ANSWER


class Profile(StrEnum):
    """What a channel may see: all but internal notes and reviewers; the value with its range; the range alone."""

    STAFF = "STAFF"
    CUSTOMER = "CUSTOMER"
    PUBLIC = "PUBLIC"
    INTERNAL = "INTERNAL"


class ReplyMode(StrEnum):
    """How the answer travels back."""

    SYNCHRONOUS = "SYNCHRONOUS"  # inside the call where it fits, else pushed
    POLLING = "POLLING"
    TEMPLATE_MESSAGE = "TEMPLATE_MESSAGE"
    MANIFEST = "MANIFEST"


class Scope(StrEnum):
    """What a credential may be good for."""

    VALUATIONS_WRITE = "valuations:write"
    VALUATIONS_READ = "valuations:read"
    REPORTS_READ = "reports:read"
    TIMELINE_READ = "timeline:read"
    DISPUTES_WRITE = "disputes:write"
    WORK_ORDERS_WRITE = "work-orders:write"
    BATCHES_WRITE = "batches:write"
    RECEIPTS_WRITE = "receipts:write"
    PAGE_TOKENS_WRITE = "page-tokens:write"


class Period(StrEnum):
    """What a quota is counted over, by the calendar and clock of Shanghai."""

    HOUR = "HOUR"
    DAY = "DAY"


class Counted(StrEnum):
    """Whose valuations a quota counts: each customer's (`subject_token`), or all of the channel."""

    TOKEN = "TOKEN"  # noqa: S105 - a word, no secret
    CHANNEL = "CHANNEL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """At most `count` valuations in a period."""

    count: int
    per: Period
    of: Counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """渠道: one row of the registry; the fields are explained there. Aliases are older names. `None`: no such limit."""

    code: str
    name: str
    profile: Profile
    services: frozenset[ServiceType]
    reply: ReplyMode
    lanes: frozenset[Lane]
    scopes: frozenset[Scope]
    per_second: float
    burst: int
    waits_s: float | None = None
    quota: Quota | None = None
    open_jobs: int | None = None
    aliases: tuple[str, ...] = ()
    has_manual_lane: bool = True
    may_force_manual: bool = False

    @property
    def answer_within_s(self) -> float:
        """How long a call waits for its answer, in seconds."""
        return self.waits_s or ONLINE_ANSWER.value.total_seconds()

    @property
    def may_be_batch(self) -> bool:
        """Whether it may send batch jobs."""
        return Lane.BATCH in self.lanes


class ChannelFileError(ValueError):
    """A registry of channels is wrong; every fault is named with its channel and field."""

    def __init__(self, faults: Iterable[str]) -> None:
        super().__init__("the channel registry cannot be used: " + "; ".join(faults))


class UnknownChannelCodeError(LookupError):
    """No such channel is registered. The code is not repeated, for it may be anything; a medium we lack is named."""

    def __init__(self, code: str = "") -> None:
        registered = f"channel is not registered; registered are {', '.join(sorted(CHANNELS))}"
        super().__init__(f"{registered}. {UNSERVED_TEXT}" if code in UNSERVED_MEDIA else registered)


UNSERVED_MEDIA: Final = frozenset({"FAX", "MMS", "VIDEO"})
"""Ways in that the tender names elsewhere and this service does not have: 传真, 彩信, 视频."""

UNSERVED_TEXT: Final = (
    "本服务不受理传真、彩信、视频方式的估值申请，请改用授信管理系统、网上银行、手机银行或官网等渠道提交。"
)


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


class _Registry(Mapping[str, Channel]):
    """Code -> channel. The packaged file is read at the first look, so that an import reads nothing."""

    def __init__(self) -> None:
        self._enlisted: tuple[Channel, ...] = ()
        self._by_any_name: dict[str, Channel] | None = None

    def __getitem__(self, code: str) -> Channel:
        found = self.under_any_name().get(code)
        if found is None or found.code != code:
            raise KeyError(code)
        return found

    def __iter__(self) -> Iterator[str]:
        return (channel.code for channel in self._all())

    def __len__(self) -> int:
        return len(self._all())

    def under_any_name(self) -> dict[str, Channel]:
        """Channels by code and alias."""
        if self._by_any_name is None:
            self._by_any_name = {name: c for c in self._all() for name in (c.code, *c.aliases)}
        return self._by_any_name

    def set_enlisted(self, more: tuple[Channel, ...]) -> tuple[Channel, ...]:
        """Let `more` stand beside the packaged ones, and return what stood there before."""
        before, self._enlisted, self._by_any_name = self._enlisted, more, None
        return before

    def _all(self) -> tuple[Channel, ...]:
        return (*_packaged(), *self._enlisted)


CHANNELS: Final[Mapping[str, Channel]] = (_REGISTRY := _Registry())


def enlist(more: Iterable[Channel]) -> None:
    """Add an operator's channels, for the whole process; once, before the first request. A second call replaces.

    Raises:
        ChannelFileError: A code or alias is taken.
    """
    added = tuple(more)
    names = [name for channel in (*_packaged(), *added) for name in (channel.code, *channel.aliases)]
    taken = sorted({name for name in names if names.count(name) > 1})
    if taken:
        raise ChannelFileError([f"{name} is the code or an alias of another channel already" for name in taken])
    _REGISTRY.set_enlisted(added)


@contextmanager
def enlisted(more: Iterable[Channel]) -> Iterator[None]:
    """`enlist` for as long as the block runs."""
    before = _REGISTRY.set_enlisted(())
    try:
        enlist(more)
        yield
    finally:
        _REGISTRY.set_enlisted(before)


def find(code: str) -> Channel | None:
    """The channel of a code or an alias, exactly as written; `None` when there is none."""
    return _REGISTRY.under_any_name().get(code)


def channel(code: str) -> Channel:
    """The channel of a code or an alias; raises `UnknownChannelCodeError`, which never repeats what was sent."""
    found = find(code)
    if found is None:
        raise UnknownChannelCodeError(code)
    return found


@cache
def _packaged() -> tuple[Channel, ...]:
    return read_channels(resources.files(__package__).joinpath("channels.toml").read_text(encoding="utf-8"))


def _channel_of(code: str, table: Any, faults: list[str]) -> Channel | None:
    """One channel; `None` with its faults added to `faults`."""
    before = len(faults)
    if not isinstance(table, dict):
        faults.append(f"{code}: must be a table, like [{code}]")
        return None
    known = {field.name for field in fields(Channel)} - {"code"}
    faults += [f"{code}: unknown field {name}" for name in sorted(table.keys() - known)]
    required = ("name", "profile", "services", "reply", "lanes", "scopes", "per_second", "burst")
    faults += [f"{code}: {name} is missing" for name in required if name not in table]
    if code in UNSERVED_MEDIA:
        faults.append(f"{code}: fax, multimedia message and video are no channels of this service")
    if len(faults) > before:
        return None
    read: dict[str, Any] = {name: value for name, value in table.items() if name in known}
    for name, convert in _CONVERTED.items():
        if name in read:
            try:
                read[name] = convert(read[name])
            except (ValueError, TypeError) as error:
                faults.append(f"{code}: {name}: {error}")
    return Channel(code=code, **read) if len(faults) == before else None


def _quota(table: dict[str, Any]) -> Quota:
    if set(table) != {"count", "per", "of"}:
        raise ValueError("has count, per (HOUR or DAY) and of (TOKEN or CHANNEL)")
    return Quota(count=_positive_whole(table["count"]), per=Period(table["per"]), of=Counted(table["of"]))


def _positive(value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise ValueError("must be a number over 0")
    return value


def _positive_whole(value: int) -> int:
    if not isinstance(_positive(value), int):
        raise ValueError("must be a whole number over 0")  # noqa: TRY004 - one kind of fault for the reader of a file
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")  # noqa: TRY004 - as above
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a text")
    return value


_CONVERTED: Final[dict[str, Any]] = {
    "name": _text,
    "profile": Profile,
    "services": lambda names: frozenset(ServiceType(name) for name in names),
    "reply": ReplyMode,
    "lanes": lambda names: frozenset(Lane(name.lower()) for name in names),
    "scopes": lambda names: frozenset(Scope(name) for name in names),
    "per_second": _positive,
    "burst": _positive_whole,
    "waits_s": _positive,
    "quota": _quota,
    "open_jobs": _positive_whole,
    "aliases": tuple,
    "has_manual_lane": _flag,
    "may_force_manual": _flag,
}

"""The channel registry: every way a request may come in, as data (`channels.toml` beside this file).

An operator adds a channel without code: a file of the same form, handed to `enlist` once when a process starts.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import resources
from typing import Final

from schemas.domain.channel_files import read_channels
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

__all__ = [
    "CHANNELS",
    "UNSERVED_MEDIA",
    "UNSERVED_TEXT",
    "Channel",
    "ChannelFileError",
    "Counted",
    "Period",
    "Profile",
    "Quota",
    "ReplyMode",
    "Scope",
    "UnknownChannelCodeError",
    "channel",
    "enlist",
    "enlisted",
    "find",
    "read_channels",
]

UNSERVED_TEXT: Final = (
    "本服务不受理传真、彩信、视频方式的估值申请，请改用授信管理系统、网上银行、手机银行或官网等渠道提交。"
)


class UnknownChannelCodeError(LookupError):
    """No such channel is registered. The code is not repeated, for it may be anything; a medium we lack is named."""

    def __init__(self, code: str = "") -> None:
        registered = f"channel is not registered; registered are {', '.join(sorted(CHANNELS))}"
        super().__init__(f"{registered}. {UNSERVED_TEXT}" if code in UNSERVED_MEDIA else registered)


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

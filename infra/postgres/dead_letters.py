"""The dead letter of a record that a consumer could not use: its own bytes and headers, and why."""

import hashlib
import traceback
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, cast

from confluent_kafka import Message

from infra.kafka.producer import Record
from schemas.catalogue import MAX_MESSAGE_BYTES
from schemas.headers import Header

if TYPE_CHECKING:
    from collections.abc import Sequence

_DIGEST_HEX: Final = 16
_HEADROOM: Final = 8_192  # our own headers and the broker's framing, when a value must be cut to fit


@dataclass(frozen=True, slots=True, kw_only=True)
class Burial:
    """Where dead letters go and what they say of their sender."""

    topic: str
    stage: str
    release: str = ""


def dead_letter(message: Message, *, kind: str, error: Exception, at: datetime, burial: Burial) -> Record:
    """Return the dead letter of `message`. A value that would not fit with our headers is cut; its digest tells.

    Of the error only type and place are told, never its text, which may carry an address.
    """
    value = message.value() or b""
    # headers of an earlier burial make way, or a record buried twice would carry two of each
    headers = [(name, held) for name, held in headers_of(message) if not name.startswith("dlq.")]
    room = MAX_MESSAGE_BYTES - _HEADROOM - len(message.key() or b"") - sum(len(n) + len(v) + 10 for n, v in headers)
    ours = {
        "dlq.topic": str(message.topic()),
        "dlq.partition": str(message.partition()),
        "dlq.offset": str(message.offset()),
        "dlq.stage": burial.stage,
        "dlq.class": kind,
        "dlq.error": _scrubbed(error),
        "dlq.stack": _stack_digest(error),
        "dlq.attempts": "1",
        "dlq.first_failed_at": at.isoformat(),
        "dlq.release": burial.release,
    }
    if len(value) > room:
        ours |= {"dlq.value_bytes": str(len(value)), "dlq.value_sha256": hashlib.sha256(value).hexdigest()}
    headers += [(name, text.encode()) for name, text in ours.items()]
    return Record(topic=burial.topic, key=message.key() or b"", value=value[: max(room, 0)], headers=headers)


def headers_of(message: Message) -> list[Header]:
    """Return a record's headers that have a value."""
    pairs = cast("Sequence[tuple[str, bytes | None]]", message.headers() or ())  # the stub allows a mapping, too
    return [(name, value) for name, value in pairs if value is not None]


def _scrubbed(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {frames[-1].name} line {frames[-1].lineno}" if frames else ""
    return type(error).__qualname__ + place


def _stack_digest(error: Exception) -> str:
    """Return a digest that is the same for the same bug, so that dead letters can be grouped."""
    places = "|".join(f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__))
    return hashlib.sha256(f"{type(error).__qualname__}|{places}".encode()).hexdigest()[:_DIGEST_HEX]

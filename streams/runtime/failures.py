"""What can go wrong with one message, and the dead letter it then becomes."""

import hashlib
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from infra.kafka.producer import Record
from schemas.errors import UndecodableError
from streams.runtime.stage import RawMessage

_DIGEST_HEX: Final = 16  # 64 bits tell stacks and values apart; longer ones only fill headers
_HEADROOM: Final = 4_096  # our own dlq.* headers and the broker's framing, when a value must be cut to fit


class FailureClass(StrEnum):
    """One list for code, headers, metrics and runbook."""

    UNDECODABLE = "undecodable"
    EXHAUSTED = "exhausted"
    DEFECT = "defect"
    UNPUBLISHABLE = "unpublishable"


class WrongOutcomesError(Exception):
    """A stage answered with another number of outcomes than it got events, or with something else."""


class UnpublishableError(Exception):
    """The broker would refuse this record for what it is, however often it is sent."""


class TombstoneError(UndecodableError):
    """A record without a value where every record must have one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why one message goes to the dead letters."""

    kind: FailureClass
    error: Exception
    attempts: int
    first_failed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Burial:
    """Where dead letters go and what they say of their sender."""

    topic: str
    stage: str
    release: str
    max_bytes: int


def scrubbed(error: Exception) -> str:
    """Return an error's type and place, never its text: the text of a failing `int(x)` prints x."""
    frames = traceback.extract_tb(error.__traceback__)
    kind = type(error).__qualname__
    if not frames:
        return kind
    last = frames[-1]
    return f"{kind} in {last.name} line {last.lineno}"


def stack_digest(error: Exception) -> str:
    """Return a digest that is the same for the same bug, so that dead letters can be grouped."""
    frames = traceback.extract_tb(error.__traceback__)
    places = "|".join(f"{frame.name}:{frame.lineno}" for frame in frames)
    return hashlib.sha256(f"{type(error).__qualname__}|{places}".encode()).hexdigest()[:_DIGEST_HEX]


def dead_letter(message: RawMessage, failure: Failure, burial: Burial) -> Record:
    """Return the dead letter of `message`: its own key, value and headers, untouched, and ours added.

    A value that no longer fits with our headers is cut, and its length and digest are given instead.
    """
    ours: dict[str, str] = {
        "dlq.topic": message.topic,
        "dlq.partition": str(message.partition),
        "dlq.offset": str(message.offset),
        "dlq.stage": burial.stage,
        "dlq.class": failure.kind,
        "dlq.error": scrubbed(failure.error),
        "dlq.stack": stack_digest(failure.error),
        "dlq.attempts": str(failure.attempts),
        "dlq.first_failed_at": failure.first_failed_at.isoformat(),
        "dlq.release": burial.release,
    }
    record = Record(topic=burial.topic, key=message.key, value=message.value, headers=_with(message, ours))
    if size_of(record) <= burial.max_bytes or message.value is None:
        return record
    ours["dlq.value_bytes"] = str(len(message.value))
    ours["dlq.value_sha256"] = hashlib.sha256(message.value).hexdigest()
    frame = size_of(replace(record, value=None)) + _HEADROOM
    return replace(record, value=message.value[: max(0, burial.max_bytes - frame)], headers=_with(message, ours))


def _with(message: RawMessage, ours: Mapping[str, str]) -> list[tuple[str, bytes | None]]:
    """Keep the original headers; those of an earlier burial make way, or a replayed record would carry two."""
    kept = [(name, value) for name, value in message.headers or () if name not in ours]
    return [*kept, *((name, text.encode()) for name, text in ours.items())]


def size_of(record: Record) -> int:
    """Return the bytes of key, value and headers together, which is what the limits count."""
    headers = sum(len(name) + len(value or b"") for name, value in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers

"""What can go wrong with one message, and the dead letter it then becomes."""

import hashlib
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from infra.kafka.producer import Record, UnpublishableError, check
from schemas.headers import Header
from streams.runtime.stage import RawMessage

_DIGEST_HEX: Final = 16  # 64 bits tell stacks and values apart; longer ones only fill headers
_HEADROOM: Final = 4_096  # our own dlq.* headers and the broker's framing, when a value must be cut to fit


class FailureClass(StrEnum):
    """One list for code, headers, metrics and runbook."""

    UNDECODABLE = "undecodable"
    EXHAUSTED = "exhausted"
    REFUSED = "refused"  # the stage itself said that this record can never work
    DEFECT = "defect"
    UNPUBLISHABLE = "unpublishable"


class WrongOutcomesError(Exception):
    """A stage answered with another number of outcomes than it got events, or with something else."""


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

    What no longer fits with our headers is cut, and its length and digest are given instead: a dead letter that
    cannot be published would stop the worker for ever. A missing key becomes an empty one.
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
    # Headers of an earlier burial make way, or a replayed record would carry two of each.
    original = [(name, value or b"") for name, value in message.headers or () if name not in ours]
    whole = Record(topic=burial.topic, key=message.key or b"", value=message.value, headers=[*original, *_pairs(ours)])
    return whole if fits(whole, burial.max_bytes) else _cut(whole, original, ours, burial.max_bytes)


def fits(record: Record, max_bytes: int) -> bool:
    """Whether the publisher would take this record."""
    try:
        check([record], max_bytes)
    except UnpublishableError:
        return False
    return True


def _cut(whole: Record, original: Sequence[Header], ours: Mapping[str, str], max_bytes: int) -> Record:
    value = whole.value or b""
    told = _pairs({**ours, "dlq.value_bytes": str(len(value)), "dlq.value_sha256": hashlib.sha256(value).hexdigest()})
    for kept in (original, []):  # headers that alone are too large cannot be kept either
        frame = len(whole.key) + sum(len(name) + len(text) for name, text in [*kept, *told]) + _HEADROOM
        cut = replace(whole, value=value[: max(0, max_bytes - frame)], headers=[*kept, *told])
        if fits(cut, max_bytes):
            return cut
    return replace(whole, key=b"", value=b"", headers=told)


def _pairs(texts: Mapping[str, str]) -> list[Header]:
    return [(name, text.encode()) for name, text in texts.items()]

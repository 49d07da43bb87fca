"""The guarded call of a stage: whatever a batch does, every message of it ends as an outcome or as a failure.

Nothing raised by decoding, by the stage or by encoding leaves this module, because Faust commits a record whose
handling raised. Pure but for the pauses, which are given; no Faust, no Kafka client.
"""

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, ParamSpec, TypeVar

from infra.kafka.producer import Record, UnpublishableError
from schemas.errors import PermanentError, TransientError
from streams.runtime.failures import (
    Burial,
    Failure,
    FailureClass,
    WrongOutcomesError,
    dead_letter,
)
from streams.runtime.stage import Outcome, RawMessage, Stage

T = TypeVar("T")
P = ParamSpec("P")

Decode = Callable[[RawMessage], Any]
Encode = Callable[[RawMessage, Outcome], Sequence[Record]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How patient the stage is with `TransientError`. Waiting blocks the partition on purpose: it keeps the order.

    `budget_s` bounds all pauses of one batch together. It must stay well under the group's rebalance timeout (60 s):
    a worker that waits longer is thrown out, and its messages start over elsewhere.
    """

    attempts: int = 4
    first_s: float = 0.1
    longest_s: float = 2.0
    budget_s: float = 10.0


@dataclass(slots=True, kw_only=True)
class Settled:
    """What became of a batch: the records to publish, in the order of their inputs, and what to count."""

    records: list[Record] = field(default_factory=list)
    dead: list[FailureClass] = field(default_factory=list)
    silences: list[str] = field(default_factory=list)
    retries: int = 0


@dataclass(frozen=True, slots=True)
class _Raised:
    error: Exception


def _attempt(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | _Raised:
    """Call `work` and return what it raised instead of raising. The one place that catches everything."""
    try:
        return work(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 -- whatever it is, it must not reach Faust
        return _Raised(error)


class _Patience:
    """The pauses of one batch."""

    def __init__(self, retry: Retry, sleep: Callable[[float], Awaitable[None]], randomness: random.Random) -> None:
        self._retry, self._sleep, self._randomness = retry, sleep, randomness
        self._left = retry.budget_s
        self.pauses = 0

    async def pause(self, attempt: int) -> bool:
        """Wait before the attempt after number `attempt`; `False` when there shall be none."""
        delay = min(self._retry.longest_s, self._retry.first_s * 2 ** (attempt - 1))
        delay *= self._randomness.uniform(0.5, 1.0)  # jitter: workers that failed together do not retry together
        if attempt >= self._retry.attempts or delay > self._left:
            return False
        self._left -= delay
        self.pauses += 1
        await self._sleep(delay)
        return True


class Guard(Generic[T]):
    """Decode each, handle all, encode each; retry what is transient, isolate what is broken."""

    def __init__(  # noqa: PLR0913 -- its parts, keyword-only, wired in one place
        self,
        *,
        stage: Stage[T],
        decode: Decode,
        burial: Burial,
        retry: Retry,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
        randomness: random.Random,
    ) -> None:
        self._stage, self._decode, self._burial, self._retry = stage, decode, burial, retry
        self._clock, self._sleep, self._randomness = clock, sleep, randomness
        self.defects_in_a_row = 0

    async def settle(self, batch: Sequence[RawMessage], encode: Encode) -> Settled:
        """Return what to publish for `batch`. Never raises for anything a message or the stage does."""
        patience = _Patience(self._retry, self._sleep, self._randomness)
        decoded = [await self._decoded(message, patience) for message in batch]
        events = [event for event in decoded if not isinstance(event, Failure)]
        answers = iter(await self._answers(events, patience))
        settled = Settled()
        for message, event in zip(batch, decoded, strict=True):
            self._settle_one(message, event if isinstance(event, Failure) else next(answers), encode, settled)
        settled.retries = patience.pauses
        return settled

    async def _decoded(self, message: RawMessage, patience: _Patience) -> T | Failure:
        attempt = 1
        result = _attempt(self._decode, message)
        if not isinstance(result, _Raised):
            return result  # type: ignore[no-any-return]  # the codec's type follows the topic's event
        failed_at = self._clock()
        while isinstance(result, _Raised) and isinstance(result.error, TransientError):
            if not await patience.pause(attempt):
                return _failure(FailureClass.EXHAUSTED, result, attempt, failed_at)
            attempt += 1
            result = _attempt(self._decode, message)
        if isinstance(result, _Raised):
            return _failure(FailureClass.UNDECODABLE, result, attempt, failed_at)
        return result  # type: ignore[no-any-return]

    async def _answers(self, events: Sequence[T], patience: _Patience) -> Sequence[Outcome | Failure]:
        """Handle all at once while that works; otherwise one by one, in order."""
        if not events:
            return []
        attempt = 1
        result = _attempt(self._handle, events)
        if not isinstance(result, _Raised):
            return result
        failed_at = self._clock()
        while isinstance(result, _Raised) and isinstance(result.error, TransientError):
            if not await patience.pause(attempt):
                break
            attempt += 1
            result = _attempt(self._handle, events)
        if not isinstance(result, _Raised):
            return result
        return [await self._answer_alone(event, patience, attempt, failed_at) for event in events]

    async def _answer_alone(self, event: T, patience: _Patience, before: int, failed_at: datetime) -> Outcome | Failure:
        own = 1
        result = _attempt(self._handle, (event,))
        while isinstance(result, _Raised) and isinstance(result.error, TransientError):
            if not await patience.pause(own):
                return _failure(FailureClass.EXHAUSTED, result, before + own, failed_at)
            own += 1
            result = _attempt(self._handle, (event,))
        if isinstance(result, _Raised):
            refused = isinstance(result.error, PermanentError)
            kind = FailureClass.REFUSED if refused else FailureClass.DEFECT
            return _failure(kind, result, before + own, failed_at)
        return result[0]

    def _handle(self, events: Sequence[T]) -> Sequence[Outcome]:
        outcomes = self._stage.handle(events)
        if len(outcomes) != len(events) or not all(isinstance(outcome, Outcome) for outcome in outcomes):
            raise WrongOutcomesError(f"{self._stage.name} gave {len(outcomes)} outcomes for {len(events)} events")
        return outcomes

    def _settle_one(self, message: RawMessage, answer: Outcome | Failure, encode: Encode, settled: Settled) -> None:
        if isinstance(answer, Outcome):
            records = _attempt(encode, message, answer)
            if not isinstance(records, _Raised):
                settled.records.extend(records)
                if answer.silence:
                    settled.silences.append(answer.silence)
                self.defects_in_a_row = 0
                return
            unpublishable = isinstance(records.error, UnpublishableError)
            kind = FailureClass.UNPUBLISHABLE if unpublishable else FailureClass.DEFECT
            answer = _failure(kind, records, 1, self._clock())
        settled.records.append(dead_letter(message, answer, self._burial))
        settled.dead.append(answer.kind)
        self.defects_in_a_row = self.defects_in_a_row + 1 if answer.kind is FailureClass.DEFECT else 0


def _failure(kind: FailureClass, raised: _Raised, attempts: int, failed_at: datetime) -> Failure:
    return Failure(kind=kind, error=raised.error, attempts=attempts, first_failed_at=failed_at)

"""The latest answers, and who waits for them.

Every gateway instance reads all results, because an answer may come on any partition. Messages are kept as bytes and
decoded when somebody asks: a batch of a million rows passing by must not cost the online caller anything.
"""

import asyncio
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from producers.gateway.arrivals import UNDER_WAY, Arrival, Kind, State
from producers.gateway.subscriptions import Subscription
from schemas.codec import Codec
from schemas.codes import Status
from schemas.domain.ends import is_end
from schemas.domain.refusal import REFUSAL_REVISION
from schemas.errors import PermanentError, TransientError
from schemas.events import Reported, Resulted

log = logging.getLogger(__name__)

E = TypeVar("E")


@dataclass(frozen=True, slots=True)
class _Entry:
    status: Status | None = None
    result: bytes | None = None
    report: bytes | None = None
    trace_id: str | None = None


@dataclass(slots=True, kw_only=True)
class _Waiter:
    trace_id: str | None
    asked_at: datetime | None
    loop: asyncio.AbstractEventLoop
    is_wanted: Callable[[Resulted], bool]
    answer: asyncio.Future[Resulted] = field(repr=False)

    def is_meant(self, resulted: Resulted) -> bool:
        """Whether the answer concerns this call: two replies to one question stand in one trace, and one is refused.

        Intake puts the moment of the call on its refusal, or its own where the caller's clock cannot be right.
        """
        if resulted.revision != REFUSAL_REVISION:
            return self.is_wanted(resulted)
        return self.asked_at is None or resulted.received_at in {self.asked_at, resulted.resulted_at}

    def give(self, resulted: Resulted) -> None:
        with suppress(RuntimeError):  # the loop is closed: the caller is gone
            self.loop.call_soon_threadsafe(self._settle, resulted)

    def _settle(self, resulted: Resulted) -> None:
        if not self.answer.done():
            self.answer.set_result(resulted)


class AnswerBoard:
    """Written by the follower's thread, read by the event loop.

    Keeps the latest `capacity` valuations, about 5 kB each.
    """

    def __init__(self, codec: Codec, *, capacity: int = 10_000) -> None:
        self._codec = codec
        self._capacity = capacity
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._waiters: dict[str, list[_Waiter]] = {}
        self._subscriptions: dict[str, list[Subscription]] = {}
        self._lock = threading.Lock()

    def post(self, arrival: Arrival) -> None:
        """Take one message. Never raises for what is in it: a message that cannot be read is as good as not sent."""
        with self._lock:
            kept = self._entries.get(arrival.valuation_id, _Entry())
        is_refusal = self._is_refusal(arrival)  # what follows may decode, so the lock is not held
        replaces = not is_refusal and (self._replaces(arrival, kept) or self._is_its_report(arrival, kept))
        with self._lock:
            if not is_refusal:  # it is about one message, not about the valuation
                self._keep(arrival, replaces=replaces)
            waiters = tuple(self._waiters.get(arrival.valuation_id, ()))
            entry = self._entries.get(arrival.valuation_id)
            subscriptions = tuple(self._subscriptions.get(arrival.valuation_id, ()))
        for subscription in subscriptions:
            subscription.wake()
        if arrival.kind is Kind.RESULT and waiters:
            if is_refusal or arrival.status in UNDER_WAY:  # it may concern another request under the same number
                waiters = tuple(waiter for waiter in waiters if waiter.trace_id == arrival.trace_id)
            self._tell(waiters, arrival, entry, stands=replaces or is_refusal)

    def latest(self, valuation_id: str) -> State | None:
        """The latest answer seen, `None` when none was or it has been pushed out by newer ones."""
        with self._lock:
            entry = self._entries.get(valuation_id)
        if entry is None or entry.result is None:
            return None
        result = self._decoded(entry.result, Resulted)
        report = self._decoded(entry.report, Reported) if entry.report is not None else None
        if result is None:
            return None
        if report is not None and is_end(result) and report.revision != result.revision:
            report = None  # of a value that came second, or ahead of what people decided anew
        return State(result=result, report=report, trace_id=entry.trace_id)

    @contextmanager
    def waiting(
        self,
        valuation_id: str,
        trace_id: str | None,
        *,
        asked_at: datetime | None = None,
        is_wanted: Callable[[Resulted], bool] = lambda _: True,
    ) -> Iterator[asyncio.Future[Resulted]]:
        """A future for the next answer worth telling a caller; registered before the request is sent.

        `asked_at` is the request's `requested_at`: of the refusals in its trace only those that may concern it count.
        `is_wanted` passes over answers that say nothing to this caller; called on the follower's thread.
        """
        loop = asyncio.get_running_loop()
        waiter = _Waiter(
            trace_id=trace_id, asked_at=asked_at, loop=loop, is_wanted=is_wanted, answer=loop.create_future()
        )
        with self._lock:
            self._waiters.setdefault(valuation_id, []).append(waiter)
        try:
            yield waiter.answer
        finally:
            with self._lock:
                self._waiters[valuation_id].remove(waiter)
                if not self._waiters[valuation_id]:
                    del self._waiters[valuation_id]

    @contextmanager
    def subscribed(self, valuation_id: str) -> Iterator[Subscription]:
        """What wakes a reader whenever there is something new of a valuation; read `latest` then."""
        subscription = Subscription(asyncio.get_running_loop())
        with self._lock:
            self._subscriptions.setdefault(valuation_id, []).append(subscription)
        try:
            yield subscription
        finally:
            with self._lock:
                self._subscriptions[valuation_id].remove(subscription)
                if not self._subscriptions[valuation_id]:
                    del self._subscriptions[valuation_id]

    def withdraw(self, valuation_id: str) -> None:
        """Forget the question that is about to be replied to: it is out of date. What came of another reply stays."""
        with self._lock:
            kept = self._entries.get(valuation_id)
            if kept is not None and kept.status is Status.NEEDS_CLARIFICATION:
                del self._entries[valuation_id]

    @property
    def waiters(self) -> int:
        """Callers waiting now."""
        return sum(map(len, list(self._waiters.values())))

    @property
    def subscriptions(self) -> int:
        """Streams of events that are open now."""
        return sum(map(len, list(self._subscriptions.values())))

    def _tell(self, waiters: Sequence[_Waiter], arrival: Arrival, entry: _Entry | None, *, stands: bool) -> None:
        """Wake those whom a result concerns. `entry` is what stands now that it was taken."""
        answer = arrival.value
        if arrival.status in UNDER_WAY:
            if entry is None or entry.result is None or entry.status in UNDER_WAY:
                return
            answer = entry.result  # receipt of a repeat, whose answer is here already
        elif not stands and entry is not None and _is_ended(entry):
            answer = entry.result or answer  # it came behind the end that stands
        resulted = self._decoded(answer, Resulted) if waiters else None
        if resulted is not None:
            for waiter in waiters:
                if waiter.is_meant(resulted):
                    waiter.give(resulted)

    def _keep(self, arrival: Arrival, *, replaces: bool) -> None:
        entry = self._entries.get(arrival.valuation_id, _Entry())
        if replaces and arrival.kind is Kind.REPORT:
            entry = replace(entry, report=arrival.value)
        elif replaces:
            entry = replace(entry, status=arrival.status, result=arrival.value, trace_id=arrival.trace_id)
        self._entries[arrival.valuation_id] = entry
        self._entries.move_to_end(arrival.valuation_id)
        if len(self._entries) > self._capacity:
            self._entries.popitem(last=False)

    def _is_refusal(self, new: Arrival) -> bool:
        """Whether it is a word about one message; that of an accepted request is its end."""
        if new.status is not Status.REJECTED_INVALID:
            return False
        refused = self._decoded(new.value, Resulted)
        return refused is None or refused.revision == REFUSAL_REVISION

    def _is_its_report(self, new: Arrival, kept: _Entry) -> bool:
        """Whether a report takes the place of the one kept: not if it is of a value that came behind another end."""
        if new.kind is not Kind.REPORT or kept.report is None or kept.result is None:
            return new.kind is Kind.REPORT
        report, result = self._decoded(new.value, Reported), self._decoded(kept.result, Resulted)
        if report is None or result is None:
            return report is not None
        return not is_end(result) or report.revision == result.revision or report.supersedes_report_no is not None

    def _replaces(self, new: Arrival, kept: _Entry) -> bool:
        """Whether an answer takes the place of the one kept. Two interims, or two finals, are decoded to see it."""
        if new.kind is not Kind.RESULT or new.status is None:
            return False
        if kept.status is None or kept.result is None or new.status.is_final is not kept.status.is_final:
            return _supersedes(new.status, kept.status)
        later, earlier = self._decoded(new.value, Resulted), self._decoded(kept.result, Resulted)
        if later is None or earlier is None:
            return later is not None
        if new.status.is_final:
            return _dispute_of(later) > _dispute_of(earlier)
        if later.revision != earlier.revision:  # what came of a reply is not undone by the question it replied to
            return later.revision > earlier.revision
        return _supersedes(new.status, kept.status)

    def _decoded(self, value: bytes, expected: type[E]) -> E | None:
        try:
            return self._codec.decode(value, expected)
        except (PermanentError, TransientError) as error:
            log.warning("an answer cannot be read", extra={"event": expected.__name__, "cause": str(error)})
            return None


def _supersedes(new: Status, kept: Status | None) -> bool:
    """Whether a status replaces the one kept. Two writers share the topic, so an interim may arrive behind a final."""
    if kept is None:
        return True
    if new in UNDER_WAY:
        return kept in UNDER_WAY
    if new is Status.PENDING_MANUAL:  # a late word about the queue does not undo what people asked since
        return kept is not Status.NEEDS_CLARIFICATION and not kept.is_final
    return new.is_final or not kept.is_final


def _is_ended(entry: _Entry) -> bool:
    return entry.status is not None and entry.status.is_final


def _dispute_of(final: Resulted) -> int:
    """Which asking a final answer supersedes another by; 0: it is a first end, which never gives way to another."""
    return final.revision if final.supersedes else 0

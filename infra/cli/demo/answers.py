"""What came back, as the bank's own systems would see it: a reader of the results and reports topics."""

import threading
from collections import Counter
from dataclasses import dataclass

from confluent_kafka import Message

from schemas.catalogue import REPORTS, RESULTS
from schemas.codec import Codec
from schemas.codes import Reason, Status
from schemas.events import Reported, Resulted
from streams.reporting.stage import no_slip_because

FOLLOWED = (*RESULTS.names, *REPORTS.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where the questions stand."""

    by_status: Counter[str]
    final: int
    with_people: int
    reports: int


class Answers:
    """The newest answer to each of `valuation_ids`. Messages come on the follower's thread, looks from any other."""

    def __init__(self, codec: Codec, valuation_ids: frozenset[str]) -> None:
        self._codec, self._asked = codec, valuation_ids
        self._newest: dict[str, Resulted] = {}
        self._reports: set[str] = set()
        self._lock = threading.Lock()

    def take(self, message: Message) -> None:
        """Take one message; others' valuations pass by."""
        key = (message.key() or b"").decode()
        if key not in self._asked:
            return
        if message.topic() in REPORTS.names:
            report = self._codec.decode(message.value(), Reported)
            with self._lock:
                self._reports.add(report.report_no)
            return
        result = self._codec.decode(message.value(), Resulted)
        with self._lock:
            before = self._newest.get(key)
            if before is None or (not before.status.is_final and result.status is not Status.RECEIVED):
                self._newest[key] = result

    def of(self, valuation_id: str) -> Resulted | None:
        """The newest answer; a final one stays."""
        with self._lock:
            return self._newest.get(valuation_id)

    def all(self) -> list[Resulted]:
        """The newest answer to each question that has one."""
        with self._lock:
            return list(self._newest.values())

    def reports_due(self) -> int:
        """How many reports the answers so far lead to: one for every value that is not public's."""
        with self._lock:
            return sum(no_slip_because(result) is None for result in self._newest.values())

    def standing(self) -> Standing:
        """Counts for the live view."""
        with self._lock:
            newest, reports = list(self._newest.values()), len(self._reports)
        return Standing(
            by_status=Counter(result.status.value for result in newest),
            final=sum(is_answered(result) for result in newest),
            with_people=sum(result.status is Status.PENDING_MANUAL for result in newest),
            reports=reports,
        )


def is_answered(result: Resulted) -> bool:
    """Whether the channel has what it can get: a final answer, or a question back to it."""
    asked_back = result.status is Status.NEEDS_CLARIFICATION and Reason.LATE not in result.reasons
    return result.status.is_final or asked_back

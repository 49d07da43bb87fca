"""Server-sent events of one valuation (WHATWG HTML, 9.2): each state once, its report, and then the end.

An event's id is `revision.update.STATUS`, with `.report` behind it for the report: who comes back with the last one
(`Last-Event-ID`) is told only what is new since.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from producers.gateway.arrivals import State
from producers.gateway.board import AnswerBoard
from producers.gateway.drain import Drain
from producers.gateway.problems import ProblemError
from schemas.codes import Status
from schemas.domain.channels import Profile
from schemas.domain.projection import REPORT_FIELDS, answer_body, project
from schemas.events import Resulted

MEDIA_TYPE: Final = "text/event-stream"
_REPORT: Final = ".report"
_WITH_A_REPORT: Final = frozenset({Status.COMPLETED_AUTO, Status.COMPLETED_MANUAL})
_HEARTBEAT: Final = b": still there\n\n"
_RETRY: Final = b"retry: 2000\n\n"
_MOST_BETWEEN_LOOKS: Final = 4  # heart-beats, a minute: what has left the board is asked of the ledger, by every reader


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamTimes:
    """Seconds. `heartbeat_s` is shorter than what proxies cut; `life_s` ends a stream whose reader went unseen.

    `report_s`: how long a final answer waits for its report, which is drawn within a second or never.
    """

    heartbeat_s: float = 15.0
    life_s: float = 900.0
    report_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EventStream:
    """One reader's stream. `look` gives the state, from the board or behind it; `seen` is the last id it has."""

    valuation_id: str
    profile: Profile
    board: AnswerBoard
    look: Callable[[], Awaitable[State | None]]
    drain: Drain
    times: StreamTimes
    seen: str = ""

    def is_complete(self, state: State | None) -> bool:
        """Whether the reader has everything already: nothing will come."""
        return not self._news(state, self.seen) and self._is_ended(state)

    async def frames(self) -> AsyncIterator[bytes]:
        """What is sent, piece by piece. Ends with the last news, with `life_s`, and when the instance ends."""
        clock = asyncio.get_running_loop().time
        ends_at, seen = clock() + self.times.life_s, self.seen
        with self.board.subscribed(self.valuation_id) as subscription:
            yield _RETRY
            state = await self._looked()
            between = until = 1  # heart-beats between two looks that nothing called for, and until the next one
            while True:
                for told, frame in self._news(state, seen):
                    seen = told
                    yield frame
                if state is not None and state.result.status.is_final:
                    ends_at = min(ends_at, clock() + self.times.report_s)
                if self._is_ended(state) or self.drain.is_announced or clock() >= ends_at:
                    return
                wait_s = min(self.times.heartbeat_s, ends_at - clock())
                if await self._woken(subscription.changed, wait_s):
                    between = until = 1
                else:
                    yield _HEARTBEAT
                    until -= 1
                    if until:
                        continue
                    between = until = min(2 * between, _MOST_BETWEEN_LOOKS)
                state = await self._looked() or state

    async def _woken(self, changed: Callable[[], Awaitable[None]], wait_s: float) -> bool:
        """Whether there may be news; `False`: none within `wait_s`."""
        waits = [asyncio.ensure_future(changed()), asyncio.ensure_future(self.drain.announced())]
        try:
            done, _ = await asyncio.wait(waits, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return bool(done)

    async def _looked(self) -> State | None:
        try:
            return await self.look()
        except ProblemError:  # the ledger is away: what comes on the topics is told all the same
            return None

    def _news(self, state: State | None, seen: str) -> list[tuple[str, bytes]]:
        if state is None:
            return []
        answer_id = id_of(state.result)
        news = []
        if seen not in {answer_id, answer_id + _REPORT}:
            body = answer_body(state.result, state.report, self.profile)
            news.append((answer_id, frame("answer", answer_id, body)))
        if self._has_report(state) and state.report is not None and seen != answer_id + _REPORT:
            shown = {"valuation_id": self.valuation_id, **project(state.report, REPORT_FIELDS[self.profile])}
            news.append((answer_id + _REPORT, frame("report", answer_id + _REPORT, shown)))
        return news

    def _has_report(self, state: State) -> bool:
        """Whether the report is of this answer, not of the one it supersedes."""
        is_shown = bool(REPORT_FIELDS[self.profile])
        return is_shown and state.report is not None and state.report.revision >= state.result.revision

    def _is_ended(self, state: State | None) -> bool:
        if state is None or not state.result.status.is_final:
            return False
        return self._has_report(state) or not is_report_due(state.result, self.profile)


def is_report_due(resulted: Resulted, profile: Profile) -> bool:
    """Whether a report follows the answer that this profile may have."""
    has_content = resulted.value is not None or resulted.verification is not None
    return resulted.status in _WITH_A_REPORT and has_content and bool(REPORT_FIELDS[profile])


def id_of(resulted: Resulted) -> str:
    """The id of an answer's event."""
    return f"{resulted.revision}.{resulted.update}.{resulted.status}"


def frame(name: str, event_id: str, body: dict[str, Any]) -> bytes:
    """One event. JSON has no line end of its own, so one `data` line is enough."""
    return f"event: {name}\nid: {event_id}\ndata: {json.dumps(body, ensure_ascii=False)}\n\n".encode()

"""What the gateway does, without HTTP: promise, ask, wait, look up, clarify."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime

from infra.telemetry.tracing import child_of
from producers.gateway.arrivals import UNDER_WAY, State, is_conflict, trace_id
from producers.gateway.board import AnswerBoard
from producers.gateway.ownership import Owner
from producers.gateway.ports import Archived, Ledger, LedgerUnavailableError, Publisher
from producers.gateway.problems import Code, ProblemError
from producers.gateway.remembered import Remembered
from producers.gateway.request_body import clarified, fingerprint
from producers.gateway.request_record import continued, request_record, well_formed
from schemas.catalogue import REQUESTS, Topic
from schemas.codec import Codec
from schemas.codes import Action, Lane, Reason, Status
from schemas.domain.contract import ONLINE_ANSWER
from schemas.domain.projection import candidates
from schemas.errors import PublishError
from schemas.events import Problem, Reported, Requested, Resulted

RETRY_AFTER_S = 5  # a broker election takes seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """How long the gateway waits, in seconds."""

    answer_s: float = ONLINE_ANSWER.value.total_seconds()
    acknowledgement_s: float = 5.0  # by the broker; longer than an election, shorter than a caller's patience
    ledger_s: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A reply about to be sent. `trace_id` is that of the valuation, `None` when it is not known.

    `lane` is that of the question: reply and time-out of one question must meet at one intake.
    """

    requested: Requested
    trace_id: str | None
    lane: Lane

    def continuing(self, traceparent: str) -> str:
        """This call's place in the trace of the valuation: a reply belongs to what it answers, whoever sends it."""
        return continued(traceparent, self.trace_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """One instance. `clock` gives the time of day in UTC; `is_following` whether answers written now will be seen."""

    publisher: Publisher
    codec: Codec
    board: AnswerBoard
    ledger: Ledger
    is_following: Callable[[], bool]
    clock: Callable[[], datetime]
    randomness: random.Random
    waits: Waits = Waits()
    requests: Topic = REQUESTS
    remembered: Remembered = field(default_factory=Remembered)

    async def ask(
        self,
        requested: Requested,
        *,
        wait_s: float,
        traceparent: str,
        lane: Lane = Lane.ONLINE,
        is_wanted: Callable[[Resulted], bool] = lambda _: True,
    ) -> State | None:
        """Send a request safely and wait for its answer; `None`: recorded, but no answer within `wait_s` yet.

        The same request again joins the first one or gets its answer. Answers that are not `is_wanted` are waited out.

        Raises:
            ProblemError: UNAVAILABLE (not recorded for certain), DUPLICATE_CONFLICT, INVALID_REQUEST, RATE_LIMITED.
        """
        known = await self._answer_to_repeat(requested)
        if known is not None:
            return known
        deadline = asyncio.get_running_loop().time() + wait_s
        asked_at = requested.requested_at
        with self.board.waiting(
            requested.valuation_id, trace_id(traceparent), asked_at=asked_at, is_wanted=is_wanted
        ) as answer:
            await self._send(requested, traceparent, lane)
            resulted = await _until(answer, deadline)
        if resulted is None or _asks_again(requested, resulted):
            return await self._looked_up(requested, wait_s)
        if resulted.status is Status.REJECTED_INVALID:
            self.remembered.forget(requested)
            raise _refusal(resulted)
        latest = self.board.latest(requested.valuation_id)
        return State(result=resulted, report=latest.report if latest else None)

    async def state(self, valuation_id: str, owner: Owner) -> State | None:
        """What the owner may know; `None` when the request is recorded but not answered.

        Raises:
            ProblemError: NOT_FOUND for an unknown one and for another channel's; UNAVAILABLE.
        """
        latest = self.board.latest(valuation_id)
        archived = None if latest is not None else await self.archived(valuation_id)
        state = latest or (archived.state if archived is not None else None)
        if state is not None:
            if not owner.owns(state.result.channel, state.result.client_request_id):
                raise ProblemError(Code.NOT_FOUND)
            return state
        asked = self.remembered.get(valuation_id)
        if asked is None and archived is not None:
            asked = await self._archived_request(valuation_id)
        if asked is None or not owner.owns(asked.channel, asked.client_request_id):
            raise ProblemError(Code.NOT_FOUND)
        return None

    async def known(self, valuation_id: str, owner: Owner) -> tuple[State | None, ...]:
        """As `state`, for those who look for it: empty when the channel has no such valuation."""
        try:
            return (await self.state(valuation_id, owner),)
        except ProblemError as problem:
            if problem.code is Code.NOT_FOUND:
                return ()
            raise

    async def numbers_of(self, channel: str, business_ref: str) -> Sequence[str]:
        """The channel's valuations under its business number, newest first. Raises `ProblemError` UNAVAILABLE."""
        async with self.asking_the_ledger():
            return await self.ledger.valuations_of(channel, business_ref)

    async def report(self, valuation_id: str, owner: Owner) -> Reported:
        """The report of a valuation. Raises `ProblemError` NOT_FOUND when there is none (yet), UNAVAILABLE."""
        state = await self.state(valuation_id, owner)
        if state is not None and state.report is None:
            archived = await self.archived(valuation_id)
            state = archived.state if archived else None
        if state is None or state.report is None:
            raise ProblemError(Code.NOT_FOUND)
        return state.report

    async def archived(self, valuation_id: str) -> Archived | None:
        """What the ledger knows. Raises `ProblemError` UNAVAILABLE."""
        async with self.asking_the_ledger():
            return await self.ledger.valuation(valuation_id)

    @asynccontextmanager
    async def asking_the_ledger(self) -> AsyncIterator[None]:
        """A limited time for a question to the ledger. Raises `ProblemError` UNAVAILABLE."""
        try:
            async with asyncio.timeout(self.waits.ledger_s):
                yield
        except (LedgerUnavailableError, TimeoutError):
            raise ProblemError(Code.UNAVAILABLE, retry_after_s=RETRY_AFTER_S) from None

    async def reply(self, valuation_id: str, owner: Owner, community_id: str) -> Reply:
        """The reply to NEEDS_CLARIFICATION that chooses one of its candidates; to be sent with `clarify`.

        Raises:
            ProblemError: NOT_FOUND, NOT_AWAITING_CLARIFICATION, INVALID_REQUEST for a community that was not offered,
                UNAVAILABLE.
        """
        state = await self.state(valuation_id, owner)
        if state is None or state.result.status is not Status.NEEDS_CLARIFICATION:
            raise ProblemError(Code.NOT_AWAITING_CLARIFICATION, valuation_id=valuation_id)
        if community_id not in {candidate.community_id for candidate in candidates(state.result)}:
            not_offered = Problem(field="community_id", code="NOT_OFFERED", message="请选择所列候选小区之一。")
            raise ProblemError(Code.INVALID_REQUEST, problems=[not_offered], valuation_id=valuation_id)
        original = await self.original(valuation_id)
        return Reply(
            requested=clarified(original, community_id, received_at=self.clock()),
            trace_id=state.trace_id or None,
            lane=state.result.lane,
        )

    async def original(self, valuation_id: str) -> Requested:
        """The first request under this id. Raises `ProblemError` UNAVAILABLE when nobody who knows it can be asked."""
        original = self.remembered.get(valuation_id) or await self._archived_request(valuation_id)
        if original is None:
            raise ProblemError(Code.UNAVAILABLE, retry_after_s=RETRY_AFTER_S, valuation_id=valuation_id)
        return original

    async def clarify(self, reply: Reply, *, wait_s: float, traceparent: str) -> State | None:
        """Send a reply and wait as `ask` does. `traceparent` is that of `reply.continuing`.

        Raises:
            ProblemError: As `ask`; NOT_AWAITING_CLARIFICATION when the time to reply has run out.
        """
        self.board.withdraw(reply.requested.valuation_id)
        return await self.ask(reply.requested, wait_s=wait_s, traceparent=traceparent, lane=reply.lane)

    def new_traceparent(self, received: str | None) -> str:
        """Continue the caller's trace, or begin one."""
        parent = well_formed(received)
        return child_of(parent, self.randomness)

    async def _answer_to_repeat(self, requested: Requested) -> State | None:
        """The answer to an earlier request that this one repeats; `None` when that is not certain."""
        latest = self.board.latest(requested.valuation_id)
        if latest is None or latest.result.status in UNDER_WAY or requested.action is not Action.VALUE:
            return None
        first = self.remembered.get(requested.valuation_id) or await self._archived_request(requested.valuation_id)
        return latest if first is not None and fingerprint(first) == fingerprint(requested) else None

    async def _archived_request(self, valuation_id: str) -> Requested | None:
        """The first request under this id; `None` also while the ledger is away: intake decides then."""
        with suppress(LedgerUnavailableError, TimeoutError):
            async with asyncio.timeout(self.waits.ledger_s):
                return await self.ledger.request(valuation_id)
        return None

    async def _send(self, requested: Requested, traceparent: str, lane: Lane) -> None:
        if not self.is_following():
            raise ProblemError(Code.UNAVAILABLE, retry_after_s=RETRY_AFTER_S, valuation_id=requested.valuation_id)
        record = request_record(requested, self.codec, self.requests, traceparent, lane=lane)
        try:
            async with asyncio.timeout(self.waits.acknowledgement_s):
                await self.publisher.publish_async([record])
        except (PublishError, TimeoutError):
            raise ProblemError(
                Code.UNAVAILABLE, retry_after_s=RETRY_AFTER_S, valuation_id=requested.valuation_id
            ) from None
        self.remembered.put(requested)

    async def _looked_up(self, requested: Requested, wait_s: float) -> State | None:
        """One look at what may have passed us by: an earlier answer to a repeat, or one written during a reconnect."""
        if requested.action is not Action.VALUE:  # what is on the board is what was replied to
            return None
        latest = self.board.latest(requested.valuation_id)
        if latest is not None or wait_s == 0:
            return latest
        first = await self._archived_request(requested.valuation_id)
        if first is None or fingerprint(first) != fingerprint(requested):
            return None
        with suppress(ProblemError):  # the request is recorded all the same
            archived = await self.archived(requested.valuation_id)
            return archived.state if archived else None
        return None


async def _until(answer: asyncio.Future[Resulted], deadline: float) -> Resulted | None:
    try:
        async with asyncio.timeout_at(deadline):
            return await asyncio.shield(answer)
    except TimeoutError:
        return None


def _asks_again(requested: Requested, resulted: Resulted) -> bool:
    """Whether an answer to a reply is the question once more: a reminder that crossed it, and no answer at all."""
    return requested.action is Action.CLARIFY and resulted.status is Status.NEEDS_CLARIFICATION


def _refusal(resulted: Resulted) -> ProblemError:
    if Reason.CLARIFICATION_TIMEOUT in resulted.reasons:
        late = resulted.problems
        return ProblemError(Code.NOT_AWAITING_CLARIFICATION, problems=late, valuation_id=resulted.valuation_id)
    if is_conflict(resulted):
        return ProblemError(Code.DUPLICATE_CONFLICT, valuation_id=resulted.valuation_id)
    if Reason.ALREADY_FINAL in resulted.reasons:
        return ProblemError(Code.ALREADY_FINAL, valuation_id=resulted.valuation_id)
    if Reason.NOT_FOUND in resulted.reasons:
        return ProblemError(Code.NOT_FOUND)
    if Reason.QUOTA_EXCEEDED in resulted.reasons:
        return ProblemError(Code.RATE_LIMITED, retry_after_s=60, valuation_id=resulted.valuation_id)
    return ProblemError(Code.INVALID_REQUEST, problems=resulted.problems, valuation_id=resulted.valuation_id)

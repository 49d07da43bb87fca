"""The database's side of a webhook: whose turn it is, and what follows from an answer. Each call is one transaction."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import Connection
from psycopg.rows import TupleRow

from consumers.callbacks import deliveries, endpoints
from consumers.callbacks.deliveries import AcknowledgedBy, Claimed, Failure
from consumers.callbacks.endpoints import Endpoint, Mode
from consumers.callbacks.retrying import WEBHOOK_RETRIES, RetryRules, pause
from consumers.callbacks.voice import Voice
from consumers.callbacks.webhook import Answer, Outcome
from infra.postgres import outbox
from infra.postgres.pool import Pool
from schemas.codes import DeliveryKind
from schemas.domain.breaker import Breaker, BreakerRules, BreakerState, after_failure, after_success, state

BREAKER = BreakerRules(trips_after=5, rest=timedelta(seconds=5), longest_rest=timedelta(minutes=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Deliveries leased to us for one endpoint. `is_trial`: its breaker lets this one through to see how things are."""

    endpoint: Endpoint
    claimed: tuple[Claimed, ...]
    is_trial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What came of one delivery's try. `is_trial`: of a turn that was one."""

    claimed: Claimed
    answer: Answer
    is_trial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Hands out turns and takes answers; several processes may at once."""

    pool: Pool
    clock: Callable[[], datetime]
    randomness: random.Random
    voice: Voice
    lease: timedelta = timedelta(seconds=60)
    retries: RetryRules = WEBHOOK_RETRIES
    breaker: BreakerRules = BREAKER

    def webhooks(self) -> tuple[str, ...]:
        """The channels that have a webhook."""
        with self.pool.connection() as connection:
            return tuple(one.channel for one in endpoints.endpoints(connection) if one.mode is Mode.WEBHOOK)

    def turn(self, channel: str, limit: int) -> Turn | None:
        """Lease up to `limit` deliveries of a channel, one alone as a trial; `None` when there is nothing to do now."""
        now = self.clock()
        with self.pool.connection() as connection:
            endpoint = endpoints.endpoint_of(connection, channel, lock=True)
            if endpoint is None or endpoint.mode is not Mode.WEBHOOK:
                return None
            standing = state(endpoint.breaker, now)
            if standing is BreakerState.OPEN:
                return None
            is_trial = standing is BreakerState.HALF_OPEN
            most = 1 if is_trial else limit
            claimed = deliveries.claim(connection, channel, now=now, lease=self.lease, limit=most)
            if not claimed:
                return None
            if is_trial:  # nobody else may try until we know, or until our lease is over
                taken = Breaker(failures=endpoint.breaker.failures, opened_until=now + self.lease)
                endpoints.keep_breaker(connection, channel, taken)
            return Turn(endpoint=endpoint, claimed=claimed, is_trial=is_trial)

    def settle(self, channel: str, attempts: Sequence[Attempt]) -> None:
        """Write down what came of attempts of a channel, in one transaction."""
        now = self.clock()
        taken = [one.claimed for one in attempts if one.answer.outcome is Outcome.ACKNOWLEDGED]
        failures = [self._failure(one, now) for one in attempts if one.answer.outcome is not Outcome.ACKNOWLEDGED]
        with self.pool.connection() as connection:
            endpoint = endpoints.endpoint_of(connection, channel, lock=True)
            ids = [one.delivered.delivery_id for one in taken]
            deliveries.acknowledge(connection, ids, by=AcknowledgedBy.HTTP, at=now)
            deliveries.fail(connection, failures)
            notices = (one for one in taken if one.delivered.kind is DeliveryKind.NOTICE)
            receipts = [self.voice.receipt(one.delivered, at=now, traceparent=one.traceparent) for one in notices]
            outbox.write(connection, receipts)  # who gave notice waits for a receipt
            if endpoint is not None:
                self._keep_breaker(connection, endpoint, attempts, now)

    def _failure(self, attempt: Attempt, now: datetime) -> Failure:
        claimed, answer = attempt.claimed, attempt.answer
        wait = max(pause(claimed.attempts, self.retries, self.randomness.random()), answer.retry_after)
        return Failure(
            delivery_id=claimed.delivered.delivery_id,
            again_at=now + wait,
            fault=answer.fault,
            by_endpoint=answer.outcome is Outcome.AWAY,
        )

    def _keep_breaker(
        self, connection: Connection[TupleRow], endpoint: Endpoint, attempts: Sequence[Attempt], now: datetime
    ) -> None:
        breaker, is_back = endpoint.breaker, False
        for one in attempts:
            is_back = is_back or (one.answer.outcome is not Outcome.AWAY and breaker.failures > 0)
            breaker = self._after(breaker, one.answer.outcome, now, is_trial=one.is_trial)
        if breaker != endpoint.breaker:
            endpoints.keep_breaker(connection, endpoint.channel, breaker)
        if is_back:
            deliveries.endpoint_is_back(connection, endpoint.channel, now)

    def _after(self, breaker: Breaker, outcome: Outcome, now: datetime, *, is_trial: bool) -> Breaker:
        """A refusal is an answer too: the endpoint is there. Late failures of an open breaker prove nothing new."""
        if outcome is not Outcome.AWAY:
            return after_success(breaker)
        if is_trial or state(breaker, now) is BreakerState.CLOSED:
            return after_failure(breaker, now, self.breaker)
        return breaker

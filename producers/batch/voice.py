"""What the batch service says itself, as records."""

import random
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from infra.kafka.producer import Record
from infra.telemetry.tracing import child_of
from producers.batch.answers import Answer, Tally
from producers.batch.job import Job
from schemas.catalogue import BATCHES, REQUESTS, VALUES_MOVED, Topic
from schemas.codec import Codec
from schemas.codes import Action, Lane
from schemas.events import BatchProgressed, Requested, ValueMoved
from schemas.headers import event_headers, event_type
from schemas.ids import event_id

SOURCE: Final = "producers/batch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """Topics the service writes to."""

    requests: Topic = REQUESTS
    batches: Topic = BATCHES
    values_moved: Topic = VALUES_MOVED


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """Makes records of events. `randomness` makes trace ids."""

    codec: Codec
    randomness: random.Random
    topics: Outgoing

    def asked(self, kept: bytes, at: datetime) -> Record:
        """The request of a row, sent now. Sent again it is the same request, and absorbed."""
        requested = replace(self.codec.decode(kept, Requested), requested_at=at)
        return self._requested(requested, at, fact="")

    def withdrawn(self, job: Job, answer: Answer, request_id: str, at: datetime) -> Record:
        """The withdrawal of a row that was sent and has no final answer."""
        requested = Requested(
            valuation_id=answer.valuation_id,
            channel=job.channel,
            client_request_id=request_id,
            requested_at=at,
            action=Action.CANCEL,
            address="",
            area=Decimal(0),
            note=job.reason,
        )
        return self._requested(requested, at, fact=Action.CANCEL)

    def progressed(
        self,
        job: Job,
        now: Tally,
        at: datetime,
        *,
        manifest_sha256: str | None = None,
        result_sha256: str | None = None,
    ) -> Record:
        """How far a job is. Its progress number tells the events of a job apart."""
        event = BatchProgressed(
            job_id=job.job_id,
            channel=job.channel,
            state=job.state,
            number=job.progress_number,
            rows=job.rows,
            refused=job.refused,
            answered=now.answered,
            deadline_at=job.deadline_at,
            at=at,
            by_status=now.by_status,
            manifest_sha256=manifest_sha256,
            result_sha256=result_sha256,
        )
        return self._record(event, self.topics.batches.name, job.job_id, job.progress_number, at)

    def moved(self, job_id: str, channel: str, answer: Answer, *, revision: int, at: datetime) -> Record:
        """The alarm about a value that is far from the former one."""
        if answer.former is None or answer.value is None or answer.value_date is None or answer.change is None:
            raise ValueError(f"row {answer.number} of job {job_id} has no value to compare")
        event = ValueMoved(
            valuation_id=answer.valuation_id,
            channel=channel,
            job_id=job_id,
            former_value=answer.former.value,
            value=answer.value,
            change=answer.change,
            former_on=answer.former.on,
            value_on=answer.value_date,
            found_at=at,
            business_ref=answer.business_ref,
            branch_code=answer.branch_code,
        )
        return self._record(event, self.topics.values_moved.name, answer.valuation_id, revision, at)

    def _requested(self, requested: Requested, at: datetime, *, fact: str) -> Record:
        topic = self.topics.requests.named(Lane.BATCH)
        return self._record(requested, topic, requested.valuation_id, 1, at, fact=fact)

    def _record(
        self,
        event: Requested | BatchProgressed | ValueMoved,
        topic: str,
        key: str,
        number: int,
        at: datetime,
        *,
        fact: str = "",
    ) -> Record:
        kind = event_type(event)
        return Record(
            topic=topic,
            key=key.encode(),
            value=self.codec.encode(event),
            headers=event_headers(
                event_id=event_id(key, f"{kind}.{fact}" if fact else kind, number),
                event_type=kind,
                source=SOURCE,
                at=at,
                traceparent=child_of(None, self.randomness),
            ),
        )

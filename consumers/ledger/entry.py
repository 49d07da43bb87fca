"""A record becomes a line of the ledger, and what it says about where its valuation stands."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from consumers.ledger.standing import FINAL_RANK, Answer, Conclusion, Identity, Milestones, Standing, rank_of
from infra.postgres.ingest import Received
from schemas.catalogue import REPORTS
from schemas.codes import Lane, ReviewOutcome, Status
from schemas.domain import channels
from schemas.domain.ends import is_about_another, is_end
from schemas.domain.masking import masked_personal_data
from schemas.domain.request_rules import COMMANDS
from schemas.events import (
    Accepted,
    ClarificationTimedOut,
    Decided,
    Disputed,
    DisputeOpened,
    Enriched,
    Reported,
    ReportRevoked,
    Request,
    Requested,
    Resulted,
    ReviewAtRisk,
    ReviewProgressed,
    ReviewRequested,
    Scored,
)
from schemas.headers import CE_SOURCE, CE_TIME, TRACEPARENT, Header, fact_of, header
from schemas.ids import event_id, valuation_id
from schemas.records import to_record

_RAW, _ANSWERED, _ACCEPTED = 1, 2, 3  # trust in what an event says was asked
_TRACEPARENT: Final = re.compile(r"00-(?P<trace>[0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}\Z")
_SAID_ELSEWHERE: Final[Mapping[type, str]] = {
    ReviewRequested: "scored",
    Decided: "review",
    ReviewProgressed: "review",
    DisputeOpened: "scored",
}
_FREE_TEXT: Final = ("address", "note", "text")
_ENDS_NOTHING: Final = frozenset({ReviewOutcome.CLARIFY, ReviewOutcome.RETURN_TO_AUTO})
_ROOMS: Final[Mapping[type, str]] = {
    Requested: "channel",
    Accepted: "intake",
    ClarificationTimedOut: "ledger",
    Enriched: "enrichment",
    Scored: "scoring",
    ReviewRequested: "routing",
    ReviewProgressed: "desk",
    ReviewAtRisk: "desk",
    Decided: "desk",
    Reported: REPORTS.writers[0],
    Disputed: "channel",
    DisputeOpened: "ledger",
    ReportRevoked: "ledger",
}

LedgerEvent = (
    Requested
    | Accepted
    | ClarificationTimedOut
    | Enriched
    | Scored
    | ReviewRequested
    | ReviewProgressed
    | ReviewAtRisk
    | Decided
    | Resulted
    | Reported
    | ReportRevoked
    | Disputed
    | DisputeOpened
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line of the ledger. `payload` is JSON-ready; `standing` is `None` where the event says nothing of the state."""

    event_id: UUID
    valuation_id: UUID
    kind: str
    status: str | None
    stage: str
    lane: str | None
    revision: int
    occurred_at: datetime
    appended_at: datetime
    trace_id: str | None
    payload: dict[str, Any]
    wire: bytes | None
    standing: Standing | None


def entry_of(received: Received) -> Entry:
    """Return the line for a record. The same record always gives the same line."""
    event: LedgerEvent = received.event
    traceparent = _traceparent(received.headers)
    return Entry(
        event_id=event_id_of(received),
        valuation_id=subject_of(event),
        kind=type(event).__name__,
        status=event.status if isinstance(event, Resulted) else None,
        stage=_stage(event, received.headers),
        lane=received.lane or _lane_inside(event),
        revision=revision_of(event),
        occurred_at=_occurred_at(received.headers) or received.appended_at,
        appended_at=received.appended_at,
        trace_id=traceparent[3:35] if traceparent else None,
        payload=_payload(event),
        wire=received.value if isinstance(event, Resulted) else None,
        standing=_standing(event, received, traceparent),
    )


def subject_of(event: LedgerEvent) -> UUID:
    """The valuation an event belongs to. A raw request may carry anything as its id: then the one it should have."""
    try:
        return UUID(event.valuation_id)
    except ValueError:
        channel, number = getattr(event, "channel", ""), getattr(event, "client_request_id", event.valuation_id)
        return UUID(valuation_id(channel, number))


def revision_of(event: LedgerEvent) -> int:
    """Which asking of the valuation an event belongs to.

    A raw reply is taken for one to enrichment's question, since it does not say, and a raw dispute belongs to none.
    """
    match event:
        case Requested():
            return 2 if event.chosen_community_id else 1
        case Disputed() | ReportRevoked():
            return 0
        case Resulted() | Reported() | ReviewAtRisk():
            return event.revision
        case Accepted() | ClarificationTimedOut() | Enriched() | Scored():
            return event.request.revision
        case ReviewRequested() | DisputeOpened():
            return event.scored.request.revision
        case Decided() | ReviewProgressed():
            return event.review.scored.request.revision


def _lane_inside(event: LedgerEvent) -> str | None:
    """Topics for people have no lanes; their events know."""
    match event:
        case ReviewRequested() | DisputeOpened():
            return event.scored.request.lane
        case Decided() | ReviewProgressed():
            return event.review.scored.request.lane
        case _:
            return None


def event_id_of(received: Received) -> UUID:
    """The id of a record's event, as all our rooms give it.

    Channels' own ids are not trusted: a raw request is told apart by what it says. What the desk says of a review that
    goes on is numbered.
    """
    event: LedgerEvent = received.event
    if isinstance(event, ReportRevoked):
        return UUID(revocation_id(event))
    kind = fact_of(event)
    if isinstance(event, Requested | Disputed):
        kind = f"{kind}.{hashlib.sha256(received.value).hexdigest()}"
    if isinstance(event, ReviewProgressed | ReviewAtRisk):
        kind = f"{kind}.{event.number}"
    return UUID(event_id(event.valuation_id, kind, revision_of(event)))


def revocation_id(event: ReportRevoked) -> str:
    """The id of a revocation: a valuation may have several reports, and each is revoked once."""
    return event_id(event.valuation_id, f"{fact_of(event)}.{event.report_no}", 0)


def _stage(event: LedgerEvent, headers: Sequence[Header]) -> str:
    """The room that said it. Results come from several, so their source is read."""
    room = _ROOMS.get(type(event))
    return room or (header(headers, CE_SOURCE) or "unknown").rsplit("/", 1)[-1]


def _traceparent(headers: Sequence[Header]) -> str | None:
    text = header(headers, TRACEPARENT)
    return text if text and _TRACEPARENT.match(text) else None


def _occurred_at(headers: Sequence[Header]) -> datetime | None:
    try:
        at = datetime.fromisoformat(header(headers, CE_TIME) or "")
    except ValueError:
        return None
    return at if at.tzinfo else None


# ---- what is stored -----------------------------------------------------------------------------------------------


def _payload(event: LedgerEvent) -> dict[str, Any]:
    record: dict[str, Any] = dict(to_record(type(event))(event))
    record.pop(_SAID_ELSEWHERE.get(type(event), ""), None)
    if isinstance(event, Requested | Disputed):  # nobody has cleaned it yet
        record |= {name: masked_personal_data(text) for name in _FREE_TEXT if (text := record.get(name)) is not None}
    return record


def json_ready(value: object) -> str:
    """Give `json.dumps` what it does not know: instants, dates, decimals and ids, as text that loses nothing."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, bytes):
        return rf"\x{value.hex()}"  # as PostgreSQL reads bytea
    raise TypeError(f"{type(value).__name__} has no place in the ledger")


# ---- what it says of the state ------------------------------------------------------------------------------------


def _standing(event: LedgerEvent, received: Received, traceparent: str | None) -> Standing | None:
    if _says_nothing(event):
        return None
    at = received.appended_at
    return Standing(
        valuation_id=subject_of(event),
        identity=_identity(event, received.lane, at, traceparent),
        milestones=_milestones(event, at),
        answer=_answer(event, received, at),
        conclusion=_conclusion(event, received),
    )


def _says_nothing(event: LedgerEvent) -> bool:
    """Tell whether no valuation moves by it: steps on the way, which the timeline shows, and a few more.

    A refused second request under a used number answers its sender, and so does a refused dispute or command; the
    valuation goes on untouched. A command speaks of an earlier request and is none. A request of an unregistered
    channel becomes a dead letter at intake: there is nobody to answer.
    """
    match event:
        case Resulted():
            return is_about_another(event)
        case Requested():
            return channels.find(event.channel) is None or event.action in COMMANDS
        case ClarificationTimedOut() | Enriched() | Scored() | Reported() | ReportRevoked():
            return True
        case Disputed() | DisputeOpened() | ReviewProgressed() | ReviewAtRisk():
            return True
        case _:
            return False


def _identity(event: LedgerEvent, lane: Lane | None, at: datetime, traceparent: str | None) -> Identity:
    match event:
        case Requested():
            return Identity(
                identity_rank=_RAW,
                identity_at=at,
                channel=channels.channel(event.channel).code,  # by whatever name the channel calls itself
                client_request_id=event.client_request_id,
                lane=lane,
                service_type=event.service_type,
                address_entered=masked_personal_data(event.address),
                product=event.product,
                loan_stage=event.loan_stage,
                business_ref=event.business_ref,
                branch_code=event.branch_code,
                embed_target=event.embed_target,
                traceparent=traceparent,
                received_at=at,
            )
        case Resulted():
            return Identity(
                identity_rank=_ANSWERED if event.revision else _RAW,
                identity_at=at,
                channel=event.channel,
                client_request_id=event.client_request_id,
                lane=event.lane,
                service_type=event.service_type,
                address_entered=event.address_entered,
                product=event.product,
                loan_stage=event.loan_stage,
                business_ref=event.business_ref,
                branch_code=event.branch_code,
                embed_target=event.embed_target,
                traceparent=traceparent,
                received_at=event.received_at,
            )
        case Accepted():
            return _accepted(event.request, at, traceparent)
        case _:
            return Identity(identity_rank=0, identity_at=at)


def _accepted(request: Request, at: datetime, traceparent: str | None) -> Identity:
    return Identity(
        identity_rank=_ACCEPTED,
        identity_at=at,
        channel=request.channel,
        client_request_id=request.client_request_id,
        lane=request.lane,
        service_type=request.service_type,
        address_entered=request.address,
        product=request.product,
        loan_stage=request.loan_stage,
        business_ref=request.business_ref,
        branch_code=request.branch_code,
        embed_target=request.embed_target,
        traceparent=traceparent,
        received_at=request.received_at,
    )


def _milestones(event: LedgerEvent, at: datetime) -> Milestones:
    match event:
        case Accepted():
            forced_at = at if event.request.force_manual else None
            return Milestones(deadline_at=event.request.deadline_at, forced_at=forced_at)
        case ReviewRequested():
            return Milestones(review_at=at)
        case Decided():
            return Milestones(decided_at=None if event.outcome in _ENDS_NOTHING else at)
        case Resulted():
            return Milestones(
                deadline_at=event.deadline_at,
                answered_at=None if event.status is Status.RECEIVED or event.revision == 0 else at,
            )
        case _:
            return Milestones()


def _answer(event: LedgerEvent, received: Received, at: datetime) -> Answer:
    if not isinstance(event, Resulted):
        return Answer()
    return Answer(
        status=event.status,
        status_rank=FINAL_RANK if event.status.is_final else rank_of(event.status),
        revision=event.revision,
        answer_id=event_id_of(received),
        answer_at=at,
        reasons=event.reasons,
        due_at=event.due_at,
        valid_until=event.valid_until,
        value=event.value,
        unit_price=event.unit_price,
        lower=event.lower,
        upper=event.upper,
        human_touched=event.human_touched,
        supersedes=event.supersedes,
        answer_place=received.offset,
        reused_from=event.reused_from,
    )


def _conclusion(event: LedgerEvent, received: Received) -> Conclusion:
    if not isinstance(event, Resulted) or not is_end(event):
        return Conclusion()
    return Conclusion(
        concluded_at=received.appended_at,
        concluded_status=event.status,
        concluded_touched=event.human_touched,
        concluded_place=received.offset,
        concluded_revision=event.revision,
    )

"""What each event says to which channel. Allow-lists, as in `schemas.domain.projection`: what is not named stays here.

The body of a webhook and of a record on `bank.answers.<channel>` is the same JSON text, made once. Whoever has the
event and its id can make it again, and so knows the digest that a receipt of it must name.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final

from schemas.catalogue import BANK_ANSWERS
from schemas.codes import Audience, DeliveryKind, Lane, Status
from schemas.domain import channels
from schemas.domain.channels import Channel, Profile, ReplyMode
from schemas.domain.projection import Allowed, answer_body, names, project
from schemas.events import (
    BatchProgressed,
    Delivered,
    Noticed,
    Reported,
    ReportRevoked,
    Resulted,
    WorkOrderProgressed,
)
from schemas.ids import delivery_id

Told = Resulted | Reported | ReportRevoked | Noticed | WorkOrderProgressed | BatchProgressed

TYPES: Final[Mapping[DeliveryKind, str]] = MappingProxyType(
    {
        DeliveryKind.RESULT: "valuation.result",
        DeliveryKind.REPORT: "valuation.report",
        DeliveryKind.REVOCATION: "valuation.report-revoked",
        DeliveryKind.NOTICE: "notice",
        DeliveryKind.WORK_ORDER: "work-order.progress",
        DeliveryKind.BATCH: "batch.progress",
    }
)
"""Kind -> `type` of the body."""

_WAITING: Final = frozenset({Status.RECEIVED, Status.PROCESSING})

_STAFF: Final[Mapping[type, Allowed]] = MappingProxyType(
    {
        Reported: names(
            "valuation_id revision client_request_id business_ref embed_target report_no verification_code sha256"
            " size_bytes pages media_type contract_ref issued_at supersedes_report_no"
        ),
        ReportRevoked: names("valuation_id business_ref report_no reason revoked_at replaced_by"),
        Noticed: names(
            "notice_id trigger audience subject_id title text template template_version noticed_at client_request_id"
            " business_ref branch_code needs_receipt"
        ),
        WorkOrderProgressed: names(
            "work_order_id number state kind client_request_id at due_at answer valuation_id business_ref escalated"
        ),
        BatchProgressed: names(
            "job_id state number rows refused answered by_status deadline_at at manifest_sha256 result_sha256"
        ),
    }
)
_CUSTOMER: Final[Mapping[type, Allowed]] = MappingProxyType(
    {
        Reported: names("valuation_id client_request_id report_no sha256 size_bytes media_type issued_at"),
        ReportRevoked: names("valuation_id report_no revoked_at replaced_by"),
        Noticed: names("notice_id trigger subject_id title text noticed_at client_request_id needs_receipt"),
        WorkOrderProgressed: names("work_order_id number state kind client_request_id at due_at answer valuation_id"),
        BatchProgressed: names("job_id state number rows refused answered deadline_at at"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """An event for one channel, before it has an id. `value` in yuan, as the channel sees it; `is_final` of results.

    `revision`: of results and reports; `report_no`: of reports and what revokes them.
    """

    channel: str
    kind: DeliveryKind
    subject_id: str
    occurred_at: datetime
    content: Mapping[str, Any]
    business_ref: str | None = None
    embed_target: str | None = None
    is_batch: bool = False
    is_final: bool = False
    revision: int | None = None
    report_no: str | None = None

    @property
    def value(self) -> int | None:
        """What reconciliation adds up."""
        found = self.content.get("value")
        return found if isinstance(found, int) and self.kind is DeliveryKind.RESULT else None


def tellings(event: Told, lane: Lane | None = None) -> tuple[Telling, ...]:
    """What is to be delivered, one for each channel. Empty where no bank system is told (拨测, 官网, unknown codes).

    The rows of a batch job are not acknowledged one by one: the job's progress says it. A channel whose answers travel
    by manifest gets no rows at all, but the job's steps and files.
    """
    is_batch = lane is Lane.BATCH
    return tuple(
        _telling(event, channel, is_batch=is_batch)
        for channel in _told(event)
        if not (is_batch and _is_told_by_the_job(event, channel))
    )


def delivered(telling: Telling, event_id: str, at: datetime) -> Delivered:
    """The delivery: its id hangs on event and channel, and its body on them and on nothing else, so never on `at`."""
    identity = delivery_id(telling.channel, event_id)
    content = {
        "type": TYPES[telling.kind],
        "delivery_id": identity,
        "channel": telling.channel,
        "occurred_at": telling.occurred_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "data": telling.content,
    }
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return Delivered(
        delivery_id=identity,
        channel=telling.channel,
        kind=telling.kind,
        subject_id=telling.subject_id,
        event_id=event_id,
        body=body,
        sha256=sha256(body.encode()).hexdigest(),
        delivered_at=at,
        business_ref=telling.business_ref,
        embed_target=telling.embed_target,
    )


def _told(event: Told) -> tuple[Channel, ...]:
    """The channels that are told: the event's own, where it has a system and is the one the words are for."""
    found = channels.find(event.channel or "")
    if found is None or found.code not in BANK_ANSWERS:
        return ()
    if isinstance(event, Noticed) and not _may_read(event, found):
        return ()
    return (found,)


def _is_told_by_the_job(event: Told, channel: Channel) -> bool:
    if not isinstance(event, Resulted | Reported):
        return False
    return channel.reply is ReplyMode.MANIFEST or (isinstance(event, Resulted) and event.status in _WAITING)


def _may_read(notice: Noticed, channel: Channel) -> bool:
    """Words for a customer manager do not go through a customers' system, nor a customer's through one of staff."""
    match notice.audience:
        case Audience.OPERATIONS:
            return True
        case Audience.CUSTOMER_MANAGER:
            return channel.profile is Profile.STAFF
        case Audience.CUSTOMER:
            return channel.profile is Profile.CUSTOMER


def _telling(event: Told, channel: Channel, *, is_batch: bool) -> Telling:
    kind, subject_id, occurred_at = _about(event)
    return Telling(
        channel=channel.code,
        kind=kind,
        subject_id=subject_id,
        occurred_at=occurred_at,
        content=_content(event, channel.profile),
        business_ref=getattr(event, "business_ref", None),
        embed_target=getattr(event, "embed_target", None),
        is_batch=is_batch,
        is_final=isinstance(event, Resulted) and event.status.is_final,
        revision=event.revision if isinstance(event, Resulted | Reported) else None,
        report_no=event.report_no if isinstance(event, Reported | ReportRevoked) else None,
    )


def _about(event: Told) -> tuple[DeliveryKind, str, datetime]:
    match event:
        case Resulted():
            return DeliveryKind.RESULT, event.valuation_id, event.resulted_at
        case Reported():
            return DeliveryKind.REPORT, event.valuation_id, event.issued_at
        case ReportRevoked():
            return DeliveryKind.REVOCATION, event.valuation_id, event.revoked_at
        case Noticed():
            return DeliveryKind.NOTICE, event.subject_id, event.noticed_at
        case WorkOrderProgressed():
            return DeliveryKind.WORK_ORDER, event.work_order_id, event.at
        case BatchProgressed():
            return DeliveryKind.BATCH, event.job_id, event.at


def _content(event: Told, profile: Profile) -> Mapping[str, Any]:
    if isinstance(event, Resulted):
        return answer_body(event, None, profile)
    allowed = _STAFF if profile is Profile.STAFF else _CUSTOMER
    return project(event, allowed[type(event)])

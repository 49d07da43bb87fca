"""A supervisor's hold on a segment of the market: from then on people value there. Routing follows at once.

One person may hold. Only two can release, which is done in the policy office (`avm segments release`), not here.
"""

from datetime import datetime
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

from consumers.review_desk.oversight.supervisor_moves import CommandError
from infra.kafka.producer import Record
from infra.postgres import outbox
from schemas.catalogue import Topic
from schemas.codec import Codec
from schemas.codes import SegmentState
from schemas.domain.divisions import divisions
from schemas.domain.segments import segment_key
from schemas.domain.staff import staff_number
from schemas.events import SegmentStanding
from schemas.headers import event_headers, event_type
from schemas.ids import event_id

PROPERTY_CLASSES: Final = ("RESIDENTIAL", "VILLA", "COMMERCIAL")


def hold(
    city: str, property_class: str, community_id: str | None, *, reason: str, by: str, at: datetime
) -> SegmentStanding:
    """The record of a hold. `by` is a user name that is a staff number. Raises `CommandError` naming the field.

    Its version is the second it was made: the standing before is not known here, and a number that no count of changes
    reaches cannot be mistaken for it by somebody who decided in sight of that one.
    """
    known = divisions().city(city.strip())
    if known is None:
        raise CommandError("city", f"没有名为“{city.strip()}”的城市，请填写全称，如“杭州市”")
    if property_class not in PROPERTY_CLASSES:
        raise CommandError("property_class", "请选择物业类别：住宅、别墅或商业")
    try:
        number = staff_number(by)
    except ValueError:
        raise CommandError("by", "您的用户名不是工号，不能记入板块暂停记录，请联系系统管理员") from None
    community = (community_id or "").strip() or None
    return SegmentStanding(
        segment=segment_key(known, property_class, community),
        city=known,
        property_class=property_class,
        community_id=community,
        state=SegmentState.HELD,
        reason=reason,
        by=number,
        at=at,
        version=int(at.timestamp()),
    )


def publish(connection: Connection[TupleRow], standing: SegmentStanding, topic: Topic, codec: Codec) -> None:
    """Send a hold once the caller's transaction is done."""
    kind = event_type(standing)
    headers = event_headers(
        event_id=event_id(standing.segment, kind, standing.version),
        event_type=kind,
        source="consumers/review_desk",
        at=standing.at,
        traceparent=None,
    )
    record = Record(topic=topic.named(), key=standing.segment.encode(), value=codec.encode(standing), headers=headers)
    outbox.write(connection, [record])

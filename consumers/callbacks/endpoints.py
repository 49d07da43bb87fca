"""How each channel's system is reached: the register of endpoints, and their breakers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import TupleRow, dict_row
from psycopg.types.json import Jsonb

from consumers.callbacks.signing import Secret
from schemas.domain.breaker import Breaker

_COLUMNS: Final = "channel, mode, url, secrets, failures, opened_until, changed_at"
_ALL: Final = f"select {_COLUMNS} from endpoint order by channel"
_ONE: Final = f"select {_COLUMNS} from endpoint where channel = %s"
_PUT: Final = """
    insert into endpoint (channel, mode, url, secrets, changed_at) values (%s, %s, %s, %s, %s)
    on conflict (channel) do update set mode = excluded.mode, url = excluded.url, secrets = excluded.secrets,
        changed_at = excluded.changed_at, failures = 0, opened_until = null
"""
_REMOVE: Final = "delete from endpoint where channel = %s"
_BREAKER: Final = "update endpoint set failures = %s, opened_until = %s where channel = %s"
_NOBODY_ACKNOWLEDGES: Final = """
    update delivery set status = 'SENT', due_at = null, leased_until = null, awaits_endpoint = false
    where channel = %s and status = 'OPEN'
"""
# What is due already keeps its place: it may be very many, and nothing of them changes.
_DUE_AGAIN: Final = """
    update delivery set due_at = %(now)s, awaits_endpoint = false
    where channel = %(channel)s and status = 'OPEN' and due_at > %(now)s
"""


class Mode(StrEnum):
    """Who acknowledges: the webhook's answer (or a receipt), a receipt alone, or nobody."""

    WEBHOOK = "WEBHOOK"
    TOPIC_WITH_RECEIPT = "TOPIC_WITH_RECEIPT"
    TOPIC = "TOPIC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One row of the register. `url` and `secrets` (newest first) belong to webhooks alone."""

    channel: str
    mode: Mode
    changed_at: datetime
    url: str = ""
    secrets: tuple[Secret, ...] = ()
    breaker: Breaker = field(default_factory=Breaker)


def endpoints(connection: Connection[TupleRow]) -> tuple[Endpoint, ...]:
    """All of them, by channel."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return tuple(_endpoint(row) for row in cursor.execute(_ALL).fetchall())


def endpoint_of(connection: Connection[TupleRow], channel: str, *, lock: bool = False) -> Endpoint | None:
    """The channel's, `None` where it has its topic alone. `lock` keeps others from changing it until the commit."""
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(f"{_ONE} for update" if lock else _ONE, [channel]).fetchone()
        return None if row is None else _endpoint(row)


def modes(connection: Connection[TupleRow]) -> Mapping[str, Mode]:
    """Channel -> mode, of those that are registered."""
    return {one.channel: one.mode for one in endpoints(connection)}


def put(connection: Connection[TupleRow], endpoint: Endpoint, now: datetime) -> None:
    """Register or replace. What the channel has not acknowledged goes the new way at once."""
    secrets = Jsonb([_as_json(secret) for secret in endpoint.secrets])
    connection.execute(_PUT, [endpoint.channel, endpoint.mode, endpoint.url or None, secrets, now])
    if endpoint.mode is Mode.TOPIC:
        connection.execute(_NOBODY_ACKNOWLEDGES, [endpoint.channel])
    else:
        connection.execute(_DUE_AGAIN, {"now": now, "channel": endpoint.channel})


def remove(connection: Connection[TupleRow], channel: str) -> int:
    """Leave the channel its topic alone; gives how many deliveries are not awaited any longer."""
    connection.execute(_REMOVE, [channel])
    return connection.execute(_NOBODY_ACKNOWLEDGES, [channel]).rowcount


def keep_breaker(connection: Connection[TupleRow], channel: str, breaker: Breaker) -> None:
    """Write where the breaker stands."""
    connection.execute(_BREAKER, [breaker.failures, breaker.opened_until, channel])


def _endpoint(row: Mapping[str, Any]) -> Endpoint:
    return Endpoint(
        channel=row["channel"],
        mode=Mode(row["mode"]),
        changed_at=row["changed_at"],
        url=row["url"] or "",
        secrets=_secrets(row["secrets"]),
        breaker=Breaker(failures=row["failures"], opened_until=row["opened_until"]),
    )


def _secrets(rows: str | Sequence[Mapping[str, Any]]) -> tuple[Secret, ...]:
    loaded = json.loads(rows) if isinstance(rows, str) else rows
    return tuple(
        Secret(secret=row["secret"], until=datetime.fromisoformat(row["until"]) if row["until"] else None)
        for row in loaded
    )


def _as_json(secret: Secret) -> dict[str, str | None]:
    return {"secret": secret.secret, "until": secret.until.isoformat() if secret.until else None}

"""A load behind the breaker of its source, noted on `reference.deliveries` whatever becomes of it."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from itertools import chain
from typing import Any

from infra.reference.breaker import after, refuse_while_open
from infra.reference.live import live_rows, publish, records_of
from infra.reference.load import BadDeliveryError, Loaded
from infra.reference.mapping import FileMapping
from infra.reference.rows import Event, RejectedRow
from infra.reference.tables import UnreadableTableError
from schemas.catalogue import DELIVERIES
from schemas.codec import Codec
from schemas.events import SourceDelivery

Rows = Iterable[Event | RejectedRow]


def source_of(rows: Rows, mapping: FileMapping) -> tuple[str, Rows]:
    """Who delivers a file: the mapping's source, else that of the first good row; and all rows still to be read."""
    if mapping.source:
        return mapping.source, rows
    remaining = iter(rows)
    seen: list[Event | RejectedRow] = []
    for row in remaining:
        seen.append(row)
        if not isinstance(row, RejectedRow):
            return row.source, chain(seen, remaining)
    return "", seen


def delivered(
    source: str,
    load: Callable[[], Loaded],
    *,
    conf: Mapping[str, Any],
    codec: Codec,
    clock: Callable[[], datetime],
    try_anyway: bool,
) -> Loaded:
    """What `load` gives, unless the source's breaker is open. Rows without a source have no breaker.

    Raises:
        DeliveryRefusedError: The source's loads rest, and `try_anyway` is not set.
        BadDeliveryError, UnreadableTableError: This delivery is bad; it is noted, and may open the breaker.
        LookupError: There is no topic of deliveries.
    """
    if not source:
        return load()
    latest = live_rows(conf, DELIVERIES, SourceDelivery, codec).get(source)
    if not try_anyway:
        refuse_while_open(latest, clock())

    def note(loaded: int, rejected: int, fault: str | None) -> None:
        now = clock()
        row = after(latest, source, loaded=loaded, rejected=rejected, fault=fault, now=now)
        publish(conf, records_of([row], DELIVERIES, codec, now))

    try:
        found = load()
    except BadDeliveryError as bad:
        note(bad.loaded, bad.rejected, bad.fault)
        raise
    except UnreadableTableError as unreadable:
        note(0, 0, str(unreadable))
        raise
    note(found.loaded, found.rejected, None)
    return found

"""A dead letter as a person may see it: headers, sizes, and the event in it with its address made unreadable."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Any, Final

from infra.dead_letters.letters import REPLAY, BuriedRecord, DeadLetter
from schemas.catalogue import Topic
from schemas.codec import Codec
from schemas.domain.masking import MASK, masked_address
from schemas.errors import PermanentError, TransientError
from schemas.headers import CONTENT_TYPE, TRACEPARENT

# Typed by people, or quoting them.
_FREE_TEXT: Final = frozenset({"address", "address_entered", "entered", "normalised", "road", "message"})
_HIDDEN: Final = frozenset(
    {"building", "unit", "room", "longitude", "latitude", "note", "text", "subject_token", "business_ref"}
)
_HIDDEN_LEVELS: Final = frozenset({"building", "unit", "room"})  # of an address part
_DIGIT: Final = re.compile(r"\d")
_SAFE_PREFIXES: Final = ("ce_", REPLAY)
_SAFE_HEADERS: Final = frozenset({CONTENT_TYPE, TRACEPARENT})


def shown(record: BuriedRecord, codec: Codec, topics: Mapping[str, Topic]) -> dict[str, Any]:
    """Return everything that may be seen of a buried record, as JSON takes it.

    Args:
        record: What to show.
        codec: Decodes the value.
        topics: Kafka topic -> topic of the catalogue, which says what the value should be.
    """
    letter = record.letter
    value = letter.value or b""
    return {
        "record": str(record.place),
        "key": letter.key.decode(errors="replace"),
        "open": record.open,
        "dead_letters": [_letter(each) for each in record.letters],
        "replays": [{**asdict(each), "place": str(each.place), "at": each.at.isoformat()} for each in record.replays],
        "headers": {name: _header(name, held) for name, held in letter.headers},
        "value_bytes": letter.value_bytes,
        "kept_bytes": len(value),
        "sha256_of_kept": hashlib.sha256(value).hexdigest(),
        **_decoded(letter, codec, topics.get(record.place.topic)),
    }


def masked(value: Any, name: str = "") -> Any:
    """Return an event's field, or what is in it, as JSON takes it.

    Of addresses no digit is left: a record may be here because its address is of no known form, so the pattern that
    finds room numbers does not suffice. Free text and what points at the house or its owner is hidden whole.
    """
    if name in _HIDDEN and value is not None:
        return MASK
    match value:
        case dict():
            return _masked_record(value)
        case list() | tuple():
            return [masked(item, name) for item in value]
        case str() if name in _FREE_TEXT:
            return _DIGIT.sub("*", masked_address(value))
        case date() | Decimal():
            return str(value)
        case _:
            return value


def _masked_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record's fields. The text of an address part is hidden or shown by its level."""
    shows_text = "level" in record and record["level"] not in _HIDDEN_LEVELS
    return {name: masked(value, "entered" if name == "text" and shows_text else name) for name, value in record.items()}


def _decoded(letter: DeadLetter, codec: Codec, topic: Topic | None) -> dict[str, Any]:
    if topic is None or topic.event is None:
        return {"event": None, "unreadable": f"no topic {letter.place.topic} in the catalogue"}
    if letter.cut:
        return {"event": topic.event.__name__, "unreadable": "only the beginning of the value was kept"}
    try:
        event: Any = codec.decode(letter.value, topic.event)
    except (PermanentError, TransientError) as error:
        return {"event": topic.event.__name__, "unreadable": str(error)}
    return {"event": topic.event.__name__, "value": masked(asdict(event))}


def _letter(letter: DeadLetter) -> dict[str, str]:
    return {
        "stage": letter.stage,
        "class": letter.kind,
        "error": letter.error,
        "stack": letter.stack,
        "attempts": letter.attempts,
        "first_failed_at": letter.first_failed_at.isoformat(),
        "release": letter.release,
    }


def _header(name: str, value: bytes) -> str:
    """The text of a header that our own programs write; of others only the size, for nobody knows what is in them."""
    if name in _SAFE_HEADERS or name.startswith(_SAFE_PREFIXES):
        return value.decode(errors="replace")
    return f"{len(value)} bytes"

"""Receiving what the service pushes: is it genuine, unchanged and fresh, as Standard Webhooks has it."""

import base64
import binascii
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from house_valuation.errors import WebhookError

TOLERANCE_S = 300
_SECRET_PREFIX = "whsec_"  # noqa: S105 - how Standard Webhooks writes every secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A genuine delivery. Store by `delivery_id`: the same one may come again. `sha256` (hex) goes into the receipt."""

    delivery_id: str
    kind: str
    data: Mapping[str, Any] = field(repr=False)
    sha256: str


def verified(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], *, now_s: float) -> Delivery:
    """The delivery in a webhook, if one of the secrets signed it within the last five minutes.

    Args:
        headers: Of the request; names in any case.
        body: Its bytes as they came, before any parsing.
        secrets: Those in force: two while a secret is being changed.
        now_s: Seconds since 1970.

    Raises:
        WebhookError: Not genuine, changed, or too old.
    """
    named = {name.lower(): value for name, value in headers.items()}
    try:
        message_id, timestamp, signatures = (named[f"webhook-{part}"] for part in ("id", "timestamp", "signature"))
        age_s = abs(now_s - int(timestamp))
    except (KeyError, ValueError):
        raise WebhookError("the headers webhook-id, webhook-timestamp and webhook-signature are needed") from None
    if age_s > TOLERANCE_S:
        raise WebhookError(f"it was signed {age_s:.0f} s ago: more than {TOLERANCE_S} s")
    signed = f"{message_id}.{timestamp}.".encode() + body
    expected = {f"v1,{_signature(secret, signed)}" for secret in secrets}
    given = signatures.split()
    if not any(hmac.compare_digest(one.encode(), other.encode()) for one in given for other in expected):
        raise WebhookError("no signature fits")
    content = json.loads(body)
    return Delivery(
        delivery_id=message_id, kind=content["type"], data=content.get("data", {}), sha256=sha256(body).hexdigest()
    )


def _signature(secret: str, signed: bytes) -> str:
    try:
        key = base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("a secret is whsec_ and base64") from None
    return base64.b64encode(hmac.digest(key, signed, "sha256")).decode()

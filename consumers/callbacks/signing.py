"""Signatures as the Standard Webhooks specification 1.0.0 has them (standardwebhooks.com): HMAC-SHA-256, symmetric.

Signed is `{webhook-id}.{webhook-timestamp}.{body}`. While a secret is being replaced there are several signatures,
separated by blanks: the receiver accepts if one of them is made with a secret it knows.
"""

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32
_LEAST_BYTES, _MOST_BYTES = 24, 64  # the specification's
WEBHOOK_ID: Final = "webhook-id"
WEBHOOK_TIMESTAMP: Final = "webhook-timestamp"
WEBHOOK_SIGNATURE: Final = "webhook-signature"


class SecretError(ValueError):
    """A secret is not `whsec_` and the base64 of 24 to 64 bytes. Make one by leaving it out."""

    def __init__(self) -> None:
        super().__init__("a secret is whsec_ followed by base64 of 24 to 64 bytes; leave it out and one is made")


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """One secret of an endpoint. `until`: signs no longer from then on; `None` while it is the current one."""

    secret: str
    until: datetime | None = None


def secret_of(random_bytes: bytes) -> str:
    """The text of a secret; raises `SecretError` for a length the specification does not allow."""
    if not _LEAST_BYTES <= len(random_bytes) <= _MOST_BYTES:
        raise SecretError
    return PREFIX + base64.b64encode(random_bytes).decode()


def active(secrets: Iterable[Secret], now: datetime) -> tuple[str, ...]:
    """The secrets that sign at this instant, newest first."""
    return tuple(one.secret for one in secrets if one.until is None or now < one.until)


def rotated(secrets: Sequence[Secret], new: str, *, now: datetime, old_until: datetime) -> tuple[Secret, ...]:
    """The secrets with a new one in front; those in force sign beside it until `old_until`, expired ones are gone."""
    kept = [one for one in secrets if one.until is None or now < one.until]
    ends = [Secret(secret=one.secret, until=min(one.until or old_until, old_until)) for one in kept]
    return (Secret(secret=new), *ends)


def signed_headers(body: bytes, *, message_id: str, at: datetime, secrets: Sequence[str]) -> Mapping[str, str]:
    """The three headers of one sending. `at` is the sending's own instant, so each attempt has its own signature."""
    timestamp = str(int(at.timestamp()))
    signatures = " ".join(signature(body, message_id=message_id, timestamp=timestamp, secret=one) for one in secrets)
    return {WEBHOOK_ID: message_id, WEBHOOK_TIMESTAMP: timestamp, WEBHOOK_SIGNATURE: signatures}


def signature(body: bytes, *, message_id: str, timestamp: str, secret: str) -> str:
    """`v1,` and the base64 of the HMAC; raises `SecretError`."""
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key_of(secret), signed, "sha256")).decode()


def key_of(secret: str) -> bytes:
    """The bytes of a secret; raises `SecretError`."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise SecretError from error
    if not secret.startswith(PREFIX) or not _LEAST_BYTES <= len(key) <= _MOST_BYTES:
        raise SecretError
    return key

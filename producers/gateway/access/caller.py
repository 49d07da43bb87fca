"""Who is asking, once that is certain."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from schemas.domain.channels import Channel

NAME_DIGITS: Final = 12  # of a hash: tells credentials and customers apart, gives nothing away


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A channel, by one of its credentials.

    `credential` is what the audit calls it, never the secret. `subject`: the channel's opaque token of its customer, on
    pages; of an anonymous visitor, a random one. `others`: names of further credentials the same request brought.
    """

    channel: Channel
    credential: str
    scopes: frozenset[str]
    subject: str | None = None
    others: frozenset[str] = frozenset()


def hashed(secret: str) -> str:
    """What is kept of a key or client secret: hex sha256. They are long and random, so nobody can turn it back."""
    return sha256(secret.encode()).hexdigest()


def pseudonym(channel: str, subject: str) -> str:
    """What is kept of a customer's token: tells customers of a channel apart."""
    return sha256(f"{channel}|{subject}".encode()).hexdigest()[:32]

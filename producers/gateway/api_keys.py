"""Who is calling: an API key belongs to exactly one channel. Only hashes are known here, never keys."""

from collections.abc import Mapping
from hashlib import sha256


class ApiKeys:
    """Looks up channels by key. Keys are long random strings, so a plain sha256 of them cannot be turned back."""

    def __init__(self, channel_by_hash: Mapping[str, str]) -> None:
        """Take hex sha256 of key -> channel code."""
        self._channel_by_hash = {digest.lower(): channel for digest, channel in channel_by_hash.items()}

    def channel_of(self, key: str | None) -> str | None:
        """The channel a key belongs to; `None` for no key and for a wrong one."""
        if not key:
            return None
        return self._channel_by_hash.get(hashed(key))


def hashed(key: str) -> str:
    """What is kept of a key."""
    return sha256(key.encode()).hexdigest()

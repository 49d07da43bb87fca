"""API keys: each belongs to exactly one channel. Only hashes are known here, never keys.

A key registered with a secret must sign every request with it (`signatures.py`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from producers.gateway.access.caller import hashed


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """One key. `digest`: hex sha256 of it. `secret` `None`: the key alone is enough. `scopes` `None`: its channel's."""

    digest: str
    channel: str
    secret: str | None = field(default=None, repr=False)
    scopes: frozenset[str] | None = None


class ApiKeys:
    """Looks keys up by their hash: no comparison of secrets, so none that could take longer for a nearly right one."""

    def __init__(self, keys: Iterable[ApiKey]) -> None:
        self._by_digest = {key.digest.lower(): key for key in keys}

    def find(self, key: str | None) -> ApiKey | None:
        """The registered key; `None` for no key and for a wrong one."""
        return self._by_digest.get(hashed(key)) if key else None

"""When a call is tried again. Every call may be: request numbers make a second sending the same request."""

from dataclasses import dataclass

import httpx

from house_valuation.errors import retry_after_s

_PASSING = frozenset({429, 502, 503, 504})
MOMENTARY = (httpx.TransportError,)
"""The connection failed, so nobody can say whether the call arrived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """Up to `attempts` in all, waiting `first_s`, twice that, … at most `longest_s`, or as long as the service asks.

    A wait longer than `longest_s` that the service asks for (a daily quota) is not waited for: the error is raised.
    """

    attempts: int = 4
    first_s: float = 0.5
    longest_s: float = 30.0

    def wait_s(self, attempt: int, response: httpx.Response | None) -> float | None:
        """Seconds before the next try after `attempt` (from 1); `None`: this was the last one."""
        if attempt >= self.attempts or (response is not None and response.status_code not in _PASSING):
            return None
        asked = retry_after_s(response) if response is not None else None
        if asked is not None:
            return asked if asked <= self.longest_s else None
        return min(self.longest_s, self.first_s * 2.0 ** (attempt - 1))


NEVER = Retries(attempts=1)
"""The caller repeats by itself."""

"""Whose a valuation is. A bank system sees all of its channel; a customer's page what that customer asked for.

The page's request numbers are put behind a mark of the customer: one page cannot reach the valuations of another by
guessing its numbers, and nothing has to be kept to know that.
"""

from dataclasses import dataclass
from typing import Final

from producers.gateway.access.caller import Caller, pseudonym
from schemas.domain.channels import Profile

_MARK_DIGITS: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A channel, and what its request numbers begin with; empty: all of them."""

    channel: str
    prefix: str = ""

    def owns(self, channel: str | None, client_request_id: str) -> bool:
        """Whether a valuation is this owner's."""
        return channel == self.channel and client_request_id.startswith(self.prefix)


def owner_of(caller: Caller) -> Owner:
    """The owner that a caller speaks for. Anonymous visitors share one: their page makes its numbers at random."""
    code, subject = caller.channel.code, caller.subject
    if subject is None or caller.channel.profile is Profile.PUBLIC:
        return Owner(channel=code)
    return Owner(channel=code, prefix=f"{pseudonym(code, subject)[:_MARK_DIGITS]}-")

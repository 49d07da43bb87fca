"""Where an anonymous call comes from, as far as fairness needs it: a hash of the address, never the address itself."""

from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Final

from fastapi import Request

_NETWORK_BITS: Final = 64  # of an IPv6 address: one household or telephone has all addresses of such a network
_DIGITS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Tells callers apart. `header`: where the proxy before us puts its client's address; empty: the peer's counts.

    The proxy must set that header anew, or append to it: of a list the last entry counts, which only the proxy wrote.
    `salt`: a random text of this process, so that a hash cannot be turned back by trying all addresses.
    """

    salt: str
    header: str = ""

    def of(self, request: Request) -> str:
        """A name for the address, the same for as long as the process lives."""
        told = request.headers.getlist(self.header) if self.header else []
        peer = request.client.host if request.client else ""
        address = told[-1].rpartition(",")[2].strip() if told else peer
        return sha256(f"{self.salt}|{_network(address)}".encode()).hexdigest()[:_DIGITS]


def _network(text: str) -> str:
    try:
        address = ip_address(text)
    except ValueError:
        return text  # a proxy may name its clients otherwise
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Network((address, _NETWORK_BITS), strict=False))

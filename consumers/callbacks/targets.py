"""Where a webhook may go: not into our own network by a clever URL, and not in clear, unless the operator says so."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class ForbiddenTargetError(Exception):
    """A URL or the address behind it may not be sent to. The message says why and what to change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRules:
    """`networks`: those not on the public internet that may be reached all the same, e.g. the bank's own line."""

    networks: tuple[Network, ...] = ()
    allow_http: bool = False


def networks_of(texts: Iterable[str]) -> tuple[Network, ...]:
    """The networks of their CIDR notation; raises `ValueError` naming the one that is none."""
    return tuple(ipaddress.ip_network(text) for text in texts)


def check_url(url: str, rules: TargetRules) -> SplitResult:
    """The URL taken apart. Raises `ForbiddenTargetError`, which never repeats a password in it."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - read for its ValueError
    except ValueError as error:
        raise ForbiddenTargetError(f"this is no URL: {error}; give https://host[:port]/path") from error
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ForbiddenTargetError("a webhook's URL begins with https:// and names a host; give https://host/path")
    if parts.scheme == "http" and not rules.allow_http:
        raise ForbiddenTargetError(
            "http:// would send values in clear; use https://, or set AVM_CALLBACKS__ALLOW_HTTP=true on a closed line"
        )
    if parts.username is not None or parts.password is not None:
        raise ForbiddenTargetError("a URL with a user or password is not allowed; signatures tell who sends")
    if parts.fragment:
        raise ForbiddenTargetError("a URL with #… is not allowed; the part behind # is never sent")
    try:
        parts.hostname.encode("idna")
    except UnicodeError as error:
        raise ForbiddenTargetError(
            "no host can have this name: between its dots are 1 to 63 characters; give https://host/path"
        ) from error
    return parts


def allowed(addresses: Iterable[str], rules: TargetRules) -> str:
    """The first address that may be sent to. Raises `ForbiddenTargetError` when there is none."""
    for text in addresses:
        if is_allowed(ipaddress.ip_address(text.partition("%")[0]), rules):
            return text
    raise ForbiddenTargetError(
        "the host's address is private, local or reserved; add its network to AVM_CALLBACKS__NETWORKS if it is meant"
    )


def is_allowed(address: Address, rules: TargetRules) -> bool:
    """Whether it lies on the public internet or in a network that is allowed."""
    mapped = getattr(address, "ipv4_mapped", None)
    plain: Address = mapped or address
    is_public = plain.is_global and not plain.is_multicast
    return is_public or any(plain.version == network.version and plain in network for network in rules.networks)

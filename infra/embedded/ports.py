"""Free TCP ports on loopback, held until just before they are used.

Not those that the kernel would pick: it gives them to outgoing connections too, and a server that starts a second
later, or again after its death, would find its port taken for as long as such a connection lives.
"""

import random
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

LOOPBACK: Final = "127.0.0.1"
_RANGE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_FIRST, _LAST = 15_000, 65_535
_ATTEMPTS: Final = 200
_RANDOM: Final = random.SystemRandom()  # not seeded: programs that start together shall not try the same ports


def _bound(port: int) -> socket.socket:
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: TIME_WAIT does not block a port
    try:
        holder.bind((LOOPBACK, port))
        holder.listen()  # who only binds, shares the port with all who set the option above
    except OSError:
        holder.close()
        raise
    return holder


def _outgoing() -> range:
    """The ports of outgoing connections; none where the system does not say."""
    with suppress(OSError, ValueError):
        first, last = map(int, _RANGE.read_text().split())
        return range(first, last + 1)
    return range(0)


def _any_bound() -> socket.socket:
    outgoing = _outgoing()
    ports = [port for port in range(_FIRST, _LAST + 1) if port not in outgoing]
    for port in _RANDOM.sample(ports, min(_ATTEMPTS, len(ports))):
        with suppress(OSError):
            return _bound(port)
    return _bound(0)  # every port is for outgoing connections, or taken: the kernel may know better


def _near(wanted: int) -> socket.socket:
    if wanted:
        with suppress(OSError):
            return _bound(wanted)
    return _any_bound()


@contextmanager
def held_ports(preferred: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Hold one port for each preferred one: itself while free, else another (0 means: any).

    The ports are released on leaving the block; a server should bind them right after.
    """
    with ExitStack() as holders:
        ports = []
        for wanted in preferred:
            holder = holders.enter_context(_near(wanted))
            ports.append(int(holder.getsockname()[1]))
        yield tuple(ports)


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with held_ports([0]) as (port,):
        return port

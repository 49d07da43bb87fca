"""Free TCP ports on loopback, asked from the kernel and held until just before they are used."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

LOOPBACK = "127.0.0.1"


def _bound(port: int) -> socket.socket:
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: TIME_WAIT does not block a port
    try:
        holder.bind((LOOPBACK, port))
    except OSError:
        holder.close()
        raise
    return holder


@contextmanager
def held_ports(preferred: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Hold one port for each preferred one: itself while free, else another (0 means: any).

    The ports are released on leaving the block; a server should bind them right after.
    """
    with ExitStack() as holders:
        ports = []
        for wanted in preferred:
            try:
                holder = holders.enter_context(_bound(wanted))
            except OSError:
                holder = holders.enter_context(_bound(0))
            ports.append(int(holder.getsockname()[1]))
        yield tuple(ports)


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with held_ports([0]) as (port,):
        return port

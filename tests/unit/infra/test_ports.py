"""Ports that a server finds free when it starts, and again after its death."""

from pathlib import Path

import pytest

from infra.embedded import ports

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


@pytest.mark.skipif(not RANGE.exists(), reason="this system does not say which ports outgoing connections get")
def test_a_port_is_none_that_an_outgoing_connection_may_get():
    first, last = map(int, RANGE.read_text().split())
    with ports.held_ports([0] * 20) as held:
        assert len(set(held)) == len(held)
        assert not [port for port in held if first <= port <= last]


def test_a_preferred_port_is_given_unless_it_is_taken():
    with ports.held_ports([0]) as (free,):
        pass
    with ports.held_ports([free]) as (given,):
        assert given == free
        with ports.held_ports([free]) as (another,):
            assert another not in {free, 0}

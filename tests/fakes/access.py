"""The gateway's doors with the settings' part made up: a clock to turn, credentials to use."""

import random
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cache

from producers.gateway.access.access import Access
from producers.gateway.access.addresses import Addresses
from producers.gateway.access.api_keys import ApiKey, ApiKeys
from producers.gateway.access.caller import hashed
from producers.gateway.access.clients import Client
from producers.gateway.access.credentials import Credentials
from producers.gateway.access.memory import Memory
from producers.gateway.access.postgres import PostgresAccess
from producers.gateway.access.rate_limit import Rate, RateLimits
from producers.gateway.access.shedding import Capacity, Load
from producers.gateway.access.tokens import Tokens, new_token_keys

PLENTY = Rate(per_second=1000, burst=1000)
ISSUER = "https://valuations.example"


@cache
def token_keys() -> str:
    """One set of keys for all tests."""
    return new_token_keys()


def an_access(
    keys: Mapping[str, str],
    *,
    clock: Callable[[], datetime],
    monotonic_s: Callable[[], float],
    signed: Iterable[ApiKey] = (),
    clients: Iterable[Client] = (),
    certificates: Mapping[str, str] | None = None,
    rate: Rate = PLENTY,
    capacity: Capacity | None = None,
    anonymous: RateLimits | None = None,
    address_header: str = "",
    store: PostgresAccess | None = None,
    difficulty: int = 1,
) -> Access:
    """`keys`: channel code -> API key in clear."""
    tokens = Tokens.of(token_keys(), issuer=ISSUER)
    memory = Memory(store=store, monotonic_s=monotonic_s)
    plain = [ApiKey(digest=hashed(key), channel=code) for code, key in keys.items()]
    marks = random.Random(7)
    return Access(
        credentials=Credentials(
            keys=ApiKeys([*plain, *signed]),
            tokens=tokens,
            certificates=certificates or {},
            memory=memory,
            clock=clock,
        ),
        clients={client.client_id: client for client in clients},
        tokens=tokens,
        memory=memory,
        limits=RateLimits(rate),
        anonymous=anonymous or RateLimits(rate),
        addresses=Addresses(salt="a salt of tests", header=address_header),
        load=Load(capacity),
        clock=clock,
        monotonic_s=monotonic_s,
        new_mark=lambda: f"{marks.getrandbits(128):032x}",
        base_difficulty=difficulty,
    )

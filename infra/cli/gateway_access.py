"""The gateway's doors, as the settings want them."""

import contextlib
import functools
import os
import secrets
import tempfile
import time
from pathlib import Path

from infra.cli import CommandError
from infra.cli.connections import utc_now
from infra.postgres.migrate import migrate
from infra.postgres.pool import Pool, open_pool
from infra.settings import GatewaySettings, Settings, SignedKey
from producers.gateway.access.access import CHECKING, Access
from producers.gateway.access.addresses import Addresses
from producers.gateway.access.api_keys import ApiKey, ApiKeys
from producers.gateway.access.caller import NAME_DIGITS
from producers.gateway.access.clients import Client
from producers.gateway.access.credentials import Credentials
from producers.gateway.access.memory import Memory
from producers.gateway.access.postgres import ROOM, WITHIN_S, PostgresAccess
from producers.gateway.access.rate_limit import Rate, RateLimits
from producers.gateway.access.shedding import Capacity, Load
from producers.gateway.access.tls import Tls, fingerprint_of
from producers.gateway.access.tokens import TokenKeysError, Tokens, new_token_keys
from schemas.domain import channels
from schemas.domain.channels import CHANNELS, Scope

_UNKNOWN = Rate(per_second=1, burst=1)  # no credential leads there
_MARK_BYTES = 16
_CHECKING = Rate(
    per_second=20, burst=60
)  # reports that are checked by the code on them: as many as the website's calls
_PER_ADDRESS = Rate(per_second=10, burst=30)  # half of what all anonymous callers have together; a branch shares one


def access_of(settings: Settings, pool: Pool | None) -> Access:
    """The doors of one instance. `pool`: of the room `gateway`; `None`: it counts by itself.

    Raises:
        CommandError: A setting cannot be used.
    """
    gateway = settings.gateway
    tokens = _tokens(settings)
    memory = Memory(store=store_of(settings, pool) if pool is not None else None, monotonic_s=time.monotonic)
    return Access(
        credentials=Credentials(
            keys=ApiKeys(_keys(gateway)),
            tokens=tokens,
            certificates=_certificates(gateway),
            memory=memory,
            clock=utc_now,
        ),
        clients={
            client_id: Client(
                client_id=client_id,
                channel=client.channel,
                secret_sha256=client.secret_sha256,
                scopes=_scopes(client.scopes, client.channel, f"AVM_GATEWAY__OAUTH_CLIENTS: {client_id}"),
            )
            for client_id, client in gateway.oauth_clients.items()
        },
        tokens=tokens,
        memory=memory,
        limits=RateLimits(_UNKNOWN, {**_rates(), CHECKING: _CHECKING}),
        anonymous=RateLimits(_PER_ADDRESS),
        addresses=Addresses(salt=secrets.token_urlsafe(_MARK_BYTES), header=gateway.client_address_header),
        load=Load(Capacity(waiting=gateway.capacity)),
        clock=utc_now,
        monotonic_s=time.monotonic,
        new_mark=functools.partial(secrets.token_urlsafe, _MARK_BYTES),
        base_difficulty=gateway.challenge_difficulty,
    )


def pool_of(settings: Settings) -> Pool | None:
    """A pool of the room's connections, also while the database is away; `None` where none is named."""
    dsn = settings.postgres.dsn.get_secret_value()
    return open_pool(dsn, room=ROOM) if dsn else None


def store_of(settings: Settings, pool: Pool, *, within_s: float = WITHIN_S) -> PostgresAccess:
    """What instances know together. `within_s`: how long it waits for a connection."""
    prepare = functools.partial(migrate, settings.postgres.dsn.get_secret_value(), room=ROOM)
    return PostgresAccess(pool, prepare, within_s=within_s)


def tls_of(gateway: GatewaySettings) -> Tls | None:
    """The private listener's files; `None` without one.

    Raises:
        CommandError: Only some of them are named.
    """
    files = (gateway.tls_certificate, gateway.tls_key, gateway.tls_client_authority)
    if not any(files):
        return None
    certificate, key, authority = files
    if certificate is None or key is None or authority is None:
        raise CommandError(
            "the private listener needs all of AVM_GATEWAY__TLS_CERTIFICATE, __TLS_KEY and __TLS_CLIENT_AUTHORITY"
        )
    return Tls(certificate=certificate, key=key, client_authority=authority)


def _keys(gateway: GatewaySettings) -> list[ApiKey]:
    plain = [ApiKey(digest=digest, channel=channel) for digest, channel in gateway.api_keys.items()]
    signed = [
        ApiKey(
            digest=digest,
            channel=key.channel,
            secret=_signing_secret(key, f"AVM_GATEWAY__SIGNED_KEYS: {digest[:NAME_DIGITS]}…"),
            scopes=_scopes(key.scopes, key.channel, f"AVM_GATEWAY__SIGNED_KEYS: {digest[:NAME_DIGITS]}…"),
        )
        for digest, key in gateway.signed_keys.items()
    ]
    return [*plain, *signed]


def _signing_secret(key: SignedKey, where: str) -> str:
    secret = key.secret.get_secret_value()
    if not secret.strip():
        raise CommandError(f"{where}: secret is empty, so anybody could sign; make one with `avm access secret`")
    return secret


def _scopes(wanted: tuple[str, ...] | None, code: str, where: str) -> frozenset[str] | None:
    """What a credential is narrowed to; `None`: nothing but its channel's scopes."""
    if wanted is None:
        return None
    if not wanted:
        raise CommandError(f"{where}: scopes is empty, so it could do nothing; leave scopes out for all of its channel")
    channel = channels.find(code)
    may_have = sorted(channel.scopes if channel is not None else Scope)  # an unknown channel is refused when it comes
    wrong = sorted(set(wanted) - set(may_have))
    if wrong:
        raise CommandError(f"{where}: scopes {', '.join(wrong)} cannot be given; {code} has {', '.join(may_have)}")
    return frozenset(wanted)


def _rates() -> dict[str, Rate]:
    return {channel.code: Rate(per_second=channel.per_second, burst=channel.burst) for channel in CHANNELS.values()}


def _certificates(gateway: GatewaySettings) -> dict[str, str]:
    try:
        return {fingerprint_of(text): channel for text, channel in gateway.client_certificates.items()}
    except ValueError as error:
        raise CommandError(f"AVM_GATEWAY__CLIENT_CERTIFICATES: {error}") from None


def _tokens(settings: Settings) -> Tokens:
    path = settings.gateway.token_keys or settings.state / "gateway" / "token-keys.json"
    try:
        if settings.gateway.token_keys is None:
            _make_once(path)
        return Tokens.of(path.read_text(encoding="utf-8"), issuer=settings.gateway.public_url or "house-valuation")
    except (OSError, TokenKeysError) as error:
        raise CommandError(f"the token keys in {path} cannot be used: {error}") from error


def _make_once(path: Path) -> None:
    """Two instances that start at once end up with one key: a link is made only where nothing stands.

    Until then each has a file of its own; process ids would not do, for every container counts them anew.
    """
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, fresh = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)  # readable by its owner alone
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(new_token_keys())
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
    finally:
        Path(fresh).unlink()

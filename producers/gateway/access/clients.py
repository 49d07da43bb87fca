"""OAuth 2.0 client credentials (RFC 6749 §4.4): a channel's system fetches a token that lives 15 min."""

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from urllib.parse import unquote_plus

from producers.gateway.access.caller import hashed
from producers.gateway.access.tokens import Audience, Tokens
from schemas.domain import channels

LIVES: Final = timedelta(minutes=15)  # what a stolen token is good for


class Refused(StrEnum):
    """Error codes of RFC 6749 §5.2."""

    INVALID_REQUEST = "invalid_request"
    INVALID_CLIENT = "invalid_client"
    UNSUPPORTED_GRANT_TYPE = "unsupported_grant_type"
    INVALID_SCOPE = "invalid_scope"


class GrantRefusedError(Exception):
    """No token is issued; `description` says why, in ASCII as the standard wants it."""

    def __init__(self, code: Refused, description: str) -> None:
        self.code = code
        self.description = description
        super().__init__(f"{code}: {description}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A registered client. `secret_sha256`: hex sha256 of its long random secret. `scopes` `None`: its channel's."""

    client_id: str
    channel: str
    secret_sha256: str = field(repr=False)
    scopes: frozenset[str] | None = None

    @property
    def name(self) -> str:
        """What the audit and the block list call it."""
        return f"{self.channel}/{self.client_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a client says of itself at the token endpoint."""

    client_id: str
    secret: str = field(repr=False)


def authenticated(form: Mapping[str, str], authorization: str | None, clients: Mapping[str, Client]) -> Client:
    """Whose secret a form or header holds. Raises `GrantRefusedError`."""
    said = _said(form, authorization)
    client = clients.get(said.client_id)
    expected = client.secret_sha256.lower() if client else "0" * 64
    if not hmac.compare_digest(expected, hashed(said.secret)) or client is None:
        raise GrantRefusedError(Refused.INVALID_CLIENT, "client_id or client_secret is wrong")
    return client


def granted(client: Client, form: Mapping[str, str], *, tokens: Tokens, now: datetime) -> dict[str, Any]:
    """The body of a successful answer. Raises `GrantRefusedError`."""
    if form.get("grant_type") != "client_credentials":
        raise GrantRefusedError(Refused.UNSUPPORTED_GRANT_TYPE, "grant_type must be client_credentials")
    scopes = " ".join(sorted(_scopes(client, form.get("scope", ""))))
    claims = {"sub": client.client_id, "channel": client.channel, "scope": scopes}
    return {
        "access_token": tokens.issue(claims, audience=Audience.API, lives=LIVES, now=now),
        "token_type": "Bearer",
        "expires_in": int(LIVES.total_seconds()),
        "scope": scopes,
    }


def _said(form: Mapping[str, str], authorization: str | None) -> Grant:
    """client_secret_basic or client_secret_post, not both."""
    in_form = "client_secret" in form
    if authorization is None:
        if not form.get("client_id") or not in_form:
            raise GrantRefusedError(Refused.INVALID_CLIENT, "send client_id and client_secret")
        return Grant(client_id=form["client_id"], secret=form["client_secret"])
    if in_form:
        raise GrantRefusedError(Refused.INVALID_REQUEST, "send the secret in one place only")
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise GrantRefusedError(Refused.INVALID_CLIENT, "use Basic authentication, or the form")
    try:
        client_id, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeError):
        raise GrantRefusedError(Refused.INVALID_CLIENT, "the Basic credentials are not base64 of UTF-8") from None
    if not colon or form.get("client_id", unquote_plus(client_id)) != unquote_plus(client_id):
        raise GrantRefusedError(Refused.INVALID_REQUEST, "client_id in the form and in the header differ")
    return Grant(client_id=unquote_plus(client_id), secret=unquote_plus(secret))


def _scopes(client: Client, requested: str) -> frozenset[str]:
    """All scopes the client may have, or those it asks for among them."""
    channel = channels.find(client.channel)
    if channel is None:
        raise GrantRefusedError(Refused.INVALID_CLIENT, "the client's channel is not registered any more")
    may_have = frozenset(map(str, channel.scopes)) & (client.scopes if client.scopes is not None else channel.scopes)
    asked = frozenset(requested.split())
    if not asked <= may_have:  # what was asked for is not repeated: it may be anything
        may = " ".join(sorted(may_have))
        raise GrantRefusedError(Refused.INVALID_SCOPE, f"more than is granted; this client may have: {may}")
    return asked or may_have

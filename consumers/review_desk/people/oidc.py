"""Log-in at the bank's identity provider: OpenID Connect's authorization code flow with PKCE, state and nonce.

Source: OpenID Connect Core 1.0, sections 3.1.2 and 3.1.3.7. Discovery and keys are asked for at each log-in: that is
seldom enough, and a provider may change its keys at any time.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, NoReturn

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from consumers.review_desk.people import throttle
from consumers.review_desk.people.accounts import Accounts, LogInRefusedError
from consumers.review_desk.people.sessions import digest
from infra.postgres.pool import Pool

LASTS: Final = timedelta(minutes=10)  # between leaving for the provider and coming back
_WITHIN_S: Final = 5.0
_LEEWAY_S: Final = 30  # how far the clocks of two houses may be apart
# A provider signs with a key of its own; a shared secret or no signature at all is never accepted.
_ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
_AWAY: Final = "统一身份认证暂不可用，请稍后再试或联系管理员"
_EXPIRED: Final = "登录请求已过期，请重新登录"
_NOT_TRUSTED: Final = "统一身份认证的结果未通过校验，请重新登录"

_BEGIN = "insert into oidc_log_in values (%s, %s, %s, %s, %s)"
_TAKE = """
    delete from oidc_log_in where browser_sha256 = %s returning state, nonce, code_verifier, expires_at
"""
_SWEEP = "delete from oidc_log_in where expires_at <= %s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """An identity provider. `claim` of its ID token names the user name in our register, e.g. `preferred_username`."""

    discovery_url: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_url: str
    claim: str = "preferred_username"
    scope: str = "openid profile"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What must come back, kept while the browser is at the provider."""

    state: str
    nonce: str
    code_verifier: str


class OidcLogIn:
    """Sends a browser to the provider, and lets in whom it names.

    Refusals are audited, but of whoever has not been sent by us: anybody can call up the way back, as often as they
    like. Those are counted by address, and so are ways to the provider that led to no log-in.
    """

    def __init__(
        self,
        provider: Provider,
        accounts: Accounts,
        pool: Pool,
        *,
        clock: Callable[[], datetime],
        new_token: Callable[[], str],
    ) -> None:
        """`new_token` gives an unguessable text."""
        self._provider, self._accounts, self._pool = provider, accounts, pool
        self._clock, self._new_token = clock, new_token

    def begin(self, *, address: str) -> tuple[str, str]:
        """Return where to send the browser, and what it must keep until it comes back.

        Raises:
            LogInRefusedError: The provider does not answer, or too many from this address were sent there for nothing.
        """
        self._count(address)
        expected = Expected(
            state=self._new_token(), nonce=self._new_token(), code_verifier=self._new_token() + self._new_token()
        )
        browser, now = self._new_token(), self._clock()
        try:
            with _client(self._provider) as client:
                url, _ = client.create_authorization_url(
                    _discovered(client, self._provider)["authorization_endpoint"],
                    state=expected.state,
                    nonce=expected.nonce,
                    code_verifier=expected.code_verifier,
                )
        except (httpx2.HTTPError, ValueError, KeyError) as error:
            raise LogInRefusedError(_AWAY) from error
        row = (digest(browser), expected.state, expected.nonce, expected.code_verifier, now + LASTS)
        with self._pool.connection() as connection:
            connection.execute(_SWEEP, [now])
            connection.execute(_BEGIN, row)
        return str(url), browser

    def finish(self, answer: Mapping[str, str], *, browser: str | None, address: str, former: str | None = None) -> str:
        """Return the token of a new session. `answer`: what the provider sent back with the browser; good once.

        Raises:
            LogInRefusedError: It is not an answer to this browser, not valid, or names nobody of ours.
        """
        now = self._clock()
        with self._pool.connection() as connection:
            kept = connection.execute(_TAKE, [digest(browser)]).fetchone() if browser else None
        if kept is None:
            self._count(address)
            raise LogInRefusedError(_EXPIRED)
        if kept[3] <= now:
            self._refuse(_EXPIRED, "this browser's log-in took too long", address)
        expected = Expected(state=kept[0], nonce=kept[1], code_verifier=kept[2])
        try:
            claims = identify(self._provider, answer, expected, now=now)
        except httpx2.HTTPError as error:
            self._refuse(_AWAY, type(error).__name__, address)
        except (AuthlibBaseError, JoseError, ValueError, KeyError) as error:
            self._refuse(_NOT_TRUSTED, _cause(error), address)
        username = claims.get(self._provider.claim)
        if not isinstance(username, str) or not username or "\x00" in username:
            self._refuse(_NOT_TRUSTED, f"the ID token has no claim {self._provider.claim!r}", address)
        token = self._accounts.admit(username, address=address, former=former)
        with self._pool.connection() as connection:
            throttle.came_back(connection, address, now)
        return token

    def _count(self, address: str) -> None:
        """Count a request that may come to nothing. Raises `LogInRefusedError` where there were too many."""
        with self._pool.connection() as connection:
            wait = throttle.away(connection, address, self._clock())
        if wait > timedelta(0):
            wait_s = math.ceil(wait.total_seconds())
            raise LogInRefusedError(f"尝试次数过多，请在 {wait_s} 秒后再试", wait_s=wait_s)

    def _refuse(self, why: str, cause: str, address: str) -> NoReturn:
        self._accounts.turned_away({"method": "oidc", "why": why, "cause": cause, "address": address})
        raise LogInRefusedError(why)


def identify(provider: Provider, answer: Mapping[str, str], expected: Expected, *, now: datetime) -> Mapping[str, Any]:
    """Redeem the provider's answer and return the claims of its ID token, checked.

    Raises:
        ValueError: The provider said no, or the answer belongs to another log-in.
        httpx2.HTTPError: The provider does not answer.
        AuthlibBaseError, JoseError, KeyError: What it says is not as the standard wants it.
    """
    if answer.get("state") != expected.state:
        raise ValueError("state is another log-in's")
    if "error" in answer:
        raise ValueError(f"the provider refused: {answer['error'][:100]}")
    with _client(provider) as client:
        known = _discovered(client, provider)
        token = client.fetch_token(
            known["token_endpoint"], code=answer["code"], code_verifier=expected.code_verifier, state=expected.state
        )
        keys = KeySet.import_key_set({"keys": _got(client, known["jwks_uri"])["keys"]})
    return checked(token["id_token"], keys, provider, known, expected, access_token=token.get("access_token"), now=now)


def checked(  # noqa: PLR0913 - what a token is checked against
    id_token: str,
    keys: KeySet,
    provider: Provider,
    known: Mapping[str, Any],
    expected: Expected,
    *,
    access_token: str | None,
    now: datetime,
) -> Mapping[str, Any]:
    """Return the claims of an ID token whose signature, issuer, audience, nonce and times are right.

    Raises:
        JoseError: One of them is not.
    """
    offered = known.get("id_token_signing_alg_values_supported", _ALGORITHMS)
    token = jwt.decode(id_token, keys, algorithms=[name for name in _ALGORITHMS if name in offered])
    claims = CodeIDToken(
        token.claims,
        token.header,
        options={
            "iss": {"essential": True, "value": known["issuer"]},
            "aud": {"essential": True, "value": provider.client_id},
        },
        params={"nonce": expected.nonce, "client_id": provider.client_id, "access_token": access_token},
    )
    claims.validate(now=int(now.timestamp()), leeway=_LEEWAY_S)
    return MappingProxyType(dict(claims))


def _client(provider: Provider) -> OAuth2Client:
    return OAuth2Client(
        provider.client_id,
        provider.client_secret,
        scope=provider.scope,
        redirect_uri=provider.redirect_url,
        code_challenge_method="S256",
        timeout=_WITHIN_S,
    )


def _discovered(client: OAuth2Client, provider: Provider) -> dict[str, Any]:
    return _got(client, provider.discovery_url)


def _got(client: OAuth2Client, url: str) -> dict[str, Any]:
    answer = client.request("GET", url, withhold_token=True)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def _cause(error: Exception) -> str:
    """What went wrong, for the audit: a claim's name and a kind, never a token."""
    return f"{type(error).__name__}: {str(error)[:200]}"

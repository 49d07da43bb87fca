"""Who is calling: an API key, a key with signature, or OAuth 2.0 client credentials.

A client certificate (mTLS) is no class here: give it to the client as `verify=ssl_context`.
"""

import base64
import hmac
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from hashlib import sha256
from secrets import token_urlsafe

import httpx

from house_valuation.errors import error_of

_RENEW_BEFORE_S = 30.0  # a token that ends on its way would be refused
_FIRST_ERROR = 400


@dataclass(slots=True)
class ApiKey(httpx.Auth):
    """The channel's key alone."""

    key: str = field(repr=False)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """See httpx."""
        request.headers["X-API-Key"] = self.key
        yield request


@dataclass(slots=True)
class SignedKey(httpx.Auth):
    """A key whose requests are signed, so that nobody on the way can change one or send it a second time."""

    key: str = field(repr=False)
    secret: str = field(repr=False)
    now_s: Callable[[], float] = time.time
    new_nonce: Callable[[], str] = token_urlsafe

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """See httpx. A stream has its hash stated in `X-Content-Sha256`."""
        digest = request.headers.get("X-Content-Sha256") or sha256(request.content).hexdigest()
        timestamp, nonce = str(int(self.now_s())), self.new_nonce()
        signed = f"{request.method}\n{request.url.raw_path.decode()}\n{timestamp}\n{nonce}\n{digest}"
        signature = hmac.digest(self.secret.encode(), signed.encode(), "sha256")
        request.headers.update(
            {
                "X-API-Key": self.key,
                "X-Timestamp": timestamp,
                "X-Nonce": nonce,
                "X-Signature": base64.b64encode(signature).decode(),
            }
        )
        yield request


@dataclass(slots=True)
class ClientCredentials(httpx.Auth):
    """OAuth 2.0 client credentials: a token is fetched when needed and used until shortly before its end."""

    client_id: str
    client_secret: str = field(repr=False)
    scope: str = ""
    monotonic_s: Callable[[], float] = time.monotonic
    _token: str = field(default="", init=False, repr=False)
    _until_s: float = field(default=0.0, init=False, repr=False)

    requires_response_body = True

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """See httpx. Raises `ServiceError` where no token is given."""
        if self.monotonic_s() >= self._until_s:
            yield from self._renewed(request)
        request.headers["Authorization"] = f"Bearer {self._token}"
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED:  # the service was given another key meanwhile
            yield from self._renewed(request)
            request.headers["Authorization"] = f"Bearer {self._token}"
            yield request

    def _renewed(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        given = {"grant_type": "client_credentials"} | ({"scope": self.scope} if self.scope else {})
        asking = httpx.Request("POST", request.url.copy_with(path="/oauth/token", query=None), data=given)
        both = f"{self.client_id}:{self.client_secret}".encode()
        asking.headers["Authorization"] = f"Basic {base64.b64encode(both).decode()}"
        response = yield asking
        if response.status_code >= _FIRST_ERROR:
            raise error_of(response)
        given_token = response.json()
        self._token = given_token["access_token"]
        self._until_s = self.monotonic_s() + float(given_token["expires_in"]) - _RENEW_BEFORE_S

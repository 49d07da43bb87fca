"""A small OpenID Connect provider on loopback. It checks what a real one checks: client, redirect, code once, PKCE.

`lies` go into the ID token in place of what belongs there, so that tests can see them refused.
"""

import base64
import hashlib
import itertools
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLIENT = ("desk", "client-secret")


class OidcProvider:
    """`user` is who logs in next; `lies` are claims of its ID token; `close` ends it before its time."""

    def __init__(self, *, redirect_url: str, clock: Callable[[], datetime], key: RSAKey) -> None:
        self.issuer = ""
        self.user = "lin"
        self.lies: dict[str, Any] = {}
        self.close: Callable[[], None] = lambda: None
        self._key = key
        self._redirect_url, self._clock = redirect_url, clock
        self._codes: dict[str, dict[str, str]] = {}
        self._number = itertools.count()

    @property
    def discovery_url(self) -> str:
        return f"{self.issuer}/.well-known/openid-configuration"

    def authorize(self, asked: dict[str, str]) -> str:
        """Log the user in at once, and return where the browser is sent."""
        assert (asked["response_type"], asked["client_id"]) == ("code", CLIENT[0])
        assert asked["redirect_uri"] == self._redirect_url
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = f"code-{next(self._number)}"
        self._codes[code] = asked
        return f"{self._redirect_url}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, given: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        if authorization != f"Basic {base64.b64encode(':'.join(CLIENT).encode()).decode()}":
            return 401, {"error": "invalid_client"}
        asked = self._codes.pop(given.get("code", ""), None)
        if asked is None or given["redirect_uri"] != self._redirect_url:
            return 400, {"error": "invalid_grant"}
        challenge = base64.urlsafe_b64encode(hashlib.sha256(given["code_verifier"].encode()).digest()).rstrip(b"=")
        if challenge.decode() != asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        return 200, {"access_token": "opaque", "token_type": "Bearer", "id_token": self._id_token(asked)}

    def _id_token(self, asked: dict[str, str]) -> str:
        now = self._clock()
        claims = {
            "iss": self.issuer,
            "sub": f"subject of {self.user}",
            "aud": CLIENT[0],
            "iat": int(now.timestamp()),
            "exp": int((now + timedelta(minutes=5)).timestamp()),
            "nonce": asked["nonce"],
            "preferred_username": self.user,
        }
        said = {name: value for name, value in {**claims, **self.lies}.items() if value is not None}
        header = {"alg": "RS256", "kid": self._key.kid}
        return jwt.encode(header, said, self._key)

    def known(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def keys(self) -> dict[str, Any]:
        return dict(KeySet([self._key]).as_dict(private=False))


@contextmanager
def running(provider: OidcProvider) -> Iterator[OidcProvider]:
    """Serve it on a free port of this machine until the block is left."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            if url.path == "/authorize":
                asked = {name: values[0] for name, values in parse_qs(url.query).items()}
                self.send_response(302)
                self.send_header("Location", provider.authorize(asked))
                self.send_header("Content-Length", "0")
                self.end_headers()
            else:
                self._say(200, provider.keys() if url.path == "/keys" else provider.known())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            given = {name: values[0] for name, values in parse_qs(body).items()}
            self._say(*provider.token(given, self.headers.get("Authorization", "")))

        def _say(self, code: int, said: dict[str, Any]) -> None:
            body = json.dumps(said).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    provider.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()

    def close() -> None:
        server.shutdown()
        thread.join()
        server.server_close()

    provider.close = close
    try:
        yield provider
    finally:
        close()

"""Signed tokens (JWT, ES256): for channels, for their customers' pages, and challenges for anonymous visitors.

Several instances share the keys; the first signs, all are accepted, so a key is replaced without a gap: put the new one
first, and remove the old one when its last token has expired.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

_ALGORITHM: Final = "ES256"
_CURVE: Final = "P-256"


class Audience(StrEnum):
    """What a token is for; it is good for nothing else."""

    API = "house-valuation"
    PAGE = "h5"
    CHALLENGE = "challenge"


class TokenKeysError(ValueError):
    """The file of token keys cannot be used. It is a JWKS with private EC keys on P-256; delete it to have one made."""


class TokenRefusedError(Exception):
    """A token is not ours, is for something else, or has expired; `expired` tells the last."""

    def __init__(self, *, expired: bool) -> None:
        self.expired = expired
        super().__init__("the token has expired" if expired else "the token is not valid here")


def new_token_keys() -> str:
    """A JWKS with one fresh private key, as JSON."""
    key = ECKey.generate_key(_CURVE, {"use": "sig", "alg": _ALGORITHM}, auto_kid=True)
    return json.dumps({"keys": [key.as_dict(private=True)]}, indent=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Issues and reads tokens of one house. `issuer` is the gateway's public address."""

    issuer: str
    keys: KeySet

    @classmethod
    def of(cls, text: str, *, issuer: str) -> "Tokens":
        """With the keys of a JWKS in JSON. Raises `TokenKeysError`."""
        try:
            keys = KeySet.import_key_set(json.loads(text))
        except (ValueError, KeyError, TypeError, JoseError) as error:
            raise TokenKeysError(f"not a JWKS: {error}") from error
        if not keys.keys or not all(isinstance(k, ECKey) and k.is_private and k.curve_name == _CURVE for k in keys):
            raise TokenKeysError("every key must be a private EC key on P-256, and there must be one")
        for key in keys:
            key.ensure_kid()
        return cls(issuer=issuer, keys=keys)

    def issue(self, claims: Mapping[str, Any], *, audience: Audience, lives: timedelta, now: datetime) -> str:
        """A signed token with these claims besides `iss`, `aud`, `iat`, `exp`."""
        signing = self.keys.keys[0]
        issued_at = int(now.timestamp())
        complete = {
            **claims,
            "iss": self.issuer,
            "aud": str(audience),
            "iat": issued_at,
            "exp": issued_at + int(lives.total_seconds()),
        }
        return jwt.encode({"alg": _ALGORITHM, "kid": signing.kid}, complete, signing, algorithms=[_ALGORITHM])

    def read(self, token: str, *, audience: Audience, now: datetime) -> dict[str, Any]:
        """The claims of a token. Raises `TokenRefusedError`."""
        try:
            claims = jwt.decode(token, self.keys, algorithms=[_ALGORITHM]).claims
        except (JoseError, ValueError, TypeError, UnicodeError):
            raise TokenRefusedError(expired=False) from None
        if claims.get("iss") != self.issuer or claims.get("aud") != str(audience):
            raise TokenRefusedError(expired=False)
        if not isinstance(claims.get("exp"), int) or claims["exp"] <= now.timestamp():
            raise TokenRefusedError(expired=True)
        return claims

    def public(self) -> dict[str, Any]:
        """The public keys as a JWKS."""
        return {"keys": [key.as_dict(private=False) for key in self.keys]}

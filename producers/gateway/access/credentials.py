"""From what a request brings to who is asking: a token, an API key (signed or not), or a client certificate."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from fastapi import Request

from producers.gateway.access.api_keys import ApiKey, ApiKeys
from producers.gateway.access.caller import NAME_DIGITS, Caller
from producers.gateway.access.memory import Memory
from producers.gateway.access.signatures import CONTENT_SHA256, REPLAYED, SIGNATURE, faults
from producers.gateway.access.signed_bodies import BODY_SHA256
from producers.gateway.access.tls import CLIENT_CERTIFICATE
from producers.gateway.access.tokens import Audience, TokenRefusedError, Tokens
from producers.gateway.problems import Code, ProblemError
from schemas.domain import channels
from schemas.domain.channels import Channel
from schemas.events import Problem

API_KEY: Final = "X-API-Key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Everything that lets a bank system in. `certificates`: hex sha256 of a certificate -> channel code."""

    keys: ApiKeys
    tokens: Tokens
    certificates: Mapping[str, str]
    memory: Memory
    clock: Callable[[], datetime]

    async def caller(self, request: Request) -> Caller:
        """Who is asking, by every credential the request brings: all must hold, and be of one channel.

        It may do what all of them may. Raises `ProblemError` UNAUTHENTICATED, saying what is missing or wrong.
        """
        fingerprint = request.scope.get(CLIENT_CERTIFICATE)
        code = self.certificates.get(fingerprint) if fingerprint else None
        token, key = bearer(request), request.headers.get(API_KEY)
        found = [
            *([self._by_token(token)] if token is not None else []),
            *([await self._by_key(key, request)] if key is not None else []),
            *([self._by_certificate(code, fingerprint)] if code is not None and fingerprint is not None else []),
        ]
        if not found and fingerprint is not None:
            raise _refused("client certificate", "NOT_REGISTERED", "该客户端证书未登记到任何渠道。")
        if not found:
            raise _refused(API_KEY, "MISSING", "请提供 API 密钥、Bearer 令牌或已登记的客户端证书。")
        if len({one.channel.code for one in found}) > 1:
            where = "client certificate" if code is not None else API_KEY
            raise _refused(where, "OF_ANOTHER_CHANNEL", "请求所带的各凭证不属于同一渠道。")
        names = {one.credential for one in found}
        if fingerprint is not None:  # one that is registered nowhere may be on the block list, too
            names.add(_name_of_certificate(found[0].channel, fingerprint))
        scopes = frozenset.intersection(*(one.scopes for one in found))
        return replace(found[0], scopes=scopes, others=frozenset(names - {found[0].credential}))

    def _by_token(self, token: str) -> Caller:
        try:
            claims = self.tokens.read(token, audience=Audience.API, now=self.clock())
        except TokenRefusedError as refused:
            raise _refused_token(refused) from None
        channel = _registered(str(claims.get("channel", "")), "Authorization")
        scopes = frozenset(str(claims.get("scope", "")).split()) & channel.scopes
        return Caller(channel=channel, credential=f"{channel.code}/{claims.get('sub', '')}", scopes=frozenset(scopes))

    async def _by_key(self, key: str, request: Request) -> Caller:
        found = self.keys.find(key)
        if found is None:
            raise _refused(API_KEY, "WRONG", "API 密钥无效。")
        channel = _registered(found.channel, API_KEY)
        if found.secret is not None:
            await self._require_signature(found, found.secret, request)
        scopes = channel.scopes if found.scopes is None else channel.scopes & found.scopes
        return Caller(
            channel=channel, credential=f"{channel.code}/{found.digest[:NAME_DIGITS]}", scopes=frozenset(scopes)
        )

    async def _require_signature(self, key: ApiKey, secret: str, request: Request) -> None:
        body_sha256 = request.scope.get(BODY_SHA256)
        if body_sha256 is None and SIGNATURE in request.headers:
            hint = f"超过 64 KiB 的请求体须用请求头 {CONTENT_SHA256} 声明其 SHA-256。"
            missing = Problem(field=CONTENT_SHA256, code="MISSING", message=hint)
            raise ProblemError(Code.BODY_TOO_LARGE, problems=[missing])
        now = self.clock()
        signed = faults(
            request.headers,
            method=request.method,
            target=_target(request),
            body_sha256=body_sha256 or "",
            secret=secret,
            now=now,
        )
        if isinstance(signed, tuple):
            raise ProblemError(Code.UNAUTHENTICATED, problems=signed)
        owner = f"key:{key.digest}"
        if not await self.memory.take_nonce(owner, signed.nonce, expires_at=signed.expires_at, now=now):
            raise ProblemError(Code.UNAUTHENTICATED, problems=[REPLAYED])

    @staticmethod
    def _by_certificate(code: str, fingerprint: str) -> Caller:
        channel = _registered(code, "client certificate")
        return Caller(
            channel=channel,
            credential=_name_of_certificate(channel, fingerprint),
            scopes=frozenset(channel.scopes),
        )


def _name_of_certificate(channel: Channel, fingerprint: str) -> str:
    return f"{channel.code}/tls:{fingerprint[:NAME_DIGITS]}"


def bearer(request: Request) -> str | None:
    """The token of `Authorization: Bearer …`; `None` for none and for another scheme."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _registered(code: str, field: str) -> Channel:
    found = channels.find(code)
    if found is None:
        raise _refused(field, "UNKNOWN_CHANNEL", "该凭证所属渠道未登记。")
    return found


def _target(request: Request) -> str:
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    query: bytes = request.scope.get("query_string", b"")
    return (raw + (b"?" + query if query else b"")).decode("latin-1")


def _refused(field: str, code: str, message: str) -> ProblemError:
    return ProblemError(Code.UNAUTHENTICATED, problems=[Problem(field=field, code=code, message=message)])


def _refused_token(refused: TokenRefusedError) -> ProblemError:
    if refused.expired:
        return _refused("Authorization", "EXPIRED", "令牌已过期，请重新获取。")
    return _refused("Authorization", "WRONG", "令牌无效。")

"""Signed requests: an HMAC over method, path, time, nonce and body, so that a key overheard is of no use.

The signature is base64 of HMAC-SHA256 over these lines, joined by a line feed, with the key's secret:

    METHOD
    PATH, with ?QUERY where there is one, as it is sent
    TIMESTAMP       whole seconds since 1970, header X-Timestamp
    NONCE           16 to 64 of A–Z a–z 0–9 - _, header X-Nonce, a new one for each request
    BODY            hex sha256 of the body, of no bytes where there is none
"""

import base64
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

from schemas.events import Problem

TIMESTAMP: Final = "X-Timestamp"
NONCE: Final = "X-Nonce"
SIGNATURE: Final = "X-Signature"
CONTENT_SHA256: Final = "X-Content-Sha256"
TOLERANCE: Final = timedelta(minutes=5)  # clocks of the bank's systems are that good, and a nonce need not live long

_NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")
_SECONDS = re.compile(r"[0-9]{1,11}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What was signed. `target` is path and query as sent; `body_sha256` hex."""

    method: str
    target: str
    timestamp: str
    nonce: str
    body_sha256: str

    @property
    def expires_at(self) -> datetime:
        """After this moment the timestamp alone refuses it, and the nonce may be forgotten."""
        return datetime.fromtimestamp(int(self.timestamp), UTC) + TOLERANCE


def signature(signed: Signed, secret: str) -> str:
    """The signature in base64."""
    lines = (signed.method, signed.target, signed.timestamp, signed.nonce, signed.body_sha256)
    return base64.b64encode(hmac.digest(secret.encode(), "\n".join(lines).encode(), sha256)).decode()


def faults(
    headers: Mapping[str, str], *, method: str, target: str, body_sha256: str, secret: str, now: datetime
) -> tuple[Problem, ...] | Signed:
    """What is wrong with a request's signature; what was signed when nothing is. Its nonce must still be new."""
    missing = [name for name in (TIMESTAMP, NONCE, SIGNATURE) if not headers.get(name)]
    if missing:
        return tuple(_problem(name, "MISSING", "该密钥须对每个请求签名，缺少此请求头。") for name in missing)
    timestamp, nonce = headers[TIMESTAMP], headers[NONCE]
    found: list[Problem] = []
    if not _SECONDS.fullmatch(timestamp):
        found.append(_problem(TIMESTAMP, "WRONG_FORM", "须为 1970 年以来的整秒数。"))
    elif abs(now.timestamp() - int(timestamp)) > TOLERANCE.total_seconds():
        found.append(_problem(TIMESTAMP, "OUTSIDE_WINDOW", "与服务器时间相差超过 5 分钟，请校准时钟后重新签名。"))
    if not _NONCE.fullmatch(nonce):
        found.append(_problem(NONCE, "WRONG_FORM", "须为 16 至 64 位的字母、数字、连字符或下划线。"))
    if found:
        return tuple(found)
    signed = Signed(method=method, target=target, timestamp=timestamp, nonce=nonce, body_sha256=body_sha256)
    if not hmac.compare_digest(signature(signed, secret).encode(), headers[SIGNATURE].encode("utf-8", "replace")):
        return (_problem(SIGNATURE, "WRONG", "签名不符，请核对签名内容的五行文本、密钥与请求体。"),)
    return signed


REPLAYED: Final = Problem(field=NONCE, code="REPLAYED", message="该随机数已使用过，重发请求时请更换随机数并重新签名。")


def _problem(name: str, code: str, message: str) -> Problem:
    return Problem(field=name, code=code, message=message)

"""The private listener: only clients with a certificate of the bank's authority get as far as a request."""

import asyncio
import ssl
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, cast

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

_PEM_BEGIN: Final = "-----BEGIN CERTIFICATE-----"
_PEM_END: Final = "-----END CERTIFICATE-----"

CLIENT_CERTIFICATE: Final = "client_certificate"
"""Where the ASGI scope has the hex sha256 of the client's certificate (its DER form)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """PEM files of the private listener: its own chain and key, and the authority of its clients."""

    certificate: Path
    key: Path
    client_authority: Path


class CertificateProtocol(H11Protocol):
    """HTTP/1.1 that tells the application who is at the other end; uvicorn itself does not."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See the base class; the handshake is over by now."""
        super().connection_made(transport)
        certificate = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
        self.app = cast("Any", _NamingCertificate(self.app, sha256(certificate).hexdigest()))


class _NamingCertificate:
    def __init__(self, app: ASGIApp, fingerprint: str) -> None:
        self._app, self._fingerprint = app, fingerprint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[CLIENT_CERTIFICATE] = self._fingerprint
        await self._app(scope, receive, send)


def private_config(app: ASGIApp, tls: Tls, **options: Any) -> uvicorn.Config:
    """What a uvicorn server on the private listener runs; `options` are uvicorn's.

    Raises:
        OSError, ssl.SSLError: A file is missing or is not what it should be, when the server starts.
    """
    return uvicorn.Config(
        app,
        http=CertificateProtocol,
        ssl_certfile=tls.certificate,
        ssl_keyfile=tls.key,
        ssl_ca_certs=str(tls.client_authority),
        ssl_cert_reqs=ssl.CERT_REQUIRED,
        **options,
    )


def fingerprint_of(text: str) -> str:
    """A fingerprint as operators write it (upper case, colons) as we compare it. Raises `ValueError`."""
    plain = text.replace(":", "").strip().lower()
    if len(plain) != sha256().digest_size * 2 or set(plain) - set("0123456789abcdef"):
        raise ValueError(f"{text!r} is no SHA-256 fingerprint: 64 hexadecimal digits are needed")
    return plain


def certificate_fingerprint(pem: str) -> str:
    """The fingerprint of the first certificate of a PEM text. Raises `ValueError`."""
    end = pem.find(_PEM_END)
    return sha256(ssl.PEM_cert_to_DER_cert(pem[pem.find(_PEM_BEGIN) : end + len(_PEM_END)])).hexdigest()

"""How WeChat signs and seals messages to an official account (开发者文档: 接入指南, 消息加解密说明)."""

import base64
import binascii
import struct
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha1
from hmac import compare_digest
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_BLOCK: Final = 32  # PKCS#7 to 32 bytes, as WeChat does, not to AES's 16
_RANDOM: Final = 16
_HEAD: Final = struct.Struct("!I")
_KEY_CHARACTERS: Final = 43


class SealError(ValueError):
    """A message cannot be opened: it was not sealed with this account's key, or not for this account."""


class AesKeyError(ValueError):
    """AVM_WECHAT__ENCODING_AES_KEY is not the 43 characters that the account's settings page shows."""


def signature(token: str, *parts: str) -> str:
    """Hex sha1 of the token and the parts, sorted and joined."""
    return sha1("".join(sorted((token, *parts))).encode(), usedforsecurity=False).hexdigest()


def is_signed(given: str, token: str, *parts: str) -> bool:
    """Whether a signature is right; takes the same time either way."""
    return compare_digest(given.encode(), signature(token, *parts).encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """AES-256-CBC with the account's key. `random_bytes` gives so many bytes that nobody can guess."""

    key: bytes
    app_id: str
    random_bytes: Callable[[int], bytes]

    @classmethod
    def of(cls, encoding_aes_key: str, app_id: str, random_bytes: Callable[[int], bytes]) -> "Seal":
        """From the key as the settings page shows it. Raises `AesKeyError`."""
        try:
            key = base64.b64decode(encoding_aes_key + "=", validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(encoding_aes_key) != _KEY_CHARACTERS or len(key) != _BLOCK:
            raise AesKeyError(AesKeyError.__doc__)
        return cls(key=key, app_id=app_id, random_bytes=random_bytes)

    def close(self, text: str) -> str:
        """Seal a text: 16 random bytes, its length, the text, the account's id; as base64."""
        content = text.encode()
        plain = self.random_bytes(_RANDOM) + _HEAD.pack(len(content)) + content + self.app_id.encode()
        fill = _BLOCK - len(plain) % _BLOCK
        encryptor = self._cipher().encryptor()
        return base64.b64encode(encryptor.update(plain + bytes([fill]) * fill) + encryptor.finalize()).decode()

    def open(self, sealed: str) -> str:
        """Open what was sealed. Raises `SealError`."""
        try:
            decryptor = self._cipher().decryptor()
            plain = decryptor.update(base64.b64decode(sealed, validate=True)) + decryptor.finalize()
            fill = plain[-1]
            (length,) = _HEAD.unpack(plain[_RANDOM : _RANDOM + _HEAD.size])
            body = plain[_RANDOM + _HEAD.size : -fill]
            text, app_id = body[:length].decode(), body[length:].decode()
        except (binascii.Error, ValueError, IndexError, struct.error):
            raise SealError(SealError.__doc__) from None
        if not 1 <= fill <= _BLOCK or app_id != self.app_id:
            raise SealError(SealError.__doc__)
        return text

    def _cipher(self) -> Cipher[modes.CBC]:
        return Cipher(algorithms.AES(self.key), modes.CBC(self.key[:_RANDOM]))

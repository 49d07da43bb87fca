"""Who waits for which valuation: a small file, so that a restart in the hours of a manual valuation loses no message.

An openid is needed to send that message. It is kept sealed with a key of the settings, in rows that leave once the
answer was delivered or a week has passed. What a customer typed is kept nowhere: a talk lives in memory.
"""

import logging
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

log = logging.getLogger(__name__)

KEPT: Final = timedelta(days=7)  # a working day of the desk, over the longest public holidays
_NONCE: Final = 12
_TABLE: Final = """
create table if not exists asked (
    valuation_id text primary key,
    subject text not null,
    sealed_openid blob not null,
    asked_at text not null,
    look_at text,
    told_status text not null default ''
)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A customer to whom an answer is owed. `told_status` is the last status that they were told."""

    valuation_id: str
    openid: str
    asked_at: datetime
    told_status: str


class AskedStore:
    """One connection, used from the event loop alone: every statement touches a row or a few."""

    def __init__(self, connection: sqlite3.Connection, key: bytes, random_bytes: Callable[[int], bytes]) -> None:
        self._connection, self._random_bytes = connection, random_bytes
        self._sealing = AESGCM(sha256(b"openid" + key).digest())
        with connection:
            connection.execute(_TABLE)

    @classmethod
    def at(cls, path: Path | str, key: bytes, random_bytes: Callable[[int], bytes]) -> Self:
        """The store in a file, readable by its owner alone; `:memory:` for none."""
        if isinstance(path, Path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
        return cls(sqlite3.connect(path, isolation_level=None), key, random_bytes)

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def put(self, valuation_id: str, *, subject: str, openid: str, status: str, is_owed: bool, now: datetime) -> None:
        """Note what somebody asked and was told. `is_owed`: an answer is still to be sent."""
        nonce = self._random_bytes(_NONCE)
        sealed = nonce + self._sealing.encrypt(nonce, openid.encode(), valuation_id.encode())
        self._connection.execute(
            "insert into asked values (?, ?, ?, ?, ?, ?) on conflict (valuation_id) do update"
            " set look_at = excluded.look_at, told_status = excluded.told_status",
            (valuation_id, subject, sealed, _text(now), _text(now) if is_owed else None, status),
        )

    def latest(self, subject: str) -> str | None:
        """The valuation that a customer asked for last."""
        row = self._connection.execute(
            "select valuation_id from asked where subject = ? order by asked_at desc, rowid desc limit 1", (subject,)
        ).fetchone()
        return None if row is None else str(row[0])

    def due(self, now: datetime, most: int = 100) -> list[Waiting]:
        """Those whose valuation is to be looked at now, the longest due first. Rows older than `KEPT` leave."""
        self._connection.execute("delete from asked where asked_at < ?", (_text(now - KEPT),))
        query = (
            "select valuation_id, sealed_openid, asked_at, told_status from asked where look_at <= ?"
            " order by look_at limit ?"
        )
        rows = self._connection.execute(query, (_text(now), most)).fetchall()
        return [waiting for row in rows if (waiting := self._waiting(*row)) is not None]

    def look_again(self, valuation_id: str, at: datetime) -> None:
        """Look at a valuation once more, then."""
        self._connection.execute("update asked set look_at = ? where valuation_id = ?", (_text(at), valuation_id))

    def told(self, valuation_id: str, status: str, *, look_at: datetime | None) -> None:
        """A customer was told of a status; without `look_at` nothing more is owed to them."""
        at = None if look_at is None else _text(look_at)
        self._connection.execute(
            "update asked set told_status = ?, look_at = ? where valuation_id = ?", (status, at, valuation_id)
        )

    def _waiting(self, valuation_id: str, sealed: bytes, asked_at: str, told_status: str) -> Waiting | None:
        """A row, opened. One sealed with another key leaves: whom it was about cannot be known any more."""
        try:
            openid = self._sealing.decrypt(sealed[:_NONCE], sealed[_NONCE:], valuation_id.encode()).decode()
        except InvalidTag:
            log.warning("a customer cannot be told: the secret was changed", extra={"valuation_id": valuation_id})
            self._connection.execute("delete from asked where valuation_id = ?", (valuation_id,))
            return None
        return Waiting(
            valuation_id=valuation_id,
            openid=openid,
            asked_at=datetime.fromisoformat(asked_at),
            told_status=told_status,
        )


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")

"""The desk as a program, since its pages need a process of their own: `desk_server.py DSN PORT DECISIONS`."""

import random
import secrets
import sys
from dataclasses import replace
from datetime import UTC, datetime

import uvicorn
from argon2 import PasswordHasher

from consumers.review_desk.accounts import Account
from consumers.review_desk.app import build
from consumers.review_desk.loop import ROOM
from infra.postgres.pool import open_pool
from schemas.catalogue import DECISIONS
from tests.fakes.valuations import CODEC


def main(dsn: str, port: int, decisions: str) -> None:
    hashed = PasswordHasher().hash("right password")
    accounts = {
        "lin": Account(password_hash=hashed, grade="G2", name="林审"),
        "wu": Account(password_hash=hashed, grade="G3", name="吴核"),
    }
    with open_pool(dsn, room=ROOM) as pool:
        app = build(
            pool=pool,
            codec=CODEC,
            accounts=accounts,
            clock=lambda: datetime.now(UTC),
            new_token=secrets.token_urlsafe,
            randomness=random.Random(),
            decisions=replace(DECISIONS, name=decisions),
        )
        uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])

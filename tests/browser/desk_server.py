"""The desk as a program, since its pages need a process of their own: `desk_server.py DSN PORT DECISIONS`.

Everybody's password is "right password".
"""

import random
import secrets
import sys
import uuid
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import uvicorn
from argon2 import PasswordHasher

from consumers.review_desk.app import build
from consumers.review_desk.people.accounts import Account
from consumers.review_desk.people.staff import Grade, Person, Role
from consumers.review_desk.policy import DeskPolicy
from infra.postgres.pool import open_pool
from schemas.catalogue import DECISIONS
from tests.fakes.valuations import CODEC

_ROOM = "review_desk"
PASSWORD = "right password"
# Open at every hour, and nothing blind by lot: what a test sees must not hang on the time of day or on a digest.
POLICY = DeskPolicy(duty_pool=True, blind_share=Decimal(0))
_PEOPLE = (
    ("lin", "林审", Grade.G2, {Role.REVIEWER}),
    ("wu", "吴核", Grade.G3, {Role.REVIEWER, Role.SENIOR}),
    ("chen", "陈工", Grade.G4, {Role.REVIEWER, Role.SENIOR}),
    ("sun", "孙班", Grade.G4, {Role.SUPERVISOR}),
    ("qa", "齐检", Grade.G3, {Role.QA}),
    ("audit", "申计", Grade.G1, {Role.AUDITOR}),
    ("admin", "管理员", Grade.G1, {Role.ADMIN}),
)


def accounts() -> tuple[Account, ...]:
    """One person of each kind."""
    hashed = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)  # cheap: it is no secret
    return tuple(
        Account(
            person=Person(
                username=username,
                name=name,
                grade=grade,
                roles=frozenset(roles),
                hired_on=date(2020, 1, 1),
                certified_until=date(2099, 12, 31),
            ),
            password_hash=hashed,
        )
        for username, name, grade, roles in _PEOPLE
    )


def main(dsn: str, port: int, decisions: str) -> None:
    with open_pool(dsn, room=_ROOM) as pool:
        app = build(
            pool=pool,
            codec=CODEC,
            accounts=accounts(),
            clock=lambda: datetime.now(UTC),
            new_token=secrets.token_urlsafe,
            new_id=uuid.uuid4,
            randomness=random.Random(),
            policy=POLICY,
            decisions=replace(DECISIONS, name=decisions),
        )
        uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])

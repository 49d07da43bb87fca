"""One database of the desk for all tests of a module: to migrate it anew for each would take most of their time."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from infra.embedded.postgres import EmbeddedPostgres
from infra.postgres.migrate import migrate
from infra.postgres.pool import Pool, open_pool

ROOM = "review_desk"


@contextmanager
def database(server: EmbeddedPostgres) -> Iterator[str]:
    """Connection string of a database with the desk's tables, until the block is left."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    dsn = server.create_database(name)
    migrate(dsn, room=ROOM)
    yield dsn
    server.drop_database(name)


@contextmanager
def emptied(dsn: str) -> Iterator[Pool]:
    """A pool of connections to it, with nobody in the register and no session."""
    with open_pool(dsn, room=ROOM, size=8) as pool:
        with pool.connection() as connection:
            connection.execute("truncate session, log_in_failure, oidc_log_in, staff cascade")
        yield pool


class Acts:
    """What has been audited since; before that, other tests wrote, and the audit lets nothing be removed."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._before = {subject: len(self.lines(subject)) for subject in ("access", "staff")}

    def lines(self, subject: str) -> list[tuple[str, str, dict[str, Any]]]:
        """Actor, action and details, in their order."""
        query = "select actor, action, details from audit_line where subject = %s order by sequence"
        with self._pool.connection() as connection:
            return connection.execute(query, [subject]).fetchall()

    def __call__(self, subject: str = "access") -> list[tuple[str, str]]:
        """Actor and action of each."""
        return [(actor, action) for actor, action, _ in self.details(subject)]

    def details(self, subject: str = "access") -> list[tuple[str, str, dict[str, Any]]]:
        """The same with all that the lines say."""
        return self.lines(subject)[self._before[subject] :]

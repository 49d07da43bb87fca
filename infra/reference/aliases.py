"""Aliases that an operator gives: checked row by row, against the divisions and what an alias may be. Pure."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from infra.reference.properties import CorrectionError, checked_person
from infra.reference.rows import RejectedRow
from infra.reference.tables import read_lines
from schemas.codes import AliasSource
from schemas.domain.aliases import LONGEST_ALIAS, SHORTEST_ALIAS, alias_key, is_learnable
from schemas.domain.divisions import Divisions
from schemas.events import CommunityAlias

COLUMNS = ("alias", "city", "community_id")


def checked_city(text: str, divisions: Divisions) -> str:
    """The full name of a city. Raises `CorrectionError`."""
    city = divisions.city(text.strip()) if text.strip() else None
    if city is None:
        raise CorrectionError("city", text, f"there is no city {text!r}; give its name as in 杭州市")
    return city


def checked_alias(
    alias: str, city: str, community_id: str, *, by: str, now: datetime, divisions: Divisions
) -> CommunityAlias:
    """An alias to publish. Raises `CorrectionError`."""
    if not is_learnable(alias):
        why = f"is no name: write {SHORTEST_ALIAS} to {LONGEST_ALIAS} characters, not digits alone"
        raise CorrectionError("alias", alias, why)
    if not community_id.strip():
        raise CorrectionError("community_id", community_id, "is empty; say which community is meant")
    full = checked_city(city, divisions)
    return CommunityAlias(
        alias_key=alias_key(full, alias),
        alias=alias.strip(),
        city=full,
        community_id=community_id.strip(),
        source=AliasSource.IMPORT,
        confirmed_by=checked_person(by),
        confirmed_at=now,
    )


def read_aliases(path: Path, *, by: str, now: datetime, divisions: Divisions) -> Iterator[CommunityAlias | RejectedRow]:
    """Every row of a file (columns alias, city, community_id) as an alias or a refusal.

    Raises `UnreadableTableError` for a file that cannot be read.
    """
    for line in read_lines(path):
        alias, city, community_id = (str(line.values.get(column) or "") for column in COLUMNS)
        try:
            yield checked_alias(alias, city, community_id, by=by, now=now, divisions=divisions)
        except CorrectionError as error:
            yield error.at(line.number)

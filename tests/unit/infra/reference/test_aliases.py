from datetime import UTC, datetime

import pytest

from infra.reference.aliases import read_aliases
from infra.reference.rows import RejectedRow
from schemas.codes import AliasSource
from schemas.domain.divisions import divisions

NOW = datetime(2026, 11, 25, 4, tzinfo=UTC)


@pytest.mark.requirement("AD1")
def test_a_file_of_aliases_is_taken_row_by_row(tmp_path):
    file = tmp_path / "aliases.csv"
    file.write_text(
        "alias,city,community_id\n珠江嘉园,北京,g1\n3号楼,北京市,g1\n珠江嘉园,某市,g1\n珠江嘉园,北京市,\n",
        encoding="utf-8",
    )
    good, *bad = read_aliases(file, by="E1024", now=NOW, divisions=divisions())
    assert (good.alias_key, good.city, good.community_id) == ("北京市|珠江嘉园", "北京市", "g1")
    assert (good.source, good.confirmed_by, good.confirmed_at) == (AliasSource.IMPORT, "E1024", NOW)
    assert [(row.line, row.column) for row in bad if isinstance(row, RejectedRow)] == [
        (3, "alias"), (4, "city"), (5, "community_id"),
    ]  # fmt: skip


def test_who_says_so_must_be_a_staff_number(tmp_path):
    file = tmp_path / "aliases.csv"
    file.write_text("alias,city,community_id\n珠江嘉园,北京市,g1\n", encoding="utf-8")
    (refused,) = read_aliases(file, by="张三", now=NOW, divisions=divisions())
    assert refused.column == "corrected_by"

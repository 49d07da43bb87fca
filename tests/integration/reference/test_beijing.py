"""The real dictionary and deals of Beijing through the mappings in docs/examples: no broker, real names."""

import random
from datetime import date
from pathlib import Path

import pytest

from infra.reference.mapping import read_mapping
from infra.reference.rows import RejectedRow, read_rows
from schemas.domain.divisions import divisions
from streams.enrichment import names
from streams.enrichment.index import CommunityIndex
from streams.enrichment.resolve import resolve

_EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
_TODAY = date(2026, 11, 25)


def _read(file, mapping):
    rows = list(read_rows(file, read_mapping(_EXAMPLES / mapping), today=_TODAY))
    good = [row for row in rows if not isinstance(row, RejectedRow)]
    return good, len(rows) - len(good)


@pytest.fixture(scope="module")
def deals(shared_data):
    return _read(shared_data / "beijing_deals_2016.parquet", "beijing-deals.toml")


@pytest.fixture(scope="module")
def communities(shared_data):
    dictionary, refused = _read(shared_data / "beijing_communities.parquet", "beijing-communities.toml")
    named, also = _read(shared_data / "beijing_deals_2016.parquet", "beijing-communities-from-deals.toml")
    assert (refused, also) == (0, 0)
    return {community.community_id: community for community in (*dictionary, *named)}


def test_the_beijing_files_load_whole(deals, communities):
    good, refused = deals
    assert len(good) > 11_700
    assert refused < 10
    assert len(communities) == 6_059 + 72
    assert all(116 < deal.longitude < 117 and 39 < deal.latitude < 41 for deal in good)


@pytest.mark.requirement("AD1")
def test_written_addresses_of_real_deals_find_their_community(deals, communities):
    """AD1's targets on real names: at least 95 % of complete addresses resolved, at most 1 % of answers wrong."""
    index = CommunityIndex(divisions())
    for community in communities.values():
        index.put(community)
    rng = random.Random(2016)
    named = [deal for deal in deals[0] if deal.community_name]
    answered = right = 0
    for deal in rng.sample(named, 3_000):
        place = rng.choice((f"北京市{deal.district}", f"北京{deal.district.removesuffix('区')}", deal.district))
        unit = rng.choice(("3号楼2单元501室", "3-2-501", "十二幢1203", "5号楼3门101号"))
        found = resolve(place + deal.community_name + unit, index, divisions()).chosen
        answered += found is not None
        right += found is not None and _same(found.community.community_id, deal, communities)
    assert answered >= 0.95 * 3_000
    assert right >= 0.99 * answered


def _same(found, deal, communities):
    """Two entries of one name in one district cannot be told apart by an address."""
    one, other = communities[found], communities[deal.community_id]
    return found == deal.community_id or (
        names.key(one.name) == names.key(other.name) and one.district == other.district
    )

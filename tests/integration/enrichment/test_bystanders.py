"""No community's name loses a character to the rules for persons and lead-in words: every name of the dictionaries."""

from collections.abc import Iterator

import polars as pl
import pytest

from infra.cli.evaluate.dictionary import read_dictionary
from schemas.domain.divisions import divisions
from schemas.domain.normalise import normalise
from streams.enrichment.bystanders import without_bystanders
from streams.enrichment.readings import arranged

# Listings and deals name communities too; of their districts nothing is needed here.
_LISTED = (
    ("guangzhou_listings_2021", "community", "广州市天河区"),
    ("chengdu_deals_2010_2017", "community", "成都市武侯区"),
    ("hangzhou_listings_2018", "Garden", "杭州市西湖区"),
    ("new_projects_19_cities", "resblock_name", ""),
)
_PHONE = "13812345678"


@pytest.fixture(scope="module")
def named(shared_data) -> frozenset[tuple[str, str]]:
    """Every name, with the city and district it is written behind."""

    def each() -> Iterator[tuple[str, str]]:
        for city in ("beijing", "shanghai"):
            for one in read_dictionary(shared_data / f"{city}_communities.parquet"):
                yield normalise(one.name), f"{one.city}{one.district}"
        for file, column, place in _LISTED:
            for name in pl.read_parquet(shared_data / f"{file}.parquet")[column].unique().drop_nulls():
                yield normalise(name), place

    return frozenset(pair for pair in each() if len(pair[0]) > 1)


def test_every_dictionary_is_read(named):
    assert len({name for name, _ in named}) > 35_000


@pytest.mark.requirement("AD1")
@pytest.mark.parametrize(
    "written",
    [
        "{name}",
        "{place}{name}",
        "{name}3号楼501",
        "{place}3号楼501{name}",
        "{name}{phone}",
        "{place}{name}{phone}",
        "{phone}{name}",
    ],
)
def test_no_name_loses_a_character(named, written):
    """Where the name runs into a number beside it, normalising says so before; such spellings are left out."""
    lost = whole = 0
    for name, place in named:
        text = written.format(name=name, place=place, phone=f" {_PHONE} ")
        if name in normalise(text):
            whole += 1
            lost += name not in without_bystanders(normalise(text), divisions())
    assert whole > 0.95 * len(named)
    assert lost == 0


@pytest.mark.requirement("AD1")
@pytest.mark.parametrize("written", ["{name}", "{place}{name}", "3号楼501室{name}", "{name}{place}3号楼501"])
def test_no_name_loses_a_character_when_its_parts_are_put_in_order(named, written):
    """A name that begins with a digit or letter cannot be told from a unit right before it, and is left out."""
    telling = [(name, place) for name, place in named if not name[0].isascii()]
    lost = sum(name not in arranged(written.format(name=name, place=place), divisions()) for name, place in telling)
    assert lost == 0

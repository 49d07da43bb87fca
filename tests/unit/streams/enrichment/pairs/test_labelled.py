import polars as pl
import pytest

from streams.enrichment.labelled_file import UnusableLabelsError
from streams.enrichment.pairs.labelled import (
    LabelledList,
    LabelledPair,
    Relation,
    as_lists,
    digest,
    fold_of,
    read_pairs,
    without_addresses,
)

_TABLE = {"address_a": ["银杏路1号", "银杏路1号"], "address_b": ["银杏路1号院", "海棠街"], "label": ["2", "0"]}


def a_list(address="银杏路1号"):
    return LabelledList(address=address, candidates=("银杏路1号院",), relations=(Relation.EXACT,))


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_pairs_are_read_from_both_formats(tmp_path, suffix):
    path = tmp_path / f"pairs{suffix}"
    table = pl.DataFrame(_TABLE)
    table.write_parquet(path) if suffix == ".parquet" else table.write_csv(path)
    assert read_pairs(path) == [
        LabelledPair(address_a="银杏路1号", address_b="银杏路1号院", relation=Relation.EXACT),
        LabelledPair(address_a="银杏路1号", address_b="海棠街", relation=Relation.NONE),
    ]


def test_numbers_as_labels_are_read_like_text(tmp_path):
    path = tmp_path / "pairs.parquet"
    pl.DataFrame({**_TABLE, "label": [1, 2]}).write_parquet(path)
    assert [pair.relation for pair in read_pairs(path)] == [Relation.PARTIAL, Relation.EXACT]


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"address_a": ["x"], "label": ["1"]}, "lacks the column address_b"),
        ({**_TABLE, "label": ["2", "同"]}, "row 2: label '同' is not 0, 1 or 2"),
        ({**_TABLE, "address_b": ["x", None]}, "row 2: an address is missing"),
        ({name: pl.Series([], dtype=pl.String) for name in _TABLE}, "has no row"),
    ],
)
def test_a_faulty_file_is_named_with_what_is_wrong_and_shows_no_address(tmp_path, table, says):
    path = tmp_path / "pairs.parquet"
    pl.DataFrame(table).write_parquet(path)
    with pytest.raises(UnusableLabelsError) as raised:
        read_pairs(path)
    assert says in str(raised.value)
    assert "银杏路" not in str(raised.value)


@pytest.mark.parametrize(("name", "says"), [("pairs.txt", "neither"), ("absent.parquet", "cannot be read")])
def test_a_file_that_cannot_be_read_is_said_so(tmp_path, name, says):
    with pytest.raises(UnusableLabelsError, match=says):
        read_pairs(tmp_path / name)


def test_candidates_of_one_address_become_one_list_wherever_they_stand():
    pairs = [
        LabelledPair(address_a=a, address_b=b, relation=Relation.NONE)
        for a, b in [("甲", "1"), ("乙", "2"), ("甲", "3")]
    ]
    assert [(one.address, one.candidates) for one in as_lists(pairs)] == [("甲", ("1", "3")), ("乙", ("2",))]


def test_an_address_that_is_scored_is_not_learned_from():
    lists = [a_list("甲"), a_list("乙")]
    assert without_addresses(lists, ["乙", "丙"]) == [a_list("甲")]


def test_the_folds_are_about_even_and_the_same_every_time():
    folds = [fold_of(f"银杏路{number}号", 5) for number in range(1000)]
    assert folds == [fold_of(f"银杏路{number}号", 5) for number in range(1000)]
    assert all(150 < folds.count(fold) < 250 for fold in range(5))


def test_the_digest_tells_one_label_from_another():
    other = LabelledList(address="银杏路1号", candidates=("银杏路1号院",), relations=(Relation.NONE,))
    assert digest([a_list()]) == digest([a_list()]) != digest([other])

import json

import polars as pl
import pytest

from streams.enrichment.labelled_file import UnusableLabelsError
from streams.enrichment.tagging.labelled import digest, of_splits, read_labelled, read_texts

GOOD = ("train", ["西", "湖", "区"], ["B-district", "I-district", "I-district"])


def written(path, *rows):
    table = [(split, json.dumps(tokens), json.dumps(labels)) for split, tokens, labels in rows]
    frame = pl.DataFrame(table, schema=["split", "tokens", "labels"], orient="row")
    (frame.write_csv if path.suffix == ".csv" else frame.write_parquet)(path)
    return path


@pytest.mark.parametrize("name", ["rows.parquet", "rows.csv"])
def test_rows_are_read_from_parquet_and_csv_alike(tmp_path, name):
    (row,) = read_labelled(written(tmp_path / name, GOOD))

    assert (row.split, row.text, row.labels) == ("train", "西湖区", ("B-district", "I-district", "I-district"))


def test_tags_are_read_in_lower_case(tmp_path):
    rows = read_labelled(written(tmp_path / "rows.csv", ("dev", ["新"], ["B-devZone"])))

    assert rows[0].labels == ("B-devzone",)


@pytest.mark.parametrize(
    ("tokens", "labels", "said"),
    [
        (["西", "湖"], ["B-poi"], "row 2: 2 tokens, but 1 labels"),
        ([], [], "row 2: no tokens"),
        (["西", ""], ["B-poi", "I-poi"], "row 2: an empty token"),
        (["西"], ["poi"], "row 2: labels 'poi' are not O, B-tag or I-tag"),
        ("西", ["B-poi"], "row 2: tokens is no JSON list of texts"),
    ],
)
def test_a_faulty_row_is_named_with_its_fault(tmp_path, tokens, labels, said):
    with pytest.raises(UnusableLabelsError) as caught:
        read_labelled(written(tmp_path / "rows.csv", GOOD, ("train", tokens, labels)))

    assert said in str(caught.value)
    assert "mend or remove these rows" in str(caught.value)


def test_a_message_about_a_row_does_not_show_the_address(tmp_path):
    with pytest.raises(UnusableLabelsError) as caught:
        read_labelled(written(tmp_path / "rows.csv", ("train", ["翠", "湖"], ["B-poi"])))

    assert not {"翠", "湖"} & set(str(caught.value))


def test_what_is_no_json_is_named_with_its_place(tmp_path):
    path = tmp_path / "rows.csv"
    pl.DataFrame({"split": ["train"], "tokens": ["['a']"], "labels": ["[]"]}).write_csv(path)

    with pytest.raises(UnusableLabelsError, match=r"row 1: tokens is no JSON: .* at character 1"):
        read_labelled(path)


def test_a_missing_column_is_named_with_those_that_are_there(tmp_path):
    path = tmp_path / "rows.csv"
    pl.DataFrame({"split": ["train"], "text": ["x"]}).write_csv(path)

    with pytest.raises(UnusableLabelsError, match="lacks the columns tokens, labels; it has split, text"):
        read_labelled(path)


@pytest.mark.parametrize("name", ["absent.parquet", "absent.csv", "rows.xls"])
def test_a_file_that_cannot_be_read_is_named(tmp_path, name):
    with pytest.raises(UnusableLabelsError, match=name):
        read_labelled(tmp_path / name)


def test_a_split_that_is_not_there_is_named_with_those_that_are(tmp_path):
    rows = read_labelled(written(tmp_path / "rows.csv", GOOD))

    with pytest.raises(UnusableLabelsError, match="no row of split test; the splits are: train"):
        of_splits(rows, ["test"])


def test_unlabelled_addresses_come_from_all_columns_that_hold_some_each_once(tmp_path):
    path = tmp_path / "texts.parquet"
    pl.DataFrame({"address_a": ["乙", "甲"], "address_b": ["甲", None], "label": ["0", "1"]}).write_parquet(path)

    assert read_texts(path) == sorted({"甲", "乙"})


def test_a_file_without_a_column_of_addresses_says_how_to_name_it(tmp_path):
    path = tmp_path / "texts.csv"
    pl.DataFrame({"street": ["甲"]}).write_csv(path)

    with pytest.raises(UnusableLabelsError, match="name the column address or text"):
        read_texts(path)


def test_the_digest_is_of_the_rows_and_not_of_the_file(tmp_path):
    one, other = (read_labelled(written(tmp_path / name, GOOD)) for name in ("rows.csv", "rows.parquet"))

    assert digest(one) == digest(other)
    assert digest(one) != digest([*one, *other])

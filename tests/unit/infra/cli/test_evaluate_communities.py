import json

import polars as pl
import pytest
from typer.testing import CliRunner

from infra.cli import CommandError
from infra.cli.evaluate import app
from infra.cli.evaluate import communities as command
from infra.cli.evaluate.communities import Asked, Sizes, at_threshold, calibration, scores
from infra.cli.evaluate.dictionary import DictionaryError, read_dictionary

_NAMES = [a + b + c for a in "碧春海金锦龙明瑞天翠" for b in "波晖岚桥泉庭湾溪" for c in ("小区", "花园", "公寓")]


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """The command's own samples take a minute: here it is the same with few addresses."""
    monkeypatch.setattr(command, "_SIZES", Sizes(sampled=20, mixed=60))


def a_file(path, **columns):
    pl.DataFrame(columns).write_parquet(path)
    return path


def run(*options):
    result = CliRunner().invoke(app, ["communities", *map(str, options)])
    if result.exception is not None:
        raise result.exception
    return result.stdout


def asked(rank=1, probability=0.9, us=10.0, *, accepted=True):
    return Asked(rank=rank, probability=probability, is_accepted=accepted, is_question=not accepted, us=us)


@pytest.mark.requirement("AD1")
def test_a_dictionary_is_measured_and_the_same_seed_gives_the_same_figures(tmp_path):
    file = a_file(tmp_path / "beijing_list.parquet", community=_NAMES, district=["朝阳"] * len(_NAMES))
    found, again = (json.loads(run("--dictionary", file, "--seed", "3", "--json")) for _ in range(2))
    assert {"n", "top1", "top3", "top1_at_90_answered", "false_accept", "us_mean", "us_p99"} <= set(found)
    assert found["n"] == 60
    assert found["communities"] == len(_NAMES)
    assert found["by_kind"]["complete"]["top1"] == 1.0
    assert found["top1"] <= found["top3"]
    timeless = [{k: v for k, v in one.items() if "us" not in k and k != "by_kind"} for one in (found, again)]
    assert timeless[0] == timeless[1]


def test_the_table_names_every_kind(tmp_path):
    file = a_file(tmp_path / "beijing.parquet", name=_NAMES)
    shown = run("--dictionary", file)
    assert all(kind.split()[0] in shown for kind in ("complete", "typing error", "initials", "unknown"))


@pytest.mark.parametrize("column", ["community", "community_name", "name", "小区名称", "Name"])
def test_common_names_of_columns_are_recognised(tmp_path, column):
    (one,) = read_dictionary(a_file(tmp_path / "x.parquet", **{column: ["碧水庄园"]}), city="杭州")
    assert (one.name, one.city, one.province, one.district) == ("碧水庄园", "杭州市", "浙江省", "")


def test_the_city_is_the_columns_the_options_or_the_files(tmp_path):
    columns = {"name": ["碧水庄园"], "district": ["西湖"]}
    assert read_dictionary(a_file(tmp_path / "hangzhou_2026.parquet", **columns))[0].district == "西湖区"
    assert read_dictionary(a_file(tmp_path / "a.parquet", city=["杭州"], **columns))[0].city == "杭州市"
    with pytest.raises(DictionaryError, match=r"--city, e\.g\. 杭州市"):
        read_dictionary(a_file(tmp_path / "a.parquet", **columns))
    with pytest.raises(DictionaryError, match="no city '东京'"):
        read_dictionary(a_file(tmp_path / "a.parquet", **columns), city="东京")


def test_a_file_that_is_no_dictionary_says_what_is_missing(tmp_path):
    with pytest.raises(CommandError, match=r"no column of names that is recognised .it has price"):
        run("--dictionary", a_file(tmp_path / "beijing.parquet", price=[1]))
    with pytest.raises(CommandError, match=r"there is no file"):
        run("--dictionary", tmp_path / "absent.csv")
    broken = tmp_path / "beijing.parquet"
    broken.write_bytes(b"no table")
    with pytest.raises(CommandError, match="no readable Parquet"):
        run("--dictionary", broken)
    with pytest.raises(CommandError, match="holds no community"):
        run("--dictionary", a_file(tmp_path / "beijing.parquet", name=["一", None]))


def test_a_mapping_reads_the_file_as_loading_does(tmp_path):
    mapping = tmp_path / "m.toml"
    mapping.write_text(
        'target = "communities"\n[columns]\nname = "mc"\n[templates]\ncommunity_id = "x-{nr}"\n'
        '[constants]\nprovince = "浙江省"\ncity = "杭州市"\ndistrict = "西湖区"\n',
        encoding="utf-8",
    )
    file = a_file(tmp_path / "any.parquet", mc=["碧水庄园"], nr=[7])
    assert read_dictionary(file, mapping=mapping)[0].community_id == "x-7"
    with pytest.raises(CommandError, match="1 dictionaries but 2 mappings"):
        run("--dictionary", file, "--mapping", mapping, "--mapping", mapping)


def test_scores_are_shares_of_what_was_asked():
    found = scores([asked(), asked(rank=3, accepted=False), asked(rank=0), asked(rank=4, accepted=False, us=50)])
    assert (found.top1, found.top3, found.accepted, found.right_when_accepted) == (0.25, 0.5, 0.5, 0.5)
    assert (found.us_mean, found.us_p99) == (20.0, 50.0)


def test_unknown_names_are_counted_at_the_probability_that_answers_nine_in_ten_of_the_known():
    known = [asked(probability=p / 100) for p in range(91, 100)] + [asked(rank=0, probability=0.1)]
    threshold, right, accepted = at_threshold(known, [asked(probability=p) for p in (0.95, 0.91, 0.9, 0.2)])
    assert (threshold, right, accepted) == (0.91, 1.0, 0.5)


def test_calibration_sets_what_is_stated_beside_what_is_right():
    rows = calibration([asked(probability=0.95), asked(probability=1.0)], [asked(rank=0, probability=0.12)])
    assert [(row["n"], row["right"]) for row in rows] == [(1, 0.0), (2, 1.0)]

"""Files through `avm reference load` onto a real broker, and back as the stages read them."""

import json

import openpyxl
import polars as pl
import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from typer.testing import CliRunner

from infra.cli.reference import app
from schemas.catalogue import ALIASES, COMMUNITIES, COVERAGE, DEALS, DELIVERIES, PROPERTIES, RENTS, SOURCES
from schemas.codec import Codec
from schemas.domain.divisions import divisions
from schemas.registry import CatalogueRegistry
from streams.enrichment.reference import EnrichmentView
from streams.runtime.reference import ReferenceReader, ReferenceSource

pytestmark = pytest.mark.kafka

_DEADLINE_S = 60
_HEADER = "province,city,county_code,county,status,automation,property_types,effective_from,version,source\n"
_ROW = "北京市,北京市,{code},{county},ACTIVE,AUTO,APARTMENT,2026-01-01,{version},assumed\n"


@pytest.fixture
def avm(bootstrap, monkeypatch):
    """`avm("load", …) -> (exit code, JSON)` against the broker of this run, with its reference topics in place."""
    from infra.kafka.admin import wait_visible

    admin = AdminClient({"bootstrap.servers": bootstrap})
    names = [topic.name for topic in (COMMUNITIES, DEALS, COVERAGE, ALIASES, PROPERTIES, RENTS, SOURCES, DELIVERIES)]
    there = admin.list_topics(timeout=30).topics
    wanted = [NewTopic(name, 2, 1, config={"cleanup.policy": "compact"}) for name in names if name not in there]
    for made in admin.create_topics(wanted).values() if wanted else ():
        made.result(30)
    wait_visible(admin, names)
    monkeypatch.setenv("AVM_KAFKA__BOOTSTRAP", bootstrap)

    def run(*arguments: object) -> tuple[int, dict[str, object]]:
        result = CliRunner().invoke(app, [*map(str, arguments), "--json"])
        return result.exit_code, json.loads(result.stdout.strip().splitlines()[-1])

    return run


def _communities(path, count=3, name="望京西园{}区"):
    rows = [
        {"community_id": f"i{n}", "name": name.format(n), "province": "北京市", "city": "北京市", "district": "朝阳区"}
        for n in range(1, count + 1)
    ]
    frame = pl.DataFrame(rows)
    if path.suffix == ".parquet":
        frame.write_parquet(path)
    elif path.suffix == ".csv":
        frame.write_csv(path)
    else:
        book = openpyxl.Workbook()
        book.active.append(frame.columns)
        for row in frame.iter_rows():
            book.active.append(row)
        book.save(path)
    return path


def _view(bootstrap):
    view = EnrichmentView(divisions())
    reader = ReferenceReader(
        [ReferenceSource(name="enrichment", view=view, topics=(COMMUNITIES, COVERAGE))],
        connection={"bootstrap.servers": bootstrap},
        codec=Codec(CatalogueRegistry()),
    )
    reader.start()
    try:
        reader.load(deadline_s=_DEADLINE_S)
    finally:
        reader.stop()
    return view


@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".parquet"])
def test_communities_reach_the_stage_that_reads_them(avm, bootstrap, tmp_path, suffix):
    file = _communities(tmp_path / f"homes{suffix}")
    code, said = avm("load", file, "--topic", "communities")
    assert (code, said["loaded"], said["rejected"]) == (0, 3, 0)
    view = _view(bootstrap)
    assert view.communities.get("i3").community.name == "望京西园3区"


def test_good_rows_are_loaded_and_bad_ones_go_to_the_rejects_file(avm, bootstrap, tmp_path):
    file = tmp_path / "homes.csv"
    file.write_text(
        "community_id,name,province,city,district,longitude,latitude\n"
        "r1,好小区,北京市,北京市,朝阳区,116.4,40.0\n"
        "r2,坏小区,北京市,北京市,朝阳区,40.0,116.4\n",
        encoding="utf-8",
    )
    code, said = avm("load", file, "--topic", "communities")
    assert (code, said["loaded"], said["rejected"]) == (0, 1, 1)
    rejects = (tmp_path / "homes.csv.rejects.csv").read_text(encoding="utf-8-sig").splitlines()
    assert rejects[1].startswith("3,longitude,")
    assert "swapped" in rejects[1]
    view = _view(bootstrap)
    assert view.communities.get("r1") is not None
    assert view.communities.get("r2") is None


@pytest.mark.requirement("AD3", "BA4")
def test_a_new_coverage_table_replaces_the_old_one_and_a_faulty_one_changes_nothing(avm, bootstrap, tmp_path):
    from datetime import date

    file = tmp_path / "coverage.csv"
    chaoyang, haidian = (
        _ROW.format(code=c, county=n, version="1") for c, n in (("110105", "朝阳区"), ("110108", "海淀区"))
    )
    file.write_text(_HEADER + chaoyang + haidian, encoding="utf-8")
    assert avm("load", file, "--topic", "coverage")[0] == 0
    file.write_text(_HEADER + haidian.replace(",1,", ",2,"), encoding="utf-8")
    code, said = avm("load", file, "--topic", "coverage")
    assert (code, said["loaded"], said["removed"]) == (0, 1, 1)
    file.write_text(_HEADER + chaoyang + chaoyang, encoding="utf-8")
    code, said = avm("load", file, "--topic", "coverage")
    assert code == 1
    assert "line 3" in said["error"]
    coverage = _view(bootstrap).coverage
    assert coverage.county("110105", date(2026, 11, 25)) is None
    assert coverage.county("110108", date(2026, 11, 25)).decision.row_version == "2"


def test_loading_a_file_twice_leaves_the_same_rows(avm, tmp_path):
    file = _communities(tmp_path / "homes.parquet")
    avm("load", file, "--topic", "communities")
    _, before = avm("status")
    avm("load", file, "--topic", "communities")
    _, after = avm("status")
    assert before == after
    assert after["reference.communities"] >= 3


def test_a_truncated_file_is_refused_with_a_clear_error_and_loads_nothing(avm, tmp_path):
    file = _communities(tmp_path / "homes.xlsx", count=500)
    file.write_bytes(file.read_bytes()[:4000])
    code, said = avm("load", file, "--topic", "communities")
    assert code == 1
    assert "save it again" in said["error"]


def test_a_dry_run_publishes_nothing(avm, tmp_path):
    _, before = avm("status")
    rows = [f"dry{n},试算花园{n}期,北京市,北京市,朝阳区" for n in range(7)]
    file = tmp_path / "homes.csv"
    file.write_text("\n".join(["community_id,name,province,city,district", *rows]), encoding="utf-8")
    code, said = avm("load", file, "--topic", "communities", "--dry-run")
    assert (code, said["loaded"], said["dry_run"]) == (0, 7, True)
    assert avm("status")[1] == before

import json
from dataclasses import replace
from datetime import date

import pytest
from typer.testing import CliRunner

from infra.cli import CommandError, segments
from schemas.events import SegmentFigures
from streams.routing.admission import Segment
from streams.routing.policy import PropertyClass

ENTRY = {
    "city": "杭州市",
    "property_class": "RESIDENTIAL",
    "deals": 412,
    "accepted": 230,
    "ppe10": 0.84,
    "since": "2026-10-01",
    "until": "2026-11-01",
}


@pytest.fixture
def report(tmp_path):
    def write(*entries, **more):
        path = tmp_path / "backtest.json"
        path.write_text(json.dumps({"segments": entries, **more}), encoding="utf-8")
        return path

    return write


@pytest.mark.requirement("VM6")
def test_a_report_gives_the_figures_of_each_segment(report):
    ((segment, figures), (_, none)) = segments.read_report(
        report(ENTRY, ENTRY | {"city": "宁波市", "accepted": 0, "ppe10": None}, source="walk-forward by week")
    )
    assert segment == Segment(city="杭州市", property_class=PropertyClass.RESIDENTIAL)
    assert figures == SegmentFigures(
        deals=412,
        accepted=230,
        ppe10=0.84,
        since=date(2026, 10, 1),
        until=date(2026, 11, 1),
        source="walk-forward by week",
    )
    assert none.ppe10 == 0.0


@pytest.mark.parametrize("flaw", [{"property_class": "CASTLE"}, {"deals": "many"}, {"since": "soon"}])
def test_a_faulty_entry_is_named_with_its_place(report, flaw):
    with pytest.raises(CommandError, match=r"segments\[1\] cannot be read"):
        segments.read_report(report(ENTRY, ENTRY | flaw))


def test_what_is_no_report_is_said(tmp_path):
    (tmp_path / "other.json").write_text("[]")
    for path in (tmp_path / "other.json", tmp_path / "none.json"):
        with pytest.raises(CommandError, match="is no report"):
            segments.read_report(path)


def test_a_report_that_speaks_twice_of_a_segment_is_refused(report):
    with pytest.raises(CommandError, match=r"more than once of 杭州市\|RESIDENTIAL"):
        segments.read_report(report(ENTRY, ENTRY | {"city": "杭州", "ppe10": 0.99}))


@pytest.fixture
def topic(monkeypatch):
    """`policy.segments` as the commands see it."""
    records = []
    monkeypatch.setenv("AVM_KAFKA__BOOTSTRAP", "127.0.0.1:1")
    monkeypatch.setattr(segments, "standings_on", lambda _: tuple(records))
    monkeypatch.setattr(segments, "write_standings", lambda written, _: records.extend(written))
    return records


def test_a_city_is_held_under_the_name_that_routing_knows_and_an_unknown_one_is_refused(topic):
    hold = ["--by", "s-1", "--reason", "r"]
    assert CliRunner().invoke(segments.app, ["hold", "杭州|RESIDENTIAL", *hold]).exit_code == 0
    assert [one.segment for one in topic] == ["杭州市|RESIDENTIAL"]
    error = CliRunner().invoke(segments.app, ["hold", "杭洲市|RESIDENTIAL", *hold]).exception
    assert isinstance(error, CommandError)
    assert "there is no city '杭洲市'" in str(error)
    assert len(topic) == 1


def test_the_history_marks_what_was_passed_over(topic):
    two = ["--by", "s-1", "--second", "s-2", "--reason", "r"]
    CliRunner().invoke(segments.app, ["admit", "杭州市|RESIDENTIAL", *two])
    topic.append(replace(topic[0], second=None))
    told = CliRunner().invoke(segments.app, ["history", "杭州市|RESIDENTIAL", "--json"]).stdout
    assert [one["counts"] for one in json.loads(told)["segments"]] == [True, False]


@pytest.mark.usefixtures("topic")
def test_a_segment_that_cannot_be_meant_is_refused_with_how_to_write_it():
    error = CliRunner().invoke(segments.app, ["hold", "杭州市", "--by", "s-1", "--reason", "r"]).exception
    assert isinstance(error, CommandError)
    assert "CITY|CLASS" in str(error)

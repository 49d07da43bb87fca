from datetime import UTC, datetime, timedelta

import pytest

from infra.cli import CommandError, dead_letters, main

NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)


def test_the_command_is_found_by_its_name_with_a_dash(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["dead-letters", "--help"])
    assert ended.value.code == 0
    assert "avm dead-letters" in capsys.readouterr().out


def test_records_go_back_to_the_topics_on_the_way_but_never_to_reference_topics_or_the_dead_letters():
    assert {"valuation.requests.online", "valuation.results.batch", "valuation.decisions"} <= dead_letters._REPLAYABLE
    assert not dead_letters._REPLAYABLE & {"reference.deals", "models.released", "valuation.dead-letters"}


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("30m", NOW - timedelta(minutes=30)),
        ("12h", NOW - timedelta(hours=12)),
        ("3d", NOW - timedelta(days=3)),
        ("2026-11-25T08:00+08:00", datetime(2026, 11, 25, tzinfo=UTC)),
    ],
)
def test_since_takes_a_span_or_an_instant(text, instant, monkeypatch):
    monkeypatch.setattr(dead_letters, "utc_now", lambda: NOW)
    assert dead_letters._instant(text) == instant


@pytest.mark.parametrize("text", ["", "h", "-3d", "yesterday", "²d"])
def test_any_other_since_is_refused_with_what_is_taken(text):
    with pytest.raises(CommandError, match="12h"):
        dead_letters._instant(text)


@pytest.mark.parametrize(
    ("span", "says"),
    [
        (timedelta(seconds=-5), "0 h 0 min"),
        (timedelta(minutes=61), "1 h 1 min"),
        (timedelta(days=2, hours=3, minutes=59), "2 d 3 h"),
    ],
)
def test_ages_read_well(span, says):
    assert dead_letters._age(span) == says

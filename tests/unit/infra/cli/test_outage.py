"""Ending an outage: which models are announced anew."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from infra.cli import outage
from schemas.codes import ADDRESS_SEGMENT, ModelRole
from schemas.events import ModelReleased

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
FLATS = ModelReleased(
    name="avm-apartment",
    version="1",
    segment="APARTMENT",
    role=ModelRole.CHAMPION,
    uri="u",
    sha256="0" * 64,
    feature_set_version="1",
    released_at=NOW,
    released_by="s-1",
)


@pytest.mark.requirement("RT6")
def test_the_champion_of_each_segment_is_announced_anew_and_none_that_it_replaced(monkeypatch):
    later = NOW + timedelta(days=1)
    released = [
        replace(FLATS, name="newer", released_at=later),
        FLATS,
        replace(FLATS, name="shops", segment="SHOP"),
        replace(FLATS, name="on trial", role=ModelRole.CHALLENGER, released_at=later),
        replace(FLATS, name="parser", segment=ADDRESS_SEGMENT),
    ]
    announced = []
    monkeypatch.setenv("AVM_KAFKA__BOOTSTRAP", "127.0.0.1:1")
    monkeypatch.setattr(outage, "events_on", lambda *_: iter(released))
    monkeypatch.setattr(outage, "announce_releases", lambda champions, _: announced.extend(champions))
    assert CliRunner().invoke(outage.app, ["end", "--by", "s-1"]).exit_code == 0
    assert {one.segment: one.name for one in announced} == {"APARTMENT": "newer", "SHOP": "shops"}

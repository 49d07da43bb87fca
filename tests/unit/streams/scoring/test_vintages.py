"""Vintages of the index: all are kept, and the one of a day is found again."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from schemas.events import IndexPoint
from streams.scoring.model import unpack
from streams.scoring.vintages import UnknownVintageError, Vintages, point_key, points_of, segment_key, vintage_day

SPRING, SUMMER = "20260301-aaaa0000", "20260701-bbbb0000"


def point(day, level, vintage):
    return IndexPoint(segment="APARTMENT|甲市", on_date=day, log_level=level, vintage=vintage)


@pytest.fixture
def known():
    return Vintages(
        [
            point(date(2026, 2, 1), 0.01, SUMMER),  # revised
            point(date(2026, 2, 1), 0.02, SPRING),
            point(date(2026, 1, 1), 0.0, SPRING),
            point(date(2026, 1, 1), 0.0, SUMMER),
            point(date(2026, 6, 1), 0.05, SUMMER),
        ]
    )


def test_a_revision_leaves_the_former_vintage_as_it_was(known):
    spring, summer = (known.curve("APARTMENT|甲市", vintage) for vintage in (SPRING, SUMMER))
    assert [p.log_level for p in spring.points] == [0.0, 0.02]
    assert [p.log_level for p in summer.points] == [0.0, 0.01, 0.05]
    assert len({point_key(p) for p in (*spring.points, *summer.points)}) == 5


@pytest.mark.parametrize(
    ("day", "vintage"),
    [
        (date(2026, 2, 28), None),
        (date(2026, 3, 1), SPRING),
        (date(2026, 6, 30), SPRING),
        (date(2026, 7, 1), SUMMER),
        (date(2030, 1, 1), SUMMER),
    ],
)
def test_the_vintage_in_force_on_a_day_is_the_newest_one_that_is_no_younger(known, day, vintage):
    assert known.as_of("APARTMENT|甲市", day) == vintage


def test_an_unknown_vintage_is_refused_with_those_there_are(known):
    with pytest.raises(UnknownVintageError, match=f"no vintage 'x'; published are: {SPRING}, {SUMMER}"):
        known.curve("APARTMENT|甲市", "x")
    with pytest.raises(UnknownVintageError, match="published are: none"):
        known.curve("VILLA", SPRING)


@pytest.mark.requirement("VM2")
def test_what_is_published_of_a_model_is_its_index_up_to_its_day(artefact, tools):
    model = unpack(artefact.content)
    points = points_of(model)
    index = model.layer.index
    assert {p.vintage for p in points} == {model.version}
    assert {p.segment for p in points} == {segment_key("APARTMENT", city) for city in index.cities}
    assert max(p.on_date for p in points) == tools.today - timedelta(days=1)
    rows = {segment_key("APARTMENT", city): row for row, city in enumerate(index.cities)}
    for p in points:
        level = index.at(np.array([rows[p.segment]]), np.array([p.on_date.toordinal()]))
        assert p.log_level == level[0]
    city = [p for p in points if p.segment == "APARTMENT|甲市"]
    assert (city[1].on_date - city[0].on_date).days == 7


def test_a_city_is_published_up_to_its_own_last_known_day(artefact):
    model = unpack(artefact.content)
    index = model.layer.index
    last = (index.last[0], index.last[1] - 30)
    shorter = replace(model, layer=replace(model.layer, index=replace(index, last=last)))
    ends = {p.segment: p.on_date.toordinal() for p in points_of(shorter)}  # the last one of each
    assert ends == {"APARTMENT": last[0], "APARTMENT|甲市": last[1]}


def test_no_outlook_is_published(artefact):
    """The index carries its trend on for four weeks after the last deal: nobody has seen those."""
    model = unpack(artefact.content)
    earlier = replace(model, manifest={**model.manifest, "version": SPRING})
    assert max(p.on_date for p in points_of(earlier)) == vintage_day(SPRING) - timedelta(days=1)

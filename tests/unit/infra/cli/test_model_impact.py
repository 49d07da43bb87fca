"""What a challenger would change, and who was right."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from infra.cli.model.impact import Outcome, Rescored, impact, outcomes, paired
from infra.cli.model.preview import drawn
from schemas.codes import AppraisalKind, Reason
from schemas.events import Appraised, ShadowAnswer, ShadowValued
from tests.fakes import valuations

pytestmark = pytest.mark.requirement("GV5")

NOON = datetime(2026, 7, 1, 4, tzinfo=UTC)


def row(old, new, *, county="110105", before=False, after=False):
    return Rescored(
        county_code=county,
        champion_value=old,
        challenger_value=new,
        champion_reviewed=before,
        challenger_reviewed=after,
    )


def outcome(old, new, actual, county="110105"):
    return Outcome(county_code=county, champion_value=old, challenger_value=new, actual=actual)


def test_values_that_move_are_counted_over_five_and_over_ten_per_cent():
    rows = [row(100, 100)] * 20 + [row(100, 106)] * 10 + [row(100, 85)] * 10
    found = impact(rows)
    assert found["impact.n"] == 40
    assert found["impact.over_5"] == 0.5
    assert found["impact.over_10"] == 0.25
    assert found["impact.median_change"] == 0
    assert found["impact.p90_change"] == pytest.approx(0.15)


def test_routing_that_changes_and_values_that_come_and_go_are_counted():
    rows = [row(100, 100, after=True), row(100, 100, before=True), row(100, None), row(None, 100), row(None, None)]
    found = impact(rows)
    assert {name: found[f"impact.{name}"] for name in ("to_review", "to_automatic", "lost", "gained")} == {
        "to_review": 1, "to_automatic": 1, "lost": 1, "gained": 1,
    }  # fmt: skip


def test_each_county_has_its_own_figures_and_few_have_their_count_alone():
    found = impact([row(100, 120, county="110105")] * 30 + [row(100, 100, county="110108")] * 29)
    assert found["impact.110105.over_10"] == 1
    assert found["impact.110108.n"] == 29
    assert "impact.110108.over_10" not in found


def test_nothing_to_compare_is_said_as_nothing():
    assert impact([])["impact.n"] == 0
    assert paired([]) == {"paired.n": 0}


def test_both_models_are_measured_on_the_same_outcomes():
    rows = [outcome(105, 101, 100)] * 60 + [outcome(120, 104, 100)] * 30 + [outcome(100, 130, 100)] * 10
    found = paired(rows)
    assert found["paired.champion_ppe10"] == pytest.approx(0.7)
    assert found["paired.challenger_ppe10"] == pytest.approx(0.9)
    assert found["paired.difference"] == pytest.approx(0.2)
    assert found["paired.difference_low"] < 0.2 < found["paired.difference_high"]
    assert found["paired.difference_low"] > 0
    assert found["paired.champion_mdape"] == pytest.approx(0.05)
    assert found == paired(rows)


def test_the_interval_of_a_difference_is_that_of_the_paired_bootstrap():
    rows = [outcome(120, 100, 100)] * 40 + [outcome(100, 120, 100)] * 20 + [outcome(100, 100, 100)] * 40
    found = paired(rows)
    spread = ((0.4 + 0.2 - 0.2**2) / 100) ** 0.5  # of the mean of gains that are 1, -1 or 0
    assert found["paired.difference_high"] - found["paired.difference"] == pytest.approx(1.96 * spread, rel=0.1)


def shadow(number, champion="a", challenger="b", value=100, days=0):
    return ShadowValued(
        valuation_id=f"v{number}",
        segment="APARTMENT",
        county_code="110105",
        value_date=date(2026, 7, 1),
        champion=ShadowAnswer(version="1", artefact_sha256=champion, value=100),
        challenger=ShadowAnswer(version="2", artefact_sha256=challenger, value=value),
        in_canary=False,
        valued_at=NOON + timedelta(days=days),
    )


def figure(name, value=100, **changes):
    told = {
        "kind": AppraisalKind.OFFLINE_APPRAISAL,
        "unit_price": 1,
        "on_date": date(2026, 7, 1),
        "reported_at": NOON,
        "source": "office",
    }
    return Appraised(valuation_id=name, value=value, **{**told, **changes})


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({}, True),
        ({"blind": False}, False),
        ({"on_date": date(2026, 9, 29)}, True),
        ({"on_date": date(2026, 9, 30)}, False),
        ({"on_date": date(2026, 4, 1)}, False),
        ({"value": 0}, False),
    ],
)
def test_only_blind_figures_of_the_same_quarter_tell_who_was_right(changes, counts):
    found = outcomes([shadow(0)], [figure("v0", **changes)], champion="a", challenger="b")
    assert bool(found) is counts


def test_of_several_figures_the_one_reported_last_counts():
    told = [figure("v0", 120, reported_at=NOON + timedelta(days=1)), figure("v0", 110)]
    (found,) = outcomes([shadow(0)], told, champion="a", challenger="b")
    assert found.actual == 120


def test_what_was_scored_for_comparison_alone_is_not_valued_again():
    real = valuations.scored("r-1")
    asked_for_comparison = replace(real, concerns=(Reason.COMPARISON_ONLY,))
    assert drawn([real, asked_for_comparison], at_most=5) == [real]


def test_an_outcome_is_joined_with_the_first_shadow_value_of_just_these_two_models():
    shadows = [
        shadow(0, value=101), shadow(0, value=150, days=9), shadow(1, champion="z"), shadow(2, challenger="z"),
        shadow(3, value=None), shadow(4),
    ]  # fmt: skip
    found = outcomes(shadows, [figure(f"v{i}") for i in range(4)], champion="a", challenger="b")
    assert found == [outcome(100, 101, 100)]

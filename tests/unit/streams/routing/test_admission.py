from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from schemas.codes import SegmentState
from schemas.events import SegmentFigures
from streams.routing.admission import (
    AdmissionError,
    Decision,
    Segment,
    admitted,
    held,
    promoted,
    released,
    shortfalls,
    state_before_hold,
    withdrawn,
)
from streams.routing.policy import AdmissionRule, PropertyClass
from streams.routing.standings import Standings, may_follow, weighed

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
TODAY = date(2026, 11, 23)  # in Shanghai
DAY = timedelta(days=1)
FLATS = Segment(city="杭州市", property_class=PropertyClass.RESIDENTIAL)
COMPOUND = replace(FLATS, community_id="c-1")
RULE = AdmissionRule(min_deals=300, min_accepted=200, min_ppe10=0.8)
ENOUGH = SegmentFigures(
    deals=300, accepted=200, ppe10=0.8, since=date(2026, 10, 1), until=date(2026, 11, 1), source="backtest"
)
TWO = Decision(by="s-1", second="s-2", reason="reviewed", at=NOW)
ONE = replace(TWO, second=None)


@pytest.mark.requirement("VM6")
def test_a_segment_at_the_border_of_the_rule_is_promoted_with_its_figures(policy):
    assert (policy.admission.min_deals, policy.admission.min_ppe10) == (300, 0.80)
    standing = promoted(FLATS, None, ENOUGH, RULE, TWO)
    assert (standing.segment, standing.state, standing.version) == ("杭州市|RESIDENTIAL", SegmentState.AUTOMATIC, 1)
    assert (standing.by_rule, standing.figures, standing.by, standing.second) == (True, ENOUGH, "s-1", "s-2")


@pytest.mark.requirement("VM6")
@pytest.mark.parametrize(
    ("short", "said"), [({"deals": 299}, "299 deals"), ({"accepted": 199}, "199 accepted"), ({"ppe10": 0.799}, "79.9%")]
)
def test_each_figure_below_the_rule_keeps_a_segment_for_people(short, said):
    figures = replace(ENOUGH, **short)
    assert len(shortfalls(figures, RULE, TODAY)) == 1
    with pytest.raises(AdmissionError, match=said):
        promoted(FLATS, None, figures, RULE, TWO)


@pytest.mark.requirement("VM6")
@pytest.mark.parametrize(
    ("false", "said"),
    [
        ({"ppe10": float("nan")}, "ppe10 is nan"),
        ({"ppe10": 80.0}, "ppe10 is 80"),
        ({"since": TODAY, "until": TODAY}, "begin before they end"),
        ({"until": TODAY + DAY}, "end by 2026-11-23"),
        ({"since": TODAY - 92 * DAY, "until": TODAY - 91 * DAY}, "within 90 days"),
        ({"since": TODAY - 367 * DAY, "until": TODAY}, "twelve months"),
        ({"deals": float("nan")}, "nan deals"),
    ],
)
def test_figures_that_are_none_of_today_s_promote_nothing(false, said):
    with pytest.raises(AdmissionError, match=said):
        promoted(FLATS, None, replace(ENOUGH, **false), RULE, TWO)


def test_cases_until_today_and_until_ninety_days_ago_still_count():
    for until in (TODAY, TODAY - 90 * DAY):
        figures = replace(ENOUGH, since=until - 30 * DAY, until=until)
        assert promoted(FLATS, None, figures, RULE, TWO).by_rule


def test_people_may_admit_outside_the_rule_and_the_record_says_so():
    standing = admitted(FLATS, None, TWO, replace(ENOUGH, ppe10=0.7))
    assert (standing.state, standing.by_rule, standing.figures.ppe10) == (SegmentState.AUTOMATIC, False, 0.7)


@pytest.mark.requirement("VM6")
@pytest.mark.parametrize(
    "decision",
    [ONE, replace(TWO, second="s-1"), replace(TWO, second=" Ｓ-1"), replace(TWO, reason=""), replace(TWO, by=" ")],
)
def test_everything_but_a_hold_needs_a_reason_and_two_people(decision):
    hold = held(FLATS, None, ONE)
    automatic = admitted(FLATS, None, TWO)
    for refused in (
        lambda: admitted(FLATS, None, decision),
        lambda: promoted(FLATS, None, ENOUGH, RULE, decision),
        lambda: released(FLATS, hold, decision, to=SegmentState.AUTOMATIC),
        lambda: withdrawn(FLATS, automatic, decision),
    ):
        with pytest.raises(AdmissionError):
            refused()


def test_no_figures_lift_a_hold():
    with pytest.raises(AdmissionError, match="is held"):
        promoted(FLATS, held(FLATS, None, ONE), ENOUGH, RULE, TWO)


@pytest.mark.requirement("VM6")
def test_a_release_gives_back_what_stood_before_the_hold_and_all_of_it_stays_in_the_history():
    automatic = promoted(FLATS, None, ENOUGH, RULE, TWO)
    hold = held(FLATS, automatic, replace(ONE, reason="three disputes"))
    again = held(FLATS, hold, replace(ONE, reason="a fourth"))
    history = (automatic, hold, again)
    free = released(FLATS, again, TWO, to=state_before_hold(FLATS, history))
    assert free.state is SegmentState.AUTOMATIC
    assert Standings([*history, free]).in_force(FLATS.key) == free
    assert [one.version for one in (*history, free)] == [1, 2, 3, 4]


@pytest.mark.requirement("VM6")
def test_a_release_gives_nothing_back_that_was_never_validly_admitted():
    alone = replace(admitted(FLATS, None, TWO), second=None)
    hold = held(FLATS, None, ONE)
    late = admitted(FLATS, None, TWO)  # decided without sight of the hold
    history = (alone, hold, late)
    assert state_before_hold(FLATS, history) is SegmentState.HUMAN_ONLY
    assert [counts for _, counts in weighed(history)] == [False, True, False]


def test_a_segment_held_before_it_was_ever_admitted_is_released_to_people():
    hold = held(FLATS, None, ONE)
    assert state_before_hold(FLATS, (hold,)) is SegmentState.HUMAN_ONLY


def test_a_community_is_held_and_released_but_never_admitted():
    hold = held(COMPOUND, None, ONE)
    assert hold.segment == "杭州市|RESIDENTIAL|c-1"
    free = released(COMPOUND, hold, TWO, to=state_before_hold(COMPOUND, (hold,)))
    assert may_follow(hold, free)
    for refused in (lambda: admitted(COMPOUND, None, TWO), lambda: withdrawn(COMPOUND, free, TWO)):
        with pytest.raises(AdmissionError, match="not admitted on its own"):
            refused()


def test_two_people_may_withdraw_a_held_segment_which_ends_hold_and_admission():
    hold = held(FLATS, admitted(FLATS, None, TWO), ONE)
    back = withdrawn(FLATS, hold, TWO)
    assert may_follow(hold, back)
    assert back.state is SegmentState.HUMAN_ONLY
    with pytest.raises(AdmissionError, match="second person"):
        withdrawn(FLATS, hold, ONE)


def test_what_is_not_held_cannot_be_released_and_what_is_not_admitted_not_withdrawn():
    with pytest.raises(AdmissionError, match="not held"):
        released(FLATS, None, TWO, to=SegmentState.AUTOMATIC)
    with pytest.raises(AdmissionError, match="neither AUTOMATIC nor HELD"):
        withdrawn(FLATS, None, TWO)
    assert withdrawn(FLATS, admitted(FLATS, None, TWO), TWO).state is SegmentState.HUMAN_ONLY
    with pytest.raises(AdmissionError, match="already"):
        admitted(FLATS, admitted(FLATS, None, TWO), TWO)

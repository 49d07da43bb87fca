"""A model's way into charge: what may follow what, and who may say so."""

from datetime import UTC, datetime, timedelta

import pytest

from infra.cli.model import workflow
from infra.cli.model.workflow import Line, RefusedError, Word
from schemas.codes import ModelRole, ReleaseStep
from schemas.events import ModelReleased

pytestmark = pytest.mark.requirement("GV5")

NOON = datetime(2026, 7, 1, 4, tzinfo=UTC)
WORSE = {"paired.n": 200.0, "paired.difference": -0.02}


def model(version, role=ModelRole.CHAMPION, **changes):
    told = {
        "name": "avm-apartment" if role is ModelRole.CHAMPION else "avm-apartment-challenger",
        "version": version,
        "segment": "APARTMENT",
        "role": role,
        "uri": f"memory://{version}",
        "sha256": version * 8,
        "feature_set_version": "fs-1",
        "released_at": NOON,
        "released_by": "E1000",
        "sources": ("deals-2026",),
    }
    return ModelReleased(**{**told, **changes})


class Desk:
    """What is announced and written down, as moves are carried out one after the other."""

    def __init__(self):
        self.released, self.steps, self._at = {}, [], NOON

    @property
    def line(self):
        return Line.of("APARTMENT", self.released, self.steps)

    def word(self, by, reason="because"):
        self._at += timedelta(hours=1)
        return Word(by=by, at=self._at, reason=reason)

    def carry_out(self, move):
        self.steps.append(move.step)
        self.released |= {release.name: release for release in move.announced}
        return self

    def release(self, version, by="E1000", second="E1001"):
        return self.carry_out(workflow.release(self.line, model(version), self.word(by), second=second))

    def challenge(self, version, by="E1001"):
        challenger = model(version, ModelRole.CHALLENGER)
        return self.carry_out(workflow.challenge(self.line, challenger, self.word(by)))

    def canary(self, share, by="E1002", figures=()):
        return self.carry_out(workflow.canary(self.line, share, self.word(by), dict(figures)))

    def propose(self, by="E1001", figures=()):
        return self.carry_out(workflow.propose(self.line, self.word(by), dict(figures)))

    def approve(self, by="E1002"):
        return self.carry_out(workflow.approve(self.line, self.word(by)))

    def rollback(self, by="E1003", version=None):
        former = workflow.former_of(self.line, version)
        return self.carry_out(workflow.rollback(self.line, former, self.word(by)))

    def withdraw(self, by="E1001"):
        return self.carry_out(workflow.withdraw(self.line, self.word(by)))

    def stands(self):
        line = self.line
        challenger = line.challenger
        return line.champion.version, challenger and challenger.version, challenger.share if challenger else 0.0


@pytest.fixture
def desk():
    return Desk().release("a")


def test_shadow_canary_full_and_back_each_step_with_who_when_and_why(desk):
    assert desk.challenge("b").stands() == ("a", "b", 0.0)
    assert desk.canary(0.05).stands() == ("a", "b", 0.05)
    assert desk.propose(figures={"impact.n": 12.0}).stands() == ("a", "b", 0.05)
    assert desk.approve().stands() == ("b", None, 0.0)
    assert desk.rollback().stands() == ("a", "b", 0.0)
    assert [(step.step, step.by) for step in desk.steps] == [
        (ReleaseStep.RELEASED, "E1000"),
        (ReleaseStep.CHALLENGED, "E1001"),
        (ReleaseStep.CANARY, "E1002"),
        (ReleaseStep.PROPOSED, "E1001"),
        (ReleaseStep.PROMOTED, "E1002"),
        (ReleaseStep.ROLLED_BACK, "E1003"),
    ]
    assert all(step.reason == "because" for step in desk.steps)
    assert [step.at for step in desk.steps] == sorted({step.at for step in desk.steps})
    assert desk.steps[4].figures == {"impact.n": 12.0}


def test_a_promoted_model_says_both_names_and_what_it_learned_from(desk):
    champion = desk.challenge("b").canary(0.05).propose().approve().line.champion
    assert (champion.name, champion.role, champion.share) == ("avm-apartment", ModelRole.CHAMPION, 0.0)
    assert (champion.released_by, champion.approved_by) == ("E1001", "E1002")
    assert champion.sources == ("deals-2026",)


def test_a_promoted_model_that_is_followed_by_another_has_no_canary_left(desk):
    assert desk.challenge("b").canary(0.3).propose().approve().release("c").stands() == ("c", "b", 0.0)


def test_a_model_over_another_one_without_a_trial_needs_two_people(desk):
    with pytest.raises(RefusedError, match="needs two people: name the other one with --second"):
        desk.release("b", second="")
    with pytest.raises(RefusedError, match="a second person must"):
        desk.release("b", by="E1000", second="ｅ1000 ")
    assert desk.release("a", second="").stands() == ("a", None, 0.0)
    assert desk.release("b", second="e1001").line.champion.approved_by == "E1001"


def test_one_person_in_two_spellings_is_no_second_person(desk):
    desk.challenge("b", by="E1001")
    with pytest.raises(RefusedError, match="E1001 put the challenger up"):
        desk.canary(0.05, by=" e1001")
    desk.canary(0.05, by="E1002").propose(by="e1001")
    with pytest.raises(RefusedError, match="E1001 proposed the promotion"):
        desk.approve(by="Ｅ1001")


def test_who_lowers_a_canary_has_approved_nothing(desk):
    lowered = desk.challenge("b", by="E1001").canary(0.2, by="E1002").canary(0.05, by="E1001")
    assert lowered.line.challenger.approved_by == "E1002"
    assert lowered.canary(0, by="E1001").line.challenger.approved_by is None


def test_nothing_is_ever_deleted_from_what_scorers_follow(desk):
    desk.challenge("b").canary(0.05).propose().approve().rollback().withdraw()
    assert set(desk.released) == {"avm-apartment", "avm-apartment-challenger"}
    assert desk.stands() == ("a", None, 0.0)


@pytest.mark.requirement("VM8")
def test_ending_a_canary_needs_one_person_and_one_step_and_the_trial_goes_on(desk):
    assert desk.challenge("b", by="E1001").canary(0.2).canary(0, by="E1001").stands() == ("a", "b", 0.0)


@pytest.mark.parametrize(
    ("before", "step", "says"),
    [
        (lambda d: d, lambda d: d.canary(0.05), "has no challenger; put one up"),
        (lambda d: d, lambda d: d.propose(), "has no challenger"),
        (lambda d: d, lambda d: d.approve(), "has no challenger"),
        (lambda d: d, lambda d: d.withdraw(), "has no challenger"),
        (lambda d: d, lambda d: d.challenge("a"), "is the champion of APARTMENT itself"),
        (lambda d: d.challenge("b"), lambda d: d.canary(0.05, by="E1001"), "E1001 put the challenger up and cannot"),
        (lambda d: d.challenge("b").canary(0.05), lambda d: d.canary(0.2, by="E1001"), "a second person must"),
        (lambda d: d.challenge("b"), lambda d: d.canary(5), "write 0.05 for 5 %"),
        (lambda d: d.challenge("b"), lambda d: d.canary(-0.1), "a fraction below 1"),
        (lambda d: d.challenge("b"), lambda d: d.canary(0.05, figures=WORSE), "over one point: in all -2.0%"),
        (lambda d: d.challenge("b"), lambda d: d.propose(), "has answered nobody yet"),
        (lambda d: d.challenge("b").canary(0.05).challenge("b"), lambda d: d.propose(), "has answered nobody yet"),
        (lambda d: d.challenge("b").canary(0.05), lambda d: d.propose(figures=WORSE), "within 10 % more seldom"),
        (lambda d: d.challenge("b").canary(0.05), lambda d: d.approve(), "nobody has proposed b"),
        (lambda d: d.challenge("b").canary(0.05).propose("E1001"), lambda d: d.approve("E1001"), "cannot approve it"),
        (lambda d: d.challenge("b").canary(0.05).propose().canary(0), lambda d: d.approve(), "since its last step"),
        (lambda d: d.challenge("b").canary(0.05).propose().challenge("c"), lambda d: d.approve(), "has proposed c"),
        (lambda d: d, lambda d: d.rollback(), "nothing was in charge of APARTMENT before a"),
        (lambda d: d.release("b"), lambda d: d.rollback(version="z"), "z was never in charge .* known are: a"),
        (lambda d: d.release("b").rollback(), lambda d: d.rollback(), "name one with --version: b"),
    ],
)  # fmt: skip
def test_what_the_workflow_does_not_allow_is_refused_and_says_what_would_be(desk, before, step, says):
    before(desk)
    stood, written = desk.stands(), len(desk.steps)
    with pytest.raises(RefusedError, match=says):
        step(desk)
    assert (desk.stands(), len(desk.steps)) == (stood, written)


@pytest.mark.parametrize(
    "figures",
    [
        {"paired.n": 200.0, "paired.difference": -0.009},
        {"paired.n": 29.0, "paired.difference": -0.5},  # an anecdote
        {"paired.n": 12.0},
        {},
    ],
)
def test_a_challenger_that_outcomes_do_not_speak_against_may_be_proposed(desk, figures):
    assert desk.challenge("b").canary(0.05).propose(figures=figures).steps[-1].figures == figures


def county(difference, high):
    own = {"n": 60.0, "difference": difference, "difference_high": high}
    return {"paired.n": 400.0, "paired.difference": 0.02, **{f"paired.110105.{name}": own[name] for name in own}}


def test_one_county_that_surely_gets_worse_is_enough_to_stop_it(desk):
    with pytest.raises(RefusedError, match=r"110105 -8\.0%"):
        desk.challenge("b").canary(0.05).propose(figures=county(-0.08, -0.01))


def test_a_county_that_may_look_worse_by_chance_does_not_stop_it(desk):
    assert desk.challenge("b").canary(0.05).propose(figures=county(-0.08, 0.01)).stands() == ("a", "b", 0.05)


def test_the_first_model_of_a_segment_is_released_and_has_nobody_to_challenge():
    desk = Desk()
    with pytest.raises(RefusedError, match="has no champion to challenge; `avm model release`"):
        desk.challenge("b")
    assert desk.release("a").stands() == ("a", None, 0.0)


def test_a_model_that_was_in_charge_before_steps_were_kept_is_rolled_back_to(desk):
    desk.steps.clear()  # as after a release that was announced alone
    assert desk.challenge("b").canary(0.05).propose().approve().rollback().stands()[0] == "a"


def test_a_model_that_was_released_twice_is_not_its_own_former(desk):
    assert desk.release("b").release("b").rollback().stands()[0] == "a"


def test_a_former_champion_is_chosen_by_its_version(desk):
    assert desk.release("b").release("c").rollback(version="a").stands()[0] == "a"


def test_a_rollback_ends_every_canary(desk):
    desk.release("b").challenge("c").canary(0.3)
    assert desk.rollback().stands() == ("a", "c", 0.0)


def test_what_was_rolled_back_has_to_go_through_its_canary_again(desk):
    desk.challenge("b").canary(0.05).propose().approve().rollback()
    with pytest.raises(RefusedError, match="has answered nobody yet"):
        desk.propose()
    assert desk.canary(0.05).propose().approve().stands() == ("b", None, 0.0)


@pytest.mark.parametrize(("by", "reason"), [("", "because"), (" ", "because"), ("E1001", ""), ("E1001", "  ")])
def test_a_step_without_a_person_or_a_reason_is_refused(by, reason):
    with pytest.raises(RefusedError, match="say who asks"):
        Word(by=by, at=NOON, reason=reason)


def test_another_segments_models_are_not_touched(desk):
    shop = model("s", name="avm-shop", segment="SHOP")
    desk.released["avm-shop"] = shop
    assert desk.challenge("b").canary(0.05).propose().approve().released["avm-shop"] == shop

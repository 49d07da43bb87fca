"""Without a model: people value what the desk can take, the rest waits; nothing is lost, nobody answered twice."""

import asyncio
import random
from collections import defaultdict
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.catalogue import DECISIONS, DEGRADED, ENRICHED, MODELS_RELEASED, RESULTS, REVIEWS
from schemas.codes import Handling, Lane, ModelRole, PropertyType, Reason, ReviewOutcome, Status
from schemas.domain.segments import model_segment
from schemas.events import Decided, Degraded, ModelReleased, Scored
from streams.routing.degraded import DegradedDesk, Outages
from streams.routing.settle import SettleStage
from streams.routing.stage import RoutingStage
from streams.runtime.failures import Burial, FailureClass
from streams.runtime.guard import Guard, Retry
from streams.runtime.stage import Change
from streams.scoring.model import segment_of
from tests.fakes.runtime import FakeMessage
from tests.unit.streams.routing.conftest import MONDAY_TEN

MINUTE = timedelta(minutes=1)


class House:
    """Scoring, routing, desk and settling with their topics, on a clock that the test moves."""

    def __init__(self, policy, admitted, valued) -> None:
        self.now = MONDAY_TEN + timedelta(hours=1)
        self.topics = defaultdict(list)
        self.has_model = False
        self._valued = valued
        self.desk, self._outages = DegradedDesk(), Outages()
        self._routing = RoutingStage(lambda: policy, lambda: self.now, Lane.ONLINE, standings=admitted, desk=self.desk)
        self._settle = SettleStage(lambda: policy, lambda: self.now, self._outages)

    def ask(self, *ids: str) -> None:
        """Enrichment has done its part; scoring sees these valuations."""
        self.score([replace(self._valued, valuation_id=name, concerns=()) for name in ids])

    def score(self, asked) -> None:
        scored = [
            replace(self._valued, valuation_id=one.valuation_id, concerns=one.concerns, scored_at=self.now)
            if self.has_model
            else replace(
                self._valued,
                valuation_id=one.valuation_id,
                valuation=None,
                concerns=(*one.concerns, Reason.NO_MODEL),
                scored_at=self.now,
            )
            for one in asked
        ]
        self.route(scored)

    def route(self, scored: list[Scored]) -> None:
        self._publish(self._routing.handle(scored))

    def decide(self, valuation_id: str) -> None:
        """The person at the desk gives a value."""
        decided = self.decision(valuation_id)
        self.desk.apply([Change(topic=DECISIONS, key=valuation_id, event=decided)])
        self.settle(decided)

    def decision(self, valuation_id: str) -> Decided:
        review = next(one for one in self.topics[REVIEWS.name] if one.valuation_id == valuation_id)
        return Decided(
            valuation_id=valuation_id,
            review=review,
            outcome=ReviewOutcome.VALUE,
            reasons=(Reason.REVIEWED,),
            reviewer="s-9",
            reviewer_grade="G3",
            claimed_at=self.now,
            decided_at=self.now,
            guideline_version="1",
            unit_price=51_000,
        )

    def release(self, version: str = "1", *, usable: bool = True, **changes) -> ModelReleased:
        self.has_model = usable
        released = replace(_release(version, self.now), **changes)
        self._outages.apply([Change(topic=MODELS_RELEASED, key=released.name, event=released)])
        self.settle(released)
        return released

    def settle(self, *events) -> None:
        """One batch of settling; scoring takes what it sends."""
        before = len(self.topics[ENRICHED.name])
        self._publish(self._settle.handle(events))
        self.now += timedelta(seconds=1)
        self.score(self.topics[ENRICHED.name][before:])

    def answers(self) -> dict[str, list[Status]]:
        answers = defaultdict(list)
        for result in self.topics[RESULTS.name]:
            answers[result.valuation_id].append(result.status)
        return dict(answers)

    def with_people(self) -> set[str]:
        """Valuations a person was asked for."""
        return {review.valuation_id for review in self.topics[REVIEWS.name]}

    def decided(self) -> set[str]:
        """Valuations a person has answered."""
        return {name for name, said in self.answers().items() if Status.COMPLETED_MANUAL in said}

    def final_answers(self) -> dict[str, list[Status]]:
        return {name: [one for one in said if one.is_final] for name, said in self.answers().items()}

    def settle_guarded(self, *events) -> list[FailureClass]:
        """A batch as a worker settles it, where one event may be refused; tells what was buried."""
        taken, outcomes = dict(enumerate(events)), []

        def encode(_, outcome):
            outcomes.append(outcome)
            return ()

        guard = Guard(
            stage=self._settle,
            decode=lambda message: taken[message.offset],
            burial=Burial(topic="dead", stage="settle", release="r", max_bytes=1_000_000),
            retry=Retry(),
            clock=lambda: self.now,
            sleep=asyncio.sleep,
            randomness=random.Random(1),
        )
        batch = [FakeMessage(offset=place, value=b"") for place in taken]
        settled = asyncio.run(guard.settle(batch, encode))
        before = len(self.topics[ENRICHED.name])
        self._publish(outcomes)
        self.score(self.topics[ENRICHED.name][before:])
        return settled.dead

    def _publish(self, outcomes) -> None:
        for output in (output for outcome in outcomes for output in outcome.outputs):
            self.topics[output.topic.name].append(output.event)
            if output.topic is DEGRADED:
                change = Change(topic=DEGRADED, key=output.event.valuation_id, event=output.event)
                self.desk.apply([change])
                self._outages.apply([change])


def _release(version, at) -> ModelReleased:
    return ModelReleased(
        name="avm-apartment",
        version=version,
        segment="APARTMENT",
        role=ModelRole.CHAMPION,
        uri="u",
        sha256="0" * 64,
        feature_set_version="1",
        released_at=at,
        released_by="s-1",
    )


def _parked(policy, admitted, scored, *ids: str) -> list[Degraded]:
    """The records of valuations for which nobody at the desk has time."""
    house = House(replace(policy, degraded_desk_capacity=0), admitted, scored())
    house.ask(*ids)
    return house.topics[DEGRADED.name]


def _sent(outcomes) -> list[str]:
    outputs = (output for outcome in outcomes for output in outcome.outputs)
    return [output.event.valuation_id for output in outputs if output.topic is ENRICHED]


@pytest.fixture
def house(policy, admitted, scored) -> House:
    """A desk that takes two reviews of this kind."""
    return House(replace(policy, degraded_desk_capacity=2), admitted, scored())


@pytest.mark.requirement("RT6")
def test_people_value_up_to_the_desk_s_capacity_and_the_rest_waits_with_an_interim_answer(house):
    house.ask("a", "b", "c")
    assert house.answers() == {"a": [Status.PENDING_MANUAL], "b": [Status.PENDING_MANUAL], "c": [Status.PROCESSING]}
    assert [review.valuation_id for review in house.topics[REVIEWS.name]] == ["a", "b"]
    waiting = house.topics[RESULTS.name][-1]
    assert waiting.reasons == (Reason.SYSTEM_DEGRADED, Reason.NO_MODEL)
    assert "恢复后将自动完成估值" in waiting.reason_text
    assert waiting.value is None


@pytest.mark.requirement("RT6")
def test_a_decision_makes_room_for_the_next_one(house):
    house.ask("a", "b")
    house.decide("a")
    house.ask("c")
    assert house.answers()["c"] == [Status.PENDING_MANUAL]
    assert len(house.desk) == 2


@pytest.mark.requirement("RT6")
def test_what_waited_is_valued_when_a_model_is_released_and_people_s_values_are_compared(house):
    house.ask("a", "b", "c", "d")
    house.decide("a")
    house.now += timedelta(hours=3)
    house.release()
    assert house.final_answers() == {
        "a": [Status.COMPLETED_MANUAL],
        "b": [],  # still with a person, who answers it
        "c": [Status.COMPLETED_AUTO],
        "d": [Status.COMPLETED_AUTO],
    }
    compared = [one for one in house.topics[DEGRADED.name] if one.handling is Handling.COMPARED]
    assert [one.valuation_id for one in compared] == ["a", "b"]
    assert compared[0].scored.valuation.unit_price == 50_000
    house.decide("b")
    assert house.final_answers()["b"] == [Status.COMPLETED_MANUAL]


@pytest.mark.requirement("RT6")
def test_no_replay_and_no_second_release_answers_anybody_twice(house):
    house.ask("a", "b", "c")
    records = list(house.topics[DEGRADED.name])
    released = house.release("1")
    house.settle(released, *records)
    house.release("2")
    assert house.final_answers() == {"a": [], "b": [], "c": [Status.COMPLETED_AUTO]}


@pytest.mark.requirement("RT6")
def test_what_met_no_model_is_parked_again_when_the_release_cannot_be_used_and_tried_with_the_next(house):
    house.ask("a", "b", "c")
    house.release("broken", usable=False)
    parked = [one for one in house.topics[DEGRADED.name] if one.handling is Handling.PARKED]
    assert [one.valuation_id for one in parked] == ["c", "c"]
    house.settle(parked[-1])  # its own record comes round: not another attempt with the same release
    assert house.answers()["c"] == [Status.PROCESSING] * 2
    house.release("good")
    assert house.final_answers()["c"] == [Status.COMPLETED_AUTO]


@pytest.mark.requirement("RT6")
def test_what_is_parked_after_the_release_it_could_have_met_is_sent_by_its_own_record(house):
    house.ask("a", "b")
    house.now -= 30 * timedelta(seconds=1)
    house.release()
    house.now += 10 * timedelta(seconds=1)
    house.has_model = False  # this scorer has not taken it over yet
    house.ask("late")
    assert house.answers()["late"] == [Status.PROCESSING]
    house.has_model = True
    house.settle(house.topics[DEGRADED.name][-1])
    assert house.final_answers()["late"] == [Status.COMPLETED_AUTO]


@pytest.mark.requirement("RT6")
def test_a_bad_decision_in_the_batch_of_a_release_loses_nothing_that_waits(house):
    house.ask("a", "b", "c")
    bad = replace(house.decision("a"), unit_price=None)
    house.has_model = True
    house.now += MINUTE
    dead = house.settle_guarded(_release("1", house.now), bad)
    assert dead == [FailureClass.REFUSED]
    assert house.final_answers()["c"] == [Status.COMPLETED_AUTO]


@pytest.mark.requirement("RT6")
def test_what_was_parked_just_before_a_release_is_sent_whichever_of_the_two_is_read_first(policy, admitted, scored):
    (record,) = _parked(policy, admitted, scored, "c")
    release = _release("1", record.at + MINUTE)
    for order in ((record, release), (release, record)):
        stage = SettleStage(lambda: policy, lambda: release.released_at)  # whose view has read neither
        assert _sent(stage.handle([order[0]])) == []
        assert _sent(stage.handle([order[1]])) == ["c"]


@pytest.mark.requirement("RT6")
def test_a_release_that_another_worker_takes_is_met_with_the_next_input(policy, admitted, scored):
    (record,) = _parked(policy, admitted, scored, "c")
    release = _release("1", record.at + MINUTE)
    outages = Outages()
    stage = SettleStage(lambda: policy, lambda: release.released_at, outages)
    assert _sent(stage.handle([record])) == []
    outages.apply([Change(topic=MODELS_RELEASED, key=release.name, event=release)])
    other = replace(record, valuation_id="x", scored=replace(record.scored, valuation_id="x"))
    assert _sent(stage.handle([replace(other, handling=Handling.COMPARED)])) == ["c"]
    assert _sent(stage.handle([replace(other, handling=Handling.COMPARED)])) == []


@pytest.mark.requirement("RT6")
def test_what_a_scorer_parks_before_it_has_taken_the_release_over_is_tried_again_later(house):
    house.ask("a", "b", "c")
    house.release(usable=False)  # this scorer is slow to take it over
    house.settle(house.topics[DEGRADED.name][-1])
    house.has_model = True
    house.now += 2 * MINUTE
    house.decide("a")
    assert house.final_answers()["c"] == []
    house.now += 5 * MINUTE
    house.decide("b")
    assert house.final_answers()["c"] == [Status.COMPLETED_AUTO]


def test_a_release_long_in_force_is_no_reason_to_try_again(house):
    house.ask("a", "b")
    house.release(usable=False)
    house.now += 120 * MINUTE
    house.ask("c")
    house.settle(house.topics[DEGRADED.name][-1])
    house.now += 10 * MINUTE
    before = len(house.topics[ENRICHED.name])
    house.decide("a")
    assert len(house.topics[ENRICHED.name]) == before


@pytest.mark.requirement("RT6")
def test_two_champions_announced_at_once_send_what_waits_once_and_only_to_its_own(house):
    house.ask("a", "b", "c")
    house.has_model = True
    house.now += MINUTE
    flats, shops = _release("1", house.now), replace(_release("1", house.now), name="avm-shop", segment="SHOP")
    house.settle(shops, flats, replace(flats, version="2"))
    resumed = [one for one in house.topics[DEGRADED.name] if one.handling is Handling.RESUMED]
    assert [one.release.split()[0] for one in resumed if one.valuation_id == "c"] == ["avm-apartment"]
    assert house.final_answers()["c"] == [Status.COMPLETED_AUTO]


def test_a_router_whose_clock_lags_behind_parks_again_all_the_same(house):
    house.ask("a", "b", "c")
    house.release("broken", usable=False)
    (*_, again) = (one for one in house.topics[DEGRADED.name] if one.handling is Handling.PARKED)
    fresh = Outages()
    for record in house.topics[DEGRADED.name]:
        known = replace(record, at=again.at - 10 * MINUTE) if record is again else record
        fresh.apply([Change(topic=DEGRADED, key=record.valuation_id, event=known)])
    assert "c" in {one.record.valuation_id for one in fresh.on_release(_release("good", house.now))}


@pytest.mark.parametrize("kind", PropertyType)
def test_a_valuation_waits_for_the_model_that_scoring_takes_for_it(kind):
    assert model_segment(kind) == segment_of(kind).value


@pytest.mark.parametrize("changes", [{"role": ModelRole.CHALLENGER}, {"segment": "ADDRESS"}])
def test_a_challenger_and_a_model_of_addresses_end_no_outage(house, changes):
    house.ask("a", "b", "c")
    house.release(usable=False, **changes)
    assert house.topics[ENRICHED.name] == []


def test_what_needs_a_person_anyway_takes_no_room_and_does_not_wait(house, scored):
    forced = [scored(valuation_id=f"f{number}", valuation=None, force_manual=True) for number in range(5)]
    house.route(forced)
    assert {status for said in house.answers().values() for status in said} == {Status.PENDING_MANUAL}
    assert len(house.desk) == 0


def test_what_has_a_person_stays_with_a_person_however_often_it_comes(house):
    house.ask("a", "b")
    house.ask("a")
    house.decide("b")
    house.ask("c", "d", "b")
    assert house.answers()["a"] == [Status.PENDING_MANUAL] * 2
    assert house.answers()["d"] == [Status.PROCESSING]
    assert Status.PROCESSING not in house.answers()["b"]


def test_a_decision_read_before_the_note_of_its_review_leaves_no_ghost_at_the_desk(house, policy):
    house.ask("a")
    note = next(one for one in house.topics[DEGRADED.name] if one.valuation_id == "a")
    house.decide("a")
    house.desk.apply([Change(topic=DEGRADED, key="a", event=note)])
    assert len(house.desk) == 0


steps = st.one_of(
    st.tuples(st.just("ask"), st.integers(0, 5)),
    st.tuples(st.just("decide"), st.integers(0, 5)),
    st.tuples(st.just("release"), st.booleans()),
    st.tuples(st.just("replay"), st.integers(0, 20)),
)


@pytest.mark.requirement("RT6")
@given(st.lists(steps, max_size=12))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_happens_in_an_outage_each_is_answered_once_and_by_whom_it_was_promised(
    policy, admitted, scored, happenings
):
    house = House(replace(policy, degraded_desk_capacity=2), admitted, scored())
    asked: set[str] = set()
    for number, (what, which) in enumerate(happenings):
        house.now += MINUTE
        match what:
            case "ask" if f"v{which}" not in asked:
                asked.add(f"v{which}")
                house.ask(f"v{which}")
            case "decide" if f"v{which}" in house.with_people() - house.decided():
                house.decide(f"v{which}")
            case "release":
                house.release(str(number), usable=bool(which))
            case "replay" if which < len(house.topics[DEGRADED.name]):
                house.settle(house.topics[DEGRADED.name][which])
    house.now += MINUTE
    house.release("at last")
    for name in house.with_people() - house.decided():
        house.decide(name)
    assert {name: len(said) for name, said in house.final_answers().items()} == dict.fromkeys(asked, 1)
    by_people = {name for name, said in house.final_answers().items() if said == [Status.COMPLETED_MANUAL]}
    assert by_people == house.with_people()

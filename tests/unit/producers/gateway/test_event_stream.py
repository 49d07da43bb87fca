import asyncio
import json
from contextlib import aclosing
from dataclasses import replace

import pytest

from producers.gateway.arrivals import State, arrival
from producers.gateway.event_stream import EventStream, StreamTimes, is_report_due
from producers.gateway.ports import Archived
from producers.gateway.problems import Code, ProblemError
from schemas.codes import Status
from schemas.domain.channels import Profile
from tests.fakes.answers import a_report, a_request, a_verification, an_answer, as_message
from tests.fakes.gateway import QUICK, a_house
from tests.unit.producers.gateway.asking import CUSTOMER, GOOD, STAFF, answered, asked, get, pending, refusal

EVENTS = f"/v1/valuations/{STAFF}/events"
REQUEST = a_request()
PATIENT = StreamTimes(heartbeat_s=60.0, life_s=60.0, report_s=60.0)


def reported(requested):
    return [an_answer(requested), a_report(requested)]


def told(text):
    """Names, ids and bodies of the events in a stream."""
    events = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "event" in fields:
            events.append((fields["event"], fields["id"], json.loads(fields["data"])))
    return events


def named(text):
    return [(name, number) for name, number, _ in told(text)]


def post_on(house, *events):
    for event in events:
        house.board.post(arrival(*as_message(event)))


def a_stream(house, *, look=None, seen="", times=PATIENT, profile=Profile.STAFF):
    async def on_the_board():
        return house.board.latest(STAFF)

    return EventStream(
        valuation_id=STAFF,
        profile=profile,
        board=house.board,
        look=look or on_the_board,
        drain=house.drain,
        times=times,
        seen=seen,
    )


async def frames_of(stream):
    return [frame.decode() async for frame in stream.frames()]


@pytest.mark.requirement("IN8")
async def test_what_has_ended_is_told_with_its_report_and_the_stream_ends():
    house = a_house(pipeline=reported)
    await asked(house)
    response = await get(house, EVENTS)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-store"
    assert named(response.text) == [("answer", "1.0.COMPLETED_AUTO"), ("report", "1.0.COMPLETED_AUTO.report")]
    (_, _, answer), (_, _, report) = told(response.text)
    assert answer == (await get(house, f"/v1/valuations/{STAFF}")).json()
    assert report["report_no"] == "HV-20260302-0001"


async def test_who_comes_back_is_told_only_what_is_new_and_nothing_twice():
    house = a_house(pipeline=reported)
    await asked(house)
    rest = await get(house, EVENTS, Last_Event_ID="1.0.COMPLETED_AUTO")
    assert named(rest.text) == [("report", "1.0.COMPLETED_AUTO.report")]
    nothing = await get(house, EVENTS, Last_Event_ID="1.0.COMPLETED_AUTO.report")
    assert (nothing.status_code, nothing.text) == (204, "")
    stale = await get(house, EVENTS, Last_Event_ID="1.0.PENDING_MANUAL")
    assert len(told(stale.text)) == 2


async def test_each_state_is_told_as_it_comes():
    house = a_house()
    texts = []
    async with aclosing(a_stream(house).frames()) as frames:
        texts.append(await anext(frames))
        for status in (Status.PROCESSING, Status.PENDING_MANUAL, Status.COMPLETED_MANUAL):
            post_on(house, an_answer(REQUEST, status))
            texts.append(await asyncio.wait_for(anext(frames), 30))
        post_on(house, a_report(REQUEST))
        texts += [frame async for frame in frames]
    assert [number for _, number in named(b"".join(texts).decode())] == [
        "1.0.PROCESSING", "1.0.PENDING_MANUAL", "1.0.COMPLETED_MANUAL", "1.0.COMPLETED_MANUAL.report",
    ]  # fmt: skip
    assert house.board.subscriptions == 0


async def test_a_slow_reader_gets_the_latest_state_and_no_queue_of_old_ones():
    house = a_house()
    async with aclosing(a_stream(house).frames()) as frames:
        await anext(frames)
        for place in range(1000, 0, -1):
            post_on(house, an_answer(REQUEST, Status.PENDING_MANUAL, queue_position=place, update=1001 - place))
        _, _, body = told((await asyncio.wait_for(anext(frames), 30)).decode())[0]
        assert body["queue_position"] == 1


async def test_several_readers_are_told_the_same():
    house = a_house()
    readers = [asyncio.create_task(frames_of(a_stream(house))) for _ in range(3)]
    async with asyncio.timeout(30):
        while house.board.subscriptions < 3:  # noqa: ASYNC110 - tasks need turns of the loop
            await asyncio.sleep(0)
    post_on(house, *reported(REQUEST))
    stories = [named("".join(frames)) for frames in await asyncio.wait_for(asyncio.gather(*readers), 30)]
    assert stories == [[("answer", "1.0.COMPLETED_AUTO"), ("report", "1.0.COMPLETED_AUTO.report")]] * 3


async def test_a_reader_that_goes_away_leaves_nothing_behind():
    house = a_house()
    reading = asyncio.create_task(frames_of(a_stream(house)))
    async with asyncio.timeout(30):
        while not house.board.subscriptions:  # noqa: ASYNC110 - the task needs turns of the loop
            await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert house.board.subscriptions == 0


async def test_while_nothing_happens_there_are_heartbeats_and_in_the_end_an_end():
    house = a_house(pipeline=pending)
    await asked(house)
    frames = await frames_of(a_stream(house, times=StreamTimes(heartbeat_s=0.01, life_s=0.1)))
    assert ": still there\n\n" in frames
    assert named("".join(frames)) == [("answer", "1.0.PENDING_MANUAL")]


async def test_the_end_of_the_instance_ends_the_stream_at_once():
    house = a_house(pipeline=pending)
    await asked(house)
    reading = asyncio.create_task(frames_of(a_stream(house)))
    async with asyncio.timeout(30):
        while not house.board.subscriptions:  # noqa: ASYNC110 - the task needs turns of the loop
            await asyncio.sleep(0)
    house.drain.announce()
    assert named("".join(await asyncio.wait_for(reading, 30))) == [("answer", "1.0.PENDING_MANUAL")]


async def test_what_the_board_has_forgotten_is_told_from_the_ledger():
    house = a_house()
    state = State(result=an_answer(REQUEST), report=a_report(REQUEST))
    house.ledger.valuations[STAFF] = Archived(channel="CREDIT_MGMT", state=state)
    response = await get(house, EVENTS)
    assert named(response.text) == [("answer", "1.0.COMPLETED_AUTO"), ("report", "1.0.COMPLETED_AUTO.report")]


async def test_what_passed_by_unseen_is_found_at_a_heartbeat_also_after_the_ledger_was_away():
    house, looks = a_house(), []

    async def look():
        looks.append(None)
        if len(looks) < 3:
            raise ProblemError(Code.UNAVAILABLE)
        return State(result=an_answer(REQUEST), report=a_report(REQUEST))

    frames = await frames_of(a_stream(house, look=look, times=QUICK))
    assert [name for name, _ in named("".join(frames))] == ["answer", "report"]


async def test_what_has_left_the_board_is_asked_of_the_ledger_ever_more_rarely():
    house, asked_at, beats = a_house(), [], []

    async def look():
        asked_at.append(len(beats))

    stream = a_stream(house, look=look, times=replace(PATIENT, heartbeat_s=0.0))
    async with aclosing(stream.frames()) as frames:
        while len(beats) < 20:
            beats += [frame for frame in [await anext(frames)] if frame.startswith(b":")]
    assert asked_at == [0, 1, 3, 7, 11, 15, 19]


async def test_a_system_follows_so_many_valuations_and_no_more_and_others_follow_theirs():
    house = a_house(pipeline=pending, stream_times=PATIENT)
    await asked(house)
    await asked(house, channel="NET_BANK")
    readers = [asyncio.create_task(get(house, EVENTS)) for _ in range(200)]
    await until_followed(house, 200)
    refused = await get(house, EVENTS)
    assert refusal(refused) == (429, "too-many-streams", {})
    assert int(refused.headers["Retry-After"]) > 0
    readers.append(asyncio.create_task(get(house, f"/v1/valuations/{CUSTOMER}/events", channel="NET_BANK")))
    await until_followed(house, 201)
    house.drain.announce()
    for response in await asyncio.wait_for(asyncio.gather(*readers), 60):
        assert response.status_code == 200


async def test_a_visitor_follows_less_and_has_its_places_back_when_it_goes():
    house = a_house(pipeline=pending, stream_times=PATIENT)
    async with house.client(None) as visitor:
        valuation = (await visitor.post("/h5/valuations", json=GOOD, headers=house.proof())).json()["valuation_id"]
        path = f"/h5/valuations/{valuation}/events"
        readers = [asyncio.create_task(visitor.get(path)) for _ in range(20)]
        await until_followed(house, 20)
        assert refusal(await visitor.get(path)) == (429, "too-many-streams", {})
        readers.pop().cancel()
        await until_followed(house, 19)
        readers.append(asyncio.create_task(visitor.get(path)))
        await until_followed(house, 20)
        house.drain.announce()
        for response in await asyncio.wait_for(asyncio.gather(*readers), 60):
            assert response.status_code == 200


async def until_followed(house, readers):
    """Until so many streams are open."""
    async with asyncio.timeout(60):
        while house.board.subscriptions != readers:  # noqa: ASYNC110 - the tasks need turns of the loop
            await asyncio.sleep(0)


async def test_a_superseded_answers_report_is_not_taken_for_that_of_the_new_one():
    house = a_house()
    post_on(house, *reported(REQUEST), an_answer(REQUEST, Status.COMPLETED_MANUAL, revision=2, supersedes="HV-1"))
    stream = a_stream(house, times=replace(QUICK, report_s=0.05))
    assert named("".join(await frames_of(stream))) == [("answer", "2.0.COMPLETED_MANUAL")]


async def test_the_public_is_told_no_more_than_on_the_other_paths():
    house = a_house()
    post_on(house, *reported(REQUEST))
    ((name, _, body),) = told("".join(await frames_of(a_stream(house, profile=Profile.PUBLIC))))
    assert name == "answer"
    assert "value" not in body


@pytest.mark.parametrize(
    ("answer", "profile", "due"),
    [
        (an_answer(REQUEST), Profile.STAFF, True),
        (an_answer(REQUEST), Profile.PUBLIC, False),
        (an_answer(REQUEST, Status.UNABLE_TO_VALUE), Profile.STAFF, False),
        (an_answer(REQUEST, value=None), Profile.STAFF, False),
        (an_answer(REQUEST, value=None, verification=a_verification()), Profile.CUSTOMER, True),
    ],
)
def test_a_report_is_waited_for_where_one_is_drawn(answer, profile, due):
    assert is_report_due(answer, profile) is due


async def test_only_the_owner_follows_a_valuation():
    house = a_house(pipeline=answered)
    await asked(house)
    assert (await get(house, EVENTS, channel="NET_BANK")).status_code == 404
    assert (await get(house, EVENTS, channel=None)).status_code == 401

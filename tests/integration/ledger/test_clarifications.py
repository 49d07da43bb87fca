"""The clock of questions: on a real PostgreSQL, and with intake beside it on a real broker."""

import random
from dataclasses import replace
from datetime import timedelta
from itertools import chain

import pytest

from consumers.ledger import clarifications
from consumers.ledger.clarifications import ClarificationClock
from consumers.ledger.loop import ROOM
from consumers.ledger.outgoing import Voice
from consumers.ledger.postgres import LedgerWriter
from consumers.ledger.queries import LedgerQueries
from infra.postgres import offsets
from infra.postgres.ingest import Received
from infra.postgres.migrate import migrate
from infra.postgres.pool import open_pool
from schemas.catalogue import ACCEPTED, CLARIFICATIONS, RESULTS
from schemas.codec import Codec
from schemas.codes import Lane, Reason, Status
from schemas.errors import UnknownSchemaError
from schemas.events import ClarificationTimedOut, Resulted
from schemas.ids import valuation_id
from schemas.registry import CatalogueRegistry
from tests.fakes import valuations as made
from tests.fakes.valuations import CODEC, NOON

pytestmark = pytest.mark.postgres

# A Monday noon in China: the desk works until 17:00, so four desk hours end at 16:00.
STAFF_UNTIL = NOON + timedelta(hours=4)


@pytest.fixture
def pool(postgres):
    migrate(postgres, room=ROOM)
    with open_pool(postgres, room=ROOM) as pool:
        yield pool


def received(event, *, topic, after_s=0.0, lane=Lane.ONLINE):
    record = made.record_of(topic, event, lane=lane)
    at = NOON + timedelta(seconds=after_s)
    return Received(
        topic=topic, lane=lane, partition=0, offset=0, appended_at=at, event=event, headers=record.headers,
        value=record.value,
    )  # fmt: skip


def asked(number="q-1", channel="CREDIT_MGMT", lane=Lane.ONLINE, **changes):
    """What the ledger reads of a request that was asked back."""
    accepted = made.accepted(number, channel=channel, lane=lane)
    question = replace(
        made.resulted(number, Status.NEEDS_CLARIFICATION),
        valuation_id=accepted.valuation_id,
        channel=channel,
        lane=lane,
        reasons=(Reason.ADDR_AMBIGUOUS,),
        reason_text="地址对应多个小区，请确认是哪一个：甲；乙。",
        address=made.ADDRESS,
        **changes,
    )
    return [
        received(accepted, topic=ACCEPTED, lane=lane),
        received(question, topic=RESULTS, after_s=0.1, lane=lane),
    ]


def write(pool, *batch):
    with pool.connection() as connection:
        LedgerWriter(answer_within=timedelta(seconds=10))(connection, batch)


@pytest.fixture
def tick(pool):
    """Let the clock look at an instant, by a new process each time: nothing is kept in memory."""

    def at(now, *, read_up_to=None, codec=CODEC):
        clock = ClarificationClock(
            consumer=ROOM,
            results=RESULTS,
            clarifications=CLARIFICATIONS,
            voice=Voice(codec=codec, randomness=random.Random(1)),
        )
        with pool.connection() as connection:
            owned = offsets.claim(connection, ROOM, [(name, 0) for name in RESULTS.names])
            offsets.mark_caught_up(connection, ROOM, owned, read_up_to or now)
            clock(connection, now)

    return at


def said(pool):
    """What the clock said, in order: Kafka topic, event, headers."""
    kinds = {RESULTS.name: Resulted, CLARIFICATIONS.name: ClarificationTimedOut}
    with pool.connection() as connection:
        rows = connection.execute("select topic, value, headers from outbox order by id").fetchall()
    return [
        (topic, CODEC.decode(value, kinds[topic.rsplit(".", 1)[0]]), dict(headers)) for topic, value, headers in rows
    ]


@pytest.mark.requirement("AD2")
@pytest.mark.parametrize(
    ("channel", "reminded_after", "closed_after"),
    [
        ("CREDIT_MGMT", timedelta(hours=2), timedelta(hours=4)),
        ("NET_BANK", timedelta(hours=12), timedelta(hours=24)),
        ("WEBSITE", timedelta(minutes=15), timedelta(minutes=30)),
    ],
)
def test_a_question_is_repeated_at_half_of_its_time_and_closed_at_the_end_each_once(
    pool, tick, channel, reminded_after, closed_after
):
    write(pool, *asked(channel=channel))
    moment = timedelta(seconds=1)
    tick(NOON + reminded_after - moment)
    assert said(pool) == []
    for _ in range(3):
        tick(NOON + reminded_after + moment)
    ((topic, reminder, _),) = said(pool)
    assert (topic, reminder.status, reminder.revision) == ("valuation.results.online", Status.NEEDS_CLARIFICATION, 1)
    assert reminder.reasons == (Reason.ADDR_AMBIGUOUS, Reason.CLARIFICATION_REMINDER)
    assert reminder.address.candidates == made.ADDRESS.candidates
    assert reminder.due_at == NOON + closed_after
    assert "前确认" in reminder.reason_text
    tick(NOON + closed_after)  # the last instant is still in time
    assert len(said(pool)) == 1
    for _ in range(3):
        tick(NOON + closed_after + moment)
    topic, time_out, _ = said(pool)[-1]
    assert len(said(pool)) == 2
    assert topic == "valuation.clarifications.online"
    assert time_out.valuation_id == valuation_id(channel, "q-1")
    assert time_out.request == made.request("q-1", channel=channel)
    assert time_out.reply_by == NOON + closed_after


@pytest.mark.requirement("AD2", "IN9")
def test_both_continue_the_trace_of_the_valuation_under_ids_of_their_own(pool, tick):
    write(pool, *asked())
    tick(NOON + timedelta(hours=3))
    tick(STAFF_UNTIL + timedelta(seconds=1))
    headers = [headers for _, _, headers in said(pool)]
    assert {one["traceparent"][3:35] for one in headers} == {"a" * 32}
    assert {one["ce_source"] for one in headers} == {"consumers/ledger"}
    assert len({one["ce_id"] for one in headers}) == 2
    assert headers[0]["ce_type"].endswith("Resulted.NEEDS_CLARIFICATION")


@pytest.mark.requirement("AD2")
def test_what_was_answered_meanwhile_is_neither_repeated_nor_closed(pool, tick):
    write(pool, *asked("replied"), *asked("done"))
    reply = replace(made.resulted("replied", Status.RECEIVED), revision=2)
    done = replace(made.resulted("done", Status.CANCELLED), revision=1)
    write(pool, received(reply, topic=RESULTS, after_s=60), received(done, topic=RESULTS, after_s=60))
    tick(NOON + timedelta(hours=3))
    tick(NOON + timedelta(days=30))
    assert said(pool) == []


@pytest.mark.requirement("AD2")
def test_a_ledger_that_is_behind_speaks_only_of_what_it_has_read(pool, tick):
    write(pool, *asked())
    tick(NOON + timedelta(days=3), read_up_to=NOON + timedelta(hours=1))
    assert said(pool) == []
    tick(NOON + timedelta(days=3))
    ((topic, _, _),) = said(pool)
    assert topic == "valuation.clarifications.online"  # too late for a reminder


def test_the_reminder_stands_in_the_archive_as_the_newest_answer_and_starts_no_new_clock(pool, tick):
    write(pool, *asked())
    tick(NOON + timedelta(hours=3))
    ((_, reminder, _),) = said(pool)
    write(pool, received(reminder, topic=RESULTS, after_s=3 * 3600))
    state = LedgerQueries(pool).by_client_request("CREDIT_MGMT", "q-1")
    assert (state.status, state.due_at) == ("NEEDS_CLARIFICATION", STAFF_UNTIL)
    assert Reason.CLARIFICATION_REMINDER in state.reasons
    assert len(LedgerQueries(pool).timeline(state.valuation_id)) == 3
    tick(STAFF_UNTIL + timedelta(seconds=1))
    tick(STAFF_UNTIL + timedelta(days=9))
    assert [topic for topic, _, _ in said(pool)] == ["valuation.results.online", "valuation.clarifications.online"]


def test_a_batch_question_is_closed_on_its_own_lane(pool, tick):
    write(pool, *asked(channel="BATCH_FILE", lane=Lane.BATCH))
    tick(STAFF_UNTIL + timedelta(seconds=1))
    assert [topic for topic, _, _ in said(pool)] == ["valuation.clarifications.batch"]


def test_the_time_that_a_question_states_is_the_one_that_counts(pool, tick):
    write(pool, *asked(due_at=NOON + timedelta(minutes=5)))
    tick(NOON + timedelta(minutes=5))
    assert said(pool) == []
    tick(NOON + timedelta(minutes=5, seconds=1))
    ((topic, _, _),) = said(pool)
    assert topic == "valuation.clarifications.online"


def test_a_question_asked_before_there_was_a_clock_gets_a_day(postgres):
    from infra.postgres.migrate import FOLDER, migrations_of
    from infra.postgres.pool import connect

    migrate(postgres, room=ROOM)
    text = next(file.text for file in migrations_of(ROOM, FOLDER) if file.name.startswith("0004"))
    with open_pool(postgres, room=ROOM) as pool:
        write(pool, *asked())
    with connect(postgres, room=ROOM, autocommit=True) as connection:
        connection.execute("drop table clarification")
        connection.execute(text.encode())
        rows = connection.execute("select reply_by, next_at from clarification").fetchall()
    day = NOON + timedelta(days=1, seconds=0.1)
    assert rows == [(day, day)]


def numbers_of(pool):
    return sorted(event.client_request_id for _, event, _ in said(pool) if isinstance(event, Resulted))


def spoil(pool, number):
    """Make what the ledger keeps of a request unreadable for this release, and return what it was."""
    subject = valuation_id("CREDIT_MGMT", number)
    with pool.connection() as connection:
        kept = "from ledger_event where valuation_id = %s and kind = 'Accepted'"
        ((payload,),) = connection.execute(f"select payload::text {kept}", [subject]).fetchall()
        restore(pool, number, "{}")
    return payload


def restore(pool, number, payload):
    with pool.connection() as connection:
        connection.execute(
            "update ledger_event set payload = %s::jsonb where valuation_id = %s and kind = 'Accepted'",
            [payload, valuation_id("CREDIT_MGMT", number)],
        )


@pytest.mark.requirement("AD2")
def test_a_question_that_cannot_be_repeated_stops_no_other_and_is_tried_again(pool, tick, caplog):
    write(pool, *asked("sound"), *asked("spoilt"))
    payload = spoil(pool, "spoilt")
    tick(NOON + timedelta(hours=2, minutes=30))
    assert numbers_of(pool) == ["sound"]
    (warning,) = [record for record in caplog.records if record.name == clarifications.__name__]
    assert warning.valuation_id == valuation_id("CREDIT_MGMT", "spoilt")
    restore(pool, "spoilt", payload)
    tick(NOON + timedelta(hours=3))
    assert numbers_of(pool) == ["sound"]
    tick(NOON + timedelta(hours=3, minutes=31))
    assert numbers_of(pool) == ["sound", "spoilt"]
    tick(STAFF_UNTIL + timedelta(seconds=1))  # its time is not longer than that of the others
    assert [type(event) for _, event, _ in said(pool)].count(ClarificationTimedOut) == 2


@pytest.mark.requirement("AD2")
def test_a_question_that_cannot_be_closed_stops_no_other_and_is_tried_again(pool, tick):
    write(pool, *asked("sound"), *asked("spoilt"))
    payload = spoil(pool, "spoilt")
    tick(STAFF_UNTIL + timedelta(seconds=1))
    assert len(said(pool)) == 1
    restore(pool, "spoilt", payload)
    tick(STAFF_UNTIL + timedelta(hours=2))
    closed = {event.request.client_request_id for _, event, _ in said(pool)}
    assert closed == {"sound", "spoilt"}


class RegistryAway(CatalogueRegistry):
    """A registry that answers nothing, and counts how often it was asked."""

    def __init__(self):
        super().__init__()
        self.asked = 0

    def id_of(self, event):
        self.asked += 1
        raise UnknownSchemaError(f"the registry is away: {event.__name__}")


@pytest.mark.requirement("AD2")
def test_a_registry_that_is_away_is_asked_once_a_look_and_every_question_is_repeated_when_it_is_back(pool, tick):
    write(pool, *asked("one"), *asked("two"), *asked("three"))
    registry = RegistryAway()
    tick(NOON + timedelta(hours=3), codec=Codec(registry))
    assert (said(pool), registry.asked) == ([], 1)
    tick(NOON + timedelta(hours=3, minutes=5))
    assert numbers_of(pool) == ["one", "three", "two"]


def test_the_look_at_what_is_due_reads_only_what_is_due(pool):
    moment = timedelta(minutes=1)
    write(pool, *chain.from_iterable(asked(f"q-{n}", due_at=NOON + n * moment) for n in range(3_000)))
    with pool.connection() as connection:
        connection.execute("analyze")
        plan = connection.execute(f"explain {clarifications._DUE}", [NOON + 20 * moment, 500]).fetchall()
    assert "Index Scan using clarification_next" in str(plan)
    assert "Seq Scan" not in str(plan)


@pytest.mark.requirement("AD2")
def test_a_question_that_offers_nothing_to_choose_is_never_repeated_and_only_closed(pool, tick):
    accepted, question = asked()
    nothing = replace(made.ADDRESS, candidates=())
    write(pool, accepted, replace(question, event=replace(question.event, address=nothing)))
    tick(STAFF_UNTIL)
    assert said(pool) == []
    tick(STAFF_UNTIL + timedelta(seconds=1))
    assert [type(event) for _, event, _ in said(pool)] == [ClarificationTimedOut]


@pytest.mark.requirement("AD2", "RD10")
def test_a_question_of_the_desk_has_a_clock_of_its_own_although_enrichment_had_asked_before(pool, tick):
    """Enrichment's question was replied to, so its time-out is nobody's; the desk's question runs out."""
    first, question = asked()
    second = replace(first.event, request=replace(first.event.request, revision=2, chosen_community_id="c-1"))
    of_the_desk = replace(question.event, revision=2, human_touched=True)
    write(pool, first, question, received(second, topic=ACCEPTED, after_s=60))
    write(pool, received(of_the_desk, topic=RESULTS, after_s=120))
    tick(STAFF_UNTIL + timedelta(days=1))
    ((topic, time_out, _),) = said(pool)
    assert topic == "valuation.clarifications.online"
    assert time_out.request == second.request

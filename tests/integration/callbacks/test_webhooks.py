"""Webhooks on a real database and over real HTTP, to a bank that goes away and comes back. Time is made up."""

import json
import random
import socket
import ssl
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from consumers.callbacks import deliveries, endpoints, holding, resending
from consumers.callbacks.endpoints import Endpoint, Mode
from consumers.callbacks.intake import Intake
from consumers.callbacks.loop import ROOM
from consumers.callbacks.meters import Meters
from consumers.callbacks.resending import Selection
from consumers.callbacks.retention import prune
from consumers.callbacks.sending import Sender
from consumers.callbacks.settling import Attempt, Desk
from consumers.callbacks.signing import Secret, rotated, secret_of
from consumers.callbacks.standing import standing
from consumers.callbacks.targets import TargetRules, networks_of
from consumers.callbacks.upkeep import Upkeep
from consumers.callbacks.voice import Voice
from consumers.callbacks.webhook import Answer, Limits, Outcome, client
from infra.postgres.ingest import Received
from infra.postgres.migrate import migrate
from infra.postgres.pool import open_pool
from schemas.catalogue import NOTICES, RECEIPTS, REPORTS, RESULTS, REVOCATIONS
from schemas.codes import Audience, Lane, NoticeTrigger, Status
from schemas.domain.tellings import delivered, tellings
from schemas.events import Delivered, Noticed, Receipted, ReportRevoked
from schemas.headers import RESENT_FOR, event_headers, event_type, fact_of
from schemas.ids import event_id
from tests.fakes.answers import CODEC, NOON, TRACE, a_report, a_request, an_answer
from tests.fakes.bank import Bank

pytestmark = pytest.mark.postgres

SECRET = secret_of(b"s" * 32)
PRIVATE = TargetRules(networks=networks_of(["127.0.0.0/8", "::1/128"]))
LOOPBACK = TargetRules(networks=networks_of(["127.0.0.0/8"]), allow_http=True)


TOPIC_OF = {topic.event: topic for topic in (RESULTS, REPORTS, REVOCATIONS, NOTICES, RECEIPTS)}


class Room:
    """The callbacks' room without Kafka: what came in, and the time as the test sets it."""

    def __init__(self, pool, rules=LOOPBACK) -> None:
        self.pool, self.now, self.offset = pool, NOON, 0
        self.meters, self.draws = Meters(), random.Random(7)
        self.voice = Voice(codec=CODEC, randomness=self.draws)
        self.desk = Desk(pool=pool, clock=lambda: self.now, randomness=self.draws, voice=self.voice)
        self.sender = Sender(
            desk=self.desk, open_client=lambda: client(Limits()), meters=self.meters, rules=rules, concurrency=4
        )

    def register(self, mode, bank=None, channel="CREDIT_MGMT", secrets=()) -> None:
        url = bank.url if bank else ""
        endpoint = Endpoint(
            channel=channel,
            mode=mode,
            changed_at=self.now,
            url=url,
            secrets=secrets or ((Secret(secret=SECRET),) if url else ()),
        )
        with self.pool.connection() as connection:
            endpoints.put(connection, endpoint, self.now)

    def take(self, *events, resent_for=None) -> None:
        intake = Intake(voice=self.voice, clock=lambda: self.now, randomness=self.draws, meters=self.meters)
        with self.pool.connection() as connection:
            intake(connection, [self._received(event, resent_for) for event in events])

    def _received(self, event, resent_for) -> Received:
        self.offset += 1
        topic = TOPIC_OF[type(event)]
        headers = []
        if hasattr(event, "revision"):
            identity = event_id(event.valuation_id, fact_of(event), event.revision)
            headers = event_headers(
                event_id=identity, event_type=event_type(event), source="test", at=NOON, traceparent=TRACE
            )
        if resent_for:
            headers = [*headers, (RESENT_FOR, resent_for.encode())]
        return Received(
            topic=topic, lane=Lane.ONLINE, partition=0, offset=self.offset, appended_at=NOON, event=event,
            headers=headers, value=str(self.offset).encode(),
        )  # fmt: skip

    def tend(self) -> None:
        with self.pool.connection() as connection:
            Upkeep(voice=self.voice, randomness=self.draws, meters=self.meters)(connection, self.now)

    def rows(self, **selection):
        with self.pool.connection() as connection:
            return resending.found(connection, Selection(**selection))

    def on_topics(self, event=Delivered):
        with self.pool.connection() as connection:
            rows = connection.execute("select topic, value from outbox order by id").fetchall()
        is_receipt = event is Receipted
        return [(topic, CODEC.decode(value, event)) for topic, value in rows if (topic == RECEIPTS.name) is is_receipt]


@pytest.fixture
def room(postgres):
    migrate(postgres, room=ROOM)
    with open_pool(postgres, room=ROOM) as pool:
        yield Room(pool)


def answers(count, **changes):
    return [an_answer(a_request(client_request_id=f"r-{number}"), **changes) for number in range(count)]


@pytest.mark.requirement("RS2")
async def test_a_bank_that_is_away_for_ten_minutes_has_each_result_stored_once(room):
    bank = Bank(SECRET)
    room.register(Mode.WEBHOOK, bank)
    away_until = room.now + timedelta(minutes=10)
    told = answers(12)
    attempts = 0
    while room.now < away_until:
        if told:
            room.take(told.pop())
        attempts += await room.sender.drain()
        room.now += timedelta(seconds=20)
    assert bank.seen == []
    assert 5 < attempts < 60  # the breaker keeps a dead line from being hammered by twelve deliveries
    room.now += timedelta(minutes=1)
    with bank:
        await room.sender.drain()
    assert len(bank.stored) == len(bank.seen) == 12
    assert {row["status"] for row in room.rows()} == {"ACKNOWLEDGED"}


@pytest.mark.requirement("RS2", "RS1")
async def test_a_result_seen_twice_is_one_delivery_on_the_topic_and_one_by_webhook(room):
    with Bank(SECRET) as bank:
        room.register(Mode.WEBHOOK, bank)
        (answer,) = answers(1)
        room.take(answer, answer)
        room.take(answer)
        await room.sender.drain()
    ((topic, delivered),) = room.on_topics()
    assert topic == "bank.answers.credit-mgmt"
    assert json.loads(delivered.body) == bank.stored[delivered.delivery_id]
    assert bank.badly_signed == 0


@pytest.mark.requirement("RS2")
async def test_a_later_answer_of_a_valuation_waits_and_those_of_others_go_on(room):
    request = a_request(client_request_id="slow")
    first, later = an_answer(request, Status.RECEIVED), an_answer(request)
    refused = []

    def once(body):
        if body["data"]["client_request_id"] == "slow" and not refused:
            refused.append(body["delivery_id"])
            return 422, {}, b""
        return 200, {}, b""

    with Bank(SECRET, once) as bank:
        room.register(Mode.WEBHOOK, bank)
        room.take(first, later, a_report(request), *answers(3))
        await room.sender.drain()
        assert len(bank.stored) == 3
        room.now += timedelta(seconds=6)
        await room.sender.drain()
    kinds = [
        (body["type"], body["data"].get("status"))
        for body in bank.stored.values()
        if body["data"]["client_request_id"] == "slow"
    ]
    assert kinds == [
        ("valuation.result", "RECEIVED"), ("valuation.result", "COMPLETED_AUTO"), ("valuation.report", None)
    ]  # fmt: skip


@pytest.mark.requirement("RS2")
@pytest.mark.parametrize("at_once", [True, False], ids=["in one batch", "one after the other"])
def test_of_two_ends_of_a_valuation_the_first_is_told_and_what_supersedes_it(room, at_once):
    request = a_request()
    cancelled, valued = an_answer(request, Status.CANCELLED), an_answer(request, resulted_at=NOON)
    events = [an_answer(request, Status.RECEIVED), cancelled, valued, a_report(request), cancelled]
    if at_once:
        room.take(*events)
    else:
        for event in events:
            room.take(event)
    told = [json.loads(delivered.body)["data"]["status"] for _, delivered in room.on_topics()]
    assert told == ["RECEIVED", "CANCELLED"]
    room.take(an_answer(request, Status.COMPLETED_MANUAL, revision=2, supersedes="HV-1"))
    assert len(room.on_topics()) == 3


@pytest.mark.requirement("RS2")
async def test_what_is_not_acknowledged_for_a_day_is_parked_counted_and_sent_again_by_hand(room, caplog):
    request = a_request(client_request_id="poison")
    is_mended = []
    with Bank(SECRET, lambda _body: (204 if is_mended else 422, {}, b"")) as bank:
        room.register(Mode.WEBHOOK, bank)
        room.take(an_answer(request))
        given_up = room.now + timedelta(hours=24)
        while room.now < given_up:
            await room.sender.drain()
            room.tend()
            room.now += timedelta(minutes=30)
        room.tend()
        (row,) = room.rows(status="PARKED")
        assert (row["last_fault"], row["attempts"]) == ("HTTP_422", 48)
        assert [record.levelname for record in caplog.records if "parked" in record.message] == ["CRITICAL"]
        with room.pool.connection() as connection:
            assert standing(connection, room.now)["avm_callbacks_parked_deliveries"] == {"CREDIT_MGMT": 1.0}
        assert await room.sender.drain() == 0
        is_mended.append(True)
        with room.pool.connection() as connection:
            assert resending.send_again(connection, [row["delivery_id"]], room.now) == 1
        await room.sender.drain()
    assert set(bank.stored) == {row["delivery_id"]}
    assert room.rows()[0]["status"] == "ACKNOWLEDGED"


@pytest.mark.requirement("RS2")
async def test_a_lease_whose_holder_died_runs_out_and_the_delivery_goes_on(room):
    with Bank(SECRET) as bank:
        room.register(Mode.WEBHOOK, bank)
        room.take(*answers(1))
        assert len(room.desk.turn("CREDIT_MGMT", 10).claimed) == 1  # and the process is killed
        assert await room.sender.drain() == 0
        room.now += timedelta(seconds=60)
        assert await room.sender.drain() == 1
    assert len(bank.stored) == 1


async def test_while_a_breaker_is_half_open_one_delivery_is_tried(room):
    with Bank(SECRET, lambda _body: (503, {}, b"")) as bank:
        room.register(Mode.WEBHOOK, bank)
        room.take(*answers(8))
        await room.sender.drain()
        seen = len(bank.seen)
        assert 5 <= seen <= 8  # the fifth failure opened the breaker; at most three others were under way
        room.now += timedelta(seconds=5)
        await room.sender.drain()
        assert len(bank.seen) == seen + 1
        bank.answer = lambda _body: (200, {}, b"")
        room.now += timedelta(seconds=20)
        await room.sender.drain()
    assert len(bank.stored) == 8


async def test_one_slow_answer_does_not_hold_up_the_channel_s_others(room):
    others_are_there = threading.Event()

    def answer(body):
        if body["data"]["client_request_id"] == "r-0":
            others_are_there.wait(60)
        elif len(bank.seen) == 20:
            others_are_there.set()
        return 204, {}, b""

    with Bank(SECRET, answer) as bank:
        room.register(Mode.WEBHOOK, bank)
        room.take(*answers(20))
        sender = replace(room.sender, limits=Limits(whole=timedelta(seconds=50)))
        await sender.drain()
    assert others_are_there.is_set()
    assert len(bank.stored) == len(bank.seen) == 20


async def test_a_name_server_that_hangs_holds_up_its_own_channel_alone(room, monkeypatch):
    others_are_there, real = threading.Event(), socket.getaddrinfo

    def hanging(host, *given, **named):
        if host == "slow.example":
            others_are_there.wait(60)
            raise socket.gaierror("no such host")
        return real(host, *given, **named)

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    with Bank(SECRET) as bank:
        bank.answer = lambda _body: (others_are_there.set() if len(bank.seen) == 8 else None, (204, {}, b""))[1]
        room.register(Mode.WEBHOOK, SimpleNamespace(url="http://slow.example/h"), channel="NET_BANK")
        room.register(Mode.WEBHOOK, bank)
        room.take(
            *answers(8), *(an_answer(a_request(client_request_id=f"n-{n}", channel="NET_BANK")) for n in range(40))
        )
        sender = replace(room.sender, concurrency=40, limits=Limits(whole=timedelta(seconds=50)))
        await sender.drain()
    assert others_are_there.is_set()
    assert len(bank.stored) == 8
    assert {row["last_fault"] for row in room.rows(channel="NET_BANK")} == {"CONNECT"}


@pytest.mark.parametrize(
    ("url", "secret", "fault"),
    [
        ("https://bank..example/x", SECRET, "FORBIDDEN_TARGET"),
        (f"https://{'a' * 64}.example/x", SECRET, "FORBIDDEN_TARGET"),
        ("http://127.0.0.1:9/x", "whsec_?", "UNUSABLE_ENDPOINT"),
    ],
)
async def test_an_endpoint_that_cannot_be_sent_to_ends_nothing_but_its_own_attempts(room, url, secret, fault):
    with Bank(SECRET) as bank:
        secrets = (Secret(secret=secret),)
        room.register(Mode.WEBHOOK, SimpleNamespace(url=url), channel="NET_BANK", secrets=secrets)
        room.register(Mode.WEBHOOK, bank)
        room.take(*answers(1), an_answer(a_request(channel="NET_BANK")))
        await room.sender.drain()
    assert len(bank.stored) == 1
    (row,) = room.rows(channel="NET_BANK")
    assert (row["status"], row["last_fault"]) == ("OPEN", fault)


# ---- asked for again, and in order ----------------------------------------------------------------------------------


@pytest.mark.requirement("IN9", "RS2")
async def test_an_answer_that_the_channel_asks_for_again_comes_by_both_its_ways_once_for_each_request(room):
    with Bank(SECRET) as bank:
        room.register(Mode.WEBHOOK, bank)
        (answer,) = answers(1)
        for resent_for in (None, None, "query-1", "query-1", "query-2"):
            room.take(answer, resent_for=resent_for)
            room.now += timedelta(minutes=1)
            await room.sender.drain()
    told = [delivered for _, delivered in room.on_topics()]
    assert told == [told[0]] * 3
    assert bank.seen == [told[0].delivery_id] * 3
    assert [row["status"] for row in room.rows()] == ["ACKNOWLEDGED"]


@pytest.mark.requirement("IN9", "RS2")
@pytest.mark.parametrize("mode", [Mode.TOPIC, Mode.TOPIC_WITH_RECEIPT])
def test_an_answer_asked_for_again_lies_on_the_topic_once_more(room, mode):
    room.register(mode)
    (answer,) = answers(1)
    room.take(answer)
    room.take(answer, resent_for="query-1")
    assert len(room.on_topics()) == 2
    room.now += timedelta(minutes=10)
    room.tend()
    assert len(room.on_topics()) == (2 if mode is Mode.TOPIC else 3)  # awaited again, where receipts are


def kinds_on_topics(room):
    return [delivered.kind.value for _, delivered in room.on_topics()]


@pytest.mark.requirement("RS2")
async def test_a_report_and_its_revocation_that_are_read_first_are_told_behind_the_answer(room):
    request = a_request()
    report = a_report(request)
    revoked = ReportRevoked(
        valuation_id=request.valuation_id, report_no=report.report_no, channel=request.channel, reason="面积更正",
        revoked_at=NOON, by="S-1",
    )  # fmt: skip
    with Bank(SECRET) as bank:
        room.register(Mode.WEBHOOK, bank)
        for event in (revoked, report, an_answer(request, Status.PENDING_MANUAL)):
            room.take(event)
            await room.sender.drain()
        assert kinds_on_topics(room) == ["RESULT"]
        room.take(an_answer(request))
        room.take(report)  # read twice, it is told once
        await room.sender.drain()
    assert kinds_on_topics(room) == ["RESULT", "RESULT", "REPORT", "REVOCATION"]
    assert [body["type"] for body in bank.stored.values()] == [
        "valuation.result", "valuation.result", "valuation.report", "valuation.report-revoked"
    ]  # fmt: skip


@pytest.mark.requirement("RS2")
def test_a_report_whose_answer_never_comes_is_told_after_a_bounded_wait(room):
    room.take(a_report(a_request()))
    room.now += holding.AT_MOST - timedelta(seconds=1)
    room.tend()
    assert room.on_topics() == []
    room.now += timedelta(seconds=1)
    room.tend()
    assert kinds_on_topics(room) == ["REPORT"]


@pytest.mark.requirement("IN9", "RS2")
@pytest.mark.parametrize(
    "end", [{"status": Status.CANCELLED}, {"revision": 2}], ids=["cancelled", "overtaken by another asking"]
)
def test_a_report_that_is_read_before_an_end_it_does_not_belong_to_is_told_to_nobody(room, end):
    request = a_request()
    room.take(a_report(request))
    room.take(an_answer(request, **end))
    room.now += holding.AT_MOST
    room.tend()
    assert kinds_on_topics(room) == ["RESULT"]


def test_many_that_are_due_at_one_instant_are_claimed_in_their_order_and_without_sorting_them(room):
    room.register(Mode.WEBHOOK, SimpleNamespace(url="http://127.0.0.1:9/x"))
    room.take(*answers(300))
    with room.pool.connection() as connection:
        connection.execute("analyze delivery")
        connection.execute("set local enable_seqscan = off")
        connection.execute("set local enable_bitmapscan = off")
        given = {"channel": "CREDIT_MGMT", "now": room.now, "until": room.now, "limit": 8}
        plan = connection.execute("explain " + deliveries._CLAIM, given).fetchall()
    assert [line for (line,) in plan if "Sort" in line or "Seq Scan on delivery" in line] == []
    turn = room.desk.turn("CREDIT_MGMT", 8)
    assert [json.loads(one.delivered.body)["data"]["client_request_id"] for one in turn.claimed] == [
        f"r-{number}" for number in range(8)
    ]


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ((302, {"Location": "/elsewhere"}, b""), "REDIRECT_302"),
        ((200, {}, b'{"sha256": "00"}'), "ANSWER_SHA256_DIFFERS"),
        ((200, {}, b'{"stored": false}'), "ANSWER_NOT_STORED"),
        ((500, {}, b"secret words"), "HTTP_500"),
    ],
)
async def test_an_answer_that_is_no_acknowledgement_is_written_down_and_tried_again(room, answer, fault):
    with Bank(SECRET, lambda _body: answer) as bank:
        room.register(Mode.WEBHOOK, bank)
        room.take(*answers(1))
        await room.sender.drain()
        assert bank.paths == ["/hooks"]
    (row,) = room.rows()
    assert (row["status"], row["last_fault"]) == ("OPEN", fault)
    assert row["due_at"] > room.now


async def test_an_endpoint_that_says_when_to_come_again_is_listened_to(room):
    with Bank(SECRET, lambda _body: (429, {"Retry-After": "120"}, b"")) as bank:
        room.register(Mode.WEBHOOK, bank)
        room.take(*answers(1))
        await room.sender.drain()
    assert room.rows()[0]["due_at"] == room.now + timedelta(seconds=120)


async def test_a_private_address_is_not_sent_to_unless_its_network_is_named(room):
    with Bank(SECRET) as bank:
        room.register(Mode.WEBHOOK, bank)
        room.take(*answers(1))
        guarded = Room(room.pool, TargetRules(allow_http=True))
        await guarded.sender.drain()
        assert bank.seen == []
    assert room.rows()[0]["last_fault"] == "FORBIDDEN_TARGET"


async def test_during_a_rotation_the_old_secret_still_verifies(room):
    new = secret_of(b"n" * 32)
    secrets = rotated([Secret(secret=SECRET)], new, now=NOON, old_until=NOON + timedelta(hours=24))
    for known, hours in ((SECRET, 23), (new, 23), (new, 25)):
        with Bank(known) as bank:
            room.now = NOON + timedelta(hours=hours)
            room.register(Mode.WEBHOOK, bank, secrets=secrets)
            room.take(an_answer(a_request(client_request_id=f"{known}{hours}")))
            await room.sender.drain()
            assert (bank.badly_signed, len(bank.stored)) == (0, 1)


@pytest.mark.requirement("NT3")
async def test_a_notice_that_a_webhook_took_has_its_receipt_on_the_topic_too(room):
    notice = Noticed(
        notice_id="n-1", trigger=NoticeTrigger.INCIDENT, audience=Audience.OPERATIONS, subject_id="i-1", title="故障",
        text="服务暂时受影响", template="incident", template_version="1", noticed_at=NOON, channel="CREDIT_MGMT",
        needs_receipt=True,
    )  # fmt: skip
    with Bank(SECRET) as bank:
        room.register(Mode.WEBHOOK, bank)
        room.take(notice, *answers(1))
        await room.sender.drain()
    ((_, receipt),) = room.on_topics(Receipted)
    (notified,) = [one for _, one in room.on_topics() if one.subject_id == "i-1"]
    assert (receipt.delivery_id, receipt.sha256, receipt.stored) == (notified.delivery_id, notified.sha256, True)
    room.take(receipt)  # read back by ourselves, it changes nothing
    assert {row["acknowledged_by"] for row in room.rows()} == {"HTTP"}


# ---- receipts -------------------------------------------------------------------------------------------------------


def receipt_of(delivered, **changes):
    given = {"delivery_id": delivered.delivery_id, "channel": delivered.channel, "sha256": delivered.sha256}
    return Receipted(**{"received_at": NOON, **given, **changes})


@pytest.mark.requirement("RS2", "RS1")
def test_a_topic_whose_receipts_are_expected_gets_another_copy_until_one_comes(room):
    room.register(Mode.TOPIC_WITH_RECEIPT)
    room.take(*answers(1))
    ((_, delivered),) = room.on_topics()
    for minutes in (9, 1):
        room.now += timedelta(minutes=minutes)
        room.tend()
    assert [again for _, again in room.on_topics()] == [delivered, delivered]
    room.take(receipt_of(delivered, embedded_at_target="slip-position-7"))
    room.now += timedelta(hours=25)
    room.tend()
    assert len(room.on_topics()) == 2
    (row,) = room.rows()
    acknowledged = (row["status"], row["acknowledged_by"], row["embedded_at"])
    assert acknowledged == ("ACKNOWLEDGED", "RECEIPT", "slip-position-7")


@pytest.mark.requirement("RS1")
def test_a_report_may_be_acknowledged_by_the_digest_of_its_file(room):
    room.register(Mode.TOPIC_WITH_RECEIPT)
    report = a_report(a_request())
    room.take(an_answer(a_request()), report)
    _, (_, delivered) = room.on_topics()
    room.take(receipt_of(delivered, sha256=report.sha256))
    assert [row["status"] for row in room.rows()] == ["OPEN", "ACKNOWLEDGED"]


@pytest.mark.requirement("RS2")
@pytest.mark.parametrize(("changes", "status"), [({}, "ACKNOWLEDGED"), ({"sha256": "0" * 64}, "OPEN")])
def test_a_receipt_that_is_read_before_its_delivery_counts_once_the_delivery_is_known(room, changes, status):
    room.register(Mode.TOPIC_WITH_RECEIPT)
    (answer,) = answers(1)
    (telling,) = tellings(answer, Lane.ONLINE)
    known = delivered(telling, event_id(answer.valuation_id, fact_of(answer), answer.revision), NOON)
    room.take(receipt_of(known, **changes))
    room.take(answer)
    assert room.rows()[0]["status"] == status
    with room.pool.connection() as connection:
        (receipt,) = resending.receipts_of(connection, known.delivery_id)
    assert receipt["verdict"] == ("DIFFERENT" if changes else "ACKNOWLEDGED")


def test_what_was_kept_long_enough_is_deleted_and_what_is_still_awaited_is_not(room):
    room.take(*answers(2))
    ((_, first), _) = room.on_topics()
    room.register(Mode.TOPIC_WITH_RECEIPT)
    room.take(receipt_of(first, stored=False, fault="磁盘已满"))  # awaited from now on
    with room.pool.connection() as connection:
        assert prune(connection, room.now) == 0
        assert prune(connection, room.now + timedelta(seconds=1)) == 2
    assert [row["delivery_id"] for row in room.rows()] == [first.delivery_id]


@pytest.mark.requirement("RS2")
def test_a_topic_nobody_acknowledges_is_written_once(room):
    room.take(*answers(1))
    room.now += timedelta(days=2)
    room.tend()
    assert len(room.on_topics()) == 1
    assert room.rows()[0]["status"] == "SENT"


@pytest.mark.requirement("RS2", "RS3")
@pytest.mark.parametrize("change", [{"sha256": "0" * 64}, {"stored": False, "fault": "磁盘已满"}])
async def test_a_receipt_that_disagrees_reopens_what_the_webhook_had_closed(room, change):
    with Bank(SECRET) as bank:
        room.register(Mode.WEBHOOK, bank)
        room.take(*answers(1))
        await room.sender.drain()
        ((_, delivered),) = room.on_topics()
        disagreeing = receipt_of(delivered, **change)
        room.take(disagreeing)
        assert room.rows()[0]["status"] == "OPEN"
        room.now += timedelta(seconds=6)
        await room.sender.drain()
        room.take(disagreeing)  # the same receipt again changes nothing
    assert len(bank.seen) == 2
    assert room.rows()[0]["status"] == "ACKNOWLEDGED"
    with room.pool.connection() as connection:
        assert len(resending.receipts_of(connection, delivered.delivery_id)) == 1


@pytest.mark.requirement("RS2")
def test_without_a_webhook_a_refused_record_is_put_on_its_topic_once_more(room):
    room.take(*answers(1))
    ((_, delivered),) = room.on_topics()
    room.take(receipt_of(delivered, stored=False, fault="表不存在"))
    room.now += timedelta(seconds=6)
    room.tend()
    assert len(room.on_topics()) == 2


@pytest.mark.parametrize(
    "change", [{"channel": "NET_BANK"}, {"delivery_id": "0c0c0c0c-0000-5000-8000-000000000000"}, {"delivery_id": "?"}]
)
def test_a_receipt_for_what_is_not_the_channel_s_own_acknowledges_nothing(room, change):
    room.register(Mode.TOPIC_WITH_RECEIPT)
    room.take(*answers(1))
    ((_, delivered),) = room.on_topics()
    room.take(receipt_of(delivered, **change))
    assert room.rows()[0]["status"] == "OPEN"


def test_a_channel_whose_endpoint_is_removed_keeps_its_topic_and_nothing_waits(room):
    with Bank(SECRET) as bank:
        room.register(Mode.WEBHOOK, bank)
    room.take(*answers(2))
    with room.pool.connection() as connection:
        assert endpoints.remove(connection, "CREDIT_MGMT") == 2
    assert {row["status"] for row in room.rows()} == {"SENT"}


async def test_a_late_failure_does_not_undo_an_acknowledgement(room):
    with Bank(SECRET) as bank:
        room.register(Mode.WEBHOOK, bank)
    room.take(*answers(1))
    turn = room.desk.turn("CREDIT_MGMT", 1)
    room.take(receipt_of(turn.claimed[0].delivered))
    away = Answer(outcome=Outcome.AWAY, fault="TIMEOUT")
    room.desk.settle("CREDIT_MGMT", [Attempt(claimed=turn.claimed[0], answer=away)])
    assert room.rows()[0]["status"] == deliveries.State.ACKNOWLEDGED


# ---- TLS ------------------------------------------------------------------------------------------------------------


def certificate_for(name, folder):
    """A self-signed certificate of a host name, with its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2120, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{name}.pem"
    plain = serialization.NoEncryption()
    in_clear = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + in_clear)
    return file


@pytest.mark.parametrize(
    ("certified", "is_known", "fault"), [("localhost", True, None), ("localhost", False, "TLS"), ("other", True, "TLS")]
)
async def test_a_certificate_must_be_known_and_of_the_host_that_was_registered(
    room, tmp_path, certified, is_known, fault
):
    file = certificate_for(certified, tmp_path)
    context = ssl.create_default_context(cafile=str(file) if is_known else None)
    with Bank(SECRET, certificate=file) as bank:
        room.register(Mode.WEBHOOK, bank)
        room.take(*answers(1))
        sender = replace(room.sender, open_client=lambda: client(Limits(), context), rules=PRIVATE)
        await sender.drain()
    (row,) = room.rows()
    assert (row["status"], row["last_fault"]) == ("OPEN" if fault else "ACKNOWLEDGED", fault)

"""Notices in a real database: once for each cause, within limits, again without a receipt."""

import logging
import random
from datetime import timedelta

import pytest

from consumers.notifier.causes import announcement, causes
from consumers.notifier.notices import Limits, Notices
from consumers.notifier.templates import read, shipped
from infra.postgres import pool
from infra.postgres.migrate import migrate
from schemas.codes import NoticeTrigger, Status
from schemas.domain.tellings import delivered, tellings
from schemas.events import Noticed, Receipted
from schemas.headers import CE_ID
from tests.fakes.answers import CODEC, NOON, a_request, an_answer

pytestmark = pytest.mark.postgres

FACTS = {"from": "2026-12-05 02:00", "to": "2026-12-05 04:00"}
PLANNED = announcement(NoticeTrigger.MAINTENANCE, "m-1", "PLANNED", FACTS)
LATER = timedelta(minutes=30)


@pytest.fixture
def connection(postgres):
    migrate(postgres, room="notifier")
    with pool.connect(postgres, room="notifier", autocommit=True) as connection:
        yield connection


def notices(templates=None, **limits):
    return Notices(templates or shipped(), CODEC, randomness=random.Random(7), limits=Limits(**limits))


def said(connection):
    rows = connection.execute("select value, headers from outbox order by id").fetchall()
    return [(CODEC.decode(value, Noticed), dict(headers)[CE_ID]) for value, headers in rows]


def results(count, channel="APP"):
    answers = (an_answer(a_request(channel=channel, client_request_id=f"r-{number}")) for number in range(count))
    return [cause for answer in answers for cause in causes(answer)]


@pytest.mark.requirement("NT1")
def test_a_cause_is_told_once_however_often_it_comes(connection):
    telling = notices()
    assert telling.tell(connection, results(2) * 2, NOON) == 2
    assert telling.tell(connection, results(2), NOON + timedelta(days=1)) == 0
    events = [event for event, _ in said(connection)]
    assert [event.template for event in events] == ["RESULTED/COMPLETED_AUTO/CUSTOMER"] * 2
    assert len({event.notice_id for event in events}) == 2


@pytest.mark.requirement("NT1")
def test_a_flood_waits_for_its_turn_and_holds_up_no_other_channel(connection):
    telling = notices(most=3)
    assert telling.tell(connection, results(5), NOON) == 3
    assert telling.tell(connection, results(2, channel="NET_BANK"), NOON) == 2
    telling.release(connection, NOON + timedelta(seconds=59))
    assert len(said(connection)) == 5
    telling.release(connection, NOON + timedelta(minutes=1))
    telling.release(connection, NOON + timedelta(minutes=1))
    heard = {event.notice_id for event, _ in said(connection) if event.channel == "APP"}
    assert len(heard) == 5  # all of them, only later
    assert telling.tell(connection, results(5), NOON + timedelta(hours=1)) == 0


def test_what_waited_for_a_day_is_told_to_nobody(connection):
    telling = notices(most=0)
    telling.tell(connection, results(1), NOON)
    later = notices(most=5)
    later.release(connection, NOON + timedelta(days=1, seconds=1))
    assert said(connection) == []


@pytest.mark.requirement("NT2")
def test_an_unapproved_template_is_not_sent_and_somebody_hears_of_it(connection, caplog):
    words = 'trigger = "RESULTED"\naudience = "CUSTOMER"\nversion = "1"\ntitle = "t"\ntext = "x"\n'
    with caplog.at_level(logging.ERROR):
        assert notices(read(f"[[template]]\n{words}")).tell(connection, results(1), NOON) == 0
    assert "not approved" in caplog.text
    assert said(connection) == []


def receipt(noticed, fact, **changes):
    """What a bank system says that has the notice as it was delivered to it."""
    (telling,) = tellings(noticed)
    made = delivered(telling, fact, NOON)
    given = {
        "delivery_id": made.delivery_id,
        "channel": made.channel,
        "sha256": made.sha256.upper(),
        "received_at": NOON,
    }
    return Receipted(**(given | changes))


@pytest.mark.requirement("NT3")
def test_without_a_receipt_it_is_sent_again_and_somebody_is_called(connection, caplog):
    telling = notices()
    telling.tell(connection, [PLANNED], NOON)
    telling.remind(connection, NOON + LATER - timedelta(seconds=1))
    assert len(said(connection)) == 1
    with caplog.at_level(logging.CRITICAL):
        telling.remind(connection, NOON + LATER)
    assert "no receipt" in caplog.text
    (first, fact), (second, other) = said(connection)
    assert (first.notice_id, first.text) == (second.notice_id, second.text)
    assert fact != other  # an event of its own, or the bank's line would take it for a repeat
    telling.remind(connection, NOON + LATER)
    assert len(said(connection)) == 2


@pytest.mark.requirement("NT3")
def test_the_receipt_of_any_sending_ends_it(connection):
    telling = notices()
    telling.tell(connection, [PLANNED], NOON)
    telling.remind(connection, NOON + LATER)
    noticed, fact = said(connection)[0]
    telling.acknowledge(connection, [receipt(noticed, fact, stored=False, fault="disk full")])
    others = [receipt(noticed, "another event"), receipt(noticed, fact, channel="NET_BANK")]
    telling.acknowledge(connection, [*others, receipt(noticed, fact, sha256="0" * 64)])
    telling.remind(connection, NOON + 2 * LATER)
    assert len(said(connection)) == 3
    telling.acknowledge(connection, [receipt(noticed, fact)] * 2)
    telling.remind(connection, NOON + 3 * LATER)
    assert len(said(connection)) == 3


def test_sendings_end_and_the_row_stays_for_people(connection):
    telling = notices(most_sendings=2)
    telling.tell(connection, [PLANNED], NOON)
    for times in range(1, 5):
        telling.remind(connection, NOON + times * LATER)
    assert len(said(connection)) == 2
    row = connection.execute("select received_at, paged_at, sendings from notice").fetchone()
    assert row == (None, NOON + LATER, 3)  # called once more when the last had no receipt either, then no more


def test_what_was_only_asked_for_needs_no_receipt(connection):
    telling = notices()
    telling.tell(connection, causes(an_answer(a_request(), Status.PENDING_MANUAL)), NOON)
    telling.remind(connection, NOON + timedelta(days=2))
    assert len(said(connection)) == 1

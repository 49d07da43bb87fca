"""One end for every valuation on a real database: what crosses a cancellation is told to nobody."""

from datetime import UTC, datetime

import pytest

from consumers.callbacks import deliveries, loop
from consumers.callbacks.deliveries import New
from consumers.callbacks.ends import Ends
from infra.postgres.migrate import migrate
from infra.postgres.pool import connect
from schemas.codes import Lane, Reason, Status
from schemas.domain.tellings import delivered, tellings
from tests.fakes.answers import a_report, a_request, an_answer

pytestmark = pytest.mark.postgres

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
REQUEST = a_request(channel="NET_BANK")


@pytest.fixture
def told(postgres):
    """`told(*events)`: which of them are told, by their place, as the loop tells them one after the other."""
    migrate(postgres, room=loop.ROOM)

    def run(*events):
        places = []
        with connect(postgres, room=loop.ROOM) as connection:
            for place, event in enumerate(events):
                if Ends(connection, [event]).are_before(event, f"e-{place}"):
                    continue
                for telling in tellings(event, Lane.ONLINE):
                    made = delivered(telling, f"e-{place}", NOW)
                    deliveries.add(connection, [New(delivered=made, telling=telling)])
                places.append(place)
        return places

    return run


@pytest.mark.requirement("IN9", "RS2")
@pytest.mark.parametrize(
    "ends", [(Status.CANCELLED, Status.COMPLETED_MANUAL), (Status.COMPLETED_AUTO, Status.CANCELLED)]
)
def test_of_two_ends_the_first_is_delivered(told, ends):
    first, second = (an_answer(REQUEST, status) for status in ends)
    waiting = an_answer(REQUEST, Status.PENDING_MANUAL)
    assert told(waiting, first, second) == [0, 1]


@pytest.mark.requirement("IN9")
def test_after_a_cancellation_nothing_but_an_answer_to_one_message_is_delivered(told):
    refusal = an_answer(REQUEST, Status.REJECTED_INVALID, revision=0, reasons=(Reason.ALREADY_FINAL,))
    cancelled, late = an_answer(REQUEST, Status.CANCELLED), an_answer(REQUEST, Status.PENDING_MANUAL)
    assert told(cancelled, late, a_report(REQUEST), refusal) == [0, 3]


def test_a_refused_message_is_no_end_and_what_came_of_a_dispute_replaces_one(told):
    refusal = an_answer(REQUEST, Status.REJECTED_INVALID, revision=0, reasons=(Reason.DUPLICATE_CONFLICT,))
    again = an_answer(REQUEST, Status.COMPLETED_MANUAL, revision=2, supersedes="HV-1")
    asked = an_answer(REQUEST, Status.PENDING_MANUAL, revision=2, reasons=(Reason.DISPUTE,))
    assert told(refusal, an_answer(REQUEST), a_report(REQUEST), asked, again) == [0, 1, 2, 3, 4]


@pytest.mark.requirement("IN9", "RS2")
def test_of_two_values_nothing_of_the_one_that_came_second_is_delivered(told):
    first, report = an_answer(REQUEST), a_report(REQUEST)
    waiting = an_answer(REQUEST, Status.PENDING_MANUAL, revision=2)
    second = an_answer(REQUEST, Status.COMPLETED_MANUAL, revision=2)
    assert told(first, report, waiting, second, a_report(REQUEST, revision=2, report_no="HV-2")) == [0, 1]


@pytest.mark.requirement("DI2", "RS2")
def test_the_report_of_a_dispute_about_an_answer_without_one_is_delivered(told):
    again = an_answer(REQUEST, Status.COMPLETED_MANUAL, revision=2, supersedes="an-answer")
    assert told(an_answer(REQUEST), again, a_report(REQUEST, revision=2)) == [0, 1, 2]


@pytest.mark.requirement("IN9")
def test_an_accepted_request_that_was_rejected_has_ended(told):
    rejected = an_answer(REQUEST, Status.REJECTED_INVALID, revision=2, reasons=(Reason.FIELD_INVALID,))
    assert told(rejected, an_answer(REQUEST, Status.CANCELLED, revision=2)) == [0]

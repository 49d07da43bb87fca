"""Signing numbers: everybody in the register has one for good; decisions carry it in the place of a name."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from consumers.review_desk.deciding.decision import DeviationReason
from consumers.review_desk.people.staff import Grade, Person, Role
from consumers.review_desk.people.staff_register import StaffRegister
from consumers.review_desk.task import NotAllowedError
from tests.fakes.deciding import GOOD, UNABLE
from tests.fakes.decision_room import HE, LIN, WU, decision_rooms
from tests.fakes.valuations import NOON

pytestmark = [pytest.mark.postgres, pytest.mark.requirement("RP2")]

FAR = replace(GOOD, unit_price=46_000, deviation_because=DeviationReason.RECENT_DEALS)  # 12 % from the model


@pytest.fixture(scope="module")
def rooms(postgres_server):
    with decision_rooms(postgres_server) as room:
        yield room


@pytest.fixture
def room(rooms):
    return rooms()


@pytest.fixture
def register(room):
    return StaffRegister(room.pool, clock=lambda: NOON)


def somebody(username: str, **changes) -> Person:
    made = Person(username=username, name=username, grade=Grade.G2, roles=frozenset({Role.REVIEWER}))
    return replace(made, **changes)


def number_of(register: StaffRegister, username: str) -> str:
    return register.person(username).signing_no


def test_everybody_gets_a_number_of_their_own_and_keeps_it(register):
    register.put_all((somebody("lin"), somebody("wu")), "test")
    lin, wu = number_of(register, "lin"), number_of(register, "wu")
    assert lin.startswith("QZ-")
    assert lin != wu
    register.put(somebody("lin", grade=Grade.G3), "test")
    register.put(somebody("lin", certified_until=date(2027, 1, 31)), "test")
    assert number_of(register, "lin") == lin


def test_a_number_that_is_given_is_kept_and_belongs_to_one(register):
    register.put(somebody("lin", signing_no="ZS-0042"), "test")
    assert number_of(register, "lin") == "ZS-0042"
    with pytest.raises(NotAllowedError, match="签字编号 ZS-0042 已属他人"):
        register.put(somebody("wu", signing_no="ZS-0042"), "test")
    assert register.person("wu") is None


def test_a_number_once_given_is_never_changed(register):
    register.put(somebody("lin", signing_no="ZS-0042"), "test")
    with pytest.raises(NotAllowedError, match="签字编号 ZS-0042 已编定，报告以此签署，不得更改为 ZS-0043"):
        register.put(somebody("lin", signing_no="ZS-0043"), "test")
    assert number_of(register, "lin") == "ZS-0042"
    register.put(somebody("wu", signing_no="ZS-0043"), "test")  # what was refused was not given away


def test_a_number_of_somebody_who_left_is_never_given_to_another(room, register):
    register.put(somebody("lin", signing_no="ZS-0042"), "test")
    register.put(somebody("wu"), "test")
    of_wu = number_of(register, "wu")
    with room.pool.connection() as connection:  # even where the lines themselves are gone
        connection.execute("delete from staff")
        connection.execute("alter sequence staff_signing restart")
    for number in ("ZS-0042", of_wu):
        with pytest.raises(NotAllowedError, match=f"签字编号 {number} 已属他人或曾属他人"):
            register.put(somebody("he", signing_no=number), "test")
    register.put(somebody("he"), "test")
    assert number_of(register, "he") not in {"ZS-0042", of_wu}
    register.put(somebody("lin"), "test")
    assert number_of(register, "lin") == "ZS-0042"


def test_a_decision_of_one_person_is_signed_by_that_one(room, register):
    register.put(LIN, "test")
    room.decide(room.in_hand(LIN), LIN)
    (event,) = room.sent()
    (signatory,) = event.signatories
    assert (signatory.capacity, signatory.signing_no) == ("VALUER", number_of(register, "lin"))
    assert (signatory.grade, signatory.signed_at) == ("G2", event.decided_at)


@pytest.mark.requirement("RD4")
def test_a_decision_with_four_eyes_is_signed_by_both_each_when_they_stood_for_it(room, register):
    register.put_all((LIN, WU), "test")
    task = room.in_hand(LIN)
    room.decide(task, LIN, FAR)
    (waiting,) = room.decisions.approvals(WU)
    room.now = NOON + timedelta(hours=1)
    room.decisions.approve(task.task_id, WU, version=waiting.task.version)
    (event,) = room.sent()
    assert [(one.capacity, one.signing_no, one.grade, one.signed_at) for one in event.signatories] == [
        ("VALUER", number_of(register, "lin"), "G2", NOON),
        ("APPROVER", number_of(register, "wu"), "G3", room.now),
    ]


def test_nobody_signs_where_there_is_no_value(room, register):
    register.put(HE, "test")
    room.decide(room.in_hand(HE), HE, UNABLE)
    (event,) = room.sent()
    assert (event.outcome, event.signatories) == ("UNABLE", ())

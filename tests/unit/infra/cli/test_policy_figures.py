"""Which answers on the topic count for the automation ratio (C-01)."""

from datetime import timedelta

import pytest

from infra.cli.policy import figures
from schemas.codes import Reason, ServiceType, Status
from tests.fakes import valuations as made


class _NoClasses:
    def class_of(self, _kind):
        return None


@pytest.fixture
def counted(monkeypatch):
    """`counted(*events)`: for each valuation that these tell of, its status and whether it counts."""

    def run(*events):
        monkeypatch.setattr(figures, "events_on", lambda *_: iter(events))
        found = figures._answered(None, _NoClasses(), made.NOON - timedelta(days=9))
        return [(one.status, one.is_counted) for one in found]

    return run


@pytest.mark.requirement("RT3")
def test_a_refused_message_is_no_end_of_its_valuation(counted):
    refusal = made.resulted(status=Status.REJECTED_INVALID, revision=0, update=9, reasons=(Reason.FIELD_INVALID,))
    unable = made.resulted(status=Status.UNABLE_TO_VALUE)
    assert counted(made.resulted(status=Status.RECEIVED), refusal, unable, refusal) == [(Status.UNABLE_TO_VALUE, True)]
    assert counted(refusal) == []


@pytest.mark.requirement("RT3")
def test_of_two_ends_the_first_counts(counted):
    rejected = made.resulted(status=Status.REJECTED_INVALID, revision=2)
    assert counted(rejected, made.resulted(revision=2)) == [(Status.REJECTED_INVALID, False)]


@pytest.mark.requirement("RT3")
def test_neither_a_verification_nor_what_was_issued_again_nor_what_the_bank_wanted_people_for_counts(counted):
    forced = made.resulted(status=Status.PENDING_MANUAL, reasons=(Reason.FORCED_BY_BANK,))
    people = made.resulted(status=Status.COMPLETED_MANUAL, reasons=(Reason.REVIEWED,), human_touched=True)
    assert counted(forced, people) == [(Status.COMPLETED_MANUAL, False)]
    assert counted(people) == [(Status.COMPLETED_MANUAL, True)]
    assert counted(made.resulted(service_type=ServiceType.VERIFY)) == [(Status.COMPLETED_AUTO, False)]
    assert counted(made.resulted(reused_from="another")) == [(Status.COMPLETED_AUTO, False)]

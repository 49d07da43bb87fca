from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.batch.answers import Answer, Former, Standing, answered, has_moved, reported, shifts, tally
from schemas.codes import Status
from tests.fakes.answers import a_report, a_request, a_valuation, an_answer

REQUEST = a_request(channel="BATCH_FILE", client_request_id="j-2")
NEW = Answer(number=2, valuation_id=REQUEST.valuation_id)


def test_an_answer_keeps_what_the_result_file_shows():
    answer = reported(answered(NEW, an_answer(REQUEST, valuation=a_valuation())), a_report(REQUEST))
    assert answer == Answer(
        number=2, valuation_id=REQUEST.valuation_id, status=Status.COMPLETED_AUTO, revision=1, value=4_475_000,
        unit_price=50_000, lower=4_100_000, upper=4_900_000, confidence_level=6, value_date=date(2026, 3, 2),
        valid_until=date(2026, 4, 1), reason="估值已完成", report_no="HV-20260302-0001",
    )  # fmt: skip
    assert answer.is_done


@pytest.mark.parametrize(
    ("arriving", "stands"),
    [
        ([Status.RECEIVED, Status.COMPLETED_AUTO], Status.COMPLETED_AUTO),
        ([Status.COMPLETED_AUTO, Status.RECEIVED], Status.COMPLETED_AUTO),
        ([Status.PENDING_MANUAL, Status.RECEIVED], Status.PENDING_MANUAL),
        ([Status.COMPLETED_MANUAL, Status.PENDING_MANUAL], Status.COMPLETED_MANUAL),
        ([Status.COMPLETED_AUTO, Status.REJECTED_INVALID], Status.COMPLETED_AUTO),
        ([Status.PENDING_MANUAL, Status.COMPLETED_MANUAL], Status.COMPLETED_MANUAL),
        ([Status.PENDING_MANUAL, Status.CANCELLED], Status.CANCELLED),
    ],
)
def test_an_answer_behind_a_better_one_changes_nothing(arriving, stands):
    answer = NEW
    for status in arriving:
        answer = answered(answer, an_answer(REQUEST, status))
    assert answer.status == stands


def test_a_value_is_done_with_its_report_and_a_refusal_at_once():
    assert not answered(NEW, an_answer(REQUEST)).is_done
    assert not answered(NEW, an_answer(REQUEST, Status.RECEIVED)).is_done
    assert answered(NEW, an_answer(REQUEST, Status.OUT_OF_COVERAGE)).is_done
    assert answered(NEW, an_answer(REQUEST, Status.PENDING_MANUAL)).is_done


@pytest.mark.requirement("BA3")
@pytest.mark.parametrize(("former", "moves"), [(4_475_000, False), (4_068_181, True), (4_068_182, False), (9e6, True)])
def test_a_value_has_moved_beyond_the_threshold_and_not_at_it(former, moves):
    before = replace(NEW, former=Former(value=int(former), on=date(2025, 3, 2)))
    assert has_moved(answered(before, an_answer(REQUEST)), 0.10) is moves
    assert not has_moved(answered(before, an_answer(REQUEST, Status.PENDING_MANUAL)), 0.10)


STATUSES = st.sampled_from([Status.RECEIVED, Status.PENDING_MANUAL, Status.COMPLETED_AUTO, Status.OUT_OF_COVERAGE])


@given(st.lists(st.lists(STATUSES | st.just("report"), max_size=5), max_size=20))
def test_counts_kept_change_by_change_are_those_of_counting_all(histories):
    counts: dict[Standing, list[int]] = {}
    last = []
    for history in histories:
        answer = NEW
        for step in history:
            after = (
                reported(answer, a_report(REQUEST)) if step == "report" else answered(answer, an_answer(REQUEST, step))
            )
            for standing, shift in shifts([(answer, after)]).items():
                rows, reports = counts.get(standing, (0, 0))
                counts[standing] = (rows + shift.rows, reports + shift.reports)
            answer = after
        last.append(answer)
    whole = shifts([(NEW, answer) for answer in last])
    kept = {standing: count for standing, count in counts.items() if any(count)}
    assert kept == {standing: (shift.rows, shift.reports) for standing, shift in whole.items()}


def test_a_job_is_counted_from_how_its_rows_stand():
    valued = answered(NEW, an_answer(REQUEST))
    done = [reported(valued, a_report(REQUEST)), valued, answered(NEW, an_answer(REQUEST, Status.PENDING_MANUAL))]
    done += [answered(NEW, an_answer(REQUEST, Status.RECEIVED)), reported(NEW, a_report(REQUEST))]
    standings = shifts([(NEW, answer) for answer in done]).items()
    found = tally(standings, rows=8, refused=1, duplicates=1, sent=5)
    assert (found.answered, found.manual, found.open) == (2, 1, 3)
    assert found.on_the_way == 2  # a value without its report is answered; a receipt, or a report ahead, is no answer
    assert (found.reports_due, found.reports_known, found.reports_awaited) == (2, 1, 1)
    assert found.by_status == {"COMPLETED_AUTO": 2, "PENDING_MANUAL": 1, "RECEIVED": 1}
    assert found.with_people == 1


@pytest.mark.requirement("IN9")
def test_of_a_row_with_two_ends_the_first_counts_unless_people_decided_anew():
    cancelled, valued = an_answer(REQUEST, Status.CANCELLED), an_answer(REQUEST)
    assert answered(answered(NEW, cancelled), valued).status is Status.CANCELLED
    assert answered(answered(NEW, valued), cancelled).status is Status.COMPLETED_AUTO
    anew = an_answer(REQUEST, Status.COMPLETED_MANUAL, revision=2, supersedes="HV-1")
    assert answered(answered(NEW, valued), anew).status is Status.COMPLETED_MANUAL
    refused = an_answer(REQUEST, Status.REJECTED_INVALID, revision=0)
    assert answered(answered(NEW, refused), valued).status is valued.status


@pytest.mark.requirement("IN9")
def test_an_accepted_row_that_was_rejected_has_ended_and_a_refused_message_ends_none():
    under_way = answered(NEW, an_answer(REQUEST, Status.RECEIVED))
    rejected = an_answer(REQUEST, Status.REJECTED_INVALID, revision=2)
    cancelled = an_answer(REQUEST, Status.CANCELLED, revision=2)
    assert answered(answered(under_way, rejected), cancelled).status is Status.REJECTED_INVALID
    refused = an_answer(REQUEST, Status.REJECTED_INVALID, revision=0)
    assert answered(under_way, refused) == under_way
    assert answered(NEW, replace(refused, update=7)) == NEW
    assert answered(NEW, refused).is_done


@pytest.mark.requirement("IN9")
def test_of_a_row_with_two_values_the_report_of_the_first_counts():
    second = an_answer(REQUEST, Status.COMPLETED_MANUAL, revision=2)
    answer = answered(answered(NEW, an_answer(REQUEST)), second)
    assert reported(answer, a_report(REQUEST, revision=2, report_no="HV-2")) == answer
    answer = reported(answer, a_report(REQUEST))
    assert reported(answer, a_report(REQUEST, revision=2, report_no="HV-2")) == answer
    anew = a_report(REQUEST, revision=2, report_no="HV-3", supersedes_report_no=answer.report_no)
    assert reported(answer, anew).report_no == "HV-3"

import csv
import io
from datetime import UTC, date, datetime
from hashlib import sha256

import pytest

from consumers.callbacks.days import bounds, files_of, last_complete_day
from consumers.callbacks.reconciliation import (
    BankFileError,
    Entry,
    Finding,
    as_csv,
    compare,
    day_hash,
    manifest,
    read_bank_file,
    to_send_again,
)
from schemas.codes import DeliveryKind

DAY = date(2026, 3, 2)


def entry(number, kind=DeliveryKind.RESULT, **more):
    given = {"status": "ACKNOWLEDGED", "subject_id": f"v-{number}"} | more
    return Entry(delivery_id=f"d-{number}", kind=kind, sha256=sha256(str(number).encode()).hexdigest(), **given)


ENTRIES = [
    entry(1, is_final=False),
    entry(2, is_final=True, value=3_000_000, business_ref="BR,1"),
    entry(3, is_final=True, value=2_000_000, status="OPEN"),
    entry(4, DeliveryKind.REPORT),
]


def bank_file(entries, **changed):
    lines = [f"{one.delivery_id},{changed.get(one.delivery_id, one.sha256)},{one.value or ''}" for one in entries]
    return "delivery_id,sha256,value\n" + "\n".join(lines) + "\n"


@pytest.mark.requirement("RS3")
def test_a_day_is_summed_up_by_count_sum_and_hash():
    summary = manifest("CREDIT_MGMT", DAY, ENTRIES)
    told = ("results", "final_results", "slips", "receipts", "values", "sum_of_values")
    assert [summary[name] for name in told] == [3, 2, 1, 3, 2, 5_000_000]
    lines = sorted(f"{one.delivery_id},{one.sha256}\n" for one in ENTRIES)
    assert summary["hash"] == sha256("".join(lines).encode()).hexdigest()
    assert day_hash((one.delivery_id, one.sha256) for one in reversed(ENTRIES)) == summary["hash"]


@pytest.mark.requirement("RS3")
def test_the_file_of_a_day_reads_back_as_the_bank_s_own_without_a_difference():
    assert compare(ENTRIES, read_bank_file("\ufeff" + as_csv(ENTRIES))) == ()
    rows = list(csv.DictReader(io.StringIO(as_csv(ENTRIES))))
    assert rows[1]["business_ref"] == "BR,1"


@pytest.mark.requirement("RS3")
def test_what_differs_is_listed_and_all_we_have_of_it_can_be_sent_again():
    stranger = entry(9)
    wrong_value = bank_file([ENTRIES[0], ENTRIES[1], stranger], **{"d-1": "0" * 64}).replace("3000000", "3000001")
    found = compare(ENTRIES, read_bank_file(wrong_value))
    assert [(one.delivery_id, one.finding) for one in found] == [
        ("d-1", Finding.HASH_DIFFERS),
        ("d-2", Finding.VALUE_DIFFERS),
        ("d-3", Finding.MISSING_THERE),
        ("d-4", Finding.MISSING_THERE),
        ("d-9", Finding.MISSING_HERE),
    ]
    assert (found[1].here, found[1].there) == ("3000000", "3000001")
    assert to_send_again(found) == ("d-1", "d-2", "d-3", "d-4")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "delivery_id, sha256 is missing"),
        ("delivery_id,value\nd,1\n", "sha256 is missing"),
        ("delivery_id,sha256\n,abc\n", "line 2: delivery_id is empty"),
        ("delivery_id,sha256\nd-1,abc\n", "line 2: sha256 must be 64 hexadecimal digits"),
        (f"delivery_id,sha256,value\nd-1,{'a' * 64},3.5万\n", "whole yuan in digits alone, not '3.5万'"),
        (f"delivery_id,sha256\nd-1,{'a' * 64}\nd-1,{'a' * 64}\n", "line 3: the delivery of line 2 again"),
    ],
)
def test_a_bank_file_that_cannot_be_compared_is_refused_with_its_lines(text, says):
    with pytest.raises(BankFileError, match=says):
        read_bank_file(text)


@pytest.mark.requirement("RS3")
def test_a_day_is_that_of_shanghai_and_is_over_a_little_after_midnight():
    assert bounds(DAY) == (datetime(2026, 3, 1, 16, tzinfo=UTC), datetime(2026, 3, 2, 16, tzinfo=UTC))
    assert last_complete_day(datetime(2026, 3, 2, 16, 9, tzinfo=UTC)) == date(2026, 3, 1)
    assert last_complete_day(datetime(2026, 3, 2, 16, 10, tzinfo=UTC)) == DAY


def test_the_files_of_a_day_are_named_by_day_and_channel():
    assert set(files_of("APP", DAY, ())) == {"2026-03-02/APP.csv", "2026-03-02/APP.json"}

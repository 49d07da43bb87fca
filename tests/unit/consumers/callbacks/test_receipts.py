from dataclasses import replace

import pytest

from consumers.callbacks.receipts import Known, Verdict, verdict_of
from schemas.events import Receipted
from tests.fakes.answers import NOON

SHA = "ab" * 32
KNOWN = Known(channel="CREDIT_MGMT", sha256=SHA, attempts=1)
RECEIPT = Receipted(delivery_id="d-1", channel="CREDIT_MGMT", received_at=NOON, sha256=SHA)


@pytest.mark.requirement("RS1", "RS2")
@pytest.mark.parametrize(
    ("receipt", "known", "verdict"),
    [
        (RECEIPT, KNOWN, Verdict.ACKNOWLEDGED),
        (replace(RECEIPT, sha256=SHA.upper()), KNOWN, Verdict.ACKNOWLEDGED),
        (replace(RECEIPT, channel="CREDIT_SYS"), KNOWN, Verdict.ACKNOWLEDGED),  # its older name
        (replace(RECEIPT, sha256="cd" * 32), KNOWN, Verdict.DIFFERENT),
        (replace(RECEIPT, sha256="ef" * 32), replace(KNOWN, file_sha256="ef" * 32), Verdict.ACKNOWLEDGED),
        (replace(RECEIPT, stored=False, fault="磁盘已满"), KNOWN, Verdict.NOT_STORED),
        (replace(RECEIPT, channel="NET_BANK"), KNOWN, Verdict.NOT_YOURS),
        (replace(RECEIPT, channel="NOBODY"), KNOWN, Verdict.NOT_YOURS),
        (RECEIPT, None, Verdict.UNKNOWN),
    ],
)
def test_a_receipt_counts_when_it_is_the_channel_s_own_and_agrees(receipt, known, verdict):
    assert verdict_of(receipt, known) is verdict

from dataclasses import replace

import pytest

from schemas.events import Signatory
from streams.routing.settle import settle
from tests.fakes import valuations as made
from tests.fakes.valuations import NOON

SIGNED = (
    Signatory(capacity="VALUER", signing_no="QZ-00017", grade="G2", signed_at=NOON),
    Signatory(capacity="APPROVER", signing_no="QZ-00004", grade="G3", signed_at=NOON),
)


@pytest.mark.requirement("RP2")
def test_who_stands_for_a_value_reaches_the_result_by_number_and_without_names(policy):
    result = settle(replace(made.decided(), approver="wu", signatories=SIGNED), policy, now=NOON)
    assert result.human is not None
    assert result.human.signatories == SIGNED
    assert "lin" not in repr(result.human)

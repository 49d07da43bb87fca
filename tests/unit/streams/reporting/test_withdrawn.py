from dataclasses import replace

import pytest

from schemas.catalogue import WITHDRAWALS
from schemas.codes import Action, Lane
from schemas.events import Withdrawn
from streams.reporting import sample
from streams.reporting.stage import ReportingStage
from streams.runtime.stage import Change
from streams.runtime.withdrawals import WITHDRAWN, Withdrawals


@pytest.mark.requirement("IN9")
def test_no_report_is_drawn_of_a_value_that_came_behind_a_cancellation_but_one_of_a_dispute(renderer, store, terms):
    result = sample.automatic()
    event = Withdrawn(
        valuation_id=result.valuation_id, action=Action.CANCEL, revision=1, withdrawn_at=result.resulted_at
    )
    withdrawals = Withdrawals()
    stage = ReportingStage(renderer, store, terms, Lane.ONLINE, withdrawals=withdrawals)
    (before,) = stage.handle([result])
    assert before.outputs
    withdrawals.apply([Change(topic=WITHDRAWALS, key=event.valuation_id, event=event)])
    late, disputed = stage.handle([result, replace(result, supersedes="GJ-20261101-7Q2K9XMD-1")])
    assert (late.outputs, late.silence) == ((), WITHDRAWN)
    assert disputed.outputs

"""What the ledger takes for one fact, and what for two."""

from dataclasses import replace

import pytest

from consumers.ledger.entry import entry_of
from infra.postgres.ingest import Received
from schemas.catalogue import SCORED
from schemas.codes import Lane, Reason
from schemas.events import Scored
from tests.fakes import valuations
from tests.fakes.valuations import NOON


def line(scored: Scored):
    record = valuations.record_of(SCORED, scored, lane=Lane.ONLINE)
    return entry_of(
        Received(
            topic=SCORED, lane=Lane.ONLINE, partition=0, offset=0, appended_at=NOON, event=scored,
            headers=record.headers, value=record.value,
        )
    )  # fmt: skip


@pytest.mark.requirement("RT6")
def test_what_is_scored_again_after_an_outage_is_a_line_of_its_own():
    without = replace(valuations.scored(valuation=None), concerns=(Reason.NO_MODEL,))
    recovered = valuations.scored()
    for_comparison = replace(recovered, concerns=(Reason.COMPARISON_ONLY,))
    assert len({line(one).event_id for one in (without, recovered, for_comparison)}) == 3


def test_the_same_scoring_delivered_again_is_the_same_line():
    assert line(valuations.scored()).event_id == line(valuations.scored()).event_id

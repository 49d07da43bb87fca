import pytest

from infra.cli.worker import ROOMS, StageName, group_of
from infra.settings import Settings
from schemas.codes import Lane


@pytest.mark.requirement("RT6")
def test_the_stand_in_takes_the_scorer_s_place_in_its_consumer_group(tmp_path):
    settings = Settings(state=tmp_path)
    stand_in = ROOMS[StageName.STAND_IN](settings, Lane.ONLINE)
    assert group_of(StageName.STAND_IN, stand_in, Lane.ONLINE) == "valuation-scoring-online"
    routing = ROOMS[StageName.ROUTING](settings, Lane.BATCH)
    assert group_of(StageName.ROUTING, routing, Lane.BATCH) == "valuation-routing-batch"
    settle = ROOMS[StageName.SETTLE](settings, Lane.ONLINE)
    assert group_of(StageName.SETTLE, settle, None) == "valuation-settle"

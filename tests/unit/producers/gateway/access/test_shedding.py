import pytest

from producers.gateway.access.shedding import Capacity, Load, Rank, is_shed, rank_of
from schemas.domain.channels import CHANNELS, Scope


def order(pressure):
    return {rank for rank in Rank if is_shed(rank, pressure)}


@pytest.mark.requirement("IN5")
def test_batches_go_first_then_open_channels_then_customers_then_staff():
    seen = [order(pressure) for pressure in (0.5, 0.6, 0.7, 0.9, 1.1)]
    assert seen == [
        set(),
        {Rank.BATCH},
        {Rank.BATCH, Rank.OPEN},
        {Rank.BATCH, Rank.OPEN, Rank.CUSTOMER},
        {Rank.BATCH, Rank.OPEN, Rank.CUSTOMER, Rank.STAFF},
    ]


def test_every_channel_has_its_rank():
    ranks = {code: rank_of(channel, Scope.VALUATIONS_WRITE) for code, channel in CHANNELS.items()}
    assert {code for code, rank in ranks.items() if rank is Rank.OPEN} == {"WEBSITE", "WECHAT_OA"}
    assert {code for code, rank in ranks.items() if rank is Rank.STAFF} == {"CREDIT_MGMT", "BATCH_FILE"}
    assert ranks["PROBE"] is Rank.INTERNAL
    assert rank_of(CHANNELS["CREDIT_MGMT"], Scope.BATCHES_WRITE) is Rank.BATCH


def waited(load, seconds, times=100):
    for _ in range(times):
        load.entered()
        load.left(began_s=0.0, now_s=seconds)


def test_pressure_is_the_part_of_the_capacity_that_waits():
    load = Load(Capacity(waiting=10))
    for _ in range(4):
        load.entered()
    assert load.pressure(0.0) == pytest.approx(0.4)


def test_slow_answers_leave_room_for_fewer_but_never_for_none():
    load = Load(Capacity(waiting=100, usual_s=5.0, least=0.25))
    waited(load, 10.0)
    for _ in range(10):
        load.entered()
    assert load.pressure(10.0) == pytest.approx(0.2, rel=0.01)
    waited(load, 1000.0)
    assert load.pressure(1000.0) == pytest.approx(0.4)


def test_how_slow_it_was_is_forgotten_when_nothing_comes_any_more():
    load = Load(Capacity(waiting=100, usual_s=5.0))
    waited(load, 20.0)
    load.entered()
    assert load.pressure(20.0) > load.pressure(60.0) == pytest.approx(0.01)


def test_nobody_waiting_is_no_pressure_however_slow_the_last_answers_were():
    load = Load()
    waited(load, 60.0)
    assert load.pressure(60.0) == 0.0

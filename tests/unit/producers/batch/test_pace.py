import pytest

from producers.batch.pace import Limits, OnlineWatch, next_window, suffers, worth_filling

LIMITS = Limits(least=50, most=1_000)


@pytest.mark.requirement("BA2")
def test_the_window_is_halved_while_the_online_lane_suffers_and_won_back_slowly():
    window = 1_000
    for _ in range(6):
        window = next_window(window, suffers=True, limits=LIMITS)
    assert window == LIMITS.least
    assert next_window(window, suffers=False, limits=LIMITS) == 55
    for _ in range(60):
        window = next_window(window, suffers=False, limits=LIMITS)
    assert window == LIMITS.most


@pytest.mark.requirement("BA2")
@pytest.mark.parametrize(("window", "worth"), [(2_000, 500), (1_000, 500), (50, 25), (1, 1)])
def test_room_for_a_part_of_the_window_is_worth_filling(window, worth):
    assert worth_filling(window, LIMITS) == worth


@pytest.mark.requirement("BA2")
@pytest.mark.parametrize(
    ("seconds", "lag", "is_slow"), [(0.2, 0, False), (0.2, 201, True), (2.1, 0, True), (2.0, 200, False)]
)
def test_slow_answers_or_waiting_records_make_room_for_the_online_lane(seconds, lag, is_slow):
    watch = OnlineWatch(lambda: 100.0)
    for _ in range(10):
        watch.took(seconds)
    assert suffers(watch, lag, LIMITS) is is_slow


def test_old_and_few_answers_say_nothing():
    now = [0.0]
    watch = OnlineWatch(lambda: now[0], within_s=30.0)
    for _ in range(4):
        watch.took(9.0)
    assert watch.p95_s() is None
    watch.took(9.0)
    assert watch.p95_s() == 9.0
    now[0] = 31.0
    assert watch.p95_s() is None

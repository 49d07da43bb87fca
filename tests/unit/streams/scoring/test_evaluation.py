"""Periods of a walk-forward, and what is not evaluated."""

from datetime import date

from streams.scoring.evaluation import Setting, periods, walk_forward


def test_periods_follow_each_other_and_the_stub_joins_the_last():
    assert list(periods(date(2016, 8, 3), date(2016, 8, 31), 7)) == [
        (date(2016, 8, 3), date(2016, 8, 10)),
        (date(2016, 8, 10), date(2016, 8, 17)),
        (date(2016, 8, 17), date(2016, 8, 24)),
        (date(2016, 8, 24), date(2016, 9, 1)),
    ]


def test_a_single_short_period_ends_with_its_last_day():
    assert list(periods(date(2016, 8, 30), date(2016, 8, 31), 7)) == [(date(2016, 8, 30), date(2016, 9, 1))]


def test_without_history_nothing_is_forecast(tools, market_deals):
    spans = list(periods(min(deal.deal_date for deal in market_deals), tools.today, 400))
    assert walk_forward(market_deals, spans, settings=(Setting.AREA,)) == {Setting.AREA: []}

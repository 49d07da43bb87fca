"""One walk-forward over the small market, shared by all tests of it."""

from datetime import timedelta

import pytest

from streams.scoring.evaluation import Setting, walk_forward


@pytest.fixture(scope="session")
def span(tools):
    """The last forty days of the market, which the walk below predicts at once."""
    return tools.today - timedelta(days=40), tools.today


@pytest.fixture(scope="session")
def walk(tools, market_deals, span):
    """Forecasts of the span by a model trained on what was known before it; for cold communities by another."""
    settings = (Setting.AREA, Setting.FULL, Setting.COLD)
    return walk_forward(market_deals, [span], settings=settings, communities=tools.communities())

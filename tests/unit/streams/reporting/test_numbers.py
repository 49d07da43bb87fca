from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from streams.reporting import numbers


@pytest.mark.requirement("RP4")
@pytest.mark.parametrize(
    ("written", "text"),
    [
        (numbers.yuan(5_025_101), "5,025,101"),
        (numbers.yuan(None), "—"),
        (numbers.signed_yuan(1_200), "+1,200"),
        (numbers.signed_yuan(-350), "-350"),
        (numbers.percent(0.9), "90%"),
        (numbers.percent(0.365), "36.5%"),
        (numbers.signed_percent(0.0209), "+2.1%"),
        (numbers.signed_percent(-0.004), "-0.4%"),
        (numbers.signed_percent(-0.0004), "0.0%"),
        (numbers.square_metres(Decimal("1089.5")), "1,089.50"),
        (numbers.day(date(2026, 2, 3)), "2026年2月3日"),
        (numbers.day(None), "—"),
        (numbers.instant(datetime(2026, 11, 23, 16, 0, 1, tzinfo=UTC)), "2026年11月24日 00:00:01"),
    ],
)
def test_figures_and_days_are_written_as_on_a_bank_document(written, text):
    assert written == text

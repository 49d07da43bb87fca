"""How a slip writes figures and days: grouped digits, signed per cents, Chinese dates."""

from datetime import date, datetime
from decimal import Decimal

from schemas.domain.worktime import SHANGHAI

NOTHING = "—"
_MINUS = "-"  # the plain one: Noto CJK draws the typographic minus as wide as a Chinese character


def yuan(amount: int | None) -> str:
    """`5,025,101`; a dash for nothing."""
    return NOTHING if amount is None else f"{amount:,}"


def signed_yuan(amount: int) -> str:
    """`+1,200` or `-350`."""
    return f"{'+' if amount >= 0 else _MINUS}{abs(amount):,}"


def percent(share: float) -> str:
    """`90%` for 0.9: without a decimal where there is none to show."""
    text = f"{share * 100:.1f}".removesuffix(".0")
    return f"{text}%"


def signed_percent(share: float) -> str:
    """`+2.1%`, `-0.4%`, and `0.0%` for what rounds to nothing."""
    tenths = round(share * 1000)
    sign = "" if tenths == 0 else "+" if tenths > 0 else _MINUS
    return f"{sign}{abs(tenths) / 10:.1f}%"


def square_metres(area: Decimal | float) -> str:
    """`100.50`: two places, as on a deed."""
    return f"{area:,.2f}"


def day(on: date | None) -> str:
    """`2026年11月24日`."""
    return NOTHING if on is None else f"{on.year}年{on.month}月{on.day}日"


def instant(at: datetime) -> str:
    """`2026年11月24日 09:30:00`, Shanghai time."""
    local = at.astimezone(SHANGHAI)
    return f"{day(local.date())} {local:%H:%M:%S}"


def minute(at: datetime) -> str:
    """`2026年11月24日 09:30`, Shanghai time."""
    local = at.astimezone(SHANGHAI)
    return f"{day(local.date())} {local:%H:%M}"

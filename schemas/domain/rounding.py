"""Money is whole yuan, rounded half-up: the only place that rounds it.

The unit price governs: it is rounded first, to 1 元/㎡; the total is the rounded unit price times the area, to 1 元.
"""

from decimal import ROUND_HALF_UP, Decimal

_YUAN = Decimal(1)


def unit_price(price: float | Decimal) -> int:
    """A unit price in whole yuan per m².

    A float is read as the shortest decimal that means it, so that 0.5 is a half and 2.675 is not 2.67499….
    Raises `ValueError` for a price that is negative or not finite.
    """
    exact = price if isinstance(price, Decimal) else Decimal(repr(float(price)))  # float(): numpy has its own repr
    return _whole_yuan(exact)


def total(unit_price: int, area_m2: Decimal) -> int:
    """The total in whole yuan of a unit price in yuan per m² and an area in m².

    Raises `ValueError` for a product that is negative or not finite.
    """
    return _whole_yuan(unit_price * area_m2)


def _whole_yuan(amount: Decimal) -> int:
    if not amount.is_finite() or amount < 0:
        raise ValueError(f"money must be finite and not negative, got {amount}")
    return int(amount.quantize(_YUAN, rounding=ROUND_HALF_UP))

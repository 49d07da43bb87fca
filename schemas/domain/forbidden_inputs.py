"""What a valuation must never be learned from or computed with, by name (VM1; valuation guide §5.2).

Three kinds: known only after the listing or the deal; of the person, loan or way in instead of the house; the price
itself in another dress.
"""

from collections.abc import Iterable
from typing import Final

LATER_THAN_THE_PRICE: Final = (
    "days_on_market", "follower", "communityaverage", "community_average", "asking", "listing",
    "关注", "成交周期", "挂牌", "小区均价",
)  # fmt: skip
OF_THE_PERSON: Final = (
    "loan", "borrower", "customer", "client", "channel", "branch", "officer", "requested_price", "expected_price",
    "贷款", "借款人", "客户", "渠道", "支行", "经办", "期望价",
)  # fmt: skip
WHOLE_NAMES: Final = frozenset({"dom"})  # days on market; as a part it would meet "bedroom"
OF_THE_TARGET: Final = ("price", "total_wan", "价")


def forbidden_among(names: Iterable[str]) -> tuple[str, ...]:
    """The names that may not be learned from, in order.

    >>> forbidden_among(["area_m2", "DOM", "days-on-market", "loan_amount", "bedrooms"])
    ('DOM', 'days-on-market', 'loan_amount')
    """
    return tuple(sorted(name for name in set(names) if _is_forbidden(name, ())))


def forbidden_further(names: Iterable[str]) -> tuple[str, ...]:
    """As `forbidden_among`, for further numbers of a property: those may not speak of a price at all."""
    return tuple(sorted(name for name in set(names) if _is_forbidden(name, OF_THE_TARGET)))


def _is_forbidden(name: str, also: Iterable[str]) -> bool:
    plain = name.lower().replace("-", "_")
    return plain in WHOLE_NAMES or any(word in plain for word in (*LATER_THAN_THE_PRICE, *OF_THE_PERSON, *also))

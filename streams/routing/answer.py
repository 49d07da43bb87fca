"""The one place where a scored valuation becomes an answer to its channel, whoever decided it."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from schemas.codes import LimitingFactor, MatchLevel, Occasion, Status, Tradability
from schemas.domain.channels import Profile, find
from schemas.domain.echo import echo
from schemas.domain.worktime import shanghai_date
from schemas.events import HumanDecision, PolicyReference, Resulted, Scored, Valuation
from streams.routing.policy import Policy
from streams.routing.rules import met_no_model

MODEL: Final = "model"
"""What the models are called among the degraded sources of an answer."""


class Money(NamedTuple):
    """The figures that count, in whole yuan; `unit_price` per m². A reviewer may have given no range."""

    value: int
    unit_price: int
    lower: int | None
    upper: int | None


def profile_of(channel: str) -> Profile:
    """What the channel may see. A channel this release does not know yet sees as little as the public does."""
    known = find(channel)
    return Profile.PUBLIC if known is None else known.profile


def has_manual_lane(channel: str) -> bool:
    """Whether people may value for this channel."""
    known = find(channel)
    return known is not None and known.has_manual_lane


def model_money(valuation: Valuation) -> Money:
    """The model's own figures."""
    return Money(valuation.value, valuation.unit_price, valuation.lower, valuation.upper)


def answer(  # noqa: PLR0913 -- one keyword for each thing in which answers differ
    scored: Scored,
    status: Status,
    *,
    policy: PolicyReference,
    at: datetime,
    reasons: tuple[str, ...] = (),
    reason_text: str = "",
    money: Money | None = None,
    valid_until: date | None = None,
    due_at: datetime | None = None,
    human: HumanDecision | None = None,
    human_touched: bool = False,
) -> Resulted:
    """The answer with everything that is echoed. The model's evidence goes out only with a value: never a bare hint.

    What people had before them is `human_touched`, even if the model has the last word.
    """
    return replace(
        echo(scored.valuation_id, scored.request, status, resulted_at=at),
        reasons=reasons,
        reason_text=reason_text,
        due_at=due_at,
        valid_until=valid_until,
        value=money and money.value,
        unit_price=money and money.unit_price,
        lower=money and money.lower,
        upper=money and money.upper,
        address=scored.address,
        attributes=scored.attributes,
        valuation=evidence(scored) if money else None,
        human=human,
        policy=policy,
        human_touched=human_touched or scored.request.occasion is not Occasion.ASKED,
        verification=scored.verification,
        degraded_sources=(*scored.degraded_sources, *([MODEL] if met_no_model(scored) else [])),
    )


def evidence(scored: Scored) -> Valuation | None:
    """The model's evidence, with the limiting factors that lie in the subject and not in the model."""
    if scored.valuation is None:
        return None
    more = [
        factor.value
        for factor, applies in (
            (LimitingFactor.TRADABILITY_UNKNOWN, scored.attributes.tradability is Tradability.UNKNOWN),
            (LimitingFactor.ADDRESS_PARTIAL, scored.address.match_level is MatchLevel.COMMUNITY),
        )
        if applies
    ]
    factors = tuple(dict.fromkeys((*scored.valuation.limiting_factors, *more)))
    return replace(scored.valuation, limiting_factors=factors)


def valid_until(scored: Scored, decided_at: datetime, policy: Policy) -> date:
    """The last Shanghai day on which a value may be used: counted from the decision, shorter in a fast market."""
    factors = scored.valuation.limiting_factors if scored.valuation else ()
    fast = LimitingFactor.FAST_MARKET in factors
    days = policy.fast_market_validity_days if fast else policy.validity_days
    return shanghai_date(decided_at) + timedelta(days=days)

"""What a value rests on, in texts: method, comparables, and what moved the unit price."""

from collections.abc import Iterator
from typing import Any

from schemas.codes import ModelRole
from schemas.domain.worktime import shanghai_date
from schemas.events import Comparable, Resulted, Valuation
from streams.reporting.numbers import NOTHING, day, percent, signed_percent, signed_yuan, square_metres, yuan
from streams.reporting.texts import Texts, factor


def method(result: Resulted, texts: Texts, *, for_staff: bool) -> Iterator[list[str]]:
    """Labels and values, in the order of the page; which policy and which model is for staff to know."""
    valuation, human = result.valuation, result.human
    if human is None:
        how = "INCOME" if valuation and valuation.income else "MODEL"
        yield texts.fact("method", texts.word("method", how))
    else:
        approval = texts.word("method", "FOUR_EYES") if human.four_eyes else ""
        yield texts.fact("method", texts.word("method", "PERSON" if valuation else "PERSON_ALONE"))
        yield texts.fact("valuer", f"{texts.code('grade', human.reviewer_grade)}{approval}")
        yield texts.fact("valued_on", day(shanghai_date(human.decided_at)))
    if result.policy is not None and for_staff:
        yield texts.fact("policy", f"{result.policy.version}（{result.policy.sha256[:8]}）")
    if valuation is not None and not for_staff:
        yield texts.fact("data_as_of", day(valuation.data_as_of))
    elif valuation is not None:
        yield from _income(valuation, texts)
        model = valuation.model
        on_trial = texts.word("method", "ON_TRIAL") if model.role is ModelRole.CHALLENGER else ""
        yield texts.fact("model", f"{model.name} {model.version}{on_trial}")
        yield texts.fact("artefact", model.artefact_sha256[:16])
        yield texts.fact("data_as_of", day(valuation.data_as_of))
        yield texts.fact("index", valuation.index_version or NOTHING)


def _income(valuation: Valuation, texts: Texts) -> Iterator[list[str]]:
    """收益法: of property that is let, where rents were known."""
    income = valuation.income
    if income is None:
        return
    value, weight = yuan(valuation.income_value), percent(income.weight)
    years, assumed = f"{income.remaining_years:.1f}", texts.word("method", "TERM_ASSUMED")
    rent, rents = f"{income.monthly_rent:.2f}", str(income.rents)
    yield texts.fact("income", texts.say("words", "income", value=value, weight=weight))
    yield texts.fact("rent", texts.say("words", "rent", rent=rent, rents=rents))
    rate = percent(income.rate)
    assumed = assumed if income.term_assumed else ""
    yield texts.fact("rate", texts.say("words", "rate", rate=rate, years=years, assumed=assumed))


def comparables(result: Resulted, texts: Texts) -> Iterator[dict[str, Any]]:
    """The rows of the table, in the order of the event."""
    community_id = result.address.community_id if result.address else None
    rows = result.valuation.comparables if result.valuation else ()
    for place, row in enumerate(rows, start=1):
        yield _comparable(place, row, community_id, texts)


def _comparable(place: int, row: Comparable, community_id: str | None, texts: Texts) -> dict[str, Any]:
    return {
        "place": str(place),
        "community": row.community_name,
        "distance": _distance(row, community_id, texts),
        "date": row.deal_date.isoformat(),
        "area": square_metres(row.area_m2),
        "unit_price": yuan(row.unit_price),
        "adjustments": [[factor(one.factor), signed_percent(one.share)] for one in row.adjustments],
        "adjusted": yuan(row.adjusted_unit_price),
        "weight": percent(row.weight),
    }


def _distance(row: Comparable, community_id: str | None, texts: Texts) -> str:
    if row.community_id == community_id:
        return texts.word("words", "same_community")
    return NOTHING if row.distance_m is None else f"{row.distance_m:,} m"


def drivers(valuation: Valuation | None, texts: Texts) -> dict[str, Any] | None:
    """What moved the unit price; only of a model's value, a reviewer's has no such parts."""
    if valuation is None or not valuation.reasons:
        return None
    return {
        "base": yuan(valuation.base_unit_price),
        "parts": [
            [texts.driver(part), signed_yuan(part.unit_price_change), signed_percent(part.share)]
            for part in valuation.reasons
        ],
        "unit_price": yuan(valuation.unit_price),
    }

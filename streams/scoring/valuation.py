"""Value a batch of subjects of one segment: columns in, `Valuation`s out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from math import exp, log
from typing import Final

import numpy as np

from schemas.codes import AttributeOrigin, LimitingFactor, PropertyType, Tradability
from schemas.domain import rounding
from schemas.events import Comparable, Enriched, IncomeApproach, ModelReference, Valuation
from streams.scoring.assumptions import Assumptions, default_assumptions
from streams.scoring.attributes import Ints, numbers
from streams.scoring.certainty import COVERAGE, METHOD, P10_REFERENCE, confidence_level
from streams.scoring.comparables import Comparison
from streams.scoring.explanation import reasons, stepwise_prices
from streams.scoring.freshness import lineage, traced
from streams.scoring.income import Income, after_shift, reconciled
from streams.scoring.letting import incomes
from streams.scoring.market import Market
from streams.scoring.model import Estimate
from streams.scoring.reference import Scorer
from streams.scoring.rents import RentBook
from streams.scoring.selection import HEAVIEST, LEAST, Shortage, as_comparables, choose, rule_checks
from streams.scoring.subjects import Subjects
from streams.scoring.vintages import vintage_day

_STALE_DAYS: Final = 180
_WIDE: Final = 0.15  # dispersion of adjusted prices, log
_FAST_MONTH: Final = 0.02
_MONTH: Final = 30
_DISAGREEMENT: Final = 0.10
_OUT_OF_RANGE: Final = 0.30
_SMALL, _LARGE = 20, 300  # m²; outside, few like it are ever sold
_COMMUNITY_LEVEL: Final = 2  # the deepest fallback level that still knows the community
_UNUSUAL: Final = frozenset({PropertyType.VILLA, PropertyType.MIXED_USE_FLAT})
_LET_HALF_WIDTH: Final = -log(0.8)  # guide §12: property that is let gets at least ±20 %
_LET_METHOD: Final = f"{METHOD}, at least ±20 %"
_MANY: Final = 64
_CARRIES: Final = 1e-5  # a deal of less weight moved no value by a yuan


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """What was computed for a batch at once, as plain lists: reading them one by one is what Python is quick at."""

    log_value: list[float]
    half_width: list[float]
    fsd: list[float]
    p10: list[float]
    steps: list[list[int]]
    fallback_level: list[int]
    spread: list[float]
    comparison_price: list[float]
    movement: list[float]
    as_of: list[int]
    area_out: list[bool]
    community: list[int]
    comparables: list[tuple[Comparable, ...]]
    shortage: list[Shortage]
    sources: list[tuple[str, ...]]
    city: list[str]
    is_let: bool
    income: list["_Reconciled | None"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reconciled:
    """The income method beside the comparison: its weight in the answer, and the gap between both (0.1 = 10 %)."""

    income: Income
    log_value: float
    weight: float
    gap: float


def value_batch(batch: Sequence[Enriched], scorer: Scorer, rents: RentBook | None = None) -> list[Valuation | None]:
    """One valuation for each subject, in order; `None` where not even its city is known.

    Property that is let (shops, offices, serviced flats) is valued by comparison and, where rents are known near it,
    by income as well; both count by their inverse variance. `rents` stand in for those of the scorer.
    """
    columns = _columns(batch, scorer, scorer.rents if rents is None else rents, default_assumptions())
    return [
        _traced(_valuation(enriched, place, columns, scorer), enriched, place, columns, scorer)
        for place, enriched in enumerate(batch)
    ]


def _traced(valuation: Valuation | None, enriched: Enriched, i: int, b: _Batch, scorer: Scorer) -> Valuation | None:
    """The value with the licences and ages of the sources behind it; a silent source makes it less sure."""
    if valuation is None:
        return None
    licences, on = scorer.licences(), enriched.request.value_date
    used = lineage(
        b.sources[i],
        b.city[i],
        on,
        arrivals=scorer.book.market.arrivals,
        licences=licences,
        index_as_of=scorer.model.learned_to,
    )
    return traced(valuation, on, used, licences)


def subjects_from(batch: Sequence[Enriched], market: Market) -> Subjects:
    """The subjects of requests as columns. Their own row is unknown: a deal closed before the value date counts."""
    places, words = market.places, market.vocabularies
    community = np.array([places.code(enriched.address.community_id) for enriched in batch], np.int64)
    parents = places.parents(community)
    stated = [(enriched.address.city, enriched.address.district) for enriched in batch]
    city = np.array([places.city_code(name) for name, _ in stated], np.int64)
    district = np.array([places.district_code(*pair) for pair in stated], np.int64)
    day = np.array([enriched.request.value_date.toordinal() for enriched in batch], np.int64)
    return Subjects(
        community=community,
        city=np.where(parents[:, 0] >= 0, parents[:, 0], city),
        district=np.where(parents[:, 1] >= 0, parents[:, 1], district),
        circle=parents[:, 2],
        day=day,
        known=day,
        log_area=np.log(np.array([float(enriched.request.area_m2) for enriched in batch])),
        numeric=np.array([numbers(enriched.attributes) for enriched in batch]),
        texts=np.array([words.known(enriched.attributes) for enriched in batch], np.int64),
        further=words.further_of([enriched.attributes for enriched in batch]),
        own=np.full(len(batch), -1, np.int64),
        cold=np.zeros(len(batch), np.int64),
    )


def _columns(batch: Sequence[Enriched], scorer: Scorer, rents: RentBook, assumptions: Assumptions) -> _Batch:
    book, market = scorer.book, scorer.book.market
    book.follow()
    subjects = subjects_from(batch, market)
    comparison = book.compare(subjects)
    estimate = scorer.model.estimate(comparison)
    kind = PropertyType(scorer.model.segment)
    is_let = kind in assumptions.classes
    # Few of a shop's neighbours lie on its floor, so that they may be adjusted to it at all: look further.
    shortlist = choose(
        comparison, market.particulars.unit_prices, len(batch), of_heaviest=_MANY if is_let else HEAVIEST
    )
    found = incomes(
        subjects,
        [enriched.attributes for enriched in batch],
        kind=kind,
        rents=rents,
        book=book,
        assumptions=assumptions,
    )
    return _Batch(
        log_value=estimate.log_value.tolist(),
        half_width=estimate.half_width.tolist(),
        fsd=estimate.fsd.tolist(),
        p10=estimate.p10.tolist(),
        steps=stepwise_prices(estimate.base, estimate.parts).tolist(),
        fallback_level=comparison.fallback_level.tolist(),
        spread=comparison.spread.tolist(),
        comparison_price=shortlist.comparison_unit_price().tolist(),
        movement=book.movement(subjects, _MONTH).tolist(),
        as_of=_as_of(market, subjects).tolist(),
        area_out=_area_out(market, batch, subjects),
        community=subjects.community.tolist(),
        comparables=as_comparables(shortlist, market.sold),
        shortage=shortlist.shortages(),
        sources=[
            tuple(sorted({*compared, *(income.sources if income else ())}))
            for compared, income in zip(_sources(comparison, market, subjects), found, strict=True)
        ],
        city=[market.places.cities.texts[code] if code >= 0 else "" for code in subjects.city.tolist()],
        is_let=is_let,
        income=[_beside(income, estimate, i) for i, income in enumerate(found)],
    )


def _beside(income: Income | None, estimate: Estimate, i: int) -> _Reconciled | None:
    """Reconcile the income method with the model's comparison of a subject."""
    if income is None:
        return None
    comparison = float(estimate.log_value[i])
    log_value, weight = reconciled(comparison, float(estimate.fsd[i]), income.log_unit_price, income.sd)
    return _Reconciled(
        income=income, log_value=log_value, weight=weight, gap=exp(income.log_unit_price - comparison) - 1
    )


def _valuation(enriched: Enriched, i: int, b: _Batch, scorer: Scorer) -> Valuation | None:
    if b.as_of[i] == 0:
        return None
    area, model, both = enriched.request.area_m2, scorer.model, b.income[i]
    shift = both.log_value - b.log_value[i] if both else 0.0
    unit_price = rounding.unit_price(exp(b.log_value[i] + shift))
    value = rounding.total(unit_price, area)
    # The interval around the moved value holds the one that was calibrated.
    half_width = b.half_width[i] + abs(shift)
    half_width = max(half_width, _LET_HALF_WIDTH) if b.is_let else half_width
    p10 = round(after_shift(b.p10[i], shift, b.fsd[i]), 4)
    comparables = b.comparables[i]
    return Valuation(
        value=value,
        unit_price=unit_price,
        lower=min(rounding.total(rounding.unit_price(unit_price * exp(-half_width)), area), value - 1),
        upper=max(rounding.total(rounding.unit_price(unit_price * exp(half_width)), area), value + 1),
        interval_coverage=COVERAGE,
        interval_method=_LET_METHOD if b.is_let else METHOD,
        calibration_id=model.calibration_id,
        fsd=round(b.fsd[i], 4),
        p10=p10,
        p10_reference=P10_REFERENCE,
        confidence=round(100 * p10),
        confidence_level=confidence_level(p10),
        base_unit_price=b.steps[i][0],
        reasons=reasons([*b.steps[i], unit_price] if both else b.steps[i], unit_price),
        comparables=comparables,
        rule_checks=rule_checks(comparables, enriched.request.value_date),
        limiting_factors=tuple(_limits(enriched, i, b, scorer, b.comparison_price[i] / unit_price - 1)),
        model=_reference(scorer, b.fallback_level[i]),
        data_as_of=date.fromordinal(b.as_of[i]),
        index_version=model.version,
        comparison_value=rounding.total(rounding.unit_price(b.comparison_price[i]), area) if comparables else None,
        comparables_text=b.shortage[i].text() if len(comparables) < LEAST else "",
        sources=b.sources[i],
        income_value=rounding.total(_unit_price(both.income), area) if both else None,
        income=_approach(both, default_assumptions().version) if both else None,
    )


def _unit_price(income: Income) -> int:
    return rounding.unit_price(exp(income.log_unit_price))


def _approach(both: _Reconciled, version: str) -> IncomeApproach:
    income = both.income
    return IncomeApproach(
        unit_price=_unit_price(income),
        monthly_rent=round(income.monthly_rent, 2),
        net_income=round(income.net_income, 2),
        rate=round(income.rate, 5),
        growth=income.growth,
        remaining_years=round(income.remaining_years, 1),
        term_assumed=income.term_assumed,
        rate_basis=income.rate_basis,
        rents=income.rents,
        yields=income.yields,
        fsd=round(income.sd, 4),
        weight=round(both.weight, 4),
        assumptions_version=version,
    )


def _reference(scorer: Scorer, level: int) -> ModelReference:
    return ModelReference(
        name=scorer.release,
        version=scorer.model.version,
        artefact_sha256=scorer.sha256,
        feature_set_version=scorer.model.feature_set_version,
        segment=scorer.model.segment,
        fallback_level=level,
    )


def _limits(enriched: Enriched, i: int, b: _Batch, scorer: Scorer, gap: float) -> Iterator[str]:
    """限制因素: all that apply, in the order of the code list. `gap`: comparison price over unit price, less one."""
    comparables, deep = b.comparables[i], b.fallback_level[i] > _COMMUNITY_LEVEL
    both = b.income[i]
    attributes = enriched.attributes
    newest = max((c.deal_date for c in comparables), default=date.fromordinal(b.as_of[i]))
    checks = {
        LimitingFactor.FEW_COMPARABLES: len(comparables) < LEAST,
        LimitingFactor.STALE_COMPARABLES: (enriched.request.value_date - newest).days > _STALE_DAYS,
        LimitingFactor.WIDE_DISPERSION: b.spread[i] > _WIDE,
        LimitingFactor.AREA_OUT_OF_RANGE: b.area_out[i],
        LimitingFactor.ADDRESS_PARTIAL: b.community[i] < 0,
        LimitingFactor.ATTRIBUTE_IMPUTED: AttributeOrigin.IMPUTED in attributes.origins.values(),
        LimitingFactor.FAST_MARKET: abs(b.movement[i]) > _FAST_MONTH,
        LimitingFactor.MODEL_DISAGREEMENT: abs(gap) > _DISAGREEMENT  # a gap of NaN is none
        or (both is not None and abs(both.gap) > _DISAGREEMENT),
        LimitingFactor.NEW_COMMUNITY: deep,
        LimitingFactor.UNUSUAL_PROPERTY: not _SMALL <= enriched.request.area_m2 <= _LARGE
        or attributes.property_type in _UNUSUAL,
        LimitingFactor.TRADABILITY_UNKNOWN: attributes.tradability is Tradability.UNKNOWN,
        LimitingFactor.RENTS_UNKNOWN: b.is_let and both is None,
        LimitingFactor.LAND_TERM_ASSUMED: both is not None and both.income.term_assumed,
        LimitingFactor.RETROSPECTIVE: enriched.request.value_date < vintage_day(scorer.model.version),
        f"FALLBACK_LEVEL_{b.fallback_level[i]}": deep,
    }
    return (str(factor) for factor, applies in checks.items() if applies)


def _as_of(market: Market, subjects: Subjects) -> Ints:
    """Day on which the newest deal of the subject's city that counts became known; 0 where there is none."""
    shelf = market.by_level["city"]
    first, last = shelf.before(subjects.city, subjects.known)
    if not len(shelf.order):
        return np.zeros(len(subjects), np.int64)
    return np.where(last > first, market.rows.known[shelf.order[last - 1]], 0)


def _area_out(market: Market, batch: Sequence[Enriched], subjects: Subjects) -> list[bool]:
    """Whether the area lies more than 30 % outside what the dictionary knows of the community."""
    area = [float(enriched.request.area_m2) for enriched in batch]
    ranges = (market.places.area_range(code) for code in subjects.community.tolist())
    return [
        size < low * (1 - _OUT_OF_RANGE) or size > high * (1 + _OUT_OF_RANGE)
        for size, (low, high) in zip(area, ranges, strict=True)
    ]


def _sources(comparison: Comparison, market: Market, subjects: Subjects) -> list[tuple[str, ...]]:
    """Sources of all deals that carried weight: those compared, and behind them the city's, by its level alone."""
    c, known = comparison.candidates, market.particulars
    found: list[set[str]] = [set() for _ in range(len(subjects))]
    carrying = np.flatnonzero(np.abs(comparison.kriged.candidate_weight) > _CARRIES)
    pairs = c.subject[carrying] * len(known.source_names) + known.source_codes(c.row[carrying])
    for pair in np.unique(pairs).tolist():
        subject, source = divmod(pair, len(known.source_names))
        found[subject].add(known.source_names[source])
    for i, sources in enumerate(found):
        if not sources and (city := int(subjects.city[i])) >= 0:
            before = date.fromordinal(int(subjects.known[i]))
            sources.update(market.arrivals.sources_before(market.places.cities.texts[city], before))
    return [tuple(sorted(sources - {""})) for sources in found]

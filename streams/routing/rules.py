"""Why a person must look: every rule of the policy asked of one scored valuation, hard rules first.

Pure and deterministic: the same event and the same policy give the same reasons in the same order.
"""

import hashlib
from collections.abc import Iterable, Iterator

from schemas.codes import Automation, MatchLevel, Occasion, PropertyType, Reason, SegmentState, ServiceType
from schemas.domain.channels import Profile
from schemas.events import Scored, Valuation
from streams.routing.policy import Policy, PropertyClass, Thresholds

_RESOLVED = frozenset({MatchLevel.COMMUNITY, MatchLevel.BUILDING, MatchLevel.ROOM})
_AUTOMATION = {Automation.HUMAN_ONLY: Reason.CITY_HUMAN_ONLY, Automation.SUSPENDED: Reason.SEGMENT_HOLD}
_STANDING = {SegmentState.HUMAN_ONLY: Reason.CITY_HUMAN_ONLY, SegmentState.HELD: Reason.SEGMENT_HOLD}
_WITHOUT_MODEL = frozenset({Reason.SYSTEM_DEGRADED, Reason.NO_MODEL})
_DRAWS = 2**32


def reasons_for_review(
    scored: Scored, policy: Policy, profile: Profile, segment: SegmentState = SegmentState.AUTOMATIC
) -> tuple[str, ...]:
    """All reason codes that keep the value from standing, each once; empty when it may stand.

    `segment` is the standing of the subject's segment; beside it the coverage row counts, and the stricter of the two
    wins. AUTOMATIC asks the rules alone, as the backtest does by which a segment is to be admitted.

    What enrichment and scoring were concerned about always counts. A property type without a class has no thresholds
    to be measured by, so only the hard rules speak of it.
    """
    kind = policy.classes.get(scored.attributes.property_type)
    valuation = scored.valuation
    found: list[str] = [*_hard(scored, policy, kind, segment)]
    if valuation is not None:
        found += _evidence(valuation, policy)
        found += _subject_among_comparables(scored, valuation, policy)
        if kind is not None:
            thresholds = policy.thresholds_for(scored.address.city, kind, profile)
            found += _soft(valuation, thresholds)
    return tuple(dict.fromkeys(found))


def met_no_model(scored: Scored) -> bool:
    """Whether the system had no usable model for a subject that is meant to have one."""
    if scored.valuation is not None or scored.request.service_type is ServiceType.VERIFY:
        return False
    return not scored.concerns or not _WITHOUT_MODEL.isdisjoint(scored.concerns)


def is_degraded_alone(reasons: Iterable[str]) -> bool:
    """Whether nothing but the missing model speaks against an automatic answer."""
    return _WITHOUT_MODEL.issuperset(reasons)


def _hard(scored: Scored, policy: Policy, kind: PropertyClass | None, segment: SegmentState) -> Iterator[str]:
    if scored.request.force_manual:
        yield Reason.FORCED_BY_BANK
    if scored.request.occasion is Occasion.DESK_REPLY:  # people asked, so people go on
        yield Reason.DESK_REPLY
    yield from _without_value(scored)
    yield from _standing(scored, policy, None if kind is None else segment)
    if kind is None:
        yield Reason.UNSEEN_TYPE
    yield from _address(scored, policy)
    if kind is not None:
        band = policy.areas[kind]
        if not band.min_m2 <= scored.request.area_m2 <= band.max_m2:
            yield Reason.AREA_IMPLAUSIBLE


def _without_value(scored: Scored) -> Iterator[str]:
    """What came along, and that it was the system's fault where it was."""
    if met_no_model(scored):
        yield Reason.SYSTEM_DEGRADED
    yield from scored.concerns
    if scored.valuation is None and not scored.concerns:
        yield Reason.NO_MODEL


def _standing(scored: Scored, policy: Policy, segment: SegmentState | None) -> Iterator[str]:
    """What the bank's coverage row, the segment's standing and the policy's holds say; each may stop the value."""
    if (unfit := _AUTOMATION.get(scored.coverage.automation)) is not None:
        yield unfit
    if segment is not None and (unfit := _STANDING.get(segment)) is not None:
        yield unfit
    if _is_held(scored, policy):
        yield Reason.SEGMENT_HOLD


def _address(scored: Scored, policy: Policy) -> Iterator[str]:
    address = scored.address
    if address.community_id is None or address.match_level not in _RESOLVED:
        yield Reason.ADDR_PARTIAL
    elif address.probability < policy.min_address_probability:
        yield Reason.ADDR_AMBIGUOUS


def _is_held(scored: Scored, policy: Policy) -> bool:
    property_type: PropertyType = scored.attributes.property_type
    return any(
        hold.covers(city=scored.address.city, property_type=property_type, community_id=scored.address.community_id)
        for hold in policy.holds
    )


def _evidence(valuation: Valuation, policy: Policy) -> Iterator[str]:
    """What the valuation says of its own footing."""
    for factor in valuation.limiting_factors:
        if (reason := policy.limiting_factors.get(factor)) is not None:
            yield reason
    if valuation.model.fallback_level > policy.max_fallback_level:
        yield Reason.THIN_COMPARABLES
    if valuation.value > policy.exposure_value and not all(check.met for check in valuation.rule_checks):
        yield Reason.COMPARISON_RULE_UNMET


def _subject_among_comparables(scored: Scored, valuation: Valuation, policy: Policy) -> Iterator[str]:
    """Whether area and unit price lie where the comparables do; without comparables another rule speaks."""
    if not valuation.comparables:
        return
    areas = [comparable.area_m2 for comparable in valuation.comparables]
    if _outside(float(scored.request.area_m2), areas, policy.max_area_gap):
        yield Reason.AREA_IMPLAUSIBLE
    prices = [comparable.adjusted_unit_price for comparable in valuation.comparables]
    if _outside(valuation.unit_price, prices, policy.max_beyond_comparables):
        yield Reason.OUTLIER_PRICE


def _outside(figure: float, figures: Iterable[float], gap: float) -> bool:
    """Whether a figure lies further than `gap` (a share) below the least or above the greatest of the figures."""
    known = tuple(figures)
    return figure < min(known) * (1 - gap) or figure > max(known) * (1 + gap)


def _soft(valuation: Valuation, thresholds: Thresholds) -> Iterator[str]:
    if valuation.p10 < thresholds.min_p10:
        yield Reason.LOW_CONFIDENCE
    if valuation.fsd > thresholds.max_fsd:
        yield Reason.WIDE_RANGE
    if len(valuation.comparables) < thresholds.min_comparables:
        yield Reason.THIN_COMPARABLES
    if _comparison_gap(valuation) > thresholds.max_comparison_gap:
        yield Reason.MODEL_DISAGREEMENT
    if valuation.value > thresholds.high_value:
        yield Reason.HIGH_VALUE


def _comparison_gap(valuation: Valuation) -> float:
    """The share by which the model differs from the comparables alone; 0 where these give no value."""
    alone = valuation.comparison_value
    return abs(valuation.value - alone) / alone if alone else 0.0


def is_audited(valuation_id: str, policy: Policy) -> bool:
    """Whether an automatic answer is drawn for a blind valuation after the fact: by lot, but the same on every replay.

    The lot hangs on the id and the policy's version, so that a channel cannot choose numbers that are never drawn.
    """
    lot = hashlib.sha256(f"{policy.version}|{valuation_id}".encode()).digest()
    return int.from_bytes(lot[:4]) < policy.audit_share * _DRAWS


def priority(scored: Scored, profile: Profile) -> int:
    """The place in the queue among tasks due at the same time; a higher one goes first.

    Loan approval waits for us while an investigation does not yet; staff sits in front of a customer; and a doubtful
    value of a dear house is worth more of a reviewer's time than that of a cheap one.
    """
    stage = 400 if scored.request.loan_stage == "IN_LOAN_APPROVAL" else 0
    staff = 200 if profile is Profile.STAFF else 0
    online = 100 if scored.request.lane == "online" else 0
    return stage + staff + online + _value_band(scored.valuation)


def _value_band(valuation: Valuation | None) -> int:
    """0–99: money at risk, (1 − p10) × value, in units of 100 000 yuan. Unknown is as urgent as it gets."""
    if valuation is None:
        return 99
    return min(99, int((1 - valuation.p10) * valuation.value / 100_000))

"""分流策略: the versioned rules that say when a model's value may stand. `policies/*.toml` shows the file's form."""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType

from schemas.codes import LimitingFactor, PropertyType, Reason
from schemas.domain.channels import Profile
from schemas.errors import PermanentError
from schemas.events import PolicyReference
from streams.routing.strict_toml import Table

LONGEST_VALIDITY_DAYS = 365  # GB/T 50291: a valuation may be used one year at most
DISTRICT_LEVEL = 5  # the deepest back-off that may ever leave automatically; 6 is the whole city
LONGEST_REUSE_DAYS = 60  # as far back as routing reads what it has answered
REUSE_DAYS = 30  # IN10: so long an answer is issued again for the same unit, unless a policy says otherwise
MOST_YUAN = 10**12
MOST_TASKS = 100_000  # open at a desk
MOST_DEALS = 10**7
LEAST_OUTCOMES = 30  # a share of fewer cases is an anecdote (schemas.domain.measures.LEAST)
PROFILES = (Profile.STAFF, Profile.CUSTOMER, Profile.PUBLIC)


class PropertyClass(StrEnum):
    """Property types that share thresholds."""

    RESIDENTIAL = "RESIDENTIAL"
    VILLA = "VILLA"
    COMMERCIAL = "COMMERCIAL"


class PolicyError(PermanentError):
    """The policy file does not hold to its form. Lists every fault with the path of its key."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        self.faults = faults
        super().__init__(f"the routing policy has {len(faults)} fault(s): " + "; ".join(faults))


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """What a value must reach to stand. Shares (0.1 = 10 %) and yuan; a value at the boundary passes."""

    min_p10: float
    max_fsd: float
    min_comparables: int
    max_comparison_gap: float
    high_value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaBand:
    """Areas, in m², that are plausible for a property class."""

    min_m2: float
    max_m2: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Automation is stopped for every subject that matches all fields that are set; at least one is."""

    city: str | None
    property_type: PropertyType | None
    community_id: str | None
    reason: str

    def covers(self, *, city: str | None, property_type: PropertyType, community_id: str | None) -> bool:
        """Whether a subject falls under the hold."""
        return (
            self.city in {None, city}
            and self.property_type in {None, property_type}
            and self.community_id in {None, community_id}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionRule:
    """What a segment must have shown before its answers may stand: deals in twelve months, and a backtest out of time.

    `min_ppe10` is the share within 10 % among at least `min_accepted` cases that the policy would have let stand.
    """

    min_deals: int
    min_accepted: int
    min_ppe10: float


ThresholdKey = tuple[str | None, PropertyClass, Profile]  # `None` is every city without thresholds of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One version of the rules, whole and checked. `sha256` is that of the file's bytes.

    `reuse_days`: for so many days, the first included, an answer is issued again for the same unit; 0: never.
    """

    version: str
    sha256: str
    effective_from: date
    validity_days: int
    fast_market_validity_days: int
    audit_share: float
    min_address_probability: float
    max_fallback_level: int
    max_area_gap: float
    max_beyond_comparables: float
    exposure_value: int
    degraded_desk_capacity: int
    admission: AdmissionRule
    classes: Mapping[PropertyType, PropertyClass]
    areas: Mapping[PropertyClass, AreaBand]
    limiting_factors: Mapping[str, Reason]
    thresholds: Mapping[ThresholdKey, Thresholds]
    holds: tuple[Hold, ...]
    reuse_days: int = REUSE_DAYS

    def thresholds_for(self, city: str | None, property_class: PropertyClass, profile: Profile) -> Thresholds:
        """The city's own thresholds, else everybody's. Probes are measured as staff is."""
        measured_as = Profile.STAFF if profile is Profile.INTERNAL else profile
        own = self.thresholds.get((city, property_class, measured_as))
        return own if own is not None else self.thresholds[None, property_class, measured_as]

    def class_of(self, property_type: PropertyType) -> PropertyClass | None:
        """The class whose thresholds and reviewers a property type has; `None` for a type that is never automatic."""
        return self.classes.get(property_type)

    def reference(self, rule: str) -> PolicyReference:
        """What a decision keeps of the policy that made it."""
        return PolicyReference(version=self.version, sha256=self.sha256, rule=rule)


def parse(content: bytes) -> Policy:
    """Read a policy file strictly. Raises `PolicyError` with all faults at once: unknown, missing, wrong, not TOML."""
    try:
        document = tomllib.loads(content.decode())
    except ValueError as error:  # bad UTF-8 and bad TOML are both ValueErrors
        raise PolicyError((f"not a TOML file in UTF-8: {error}",)) from error
    faults: list[str] = []
    policy = _policy(Table(document, faults), hashlib.sha256(content).hexdigest())
    if faults:
        raise PolicyError(tuple(dict.fromkeys(faults)))  # a city's fault shows once for each class and profile
    return policy


def _policy(table: Table, sha256: str) -> Policy:
    policy = Policy(
        version=table.text("version"),
        sha256=sha256,
        effective_from=table.day("effective_from"),
        validity_days=table.whole("validity_days", least=1, most=LONGEST_VALIDITY_DAYS),
        fast_market_validity_days=table.whole("fast_market_validity_days", least=1, most=LONGEST_VALIDITY_DAYS),
        audit_share=table.number("audit_share", least=0, most=1),
        min_address_probability=table.number("min_address_probability", least=0, most=1),
        max_fallback_level=table.whole("max_fallback_level", least=0, most=DISTRICT_LEVEL),
        max_area_gap=table.number("max_area_gap", least=0, most=1),
        max_beyond_comparables=table.number("max_beyond_comparables", least=0, most=1),
        exposure_value=table.whole("exposure_value", least=0, most=MOST_YUAN),
        degraded_desk_capacity=_desk_capacity(table.table("degraded")),
        admission=_admission(table.table("admission")),
        classes=MappingProxyType(_classes(table.table("classes"))),
        areas=MappingProxyType(_areas(table.table("area"))),
        limiting_factors=MappingProxyType(_limiting_factors(table.table("limiting_factors"))),
        thresholds=MappingProxyType(_all_thresholds(table)),
        holds=tuple(_hold(entry) for entry in table.tables("hold")),
        reuse_days=_reuse_days(table),
    )
    table.close()
    return policy


def _classes(table: Table) -> dict[PropertyType, PropertyClass]:
    known = [kind for kind in PropertyType if kind in table]
    classes = {kind: table.choice(kind, PropertyClass) for kind in known}
    table.close()
    return classes


def _desk_capacity(table: Table) -> int:
    capacity = table.whole("desk_capacity", least=0, most=MOST_TASKS)
    table.close()
    return capacity


def _reuse_days(table: Table) -> int:
    """Policies that were approved before there was such a rule say nothing of it."""
    if "reuse_days" not in table:
        return REUSE_DAYS
    return table.whole("reuse_days", least=0, most=LONGEST_REUSE_DAYS)


def _admission(table: Table) -> AdmissionRule:
    rule = AdmissionRule(
        min_deals=table.whole("min_deals", least=0, most=MOST_DEALS),
        min_accepted=table.whole("min_accepted", least=LEAST_OUTCOMES, most=MOST_DEALS),
        min_ppe10=table.number("min_ppe10", least=0, most=1),
    )
    table.close()
    return rule


def _areas(table: Table) -> dict[PropertyClass, AreaBand]:
    areas = {kind: _area(table.table(kind)) for kind in PropertyClass}
    table.close()
    return areas


def _area(table: Table) -> AreaBand:
    band = AreaBand(
        min_m2=table.number("min_m2", least=0, most=100_000), max_m2=table.number("max_m2", least=0, most=100_000)
    )
    if band.min_m2 > band.max_m2:
        table.fault("min_m2", f"must not exceed max_m2, {band.min_m2:g} > {band.max_m2:g}")
    table.close()
    return band


def _limiting_factors(table: Table) -> dict[str, Reason]:
    known = [factor for factor in LimitingFactor if factor in table]
    reasons = {factor.value: table.choice(factor, Reason) for factor in known}
    table.close()
    return reasons


def _all_thresholds(table: Table) -> dict[ThresholdKey, Thresholds]:
    everywhere = table.table("thresholds")
    rows: dict[ThresholdKey, Thresholds] = {}
    for kind in PropertyClass:
        by_profile = everywhere.table(kind)
        rows |= {(None, kind, profile): _thresholds(by_profile.table(profile)) for profile in PROFILES}
        by_profile.close()
    everywhere.close()
    for entry in table.tables("city"):
        rows |= _in_city(entry, rows)
    return rows


def _thresholds(table: Table) -> Thresholds:
    thresholds = Thresholds(
        min_p10=table.number("min_p10", least=0, most=1),
        max_fsd=table.number("max_fsd", least=0, most=1),
        min_comparables=table.whole("min_comparables", least=0, most=6),
        max_comparison_gap=table.number("max_comparison_gap", least=0, most=1),
        high_value=table.whole("high_value", least=0, most=MOST_YUAN),
    )
    table.close()
    return thresholds


def _in_city(table: Table, rows: Mapping[ThresholdKey, Thresholds]) -> dict[ThresholdKey, Thresholds]:
    """The rows an entry changes, made whole: it names a city, perhaps a class and a profile, and what differs there."""
    city = table.text("city")
    kinds = (table.choice("property_class", PropertyClass),) if "property_class" in table else tuple(PropertyClass)
    profiles = (table.choice("profile", Profile),) if "profile" in table else PROFILES
    if Profile.INTERNAL in profiles:
        table.fault("profile", "must not be INTERNAL, which is measured as STAFF is")
        profiles = PROFILES
    if not table.keys():
        table.fault("city", "comes without a threshold that differs there")
    keys = [(city, kind, profile) for kind in kinds for profile in profiles]
    before = [rows.get(key, rows[None, *key[1:]]) for key in keys]
    return {key: _thresholds(table.over(asdict(general))) for key, general in zip(keys, before, strict=True)}


def _hold(table: Table) -> Hold:
    hold = Hold(
        city=table.text("city") if "city" in table else None,
        property_type=table.choice("property_type", PropertyType) if "property_type" in table else None,
        community_id=table.text("community_id") if "community_id" in table else None,
        reason=table.text("reason"),
    )
    if hold.city is hold.property_type is hold.community_id is None:
        table.fault("reason", "stands alone: name a city, a property_type or a community_id to hold")
    table.close()
    return hold

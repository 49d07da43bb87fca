"""What leaves the house, by the channel's profile: one list for HTTP, webhooks and the bank's topics.

Allow-lists: a field that is not named here is not sent, so that a new field of an event stays inside until somebody
decides that it may leave.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from schemas.codes import Status
from schemas.domain.channels import Profile
from schemas.domain.confidence import HIGH, LOW, MEDIUM, confidence_grade
from schemas.domain.texts import STATUS_TEXTS
from schemas.events import Candidate, Reported, Resulted, Valuation

DISCLAIMER: Final = "估值结果由系统依据市场数据测算，仅供贷款业务参考，不构成交易价格承诺，以银行审批结论为准。"
PUBLIC_DISCLAIMER: Final = "价格区间仅为参考范围，不构成评估报告、交易价格或贷款额度的承诺。"

Allowed = Mapping[str, "Allowed | None"]  # None: the field itself; a mapping: a nested record's fields


def names(text: str) -> dict[str, None]:
    """An allow-list of fields that are allowed whole, separated by blanks."""
    return dict.fromkeys(text.split())


_CANDIDATE = names("community_id name city district probability matched_by")
_COMMUNITY = names("community_id community_name")  # of the very house that was asked about

STAFF_FIELDS: Final[Allowed] = MappingProxyType(
    {
        **names(
            "valuation_id status revision channel client_request_id service_type address_entered received_at"
            " resulted_at reasons reason_text area_m2 value_date deadline_at due_at valid_until product loan_stage"
            " business_ref branch_code embed_target value unit_price lower upper human_touched supersedes"
            " queue_position expected_at degraded_sources reused_from"
        ),
        "address": {
            **names(
                "normalised match_level probability province city district town road community_id community_name"
                " building unit room floor longitude latitude"
            ),
            "candidates": _CANDIDATE,
        },
        "attributes": names(
            "property_type tradability floor total_floors floor_band built_year rooms halls building_type structure"
            " renovation has_lift near_metro origins"
        ),
        "valuation": {
            **names(
                "value unit_price lower upper interval_coverage interval_method fsd p10 p10_reference confidence"
                " confidence_level base_unit_price limiting_factors data_as_of index_version comparison_value"
                " income_value comparables_text sources"
            ),
            "income": names(
                "unit_price monthly_rent net_income rate growth remaining_years term_assumed"
                " rate_basis rents yields weight"
            ),
            "lineage": names("source reference newest_on is_stale"),
            "reasons": names("factor text unit_price_change share"),
            "comparables": {
                **names(
                    "deal_id community_id community_name deal_date area_m2 unit_price adjusted_unit_price weight"
                    " total_adjustment distance_m floor_band source"
                ),
                "adjustments": names("factor share"),
            },
            "rule_checks": names("rule met figure"),
            "model": names("name version segment fallback_level"),
        },
        "human": {
            **names("outcome reviewer_grade four_eyes claimed_at decided_at value unit_price lower upper model_value"),
            "signatories": names("capacity signing_no grade signed_at"),
        },
        "verification": {
            **names("outcome text verified_at synthetic unavailable_sources"),
            "checks": names("field outcome text stated found source evidence known_on"),
        },
        "policy": names("version rule"),
        "problems": names("field code message"),
    }
)
CUSTOMER_FIELDS: Final[Allowed] = MappingProxyType(
    {
        **names(
            "valuation_id status client_request_id value lower upper value_date valid_until reason_text"
            " due_at expected_at queue_position"
        ),
        "address": _COMMUNITY,
        "verification": {**names("outcome text"), "checks": names("field outcome text")},
        "problems": names("field code message"),
    }
)
PUBLIC_FIELDS: Final[Allowed] = MappingProxyType(
    {
        **names("valuation_id status client_request_id lower upper"),
        "address": _COMMUNITY,
        "problems": names("field code message"),
    }
)
REPORT_FIELDS: Final[Mapping[Profile, Allowed]] = MappingProxyType(
    {
        Profile.STAFF: names("report_no sha256 size_bytes pages media_type issued_at supersedes_report_no"),
        Profile.INTERNAL: names("report_no sha256 size_bytes pages media_type issued_at supersedes_report_no"),
        Profile.CUSTOMER: names("report_no"),
        Profile.PUBLIC: {},
    }
)

_FIELDS: Final[Mapping[Profile, Allowed]] = MappingProxyType(
    {
        Profile.STAFF: STAFF_FIELDS,
        Profile.INTERNAL: STAFF_FIELDS,
        Profile.CUSTOMER: CUSTOMER_FIELDS,
        Profile.PUBLIC: PUBLIC_FIELDS,
    }
)
_INSIDE: Final = frozenset({Profile.STAFF, Profile.INTERNAL})
_CANDIDATE_FOR_CHOICE: Final = names("community_id name city district")

CONFIDENCE_TEXTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        HIGH: "把握较高，通常与实际成交价相差不超过一成",
        MEDIUM: "把握中等，与实际成交价可能有一成左右的差距",
        LOW: "把握较低，与实际成交价可能有较大差距，仅供参考",
    }
)
INFLUENCE_TEXTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "TIME": "近期市场行情",
        "AREA": "建筑面积",
        "FLOOR": "所在楼层",
        "BUILDING": "建筑类型、总层数与电梯",
        "AGE": "建成年代",
        "RENOVATION": "装修状况",
        "LAYOUT": "户型",
        "LOCATION": "区位与周边成交水平",
        "TAX": "税费年限",
        "FEATURES": "其他房屋特征",
        "INCOME": "租金收益水平",
    }
)
"""What moved a value, in customers' words. A factor without one (the smoothing of outliers) is not told to them."""


def answer_body(
    result: Resulted, report: Reported | None, profile: Profile, *, revoked: bool = False
) -> dict[str, Any]:
    """The answer as this profile may see it; JSON-ready, money in whole yuan, instants in UTC.

    `revoked`: the report is known to count no more, which is said of it to everybody who sees it at all.
    """
    shown = project(result, _FIELDS[profile])
    if "valuation" in shown and result.valuation is not None:
        shown["valuation"]["confidence_grade"] = confidence_grade(result.valuation.confidence)
    shown["status_text"] = STATUS_TEXTS[result.status]
    shown["final"] = result.status.is_final
    shown["disclaimer"] = PUBLIC_DISCLAIMER if profile is Profile.PUBLIC else DISCLAIMER
    if result.status is Status.NEEDS_CLARIFICATION:
        shown |= _question(result)
    if profile not in _INSIDE and not (shown.get("address") and _is_valued_there(result)):
        shown.pop("address", None)
    if profile is Profile.CUSTOMER:
        shown |= _in_plain_words(result)
    if report is not None and REPORT_FIELDS[profile]:
        shown["report"] = project(report, REPORT_FIELDS[profile]) | ({"revoked": True} if revoked else {})
    return shown


def _is_valued_there(result: Resulted) -> bool:
    """Whether the value is surely of the community in the address; without a value nobody stands for it.

    A person may have valued another of the candidates; the address stays as the machine read it.
    """
    return result.value is not None and (result.human is None or len(candidates(result)) <= 1)


def candidates(result: Resulted) -> tuple[Candidate, ...]:
    """The communities a channel may choose from."""
    return result.address.candidates if result.address is not None else ()


def project(record: object, allowed: Allowed) -> dict[str, Any]:
    """Only the fields allowed, those that are set, as JSON values.

    Raises:
        TypeError: `record` is no dataclass, or a field allowed as a whole holds one: its fields have to be named.
    """
    if not is_dataclass(record):
        raise TypeError(f"{type(record).__name__} is no record")
    shown = {}
    for field in fields(record):
        value = getattr(record, field.name)
        if field.name in allowed and value is not None and value != ():
            shown[field.name] = _json(value, allowed[field.name])
    return shown


def _question(result: Resulted) -> dict[str, Any]:
    """What is asked, what may be chosen, and, where there is a choice, the last instant at which a reply is in time."""
    choices = [project(candidate, _CANDIDATE_FOR_CHOICE) for candidate in candidates(result)]
    shown = {"question": result.reason_text, "candidates": choices}
    return shown | {"answer_by": _json(result.due_at, None)} if choices and result.due_at is not None else shown


def _in_plain_words(result: Resulted) -> dict[str, Any]:
    """How sure the value is and what moved it, where the value is the model's: a person's rests on other grounds."""
    if result.valuation is None or result.value is None or result.human is not None:
        return {}
    grade = confidence_grade(result.valuation.confidence)
    return {
        "confidence_grade": grade,
        "confidence_text": CONFIDENCE_TEXTS[grade],
        "influences": _influences(result.valuation),
    }


def _influences(valuation: Valuation) -> list[dict[str, str]]:
    """Strongest first, without figures."""
    parts = sorted(valuation.reasons, key=lambda part: -abs(part.unit_price_change))
    return [
        {"text": INFLUENCE_TEXTS[part.factor], "direction": "UP" if part.unit_price_change > 0 else "DOWN"}
        for part in parts
        if part.factor in INFLUENCE_TEXTS and part.unit_price_change
    ]


def _json(value: Any, allowed: Allowed | None) -> Any:
    if isinstance(value, tuple):
        return [_json(item, allowed) for item in value]
    if allowed is not None:
        return project(value, allowed)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    if is_dataclass(value):
        raise TypeError(f"{type(value).__name__} is a record: name the fields of it that may leave")
    return dict(value) if isinstance(value, Mapping) else value

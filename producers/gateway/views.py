"""What leaves the gateway, by the channel's profile. Allow-lists: a field that is not named here is not sent."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from producers.gateway.board import State
from producers.gateway.ports import Timeline
from schemas.codes import Status
from schemas.domain.channels import Profile
from schemas.domain.confidence import confidence_grade
from schemas.domain.texts import STATUS_TEXTS
from schemas.events import Candidate, Resulted

DISCLAIMER: Final = "估值结果由系统依据市场数据测算，仅供贷款业务参考，不构成交易价格承诺，以银行审批结论为准。"
PUBLIC_DISCLAIMER: Final = "价格区间仅为参考范围，不构成评估报告、交易价格或贷款额度的承诺。"

Allowed = Mapping[str, "Allowed | None"]  # None: the field itself; a mapping: a nested record's fields


def _names(text: str) -> dict[str, None]:
    return dict.fromkeys(text.split())


_CANDIDATE = _names("community_id name city district probability matched_by")

STAFF_FIELDS: Final[Allowed] = MappingProxyType(
    {
        **_names(
            "valuation_id status revision channel client_request_id service_type address_entered received_at"
            " resulted_at reasons reason_text area_m2 value_date deadline_at due_at valid_until product loan_stage"
            " business_ref branch_code embed_target value unit_price lower upper human_touched supersedes"
            " queue_position expected_at"
        ),
        "address": {
            **_names(
                "normalised match_level probability province city district town road community_id community_name"
                " building unit room floor longitude latitude"
            ),
            "candidates": _CANDIDATE,
        },
        "attributes": _names(
            "property_type tradability floor total_floors floor_band built_year rooms halls building_type structure"
            " renovation has_lift near_metro origins"
        ),
        "valuation": {
            **_names(
                "value unit_price lower upper interval_coverage interval_method fsd p10 p10_reference confidence"
                " confidence_level base_unit_price limiting_factors data_as_of index_version comparison_value"
                " income_value comparables_text sources"
            ),
            "income": _names(
                "unit_price monthly_rent net_income rate growth remaining_years term_assumed"
                " rate_basis rents yields weight"
            ),
            "lineage": _names("source reference newest_on is_stale"),
            "reasons": _names("factor text unit_price_change share"),
            "comparables": {
                **_names(
                    "deal_id community_id community_name deal_date area_m2 unit_price adjusted_unit_price weight"
                    " total_adjustment distance_m floor_band source"
                ),
                "adjustments": _names("factor share"),
            },
            "rule_checks": _names("rule met figure"),
            "model": _names("name version segment fallback_level"),
        },
        "human": _names(
            "outcome reviewer_grade four_eyes claimed_at decided_at value unit_price lower upper model_value"
        ),
        "policy": _names("version rule"),
        "problems": _names("field code message"),
    }
)
CUSTOMER_FIELDS: Final[Allowed] = MappingProxyType(
    {
        **_names("valuation_id status client_request_id value lower upper value_date valid_until reason_text"),
        "problems": _names("field code message"),
    }
)
PUBLIC_FIELDS: Final[Allowed] = MappingProxyType(
    {**_names("valuation_id status client_request_id lower upper"), "problems": _names("field code message")}
)
_REPORT_FIELDS: Final = _names("report_no sha256 size_bytes pages media_type issued_at")

_EVENT_FIELDS: Final = ("kind", "status", "stage", "lane", "revision", "occurred_at", "appended_at", "trace_id")
_STAGE_FIELDS: Final = ("stage", "revision", "milliseconds")

_FIELDS: Final[Mapping[Profile, Allowed]] = MappingProxyType(
    {
        Profile.STAFF: STAFF_FIELDS,
        Profile.INTERNAL: STAFF_FIELDS,
        Profile.CUSTOMER: CUSTOMER_FIELDS,
        Profile.PUBLIC: PUBLIC_FIELDS,
    }
)
_CANDIDATE_FOR_CHOICE: Final = _names("community_id name city district")


def view(state: State, profile: Profile) -> dict[str, Any]:
    """The answer as this profile may see it; JSON-ready, money in whole yuan, instants in UTC."""
    shown = project(state.result, _FIELDS[profile])
    if "valuation" in shown and state.result.valuation is not None:
        shown["valuation"]["confidence_grade"] = confidence_grade(state.result.valuation.confidence)
    shown["status_text"] = STATUS_TEXTS[state.result.status]
    shown["final"] = state.result.status.is_final
    shown["disclaimer"] = PUBLIC_DISCLAIMER if profile is Profile.PUBLIC else DISCLAIMER
    if state.result.status is Status.NEEDS_CLARIFICATION:
        shown |= _question(state.result)
    if state.report is not None and profile in {Profile.STAFF, Profile.INTERNAL}:
        shown["report"] = project(state.report, _REPORT_FIELDS)
    if state.report is not None and profile is Profile.CUSTOMER:
        shown["report"] = {"report_no": state.report.report_no}
    return shown


def _question(result: Resulted) -> dict[str, Any]:
    """What is asked, what may be chosen, and, where there is a choice, the last instant at which a reply is in time."""
    choices = [project(candidate, _CANDIDATE_FOR_CHOICE) for candidate in candidates(result)]
    shown = {"question": result.reason_text, "candidates": choices}
    return shown | {"answer_by": _json(result.due_at, None)} if choices and result.due_at is not None else shown


def timeline_view(timeline: Timeline) -> dict[str, Any]:
    """When what happened, without what it said: payloads name reviewers."""
    return {
        "events": [{name: event.get(name) for name in _EVENT_FIELDS} for event in timeline.events],
        "stages": [{name: stage.get(name) for name in _STAGE_FIELDS} for stage in timeline.stages],
    }


def candidates(result: Resulted) -> tuple[Candidate, ...]:
    """The communities a channel may choose from."""
    return result.address.candidates if result.address is not None else ()


def project(record: object, allowed: Allowed) -> dict[str, Any]:
    """Only the fields allowed, those that are set, as JSON values."""
    if not is_dataclass(record):
        raise TypeError(f"{type(record).__name__} is no record")
    shown = {}
    for field in fields(record):
        value = getattr(record, field.name)
        if field.name in allowed and value is not None and value != ():
            shown[field.name] = _json(value, allowed[field.name])
    return shown


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

"""The figures of a report for machines: the same ones that stand on its pages, with their codes and units."""

from typing import Any

from schemas.events import Resulted
from streams.reporting.identity import superseded_no


def fields_of(result: Resulted, *, for_staff: bool) -> dict[str, Any]:
    """JSON-ready. Money in whole yuan (CNY), area in m² as a decimal text, days and instants in ISO 8601.

    Where the report is not for staff, what its page leaves out is `None` here.
    """
    confidence = result.valuation.confidence if result.valuation and result.human is None else None
    address, attributes, verified = result.address, result.attributes, result.verification
    return {
        "valuation_id": result.valuation_id,
        "revision": result.revision,
        "status": result.status.value,
        "service_type": result.service_type.value,
        "channel": result.channel,
        "product": result.product,
        "loan_stage": result.loan_stage,
        "branch_code": result.branch_code,
        "business_ref": result.business_ref,
        "client_request_id": result.client_request_id,
        "currency": "CNY",
        "value": result.value,
        "unit_price": result.unit_price,
        "lower": result.lower,
        "upper": result.upper,
        "area_m2": None if result.area_m2 is None else str(result.area_m2),
        "confidence": confidence if for_staff else None,
        "value_date": result.value_date and result.value_date.isoformat(),
        "valid_until": result.valid_until and result.valid_until.isoformat(),
        "issued_at": result.resulted_at.isoformat(),
        "address_entered": result.address_entered,
        "address": address and address.normalised,
        "property_type": attributes and attributes.property_type.value,
        "tradability": attributes and attributes.tradability.value,
        "verification": verified and verified.outcome.value,
        "supersedes": superseded_no(result),
        "reused_from": result.reused_from if for_staff else None,
    }

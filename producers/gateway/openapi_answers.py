"""Shapes of what the gateway answers, for its published description. A field is there where the profile may see it."""

from typing import Any, Final

from schemas.codes import Status, WorkOrderKind, WorkOrderState

_TEXT: Final = {"type": "string"}
_YUAN: Final = {"type": "integer", "minimum": 0, "description": "Whole yuan."}
_INSTANT: Final = {"type": "string", "format": "date-time"}
_DAY: Final = {"type": "string", "format": "date"}
_COUNT: Final = {"type": "integer", "minimum": 0}
_ID: Final = {"type": "string", "examples": ["ed53c5d9-cdd4-5cfd-93c5-1672706d8525"]}


def _object(properties: dict[str, Any], *required: str, description: str = "") -> dict[str, Any]:
    shape: dict[str, Any] = {"type": "object", "properties": properties, "required": list(required)}
    return shape | ({"description": description} if description else {})


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


_FAULT: Final = _object(dict.fromkeys(("field", "code", "message"), _TEXT), "field", "code", "message")
_CANDIDATE: Final = _object(
    dict.fromkeys(("community_id", "name", "city", "district"), _TEXT), "community_id", "name", "city", "district"
)
_REPORT: Final = _object(
    {
        "report_no": _TEXT,
        "sha256": _TEXT,
        "size_bytes": _COUNT,
        "pages": _COUNT,
        "media_type": _TEXT,
        "issued_at": _INSTANT,
        "supersedes_report_no": _TEXT,
        "revoked": {"type": "boolean"},
    },
    "report_no",
)
_CHECK: Final = _object(dict.fromkeys(("field", "outcome", "text", "stated", "found"), _TEXT), "field", "outcome")

_VALUATION: Final = _object(
    {
        "valuation_id": _ID,
        "client_request_id": _TEXT,
        "status": {"type": "string", "enum": [str(status) for status in Status]},
        "status_text": {"type": "string", "description": "The status in Chinese."},
        "final": {"type": "boolean", "description": "A final status never changes."},
        "value": _YUAN,
        "unit_price": {**_YUAN, "description": "Whole yuan per ㎡."},
        "lower": _YUAN,
        "upper": _YUAN,
        "value_date": _DAY,
        "valid_until": _DAY,
        "reason_text": _TEXT,
        "reasons": _list(_TEXT),
        "due_at": {**_INSTANT, "description": "Until when a person answers."},
        "expected_at": _INSTANT,
        "queue_position": _COUNT,
        "question": _TEXT,
        "candidates": _list(_CANDIDATE),
        "answer_by": {**_INSTANT, "description": "The last instant at which a reply is in time."},
        "confidence_grade": _TEXT,
        "confidence_text": _TEXT,
        "influences": _list(_object({"text": _TEXT, "direction": {"enum": ["UP", "DOWN"]}}, "text", "direction")),
        "verification": _object({"outcome": _TEXT, "text": _TEXT, "checks": _list(_CHECK)}, "outcome"),
        "report": _REPORT,
        "problems": _list(_FAULT),
        "reused_from": _ID,
        "disclaimer": _TEXT,
    },
    "valuation_id",
    "status",
    "status_text",
    "final",
    description="An answer, as far as the channel's profile may see it; staff channels see further fields.",
)
_VALUATION_EXAMPLE: Final = {
    "valuation_id": "ed53c5d9-cdd4-5cfd-93c5-1672706d8525",
    "client_request_id": "2026-000123",
    "status": "COMPLETED_AUTO",
    "status_text": "自动估值完成",
    "final": True,
    "value": 4_475_000,
    "unit_price": 50_000,
    "lower": 4_100_000,
    "upper": 4_900_000,
    "value_date": "2026-03-02",
    "valid_until": "2026-04-01",
    "report": {"report_no": "HV-20260302-0001"},
}
_BATCH: Final = _object(
    {
        "job_id": _TEXT,
        "state": {"enum": ["QUEUED", "RUNNING", "PAUSED", "DELIVERED", "COMPLETED", "CANCELLED"]},
        "name": _TEXT,
        "rows": _COUNT,
        "refused": _COUNT,
        "answered": _COUNT,
        "deadline_at": _INSTANT,
        "by_status": {"type": "object", "additionalProperties": _COUNT},
    },
    "job_id",
    "state",
    description="批量作业. DELIVERED: people still have some of its rows.",
)

ANSWERS: Final[dict[str, Any]] = {
    "Valuation": _VALUATION | {"examples": [_VALUATION_EXAMPLE]},
    "Valuations": _object({"valuations": _list({"$ref": "#/components/schemas/Valuation"})}, "valuations"),
    "Timeline": _object(
        {
            "valuation_id": _ID,
            "events": _list({"type": "object", "properties": {"kind": _TEXT, "occurred_at": _TEXT}}),
            "stages": _list({"type": "object", "properties": {"stage": _TEXT, "milliseconds": {"type": "number"}}}),
        },
        "valuation_id",
        "events",
        "stages",
    ),
    "DisputeTaken": _object(
        {"valuation_id": _ID, "reason_code": _TEXT, "raised_at": _INSTANT, "due_at": _INSTANT, "text": _TEXT},
        "valuation_id",
        "reason_code",
        "raised_at",
        "due_at",
        description="Until `due_at` people who had no part in the first value decide anew; it stands until then.",
    ),
    "ReceiptTaken": _object({"delivery_id": _ID, "valuation_id": _ID}, "delivery_id", "valuation_id"),
    "WorkOrderStanding": _object(
        {
            "work_order_id": _ID,
            "client_request_id": _TEXT,
            "kind": {"enum": [str(kind) for kind in WorkOrderKind]},
            "state": {"enum": [str(state) for state in WorkOrderState]},
            "raised_at": _INSTANT,
            "due_at": {**_INSTANT, "description": "Until when the next step is owed."},
            "answered_at": _INSTANT,
            "answer": _TEXT,
            "valuation_id": _ID,
            "business_ref": _TEXT,
        },
        "work_order_id",
        "client_request_id",
        "kind",
        "state",
    ),
    "Batch": _BATCH,
    "Batches": _object({"jobs": _list({"$ref": "#/components/schemas/Batch"})}, "jobs"),
    "BatchLines": {"type": "object", "description": "By row: what is wrong with it, or which row it repeats."},
    "BatchManifest": {"type": "object", "description": "Counts by status, and the sha256 of each file of the job."},
    "Suggestions": _object({"suggestions": _list({"type": "object"}), "hint": _TEXT}, "suggestions"),
    "Health": _object({"ready": {"type": "boolean"}, "reasons": _list(_TEXT)}, "ready", "reasons"),
}

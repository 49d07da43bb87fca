"""Everything that can be asked of the service. Pure: a `Call` says what to send and how to read what comes back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx

from house_valuation.answers import Answer, Batch, Prices, Report, WorkOrder
from house_valuation.errors import ServiceError

T = TypeVar("T")
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[T]):
    """One request and the reader of its answer. `body` is sent as JSON, `file` as a stream; never both."""

    method: str
    path: str
    read: Callable[[httpx.Response], T]
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    file: Path | None = None


def ask(
    address: str, area_m2: Decimal | str | float, *, request_id: str, wait_s: float | None = None, **details: Any
) -> Call[Answer]:
    """Ask for a value.

    Args:
        address: As the customer writes it.
        area_m2: Gross floor area (建筑面积) in ㎡, over 0, at most two places.
        request_id: Your own number of this request. The same number again is the same valuation, never a second one.
        wait_s: How long the service may take to answer before it says PROCESSING; default: the channel's.
        details: Further fields of the interface, e.g. `business_ref`, `branch_code`, `product`, `loan_stage`,
            `subject_token`, `embed_target`, `service_type`, `value_date`, `force_manual`, `community`, `building`,
            `floor`, `total_floors`, `built_year`, `property_type`, `usage`, `note`.
    """
    body = {"client_request_id": request_id, "address": address, "area_m2": str(area_m2), **_plain(details)}
    headers = {} if wait_s is None else {"Prefer": f"wait={wait_s:g}"}
    return Call(method="POST", path="/v1/valuations", body=body, headers=headers, read=_answer)


def look(valuation_id: str) -> Call[Answer]:
    """Where a valuation stands."""
    return Call(method="GET", path=_valuation(valuation_id), read=_answer)


def find(*, business_ref: str | None = None, request_id: str | None = None) -> Call[tuple[Answer, ...]]:
    """The valuations of a business number, or of a request number, newest first."""
    params = {"business_ref": business_ref, "client_request_id": request_id}
    named = {name: text for name, text in params.items() if text is not None}
    if len(named) != 1:
        raise ValueError("give business_ref or request_id, one of them")
    return Call(method="GET", path="/v1/valuations", params=named, read=_answers)


def choose(valuation_id: str, community_id: str) -> Call[Answer]:
    """Answer NEEDS_CLARIFICATION with one of its candidates."""
    return _act(valuation_id, "clarification", {"community_id": community_id})


def cancel(valuation_id: str, *, reason: str | None = None) -> Call[Answer]:
    """Withdraw a request. `ConflictError` with code `already-final` when its answer is final."""
    return _act(valuation_id, "cancellation", {} if reason is None else {"reason": reason})


def ask_people(valuation_id: str, *, reason: str) -> Call[Answer]:
    """Let people value it, though the model could. For staff channels."""
    return _act(valuation_id, "manual-review", {"reason": reason})


def dispute(valuation_id: str, *, reason_code: str, text: str | None = None) -> Call[Mapping[str, Any]]:
    """复估: other people value it anew; their answer supersedes the one that stands."""
    body = {"reason_code": reason_code} | ({} if text is None else {"text": text})
    return Call(method="POST", path=f"{_valuation(valuation_id)}/dispute", body=body, read=_json)


def acknowledge(
    valuation_id: str, *, sha256_hex: str, delivery_id: str | None = None, embedded_at: str | None = None
) -> Call[Mapping[str, Any]]:
    """Say that an answer or a report is stored (`sha256_hex` of its bytes), and where it was embedded."""
    given = {"delivery_id": delivery_id, "embedded_at": embedded_at}
    body = {"sha256": sha256_hex} | {name: text for name, text in given.items() if text is not None}
    return Call(method="POST", path=f"{_valuation(valuation_id)}/receipt", body=body, read=_json)


def report(valuation_id: str) -> Call[Report]:
    """The report as PDF; raises `ServiceError` when its bytes are not those the service stated."""
    return Call(method="GET", path=f"{_valuation(valuation_id)}/report", read=_report)


def report_by_number(report_no: str, code: str) -> Call[Report]:
    """The report of a number and the verification code printed on it."""
    return Call(method="GET", path=f"/v1/reports/{quote(report_no, safe='')}", params={"code": code}, read=_report)


def raise_work_order(request_id: str, *, kind: str, text: str, valuation_id: str | None = None) -> Call[WorkOrder]:
    """工单, as DATA_CORRECTION, VERIFY_MISMATCH, FAULT, CONSULTATION, COMPLAINT or REPORT.

    The same number again is the same work order.
    """
    body = {"client_request_id": request_id, "kind": kind, "text": text}
    body |= {} if valuation_id is None else {"valuation_id": valuation_id}
    return Call(method="POST", path="/v1/work-orders", body=body, read=_work_order)


def work_order(work_order_id: str) -> Call[WorkOrder]:
    """Where a work order stands."""
    return Call(method="GET", path=f"/v1/work-orders/{quote(work_order_id, safe='')}", read=_work_order)


def submit_batch(path: Path, **options: Any) -> Call[Batch]:
    """Value every row of a file (XLSX, CSV, Parquet). The same file again is the same job.

    `options`: `count` (rows) and `sha256` (hex), refused where the file has others; `deadline_at`, `revaluation_of`
    (a former job), `alert_change` (0.1 = 10 %).
    """
    digest = _digest(path)
    params = {"name": path.name, "sha256": digest, **_plain(options)}
    return Call(
        method="POST",
        path="/v1/batches",
        params={name: str(text) for name, text in params.items()},
        headers={"Content-Type": "application/octet-stream", "X-Content-Sha256": digest},
        file=path,
        read=_batch,
    )


def batches() -> Call[tuple[Batch, ...]]:
    """The jobs of the channel, newest first."""
    return Call(method="GET", path="/v1/batches", read=lambda response: tuple(map(Batch.of, response.json()["jobs"])))


def batch(job_id: str) -> Call[Batch]:
    """How far a job is."""
    return Call(method="GET", path=_job(job_id), read=_batch)


def pause_batch(job_id: str) -> Call[Batch]:
    """Send no further rows for now."""
    return Call(method="POST", path=f"{_job(job_id)}/pause", read=_batch)


def resume_batch(job_id: str) -> Call[Batch]:
    """Go on after a pause."""
    return Call(method="POST", path=f"{_job(job_id)}/resume", read=_batch)


def cancel_batch(job_id: str) -> Call[Batch]:
    """End a job; what is answered stays."""
    return Call(method="POST", path=f"{_job(job_id)}/cancel", read=_batch)


def batch_result(job_id: str) -> Call[bytes]:
    """The result file: the input's columns and order, with the answers behind them."""
    return Call(method="GET", path=f"{_job(job_id)}/result", read=lambda response: response.content)


def batch_manifest(job_id: str) -> Call[Mapping[str, Any]]:
    """Counts by status and the sha256 of each file of a job."""
    return Call(method="GET", path=f"{_job(job_id)}/manifest", read=_json)


def prices(community_id: str) -> Call[Prices]:
    """Mean prices of a community by month."""
    path = f"/v1/communities/{quote(community_id, safe='')}/prices"
    return Call(method="GET", path=path, read=lambda response: Prices.of(response.json()))


def page_token(subject_token: str) -> Call[str]:
    """A token for the service's page in your app (`#token=…`), for one customer and half an hour."""
    return Call(
        method="POST",
        path="/v1/page-tokens",
        body={"subject_token": subject_token},
        read=lambda response: str(response.json()["token"]),
    )


def _valuation(valuation_id: str) -> str:
    return f"/v1/valuations/{quote(valuation_id, safe='')}"


def _job(job_id: str) -> str:
    return f"/v1/batches/{quote(job_id, safe='')}"


def _act(valuation_id: str, command: str, body: Mapping[str, Any]) -> Call[Answer]:
    return Call(method="POST", path=f"{_valuation(valuation_id)}/{command}", body=body, read=_answer)


def _plain(details: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in details.items()
        if value is not None
    }


def _digest(path: Path) -> str:
    found = sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()


def _json(response: httpx.Response) -> Mapping[str, Any]:
    body: Mapping[str, Any] = response.json()
    return body


def _answer(response: httpx.Response) -> Answer:
    return Answer.of(response.json())


def _answers(response: httpx.Response) -> tuple[Answer, ...]:
    return tuple(map(Answer.of, response.json()["valuations"]))


def _work_order(response: httpx.Response) -> WorkOrder:
    return WorkOrder.of(response.json())


def _batch(response: httpx.Response) -> Batch:
    return Batch.of(response.json())


def _report(response: httpx.Response) -> Report:
    found = sha256(response.content).hexdigest()
    stated = response.headers.get("ETag", "").strip('"')
    if stated and stated != found:
        body = {"code": "report-damaged", "detail": f"the report has sha256 {found}, not {stated}; fetch it again"}
        raise ServiceError(response.status_code, body)
    return Report(
        content=response.content,
        media_type=response.headers.get("Content-Type", ""),
        sha256=found,
        revoked=response.headers.get("X-Report-Status", "") == "revoked",
    )

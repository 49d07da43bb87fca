"""The interface keeps its own description: what schemathesis makes of it is answered as promised there."""

import httpx
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from producers.gateway.arrivals import arrival
from producers.gateway.event_stream import StreamTimes
from producers.gateway.ports import WorkOrderState
from schemas.codes import Action, Reason, Status
from schemas.events import Reported
from schemas.ids import valuation_id
from tests.fakes.answers import NOON, a_report, a_request, an_address, an_answer, as_message
from tests.fakes.batch_jobs import job_json, manifest_json
from tests.fakes.gateway import KEYS, a_house

CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    response_headers_conformance,
)
BRIEF = StreamTimes(heartbeat_s=0.02, life_s=0.05, report_s=0.02)
JOB = job_json()
DONE, OPEN, ASKED = (valuation_id("CREDIT_MGMT", number) for number in ("done", "open", "asked"))
REPORT: Reported = a_report(a_request(client_request_id="done"))


def answering(requested):
    if requested.action is Action.CANCEL:
        return [an_answer(requested, Status.CANCELLED, reasons=(Reason.CANCELLED_BY_CHANNEL,))]
    if requested.action is Action.FORCE_MANUAL:
        return [an_answer(requested, Status.PENDING_MANUAL, due_at=NOON)]
    return [an_answer(requested), a_report(requested)]


async def sheet():
    yield b"a,b\n"


class BatchService(httpx.AsyncBaseTransport):
    """Every path of it, in short."""

    async def handle_async_request(self, request):
        async for _ in request.stream:
            pass
        if request.url.path.endswith("result"):
            return httpx.Response(200, content=sheet(), headers={"Content-Type": "text/csv"})
        if request.url.path == "/jobs" and request.method == "GET":
            return httpx.Response(200, json={"jobs": [JOB]})
        if request.url.path.endswith("manifest"):
            return httpx.Response(200, json=manifest_json())
        return httpx.Response(201 if request.url.path == "/jobs" else 200, json=JOB)


def a_full_house():
    """Something to find behind every path."""
    house = a_house(pipeline=answering, batches=BatchService(), stream_times=BRIEF)
    for number, status in (("done", Status.COMPLETED_AUTO), ("open", Status.PENDING_MANUAL)):
        house.board.post(arrival(*as_message(an_answer(a_request(client_request_id=number), status))))
    question = an_answer(a_request(client_request_id="asked"), Status.NEEDS_CLARIFICATION, address=an_address())
    house.board.post(arrival(*as_message(question)))
    house.board.post(arrival(*as_message(REPORT)))
    house.reports.contents[REPORT.uri] = b"%PDF-1.7 report"
    house.ledger.reports[REPORT.report_no] = REPORT
    house.ledger.business_refs["CREDIT_MGMT", "biz-1"] = [DONE, OPEN]
    order = WorkOrderState(work_order_id="w-1", client_request_id="WO-1", kind="FAULT", state="ACCEPTED", due_at=NOON)
    house.ledger.work_orders["w-1", "CREDIT_MGMT"] = order
    return house


HOUSE = a_full_house()
schema = schemathesis.openapi.from_asgi("/openapi.json", HOUSE.app)
# Made-up credentials get 401 before anything else is looked at; who is refused is shown by the tests of the doors.
schema.config.generation.update(with_security_parameters=False, deterministic=True)
KNOWN = {
    "valuation_id": (DONE, OPEN, ASKED),
    "report_no": (REPORT.report_no,),
    "work_order_id": ("w-1",),
    "job_id": ("j-1",),
}


@schema.hook
def map_path_parameters(_context, path_parameters):
    """Three times out of four something that is there; else what was made up."""
    for name, made_up in (path_parameters or {}).items():
        known = KNOWN.get(name, ())
        pick = len(str(made_up)) % 4
        if known and pick < 3:
            path_parameters[name] = known[pick % len(known)]
    return path_parameters


@schema.hook
def map_query(_context, query):
    """Every other code is the one that is printed on the report."""
    if query and "code" in query and len(str(query["code"])) % 2:
        query["code"] = REPORT.verification_code
    return query


@schema.parametrize()
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck), database=None)
def test_every_path_answers_as_the_document_says(case):
    case.call_and_validate(headers={"X-API-Key": KEYS["CREDIT_MGMT"]}, checks=CHECKS)


def test_the_document_describes_every_path_with_its_bodies_answers_and_refusals():
    document = HOUSE.app.openapi()
    shapes = document["components"]["schemas"]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["summary"], where
            assert operation["tags"], where
            good = {status: answer for status, answer in operation["responses"].items() if status < "400"}
            assert good, where
            assert all(answer.get("content") or status == "204" for status, answer in good.items()), where
            if path.startswith("/v1"):
                assert {"401", "403", "429", "503"} <= set(operation["responses"]), where
    named = set(_references(document))
    assert named <= {f"#/components/schemas/{name}" for name in shapes}


def _references(part):
    if isinstance(part, dict):
        yield from ([part["$ref"]] if "$ref" in part else [])
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from _references(inner)

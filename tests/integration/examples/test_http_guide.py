"""The lines of the guide's HTTP part are run as they stand, against a gateway whose broker and ledger are in memory."""

import asyncio
import re
import shutil
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn

from producers.gateway.arrivals import arrival
from producers.gateway.ports import WorkOrderState
from schemas.codes import Action, Reason, Status
from schemas.ids import valuation_id
from tests.fakes.answers import NOON, a_report, a_request, an_address, an_answer, as_message
from tests.fakes.batch_jobs import job_json
from tests.fakes.gateway import KEYS, a_house

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "integration.md"
PDF = b"%PDF-1.7 report"
NUMBERS = {number: valuation_id("CREDIT_MGMT", number) for number in ("done", "open", "asked")}
ABOUT = {"Reply to a question": "asked", "Withdraw it, or let a person value it": "open"}
JOB = job_json()


def sections():
    """Heading and shell lines of each part below HTTP."""
    text = GUIDE.read_text(encoding="utf-8").partition("## 2. HTTP")[2].partition("\n## ")[0]
    for part in text.split("\n### ")[1:]:
        heading, _, body = part.partition("\n")
        lines = "\n".join(re.findall(r"^```sh\n(.*?)^```", body, re.MULTILINE | re.DOTALL))
        if lines:
            yield pytest.param(heading, lines, id=heading)


def answering(requested):
    if requested.action is Action.CANCEL:
        return [an_answer(requested, Status.CANCELLED, reasons=(Reason.CANCELLED_BY_CHANNEL,))]
    if requested.action is Action.FORCE_MANUAL:
        return [an_answer(requested, Status.PENDING_MANUAL, due_at=NOON)]
    return [an_answer(requested, revision=2 if requested.action is Action.CLARIFY else 1)]


async def sheet():
    yield b"a,b\n"


class BatchService(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request):
        async for _ in request.stream:
            pass
        if request.url.path.endswith("result"):
            return httpx.Response(200, content=sheet(), headers={"Content-Type": "text/csv"})
        return httpx.Response(201 if request.url.path == "/jobs" else 200, json=JOB)


def a_furnished_house():
    house = a_house(pipeline=answering, batches=BatchService())
    report = a_report(a_request(client_request_id="done"), PDF)
    house.board.post(arrival(*as_message(an_answer(a_request(client_request_id="done")))))
    house.board.post(arrival(*as_message(report)))
    house.board.post(arrival(*as_message(an_answer(a_request(client_request_id="open"), Status.PROCESSING))))
    question = an_answer(a_request(client_request_id="asked"), Status.NEEDS_CLARIFICATION, address=an_address())
    house.board.post(arrival(*as_message(question)))
    house.gateway.remembered.put(a_request(client_request_id="asked"))
    house.reports.contents[report.uri] = PDF
    house.ledger.reports[report.report_no] = report
    number = re.search(r"work-orders/([0-9a-f-]{36})", GUIDE.read_text(encoding="utf-8"))[1]
    order = WorkOrderState(work_order_id=number, client_request_id="WO-1", kind="FAULT", state="ACCEPTED", due_at=NOON)
    house.ledger.work_orders[number, "CREDIT_MGMT"] = order
    return house


@asynccontextmanager
async def served(house):
    server = uvicorn.Server(uvicorn.Config(house.app, port=0, log_config=None))
    running = asyncio.create_task(server.serve())
    async with asyncio.timeout(60):
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine")
@pytest.mark.parametrize(("heading", "lines"), list(sections()))
async def test_the_lines_of_the_guide_work_as_they_stand(heading, lines, tmp_path):
    (tmp_path / "list.csv").write_text("地址,建筑面积\n杭州市西湖区文三路1号,89.50\n", encoding="utf-8")
    (tmp_path / "report.pdf").write_bytes(PDF)
    script = f"set -eu -o pipefail\ncurl() {{ command curl --fail-with-body --noproxy '*' -w '\\n' \"$@\"; }}\n{lines}"
    async with served(a_furnished_house()) as url:
        given = {"GATEWAY": url, "KEY": KEYS["CREDIT_MGMT"], "ID": NUMBERS[ABOUT.get(heading, "done")], "JOB": "j-1"}
        process = await asyncio.create_subprocess_exec(
            "bash", "-c", script, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **given}, cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()


def test_every_path_of_the_interface_is_in_the_guide():
    guide = GUIDE.read_text(encoding="utf-8")
    paths = a_house().app.openapi()["paths"]
    ends = {path.rsplit("/", 1)[-1].split("{")[0] for path in paths if path.startswith("/v1")} - {"", "page-tokens"}
    assert {end for end in ends if end not in guide} == set()

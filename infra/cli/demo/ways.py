"""The ways in of bank systems, each used as its users use it: HTTP with an API key, a batch file, a Kafka producer."""

import asyncio
import json
import os
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from openpyxl import Workbook

from infra.cli.demo.customers import WeChat, body_of
from infra.cli.demo.questions import Question, Way
from infra.kafka.producer import Publisher, Record
from infra.settings import Settings
from infra.telemetry.tracing import child_of
from schemas.catalogue import REQUESTS
from schemas.codec import Codec
from schemas.codes import Lane
from schemas.events import Requested
from schemas.headers import event_headers, event_type
from schemas.ids import event_id, valuation_id

_KAFKA_SOURCE = "bank/credit-system"
_RATE_PER_S = 10.0  # each way; what seven channels send on a busy day
_AT_ONCE = 16
_HEADER = ("地址", "建筑面积", "价值时点")


class BatchFailedError(RuntimeError):
    """`avm batch submit` did not end well; the message is what it said."""


def request_numbers(questions: Sequence[Question], run: str, wechat: WeChat) -> dict[str, Question]:
    """Every question by the id of its valuation.

    A row of a batch file is numbered by its line, the header being 1; a message to WeChat by the adapter.
    """
    numbered = [(f"{run}-{line}", question) for line, question in enumerate(of_way(questions, Way.BATCH), start=2)]
    for question in questions:
        if question.way is Way.WECHAT:
            numbered.append((wechat.request_id(number_of(question, run)), question))
        elif question.way is not Way.BATCH:
            numbered.append((number_of(question, run), question))
    return {valuation_id(question.channel, number): question for number, question in numbered}


def number_of(question: Question, run: str) -> str:
    """The number under which a question is sent."""
    return f"{run}-{question.number:06d}"


async def by_http(
    questions: Sequence[Question], *, run: str, gateway: str, api_keys: Mapping[str, str], wait_s: int
) -> None:
    """Post each question at a steady rate. `wait_s` is how long a caller waits for its answer.

    Raises:
        httpx.HTTPError: The gateway is away or refuses.
    """
    slots = asyncio.Semaphore(_AT_ONCE)
    limits = httpx.Limits(max_connections=_AT_ONCE)
    async with httpx.AsyncClient(base_url=gateway, timeout=30.0, trust_env=False, limits=limits) as client:

        async def ask(question: Question) -> None:
            async with slots:
                response = await client.post(
                    "/v1/valuations",
                    headers={"X-API-Key": api_keys[question.channel], "Prefer": f"wait={wait_s}"},
                    json=body_of(question, number_of(question, run)),
                )
            response.raise_for_status()

        tasks = []
        for question in questions:
            tasks.append(asyncio.create_task(ask(question)))
            await asyncio.sleep(1 / _RATE_PER_S)
        await asyncio.gather(*tasks)


async def by_batch(questions: Sequence[Question], *, run: str, settings: Settings, wait_s: float) -> dict[str, Any]:
    """Write an XLSX file and submit it with `avm batch submit`; its summary.

    Raises:
        BatchFailedError: The command failed.
    """
    path = settings.state / "batch" / f"{run}.xlsx"
    _write_file(questions, path)
    command = [sys.executable, "-m", "infra.cli", "batch", "submit", str(path), "--json"]
    process = await asyncio.create_subprocess_exec(
        *command,
        "--job-id",
        run,
        "--wait",
        str(wait_s),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "AVM_STATE": str(settings.state)},
    )
    out, said = await process.communicate()
    if process.returncode != 0:
        raise BatchFailedError(f"avm batch submit ended with {process.returncode}: {said.decode()[-2000:]}")
    summary: dict[str, Any] = json.loads(out)
    return summary


def _write_file(questions: Sequence[Question], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet("押品清单")
    sheet.append(_HEADER)
    for question in questions:
        sheet.append((question.address, float(question.area_m2), question.value_date))
    workbook.save(path)


async def by_kafka(
    questions: Sequence[Question], *, run: str, publisher: Publisher, codec: Codec, clock: Callable[[], datetime]
) -> None:
    """Produce each question at a steady rate, as a bank's own system does."""
    randomness = random.Random()
    for question in questions:
        requested = _requested(question, run, clock())
        await publisher.publish_async([_record(requested, codec, child_of(None, randomness))])
        await asyncio.sleep(1 / _RATE_PER_S)


def _requested(question: Question, run: str, now: datetime) -> Requested:
    number = number_of(question, run)
    return Requested(
        valuation_id=valuation_id(question.channel, number),
        channel=question.channel,
        client_request_id=number,
        requested_at=now,
        address=question.address,
        area=question.area_m2,
        value_date=question.value_date,
        branch_code=question.branch_code,
        business_ref=question.business_ref,
    )


def _record(requested: Requested, codec: Codec, traceparent: str) -> Record:
    kind = event_type(requested)
    return Record(
        topic=REQUESTS.named(Lane.ONLINE),
        key=requested.valuation_id.encode(),
        value=codec.encode(requested),
        headers=event_headers(
            event_id=event_id(requested.valuation_id, kind, 1),
            event_type=kind,
            source=_KAFKA_SOURCE,
            at=requested.requested_at,
            traceparent=traceparent,
        ),
    )


def of_way(questions: Sequence[Question], way: Way) -> list[Question]:
    """The questions that go this way."""
    return [question for question in questions if question.way is way]

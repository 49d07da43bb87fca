"""The demonstration's reviewers: they decide and approve through the desk's own HTTP interface, as people's clients do.

Their judgement is a demonstration's, nothing more: the median of the adjusted comparables where there are three, the
model's value where there are fewer, and "cannot be valued" where there is nothing. They are four, since a case without
a model value needs a second person, and a panel three others.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from statistics import median
from typing import Any

import httpx

from infra.cli.up import DEMONSTRATION_TEAM

_RATIONALE = "演示复核员自动办理：依据可比实例修正价格的中位数，仅供演示。"
_FEW = "演示：可比实例不足三个，参考模型结果"
_ENOUGH = 3
_LOOK_EVERY_S = 0.3
_AWAY_S = 1.0
# the task went to somebody else or was decided by a call whose answer never came; the desk has lost its database
_COMES_RIGHT = frozenset({httpx.codes.CONFLICT, httpx.codes.NOT_FOUND, httpx.codes.SERVICE_UNAVAILABLE})


async def review(desk: str, passwords: Mapping[str, str], *, stop: asyncio.Event) -> int:
    """Let the team work until `stop` is set; the number of decisions. A desk that is away is asked again later."""
    return sum(await asyncio.gather(*(_work(desk, user, passwords[user], stop) for user in DEMONSTRATION_TEAM)))


async def _work(desk: str, user: str, password: str, stop: asyncio.Event) -> int:
    decided = 0
    async with httpx.AsyncClient(base_url=desk, timeout=30.0, trust_env=False) as client:
        while not stop.is_set():
            pause = _LOOK_EVERY_S
            try:
                if "authorization" not in client.headers:
                    client.headers["authorization"] = f"Bearer {await _log_in(client, user, password)}"
                if await _decide_next(client):
                    decided, pause = decided + 1, 0.0
                elif await _approve_all(client):
                    pause = 0.0
            except httpx.TransportError:
                pause = _AWAY_S
            except httpx.HTTPStatusError as error:
                if error.response.status_code not in _COMES_RIGHT:
                    raise
                pause = _AWAY_S
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause or 0.001)
    return decided


async def _log_in(client: httpx.AsyncClient, user: str, password: str) -> str:
    answer = await client.post("/api/login", json={"username": user, "password": password})
    answer.raise_for_status()
    token: str = answer.json()["token"]
    return token


async def _decide_next(client: httpx.AsyncClient) -> bool:
    claimed = await client.post("/api/tasks/claim")
    claimed.raise_for_status()
    task = claimed.json()["task"]
    if task is None:
        return False
    case = await client.get(f"/api/tasks/{task['task_id']}")
    case.raise_for_status()
    decision = {"version": task["version"], "rationale": _RATIONALE, **judgement(case.json())}
    (await client.post(f"/api/tasks/{task['task_id']}/decision", json=decision)).raise_for_status()
    return True


async def _approve_all(client: httpx.AsyncClient) -> int:
    """Approve what others have concluded; how many there were."""
    waiting = await client.get("/api/approvals")
    waiting.raise_for_status()
    tasks = [approval["task"] for approval in waiting.json()["approvals"]]
    for task in tasks:
        seen = {"version": task["version"]}
        (await client.post(f"/api/tasks/{task['task_id']}/approve", json=seen)).raise_for_status()
    return len(tasks)


def judgement(case: dict[str, Any]) -> dict[str, Any]:
    """What a demonstration reviewer makes of a case: the decision's fields."""
    comparables, model = case["comparables"], case["model"]
    if len(comparables) >= _ENOUGH:
        price = round(median(comparable["adjusted_unit_price"] for comparable in comparables))
        value: dict[str, Any] = {"unit_price": price, "comparable_ids": [c["deal_id"] for c in comparables]}
    elif model is not None:
        value = {"unit_price": model["unit_price"], "few_comparables_because": _FEW}
    else:
        return {"outcome": "UNABLE"}
    return {"outcome": "VALUE", "deviation_because": "RECENT_DEALS", **value}

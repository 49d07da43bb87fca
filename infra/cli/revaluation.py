"""What `avm desk-quality affected --json` lists, as a table that can be submitted: the ledger knows the addresses."""

import csv
import json
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import httpx

_HEADER: Final = (
    "原估值编号",
    "地址",
    "建筑面积",
    "业务编号",
    "机构号",
    "贷款阶段",
    "上次估值",
    "上次估值日期",
    "原报告编号",
)
_STAGE: Final = "OTHER"  # after the loan is paid out; only batches may say so
_MEND: Final = "write it with `avm desk-quality affected … --json`"


class RevaluationListError(Exception):
    """The list cannot be made a table. The message says why and what to do."""


def as_table(listed: Path, table: Path, ledger: httpx.Client) -> int:
    """Write the table of a list, whole or not at all; return its rows.

    Raises:
        RevaluationListError: It is no such list, or the ledger does not know a value or does not answer.
    """
    fresh = table.with_name(f".{table.name}.new")
    with fresh.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_HEADER)
        rows = 0
        for valuation_id in _listed(listed):
            writer.writerow(_row(valuation_id, _known(ledger, valuation_id)))
            rows += 1
    fresh.replace(table)
    return rows


def _listed(path: Path) -> Iterator[str]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["affected"]
        yield from (str(one["valuation_id"]) for one in found)
    except FileNotFoundError:
        raise RevaluationListError(f"{path} does not exist; check the name") from None
    except (ValueError, KeyError, TypeError) as error:
        raise RevaluationListError(f"{path} is no list of values to revalue ({error!r}); {_MEND}") from error


def _known(ledger: httpx.Client, valuation_id: str) -> dict[str, Any]:
    try:
        response = ledger.get(f"/valuations/{valuation_id}")
    except httpx.HTTPError as error:
        raise RevaluationListError(f"the ledger does not answer ({type(error).__name__}); try again later") from error
    if response.status_code != HTTPStatus.OK:
        raise RevaluationListError(f"the ledger has no valuation {valuation_id} ({response.status_code}); {_MEND}")
    known: dict[str, Any] = response.json()
    return known


def _row(valuation_id: str, known: dict[str, Any]) -> tuple[Any, ...]:
    result, reports = known["result"] or {}, known["reports"]
    return (
        valuation_id,
        result.get("address_entered"),
        result.get("area_m2"),
        result.get("business_ref"),
        result.get("branch_code"),
        _STAGE,
        result.get("value"),
        result.get("value_date"),
        reports[0]["report_no"] if reports else None,
    )

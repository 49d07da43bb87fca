"""The ledger, asked over its HTTP interface."""

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from producers.gateway.arrivals import State
from producers.gateway.ports import Archived, IssuedReport, LedgerUnavailableError, Timeline, WorkOrderState
from schemas.codes import Action
from schemas.events import Reported, ReportRevoked, Requested, Resulted
from schemas.json_events import event_from_json

_NOT_THERE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY})  # unknown, or no id at all


class HttpLedger:
    """`Ledger` behind a base URL. The client is the caller's, who closes it."""

    def __init__(self, client: httpx.AsyncClient, base_url: str) -> None:
        self._client, self._base_url = client, base_url.rstrip("/")

    async def valuation(self, valuation_id: str) -> Archived | None:
        """See `Ledger`."""
        found = await self._get(f"/valuations/{quote(valuation_id, safe='')}")
        if found is None:
            return None
        result = found.get("result")
        reports = found.get("reports") or ()
        report = event_from_json(Reported, reports[0]["payload"]) if reports else None
        known = found["state"]
        is_revoked = bool(reports and reports[0].get("revoked"))
        state = (
            State(
                result=event_from_json(Resulted, result),
                report=report,
                trace_id=known.get("trace_id"),
                is_revoked=is_revoked,
            )
            if result
            else None
        )
        return Archived(channel=known.get("channel"), state=state)

    async def request(self, valuation_id: str) -> Requested | None:
        """See `Ledger`."""
        asked = (
            event_from_json(Requested, event["payload"])
            for event in (await self.timeline(valuation_id)).events
            if event["kind"] == Requested.__name__
        )
        return next((requested for requested in asked if requested.action is Action.VALUE), None)

    async def timeline(self, valuation_id: str) -> Timeline:
        """See `Ledger`."""
        found = await self._get(f"/valuations/{quote(valuation_id, safe='')}/timeline")
        return Timeline(events=found["events"], stages=found["stages"]) if found else Timeline(events=(), stages=())

    async def report(self, report_no: str) -> IssuedReport | None:
        """See `Ledger`."""
        found = await self._get(f"/reports/{quote(report_no, safe='')}")
        if found is None:
            return None
        revoked = found.get("revoked")
        return IssuedReport(
            reported=event_from_json(Reported, found["payload"]),
            revoked=event_from_json(ReportRevoked, revoked) if revoked else None,
        )

    async def valuations_of(self, channel: str, business_ref: str) -> Sequence[str]:
        """See `Ledger`."""
        found = await self._get("/valuations", channel=channel, business_ref=business_ref)
        states = found["valuations"] if found else ()
        return tuple(state["valuation_id"] for state in states if state.get("channel") == channel)

    async def work_order(self, work_order_id: str, channel: str) -> WorkOrderState | None:
        """See `Ledger`."""
        found = await self._get(f"/work-orders/{quote(work_order_id, safe='')}", channel=channel)
        if found is None or found.get("channel", channel) != channel:
            return None
        at = {name: _instant(found.get(name)) for name in ("raised_at", "due_at", "answered_at")}
        return WorkOrderState(
            work_order_id=found["work_order_id"],
            client_request_id=found["client_request_id"],
            kind=found["kind"],
            state=found["state"],
            **at,
            answer=found.get("answer"),
            valuation_id=found.get("valuation_id") or "",
            business_ref=found.get("business_ref"),
        )

    async def _get(self, path: str, **query: str) -> dict[str, Any] | None:
        if not self._base_url:
            raise LedgerUnavailableError("no ledger is configured")
        try:
            response = await self._client.get(self._base_url + path, params=query)
        except httpx.HTTPError as error:
            raise LedgerUnavailableError(f"the ledger does not answer: {type(error).__name__}") from error
        if response.status_code in _NOT_THERE:
            return None
        if response.status_code != HTTPStatus.OK:
            raise LedgerUnavailableError(f"the ledger answers {response.status_code}")
        found: dict[str, Any] = response.json()
        return found


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None

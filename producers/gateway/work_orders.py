"""工单 over HTTP: raised once under the channel's own number, and looked at until it is answered."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from producers.gateway.bodies import WorkOrderBody, wrong
from producers.gateway.ports import Ledger, LedgerUnavailableError, WorkOrderState
from producers.gateway.problems import Code, ProblemError
from producers.gateway.recent import Recent
from producers.gateway.service import RETRY_AFTER_S
from schemas import codes
from schemas.domain.masking import masked_personal_data
from schemas.events import WorkOrderRaised
from schemas.ids import work_order_id

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrders:
    """The work orders of channels: those this instance raised, and behind them the ledger's."""

    ledger: Ledger
    raised: Recent[WorkOrderRaised] = field(default_factory=Recent)

    async def repeated(self, raised: WorkOrderRaised) -> dict[str, Any] | None:
        """How far the work order is that this one repeats; `None`: it is new, as far as can be known now.

        The ledger keeps no texts: behind another instance's work order other words under its number go unnoticed, but
        not another kind, valuation or business number.

        Raises:
            ProblemError: DUPLICATE_CONFLICT for other content.
        """
        mine = self.raised.get(raised.work_order_id)
        if mine is not None and replace(mine, raised_at=_EPOCH) != replace(raised, raised_at=_EPOCH):
            raise ProblemError(Code.DUPLICATE_CONFLICT)
        try:
            known = await self.ledger.work_order(raised.work_order_id, raised.channel)
        except LedgerUnavailableError:
            known = None
        if known is None:
            return raised_view(mine) if mine is not None else None
        if _subject(known) != _subject(raised):
            raise ProblemError(Code.DUPLICATE_CONFLICT)
        return state_view(known)

    def remember(self, raised: WorkOrderRaised) -> None:
        """It was published."""
        self.raised.put(raised.work_order_id, raised)

    async def look(self, number: str, channel: str) -> dict[str, Any]:
        """How far a work order of the channel is. Raises `ProblemError` NOT_FOUND, UNAVAILABLE."""
        mine = self.raised.get(number)
        mine = mine if mine is not None and mine.channel == channel else None
        try:
            known = await self.ledger.work_order(number, channel)
        except LedgerUnavailableError:
            if mine is None:
                raise ProblemError(Code.UNAVAILABLE, retry_after_s=RETRY_AFTER_S) from None
            known = None
        if known is not None:
            return state_view(known)
        if mine is None:
            raise ProblemError(Code.NOT_FOUND)
        return raised_view(mine)


def work_order(body: WorkOrderBody, *, channel: str, at: datetime) -> WorkOrderRaised:
    """The work order of a body. Raises `ProblemError` INVALID_REQUEST for a dispute, which has a path of its own."""
    if body.kind is codes.WorkOrderKind.DISPUTE:
        raise wrong("kind", "USE_DISPUTE", "复估请对该笔估值使用 /v1/valuations/{valuation_id}/dispute 提交")
    return WorkOrderRaised(
        work_order_id=work_order_id(channel, body.client_request_id),
        kind=body.kind,
        channel=channel,
        client_request_id=body.client_request_id,
        text=masked_personal_data(body.text),
        raised_at=at,
        valuation_id=body.valuation_id or "",
        business_ref=body.business_ref,
    )


def raised_view(raised: WorkOrderRaised) -> dict[str, Any]:
    """A work order that nobody has taken up yet."""
    shown: dict[str, Any] = {
        "work_order_id": raised.work_order_id,
        "client_request_id": raised.client_request_id,
        "kind": raised.kind,
        "state": codes.WorkOrderState.RAISED,
        "raised_at": _instant(raised.raised_at),
    }
    return shown | _set(valuation_id=raised.valuation_id, business_ref=raised.business_ref)


def state_view(known: WorkOrderState) -> dict[str, Any]:
    """A work order as the ledger has it."""
    shown: dict[str, Any] = {
        "work_order_id": known.work_order_id,
        "client_request_id": known.client_request_id,
        "kind": known.kind,
        "state": known.state,
    }
    instants = {"raised_at": known.raised_at, "due_at": known.due_at, "answered_at": known.answered_at}
    told = {name: _instant(at) for name, at in instants.items() if at is not None}
    return shown | told | _set(answer=known.answer, valuation_id=known.valuation_id, business_ref=known.business_ref)


def _subject(order: WorkOrderRaised | WorkOrderState) -> tuple[str, str, str | None]:
    return order.kind, order.valuation_id, order.business_ref


def _set(**texts: str | None) -> dict[str, str]:
    return {name: text for name, text in texts.items() if text}


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")

"""复估: what may be disputed over HTTP, and until when people owe the new opinion.

The ledger decides every dispute once more, and for good; what is refused here would be refused there, only later.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from producers.gateway.arrivals import State
from producers.gateway.ports import Ledger, LedgerUnavailableError
from producers.gateway.problems import Code, ProblemError
from producers.gateway.recent import Recent
from schemas.domain.channels import Channel
from schemas.domain.contract import MANUAL_ANSWER
from schemas.domain.masking import masked_personal_data
from schemas.domain.worktime import due_at
from schemas.events import Disputed, DisputeOpened, Problem
from schemas.json_events import event_from_json

_REFUSALS: Final = {
    "NOT_FINAL": "该笔估值尚未办结，请等待结果后再提出复估",
    "NO_VALUE": "该笔估值没有给出估值结果，无法复估；如需估值，请重新提交申请",
    "ALREADY_OPEN": "该笔估值的复估正在办理，请等待结果",
}
_OF_DISPUTES: Final = frozenset({Disputed.__name__, DisputeOpened.__name__})
_UNDERWAY_TEXT: Final = "复估申请已受理，将由未参与原估值的人员重新估值"


@dataclass(frozen=True, slots=True, kw_only=True)
class Disputes:
    """The disputes of answers that stand: those this instance raised, and behind them the ledger's."""

    ledger: Ledger
    raised: Recent[Disputed] = field(default_factory=Recent)

    async def repeated(self, state: State, disputed: Disputed) -> Disputed | None:
        """The dispute that this one repeats; `None` also while the ledger is away, which decides then by itself.

        Raises:
            ProblemError: NOT_DISPUTABLE beside one with other content.
        """
        mine = self.raised.get(_key(state))
        events = () if mine is not None else await self._since(state)
        raised = [event_from_json(Disputed, one["payload"]) for one in events if one["kind"] == Disputed.__name__]
        known = [mine] if mine is not None else raised
        same = next((one for one in known if _content(one) == _content(disputed)), None)
        if same is None and (mine is not None or any(one["kind"] == DisputeOpened.__name__ for one in events)):
            raise _refused(disputed.valuation_id, "ALREADY_OPEN")
        return same

    def remember(self, state: State, disputed: Disputed) -> None:
        """It was published."""
        self.raised.put(_key(state), disputed)

    async def _since(self, state: State) -> Sequence[Mapping[str, Any]]:
        """What was said of disputes of the answer that stands."""
        try:
            timeline = await self.ledger.timeline(state.result.valuation_id)
        except LedgerUnavailableError:
            return ()
        return [one for one in timeline.events if one["kind"] in _OF_DISPUTES and _at(one) >= state.result.resulted_at]


def dispute(state: State | None, channel: Channel, *, reason_code: str, text: str | None, at: datetime) -> Disputed:
    """The dispute of a value that stands.

    Raises:
        ProblemError: FORBIDDEN on a channel without people; NOT_DISPUTABLE.
    """
    if not channel.has_manual_lane:
        raise ProblemError(Code.FORBIDDEN)
    if state is None or not state.result.status.is_final:
        raise _refused(state.result.valuation_id if state else None, "NOT_FINAL")
    if state.result.value is None:
        raise _refused(state.result.valuation_id, "NO_VALUE")
    return Disputed(
        valuation_id=state.result.valuation_id,
        channel=channel.code,
        client_request_id=state.result.client_request_id,
        reason_code=reason_code,
        raised_at=at,
        text=masked_personal_data(text) if text is not None else None,
    )


def dispute_view(disputed: Disputed) -> dict[str, Any]:
    """What the channel is told: until when the new opinion is owed. The first value stands until then."""
    return {
        "valuation_id": disputed.valuation_id,
        "reason_code": disputed.reason_code,
        "raised_at": _instant(disputed.raised_at),
        "due_at": _instant(due_at(disputed.raised_at, MANUAL_ANSWER.value)),
        "text": _UNDERWAY_TEXT,
    }


def _content(disputed: Disputed) -> tuple[str, str, str | None]:
    return disputed.channel, disputed.reason_code, disputed.text


def _at(told: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(told["payload"]["raised_at"])


def _key(state: State) -> str:
    return f"{state.result.valuation_id}|{state.result.revision}"


def _refused(valuation_id: str | None, code: str) -> ProblemError:
    why = Problem(field="valuation_id", code=code, message=_REFUSALS[code])
    return ProblemError(Code.NOT_DISPUTABLE, problems=[why], valuation_id=valuation_id)


def _instant(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")

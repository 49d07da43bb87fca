"""Words about a valuation that was asked for: withdraw it, or let a person value it. Each is safe to send again.

The request under the same number is sent once more with another action; the ledger, which alone knows where every
valuation stands, decides. What the board or the ledger tells already is answered without sending anything.
"""

from dataclasses import dataclass
from decimal import Decimal

from producers.gateway.arrivals import State
from producers.gateway.ownership import Owner
from producers.gateway.problems import Code, ProblemError
from producers.gateway.request_record import continued
from producers.gateway.service import Gateway
from schemas.codes import Action, Lane, Reason, Status
from schemas.events import Requested, Resulted


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command about to be sent, in the trace and on the lane of its valuation."""

    requested: Requested
    trace_id: str | None
    lane: Lane
    reached: Status

    def continuing(self, traceparent: str) -> str:
        """This call's place in the trace of the valuation."""
        return continued(traceparent, self.trace_id)

    def is_answered_by(self, resulted: Resulted) -> bool:
        """Whether an answer tells what became of the command: the state it wanted, or an end."""
        return resulted.status is self.reached or resulted.status.is_final


async def cancellation(gateway: Gateway, valuation_id: str, owner: Owner, reason: str | None) -> Command | State:
    """The command that withdraws a valuation, or its state when it is withdrawn already.

    Raises:
        ProblemError: NOT_FOUND, ALREADY_FINAL, UNAVAILABLE.
    """
    return await _command(gateway, valuation_id, owner, Action.CANCEL, reason, Status.CANCELLED)


async def manual_review(gateway: Gateway, valuation_id: str, owner: Owner, reason: str) -> Command | State:
    """The command that lets a person value it, or its state when it is with people already.

    Raises:
        ProblemError: NOT_FOUND, ALREADY_FINAL, UNAVAILABLE.
    """
    return await _command(gateway, valuation_id, owner, Action.FORCE_MANUAL, reason, Status.PENDING_MANUAL)


async def send(gateway: Gateway, command: Command, *, wait_s: float, traceparent: str) -> State | None:
    """Send it and wait for what becomes of it; the latest state, or `None`, when that is not known within `wait_s`.

    Raises:
        ProblemError: ALREADY_FINAL when the end came first, and what intake or the ledger refuses; UNAVAILABLE.
    """
    state = await gateway.ask(
        command.requested,
        wait_s=wait_s,
        traceparent=traceparent,
        lane=command.lane,
        is_wanted=command.is_answered_by,
    )
    if state is not None and state.result.status.is_final and not _is_reached(state.result, command.reached):
        raise ProblemError(Code.ALREADY_FINAL, valuation_id=state.result.valuation_id)
    return state or gateway.board.latest(command.requested.valuation_id)


async def _command(
    gateway: Gateway, valuation_id: str, owner: Owner, action: Action, reason: str | None, reached: Status
) -> Command | State:
    state = await gateway.state(valuation_id, owner)
    if state is not None and _is_reached(state.result, reached):
        return state
    if state is not None and state.result.status.is_final:
        raise ProblemError(Code.ALREADY_FINAL, valuation_id=valuation_id)
    if state is not None:
        number, lane, trace = state.result.client_request_id, state.result.lane, state.trace_id
    else:
        number, lane, trace = (await gateway.original(valuation_id)).client_request_id, Lane.ONLINE, None
    requested = Requested(
        valuation_id=valuation_id,
        channel=owner.channel,
        client_request_id=number,
        requested_at=gateway.clock(),
        address="",
        area=Decimal(0),
        action=action,
        note=reason,
    )
    return Command(requested=requested, trace_id=trace or None, lane=lane, reached=reached)


def _is_reached(resulted: Resulted, wanted: Status) -> bool:
    """Whether a command has nothing left to do: sent again it is no mistake, also after people have decided."""
    was_forced = wanted is Status.PENDING_MANUAL and Reason.FORCED_BY_BANK in resulted.reasons
    return resulted.status is wanted or was_forced

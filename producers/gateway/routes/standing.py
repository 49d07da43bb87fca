"""What is answered about where a valuation stands."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from fastapi.responses import JSONResponse

from producers.gateway.arrivals import State
from producers.gateway.http import answer
from producers.gateway.views import view
from schemas.codes import Status
from schemas.domain.channels import Channel

Admit = Callable[[str], Callable[..., Any]]
"""The dependency that lets a caller in whose credential is good for the scope. Raises `ProblemError`."""

SETTLED = "Final"
UNSETTLED = "Recorded, and not final yet: look again at `Location`"


def answered(state: State | None, channel: Channel, valuation_id: str, location: str) -> JSONResponse:
    """200 with a final answer; 202 with an interim one, or with none yet, and where to look again."""
    if state is None:
        return answer(under_way(valuation_id), status=HTTPStatus.ACCEPTED, location=location)
    body = view(state, channel.profile)
    if state.result.status.is_final:
        return answer(body, status=HTTPStatus.OK)
    return answer(body, status=HTTPStatus.ACCEPTED, location=location)


def shown(state: State | None, channel: Channel, valuation_id: str) -> dict[str, Any]:
    """The state as JSON; PROCESSING for a request that is recorded and not answered."""
    return view(state, channel.profile) if state else under_way(valuation_id)


def under_way(valuation_id: str) -> dict[str, Any]:
    """What is said before the first answer."""
    return {"valuation_id": valuation_id, "status": Status.PROCESSING, "status_text": "处理中", "final": False}

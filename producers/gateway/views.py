"""What leaves the gateway: answers as the channel's profile may see them, and the steps of a valuation."""

from typing import Any, Final

from producers.gateway.arrivals import State
from producers.gateway.ports import Timeline
from schemas.domain.channels import Profile
from schemas.domain.projection import answer_body

_EVENT_FIELDS: Final = ("kind", "status", "stage", "lane", "revision", "occurred_at", "appended_at", "trace_id")
_STAGE_FIELDS: Final = ("stage", "revision", "milliseconds")


def view(state: State, profile: Profile) -> dict[str, Any]:
    """The answer as this profile may see it; JSON-ready, money in whole yuan, instants in UTC."""
    return answer_body(state.result, state.report, profile, revoked=state.is_revoked)


def timeline_view(timeline: Timeline) -> dict[str, Any]:
    """When what happened, without what it said: payloads name reviewers."""
    return {
        "events": [{name: event.get(name) for name in _EVENT_FIELDS} for event in timeline.events],
        "stages": [{name: stage.get(name) for name in _STAGE_FIELDS} for stage in timeline.stages],
    }

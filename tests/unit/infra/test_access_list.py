"""Who may do what on the broker: every room can do its work, seen in the generated list."""

import csv
import io

import pytest

from infra.cli.worker import ROOMS, StageName, group_of
from infra.generate.documents import access_list
from infra.settings import Settings
from schemas.catalogue import (
    COMMUNITIES,
    DEALS,
    DECISIONS,
    DEGRADED,
    DELIVERIES,
    FEEDBACK,
    MODELS_RELEASED,
    PROPOSALS,
    RENTS,
    RESULTS,
    SCORED,
    SEGMENTS,
    SOURCES,
)
from schemas.codes import Lane

_RULES = tuple(csv.DictReader(io.StringIO(access_list())))
_READ = {
    "policy-office": (SEGMENTS, PROPOSALS, SCORED, RESULTS, FEEDBACK, DECISIONS, DEGRADED, MODELS_RELEASED),
    "source-registry": (SOURCES, DELIVERIES, DEALS, RENTS, COMMUNITIES),
    "model-release": (PROPOSALS,),
}


@pytest.mark.parametrize("room", _READ)
def test_a_command_may_read_what_it_looks_at_before_it_writes(room: str) -> None:
    """`avm policy`, `avm segments`, `avm outage show`, `avm sources` and `avm model preview` read before they act."""
    wanted = {name for topic in _READ[room] for name in topic.names}
    held = {
        rule["name"] for rule in _RULES
        if (rule["principal"], rule["operation"], rule["resource"]) == (f"User:{room}", "read", "topic")
    }  # fmt: skip
    assert wanted <= held


@pytest.mark.parametrize("stage", [StageName.STAND_IN, StageName.SETTLE, StageName.ROUTING])
def test_what_runs_as_routing_may_join_its_group(stage: StageName) -> None:
    """The stand-in joins the scorer's group, decisions have one of their own."""
    room = ROOMS[stage](Settings(), Lane.ONLINE)
    group = group_of(stage, room, Lane.ONLINE if room.source.lanes else None)
    prefixes = [rule["name"] for rule in _RULES if (rule["principal"], rule["resource"]) == ("User:routing", "group")]
    assert any(group.startswith(prefix) for prefix in prefixes)

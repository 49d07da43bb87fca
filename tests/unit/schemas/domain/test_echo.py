from dataclasses import fields

import pytest

from schemas.codes import Status
from schemas.domain.echo import echo
from schemas.events import Request, Resulted
from tests.fakes import valuations as made
from tests.fakes.valuations import NOON

_RENAMED = {"address": "address_entered"}
# What a channel stated of the house comes back as the attributes that were used, not as an echo.
_NOT_ECHOED = {
    "force_manual",
    "property_type",
    "floor",
    "total_floors",
    "built_year",
    "rooms",
    "chosen_community_id",
    "occasion",
    "community",
    "building",
    "usage",
}


@pytest.mark.requirement("IN1")
def test_every_field_a_channel_matches_by_comes_back_as_it_was_accepted():
    request = made.request("r-9")
    answer = echo("v-9", request, Status.RECEIVED, resulted_at=NOON)
    for field in fields(Request):
        if field.name not in _NOT_ECHOED:
            assert getattr(answer, _RENAMED.get(field.name, field.name)) == getattr(request, field.name), field.name
    assert (answer.valuation_id, answer.status, answer.resulted_at) == ("v-9", Status.RECEIVED, NOON)


def test_an_echo_says_nothing_beyond_the_request():
    answer = echo("v-9", made.request(), Status.RECEIVED, resulted_at=NOON)
    said = {"reasons", "value", "unit_price", "address", "attributes", "valuation", "human", "problems", "policy"}
    assert not [name for name in said if getattr(answer, name)]
    assert {field.name for field in fields(Resulted)} > said

"""Who meets a model on trial: by property, by lot, always the same."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.scoring.trial import is_drawn, property_of

KEYS = [f"c-{number // 40:04d}|{number % 40 + 1}" for number in range(10_000)]
SHARES = st.floats(0, 1)


@pytest.mark.requirement("VM8")
@pytest.mark.parametrize("share", [0.01, 0.05, 0.10, 0.50])
@pytest.mark.parametrize("version", ["20260801-1a2b3c4d", "20260901-5e6f7a8b"])
def test_the_split_holds_within_a_point_over_ten_thousand_properties(share, version):
    drawn = sum(is_drawn(key, share=share, version=version) for key in KEYS)
    assert abs(drawn / len(KEYS) - share) <= 0.01


@pytest.mark.requirement("VM8")
@pytest.mark.parametrize("share", [0.0, 1.0])
def test_no_share_draws_nobody_and_the_whole_draws_all(share):
    assert {is_drawn(key, share=share, version="v") for key in KEYS} == {bool(share)}


@given(st.text(), st.text(), SHARES, SHARES)
def test_a_greater_share_keeps_the_properties_of_a_smaller_one(key, version, one, other):
    less, more = sorted((one, other))
    assert not is_drawn(key, share=less, version=version) or is_drawn(key, share=more, version=version)


def test_another_model_is_tried_out_by_other_properties():
    one, other = ({key for key in KEYS if is_drawn(key, share=0.1, version=version)} for version in ("a", "b"))
    assert len(one & other) / len(KEYS) == pytest.approx(0.01, abs=0.01)


@pytest.mark.requirement("VM8")
def test_a_property_is_its_building_and_unit_however_they_are_written_and_asked_for(tools):
    address = replace(tools.asked().address, building="3幢", unit="2单元", room="501室")
    assert property_of(address) == "c004|3|2"
    assert property_of(replace(address, building="3号楼", unit="2", room="1203")) == property_of(address)
    assert property_of(replace(address, building="4幢")) != property_of(address)


def test_a_property_of_no_known_community_is_its_address(tools):
    address = replace(tools.asked(community_id=None).address, normalised="甲市某路12号")
    assert property_of(address) == "甲市某路12号"

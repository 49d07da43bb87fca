import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.domain.property_key import (
    PropertyKeyError,
    building_of,
    canonical,
    keys_down_to,
    levels_of,
    property_key,
)


@pytest.mark.requirement("AD7")
@pytest.mark.parametrize(
    ("building", "unit", "room"),
    [("3幢", "2单元", "501室"), ("三号楼", "二单元", "501"), ("3#", "2", "５０１室"), ("3栋", "2门", "501房")],
)
def test_every_way_of_writing_a_room_leads_to_one_key(building, unit, room):
    assert property_key("c-1", building, unit, room) == "c-1|3|2|501"
    assert canonical(f"c-1|{building}|{unit}|{room}") == "c-1|3|2|501"


@pytest.mark.requirement("AD7")
def test_a_house_has_the_keys_of_all_its_levels():
    assert keys_down_to("c-1", "3幢", "2单元", "501室") == ("c-1", "c-1|3", "c-1|3|2", "c-1|3|2|501")
    assert keys_down_to("c-1", "3幢", None, "501室") == ("c-1", "c-1|3", "c-1|3||501")
    assert keys_down_to("c-1") == ("c-1",)


def test_neighbours_have_keys_of_their_own():
    keys = {property_key("c-1", *levels) for levels in (("3幢",), ("甲3幢",), ("13幢",), ("3幢", None, "3室"))}
    assert len(keys) == 4


@pytest.mark.parametrize("text", ["", "|3", "c-1|3|2|501|x", " |3"])
def test_what_is_no_key_is_refused_with_an_example(text):
    with pytest.raises(PropertyKeyError, match=r"c-1\|3幢"):
        canonical(text)


_LEVEL = st.text(alphabet="0123456789ABC甲三幢号楼座单元室门#- 　|", max_size=6)


@given(st.text(alphabet="abc-123", min_size=1, max_size=8), st.lists(_LEVEL, max_size=3))
def test_a_key_written_again_is_the_same_key(community_id, levels):
    key = property_key(community_id, *levels)
    assert canonical(key) == key


@pytest.mark.requirement("VM4")
def test_a_key_comes_apart_into_its_levels_and_names_its_building():
    assert levels_of("c-1|3||501") == ("c-1", "3", "", "501")
    assert levels_of(None) == ("", "", "", "")
    assert [building_of(key) for key in ("c-1|3|2|501", "c-1|3", "c-1", "c-1|||501", None)] == [
        "c-1|3", "c-1|3", None, None, None,
    ]  # fmt: skip

"""What is read of the house off the address: words beside a flat describe what lies beside it."""

import pytest

from schemas.codes import PropertyType, Tradability
from schemas.domain.divisions import divisions
from schemas.domain.normalise import normalise
from streams.enrichment.attributes import attributes
from streams.enrichment.parse import parse

_BUILDING = "北京市朝阳区望京西园三区3号楼"


@pytest.fixture
def read(accepted):
    """`read(address)`: the attributes of a house of which nothing but its address is known."""

    def attributes_of(address):
        return attributes(accepted(address).request, parse(normalise(address), divisions()), None)

    return attributes_of


@pytest.mark.requirement("AD5")
@pytest.mark.parametrize(
    "words",
    [
        "501及地下车位",
        "501+车位",
        "501，车位已售",
        "501附属地下室",
        "501、地下室5号",
        "501室（地下车位）",
        "501 车库12号",
        "501已解除查封",
    ],
)
def test_a_flat_with_something_beside_it_stays_a_flat(read, words):
    found = read(f"{_BUILDING}{words}")
    assert (found.property_type, found.tradability) == (PropertyType.UNKNOWN, Tradability.UNKNOWN)


@pytest.mark.requirement("AD5")
@pytest.mark.parametrize(
    "words", ["地下车位12号", "地下室", "地下室5号", "-1层车位", "地下车库B2-123", "B1层101（车位）"]
)
def test_a_parking_space_or_store_room_of_its_own_is_none(read, words):
    assert read(f"{_BUILDING}{words}").property_type is PropertyType.PARKING


@pytest.mark.requirement("AD5")
def test_a_seizure_and_a_shop_behind_the_room_still_count(read):
    assert read(f"{_BUILDING}501，法院查封").tradability is Tradability.RESTRICTED
    assert read(f"{_BUILDING}101底商及车位").property_type is PropertyType.SHOP

"""The desks there are: four regions over one pool of people, and which region a province belongs to.

The assignment is assumed until the bank gives its own (requirements, section 4).
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from schemas.domain.divisions import divisions


class Region(StrEnum):
    """长三角, 环渤海, 珠三角, 中西部."""

    YANGTZE_DELTA = "YANGTZE_DELTA"
    BOHAI_RIM = "BOHAI_RIM"
    PEARL_DELTA = "PEARL_DELTA"
    MIDWEST = "MIDWEST"


_PROVINCES: Final[Mapping[str, Region]] = MappingProxyType(
    {
        **dict.fromkeys(("上海市", "江苏省", "浙江省"), Region.YANGTZE_DELTA),
        **dict.fromkeys(("北京市", "天津市", "辽宁省", "山东省"), Region.BOHAI_RIM),
        "广东省": Region.PEARL_DELTA,
    }
)

# Who helps out first when a region's own people are all busy: the one whose market is most like it.
NEIGHBOURS: Final[Mapping[Region, Region]] = MappingProxyType(
    {
        Region.YANGTZE_DELTA: Region.BOHAI_RIM,
        Region.BOHAI_RIM: Region.YANGTZE_DELTA,
        Region.PEARL_DELTA: Region.MIDWEST,
        Region.MIDWEST: Region.PEARL_DELTA,
    }
)


def region_of(province: str | None) -> Region:
    """The desk that a province belongs to; 中西部 for all others and for an address whose province is not known."""
    return _PROVINCES.get(province or "", Region.MIDWEST)


def region_of_city(city: str) -> Region:
    """The desk that a city belongs to, by its full name or shortened; 中西部 for one that is not known."""
    found = divisions().cities.get(city)
    return region_of(None if found is None else found[0])

"""From the shifted Chinese datums to WGS-84, so that distances between files are right.

GCJ-02 is the state's obfuscated datum (its formula is public knowledge), BD-09 is Baidu's shift on top of it. Both lie
several hundred metres off; converting back is good to a few metres.
"""

import math

_A = 6_378_245.0  # Krasovsky 1940, which GCJ-02 is computed on
_EE = 0.00669342162296594323
_BD = math.pi * 3000.0 / 180.0
_ROUNDS = 3  # of a fixed-point iteration: the error is below a centimetre after three

# Mainland China with its waters, roughly; coordinates outside are typing errors or swapped columns.
_WEST, _EAST, _SOUTH, _NORTH = 73.0, 135.5, 3.5, 54.0


def in_china(longitude: float, latitude: float) -> bool:
    """Whether a point can lie in China at all."""
    return _WEST <= longitude <= _EAST and _SOUTH <= latitude <= _NORTH


def on_earth(longitude: float, latitude: float) -> bool:
    """Whether a point can lie anywhere at all."""
    return abs(longitude) <= 180 and abs(latitude) <= 90  # noqa: PLR2004 - degrees


def to_wgs84(longitude: float, latitude: float, datum: str) -> tuple[float, float]:
    """The point in WGS-84, rounded to a decimetre (6 places). `datum` is WGS-84, GCJ-02 or BD-09."""
    if datum == "BD-09":
        longitude, latitude = _bd09_to_gcj02(longitude, latitude)
    if datum in {"BD-09", "GCJ-02"}:
        longitude, latitude = _gcj02_to_wgs84(longitude, latitude)
    return round(longitude, 6), round(latitude, 6)


def _bd09_to_gcj02(longitude: float, latitude: float) -> tuple[float, float]:
    x, y = longitude - 0.0065, latitude - 0.006
    radius = math.hypot(x, y) - 0.00002 * math.sin(y * _BD)
    angle = math.atan2(y, x) - 0.000003 * math.cos(x * _BD)
    return radius * math.cos(angle), radius * math.sin(angle)


def _gcj02_to_wgs84(longitude: float, latitude: float) -> tuple[float, float]:
    x, y = longitude, latitude
    for _ in range(_ROUNDS):
        east, north = _shift(x, y)
        x, y = longitude - east, latitude - north
    return x, y


def _shift(longitude: float, latitude: float) -> tuple[float, float]:
    """How far GCJ-02 lies east and north of WGS-84 at a WGS-84 point, in degrees."""
    x, y = longitude - 105.0, latitude - 35.0
    common = (20 * math.sin(6 * x * math.pi) + 20 * math.sin(2 * x * math.pi)) * 2 / 3
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x)) + common
    north += (20 * math.sin(y * math.pi) + 40 * math.sin(y / 3 * math.pi)) * 2 / 3
    north += (160 * math.sin(y / 12 * math.pi) + 320 * math.sin(y * math.pi / 30)) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x)) + common
    east += (20 * math.sin(x * math.pi) + 40 * math.sin(x / 3 * math.pi)) * 2 / 3
    east += (150 * math.sin(x / 12 * math.pi) + 300 * math.sin(x / 30 * math.pi)) * 2 / 3
    sine = math.sin(math.radians(latitude))
    magic = 1 - _EE * sine * sine
    root = math.sqrt(magic)
    north = north * 180 / ((_A * (1 - _EE)) / (magic * root) * math.pi)
    east = east * 180 / (_A / root * math.cos(math.radians(latitude)) * math.pi)
    return east, north

"""Requests about houses of a synthetic market, written as people write them, with the truth kept aside."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from producers.simulator.communities import Town, districts
from producers.simulator.deals import houses_of, stock_of
from producers.simulator.market import Market
from producers.simulator.places import CITIES
from producers.simulator.prices import Houses
from schemas.codes import LoanStage, Product, PropertyType, Tradability
from schemas.events import Requested
from schemas.ids import valuation_id


class Kind(StrEnum):
    """What makes a request easy or hard. Only ORDINARY and MISSING_DISTRICT should pass without a second thought."""

    ORDINARY = "ORDINARY"
    MISSING_DISTRICT = "MISSING_DISTRICT"
    AMBIGUOUS_NAME = "AMBIGUOUS_NAME"  # the name stands in two districts, and none is given
    UNKNOWN_COMMUNITY = "UNKNOWN_COMMUNITY"
    NOT_COVERED = "NOT_COVERED"
    OUTSIDE_MAINLAND = "OUTSIDE_MAINLAND"
    SMALL_TITLE = "SMALL_TITLE"  # 小产权房
    LUXURY = "LUXURY"
    ODD_SIZE = "ODD_SIZE"  # an area the community does not have
    COMMERCIAL = "COMMERCIAL"


DEFAULT_CHANNELS: Final[Mapping[str, float]] = {
    "CREDIT_MGMT": 0.30,
    "NET_BANK": 0.20,
    "MOBILE_BANK": 0.25,
    "APP": 0.07,
    "DIRECT_BANK": 0.05,
    "WECHAT_OA": 0.08,
    "WEBSITE": 0.05,
}
_HARD_SHARES: Final = {
    Kind.MISSING_DISTRICT: 0.26,
    Kind.AMBIGUOUS_NAME: 0.12,
    Kind.UNKNOWN_COMMUNITY: 0.08,
    Kind.NOT_COVERED: 0.12,
    Kind.OUTSIDE_MAINLAND: 0.06,
    Kind.SMALL_TITLE: 0.08,
    Kind.LUXURY: 0.08,
    Kind.ODD_SIZE: 0.06,
    Kind.COMMERCIAL: 0.14,
}

_WITH_DISTRICT: Final = (
    "{province}{city}{district}{road}{number}号{name}{building}幢{unit}单元{room}室",
    "{city}{district}{name}{building}幢{unit}单元{room}室",
    "{city}{district}{name}{building}号楼{unit}单元{room}室",
    "{city}{district}{name}{building}号楼{unit}单元{room}",
    "{city}{district}{road}{number}号{name}{building}栋{room}室",
    "{city_short}{district_short}{name}{building}-{unit}-{room}",
    "{city}{district}{road}{number}号（{name}）{building}幢{unit}单元{room}室",
    "{city} {district} {name} {building}幢 {unit}单元 {room}",
    "{province}{city}{district}{name}第{building}幢{unit}单元{room}号房",
)
_WITHOUT_DISTRICT: Final = (
    "{city}{name}{building}幢{unit}单元{room}室",
    "{city_short}{name}{building}号楼{unit}单元{room}",
    "{city}{name}{building}-{unit}-{room}",
)
_OFFICE: Final = ("{city}{district}{name}{building}座{room}室", "{city}{district}{road}{number}号{name}{room}")
_SHOP: Final = ("{city}{district}{name}{room}号商铺", "{city}{district}{road}{number}号{name}{room}铺")
_ELSEWHERE: Final = (
    "江苏省苏州市姑苏区清泉路18号云汀苑5幢302室",
    "广东省深圳市南山区海晨路66号锦澜花园2栋1503",
    "河北省石家庄市长安区和景街9号丽园小区3号楼2单元401室",
    "湖南省长沙市岳麓区枫岭路120号翠岸家园7栋804",
    "福建省厦门市思明区白鹭洲路21号碧涛公寓1102室",
)
_BEYOND: Final = (
    "香港九龙弥敦道100号海晖大厦12楼A室",
    "香港特别行政区沙田区银城街18号3座20楼B室",
    "澳门氹仔花城新苑第2座8楼C",
    "台湾省台北市大安区和平东路二段106号5楼",
    "日本东京都港区六本木3丁目2-1-1502",
)
_UNKNOWN_NAMES: Final = ("禾屿轩", "芷沐居", "墨磬园", "砚棠里", "椿筱台", "霁禾舍")
_LUXURY_AREA: Final = (320.0, 680.0)
_TINY_AREA: Final = (12.0, 18.0)
_ALIAS_SHARE, _FULL_WIDTH_SHARE = 0.3, 0.06
_UNITS: Final = 4
_FLATS_A_FLOOR: Final = 4
_FULL_WIDTH: Final = str.maketrans("0123456789-", "０１２３４５６７８９－")
_MUNICIPAL: Final = frozenset(city.name for city in CITIES if city.province == city.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedRequest:
    """What is asked, and aside the truth: the house that was meant and its worth in yuan (`None`: no house of ours)."""

    kind: Kind
    channel: str
    address: str
    area_m2: Decimal
    property_type: PropertyType | None = None
    product: Product | None = None
    loan_stage: LoanStage | None = None
    business_ref: str | None = None
    branch_code: str | None = None
    embed_target: str | None = None
    subject_token: str | None = None
    community_id: str | None = None
    city: str | None = None
    market_value: int | None = None


def requests(
    market: Market,
    *,
    seed: int,
    count: int,
    hard_share: float = 0.12,
    channels: Mapping[str, float] = DEFAULT_CHANNELS,
) -> tuple[SimulatedRequest, ...]:
    """Draw `count` requests, `hard_share` of them hard ones, for the market's last day. Reproducible by `seed`."""
    rng = np.random.default_rng((market.seed, seed))
    author = _Author(market, rng)
    hard = tuple(_HARD_SHARES)
    shares = np.array([1 - hard_share, *(hard_share * _HARD_SHARES[kind] for kind in hard)])
    kinds: tuple[Kind, ...] = (Kind.ORDINARY, *hard)
    drawn = rng.choice(len(kinds), size=count, p=shares / shares.sum())
    ways = np.array(list(channels.values()))
    routes = rng.choice(len(ways), size=count, p=ways / ways.sum())
    codes = tuple(channels)
    return tuple(
        _with_channel_fields(author.write(kinds[kind], codes[route]), f"{seed}-{at:06d}", rng)
        for at, (kind, route) in enumerate(zip(drawn, routes, strict=True))
    )


def to_requested(request: SimulatedRequest, *, client_request_id: str, requested_at: datetime) -> Requested:
    """The canonical request, as any channel gives it."""
    return Requested(
        valuation_id=valuation_id(request.channel, client_request_id),
        channel=request.channel,
        client_request_id=client_request_id,
        requested_at=requested_at,
        address=request.address,
        area=request.area_m2,
        property_type=request.property_type,
        product=request.product,
        loan_stage=request.loan_stage,
        business_ref=request.business_ref,
        branch_code=request.branch_code,
        embed_target=request.embed_target,
        subject_token=request.subject_token,
    )


def _with_channel_fields(request: SimulatedRequest, number: str, rng: np.random.Generator) -> SimulatedRequest:
    if request.channel != "CREDIT_MGMT":
        return replace(request, subject_token=f"token-{number}")
    return replace(
        request,
        business_ref=f"LOAN-{number}",
        branch_code=f"BR{int(rng.integers(1, 151)):03d}",  # about 150 outlets
        embed_target="collateral.valuation",
        product=tuple(Product)[int(rng.integers(len(Product)))],
        loan_stage=(LoanStage.PRE_LOAN_INVESTIGATION, LoanStage.IN_LOAN_APPROVAL)[int(rng.integers(2))],
    )


class _Author:
    """Writes one request at a time about the houses of a market."""

    def __init__(self, market: Market, rng: np.random.Generator) -> None:
        self._market, self._rng = market, rng
        self._stock = stock_of(market.towns)
        self._districts = districts()
        self._urns = {kind: _urn(market.towns, members) for kind, members in _members(market.towns).items()}

    def write(self, kind: Kind, channel: str) -> SimulatedRequest:
        """One request of that kind; an ordinary one where the market has no house of the kind."""
        if kind in {Kind.NOT_COVERED, Kind.OUTSIDE_MAINLAND}:
            return self._elsewhere(kind, channel)
        urn = self._urns[kind]
        if urn is None:
            return self.write(Kind.ORDINARY, channel)
        # by the cumulated weights: `choice` would check and add them up again for every request
        drawn = int(np.searchsorted(urn.cumulated, self._rng.random(), side="right"))
        return self._about(int(urn.members[drawn]), kind, channel)

    def _elsewhere(self, kind: Kind, channel: str) -> SimulatedRequest:
        address = self._one_of(_ELSEWHERE if kind is Kind.NOT_COVERED else _BEYOND)
        return SimulatedRequest(
            kind=kind, channel=channel, address=address, area_m2=_area(float(self._rng.uniform(50, 140)))
        )

    def _about(self, at: int, kind: Kind, channel: str) -> SimulatedRequest:
        town = self._market.towns[at]
        houses, _ = houses_of(self._rng, self._stock, np.array([at]), np.zeros(1, dtype=np.int64))
        if kind in {Kind.LUXURY, Kind.ODD_SIZE}:
            bounds = _LUXURY_AREA if kind is Kind.LUXURY else _TINY_AREA
            houses = replace(houses, area_m2=np.round(self._rng.uniform(*bounds, size=1), 2))
        area = _area(float(houses.area_m2[0]))
        known = kind is not Kind.UNKNOWN_COMMUNITY
        return SimulatedRequest(
            kind=kind,
            channel=channel,
            address=self._address(town, kind, houses),
            area_m2=area,
            property_type=town.kind if town.kind is not PropertyType.APARTMENT else None,
            community_id=self._market.ids[at] if known else None,
            city=CITIES[town.city].name,
            market_value=self._value(houses, area) if known and kind is not Kind.SMALL_TITLE else None,
        )

    def _value(self, houses: Houses, area: Decimal) -> int:
        return round(float(np.exp(self._market.surface.log_unit_price(houses))[0]) * float(area))

    def _address(self, town: Town, kind: Kind, houses: Houses) -> str:
        city, district = CITIES[town.city].name, self._districts[town.district][1].name
        text = self._one_of(_styles(town, kind)).format(
            province="" if city in _MUNICIPAL else CITIES[town.city].province,
            city=city,
            city_short=city.removesuffix("市"),
            district=district,
            district_short=district.removesuffix("新区").removesuffix("区"),
            road=town.road,
            number=town.number,
            name=self._name(town, kind),
            building=int(self._rng.integers(1, town.buildings + 1)),
            unit=int(self._rng.integers(1, _UNITS)),
            room=f"{int(houses.floor[0])}{int(self._rng.integers(1, _FLATS_A_FLOOR + 1)):02d}",
        )
        return text.translate(_FULL_WIDTH) if self._rng.random() < _FULL_WIDTH_SHARE else text

    def _name(self, town: Town, kind: Kind) -> str:
        if kind is Kind.UNKNOWN_COMMUNITY:
            return self._one_of(_UNKNOWN_NAMES)
        if kind is Kind.ORDINARY and town.aliases and self._rng.random() < _ALIAS_SHARE:
            return self._one_of(town.aliases)
        return town.name

    def _one_of(self, texts: Sequence[str]) -> str:
        return texts[int(self._rng.integers(len(texts)))]


def _is_ordinary(town: Town) -> bool:
    return town.kind is PropertyType.APARTMENT and town.tradability is Tradability.TRADABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Urn:
    """Communities to draw from, the often traded more often."""

    members: NDArray[np.int64]
    cumulated: NDArray[np.float64]


def _urn(towns: Sequence[Town], members: Sequence[int]) -> _Urn | None:
    if not members:
        return None
    weights = np.array([towns[at].turnover for at in members])
    if not weights.any():  # houses that may not be sold have no turnover
        weights = np.ones(len(members))
    cumulated = np.cumsum(weights / weights.sum())
    cumulated[-1] = 1.0  # against rounding: a draw stays below 1
    return _Urn(members=np.array(members), cumulated=cumulated)


def _members(towns: Sequence[Town]) -> dict[Kind, list[int]]:
    """The communities a request of each kind may be about."""
    ordinary = [at for at, town in enumerate(towns) if _is_ordinary(town)]
    homes: dict[tuple[int, str], list[int]] = defaultdict(list)
    for at, town in enumerate(towns):
        homes[town.city, town.name].append(at)

    def namesakes(at: int) -> list[int]:
        return homes[towns[at].city, towns[at].name]

    return {
        Kind.ORDINARY: ordinary,
        Kind.UNKNOWN_COMMUNITY: ordinary,
        Kind.ODD_SIZE: ordinary,
        Kind.MISSING_DISTRICT: [at for at in ordinary if len(namesakes(at)) == 1],
        Kind.AMBIGUOUS_NAME: [at for at in ordinary if len({towns[other].district for other in namesakes(at)}) > 1],
        Kind.SMALL_TITLE: [at for at, town in enumerate(towns) if town.tradability is Tradability.SMALL_TITLE],
        Kind.LUXURY: [at for at, town in enumerate(towns) if town.kind is PropertyType.VILLA],
        Kind.COMMERCIAL: [at for at, town in enumerate(towns) if town.kind.is_commercial],
    }


def _styles(town: Town, kind: Kind) -> tuple[str, ...]:
    if kind in {Kind.MISSING_DISTRICT, Kind.AMBIGUOUS_NAME}:
        return _WITHOUT_DISTRICT
    if town.kind is PropertyType.OFFICE:
        return _OFFICE
    return _SHOP if town.kind is PropertyType.SHOP else _WITH_DISTRICT


def _area(area_m2: float) -> Decimal:
    return Decimal(f"{area_m2:.2f}")

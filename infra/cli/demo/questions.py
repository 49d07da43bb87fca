"""What the demonstration asks, and the truth it keeps aside."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from random import Random
from types import MappingProxyType

from producers.simulator.market import Market
from producers.simulator.mistyping import Kind, Named, Typist
from producers.simulator.requests import requests
from schemas.events import Community, Deal


class Way(StrEnum):
    """The ways in."""

    HTTP = "http"
    BATCH = "batch"
    KAFKA = "kafka"
    PAGE = "page"
    WECHAT = "wechat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One request, and the truth: the community that is meant and the price paid in yuan per m² (`None`: not known)."""

    number: int
    way: Way
    channel: str
    address: str
    area_m2: Decimal
    value_date: date | None = None
    branch_code: str | None = None
    business_ref: str | None = None
    deal_unit_price: float | None = None
    community_id: str | None = None


Write = Callable[[Deal], str]

# The credit system produces to the topics itself, the website has a page, WeChat its messages; the others call.
_WAYS = MappingProxyType({"CREDIT_MGMT": Way.KAFKA, "WEBSITE": Way.PAGE, "WECHAT_OA": Way.WECHAT})
_BATCH_CHANNEL = "BATCH_FILE"
_BATCH_SHARE = 0.4


def simulated(market: Market, *, seed: int, count: int) -> tuple[Question, ...]:
    """About `count` requests on houses of a synthetic market, some of them hard, spread over channels and ways in."""
    drawn = list({(asked.address, asked.area_m2): asked for asked in requests(market, seed=seed, count=count)}.values())
    batch = round(len(drawn) * _BATCH_SHARE)
    return tuple(
        Question(
            number=number,
            way=_way_of(asked.channel, in_batch=number < batch),
            channel=_BATCH_CHANNEL if number < batch else asked.channel,
            address=asked.address,
            area_m2=asked.area_m2,
            branch_code=asked.branch_code,
            business_ref=asked.business_ref,
            community_id=asked.community_id,
        )
        for number, asked in enumerate(drawn)
    )


def in_full(deal: Deal) -> str:
    """City, district and community, as a form with three boxes gives them."""
    return f"{deal.city}{deal.district or ''}{deal.community_name}"


def as_typed(communities: Iterable[Community], *, seed: int) -> Write:
    """The way people type: parts left out, other endings, slips of the hand, roads and units around the name."""
    typist = Typist(Named(name=one.name, city=one.city, district=one.district or None) for one in communities)

    def write(deal: Deal) -> str:
        named = Named(name=deal.community_name or "", city=deal.city, district=deal.district)
        return typist.write(named, Kind.MIXED, Random(f"{seed} {deal.deal_id}"))

    return write


def about_deals(deals: Sequence[Deal], write: Write = in_full) -> tuple[Question, ...]:
    """A written address and an area for each deal, as of its day.

    Deals without a community name cannot be written; of two that read the same one is asked: a batch file would refuse
    the second as a repeat.
    """
    written = {(write(deal), deal.area_m2, deal.deal_date): deal for deal in deals if deal.community_name}
    named = list(written.items())
    batch = round(len(named) * _BATCH_SHARE)
    channels = ("CREDIT_MGMT", "MOBILE_BANK", "NET_BANK", "APP", "DIRECT_BANK")
    return tuple(
        Question(
            number=number,
            way=_way_of(channels[number % len(channels)], in_batch=number < batch),
            channel=_BATCH_CHANNEL if number < batch else channels[number % len(channels)],
            address=address,
            area_m2=Decimal(str(deal.area_m2)).quantize(Decimal("0.01")),
            value_date=deal.deal_date,
            deal_unit_price=deal.unit_price,
            community_id=deal.community_id,
        )
        for number, ((address, _, _), deal) in enumerate(named)
    )


def _way_of(channel: str, *, in_batch: bool) -> Way:
    if in_batch:
        return Way.BATCH
    return _WAYS.get(channel, Way.HTTP)

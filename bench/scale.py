"""Scoring with the deals of thirty cities in one process: memory, time of loading, of a valuation and of live deals.

    .venv/bin/python -m bench.scale [--deals 200000] [--learned 20000] [--most-gb 12]

The deals are generated: three years, 170 a community, more of them lately. The released model learned from
`--learned` of them, all of a few communities; what its parts cost on all of them is measured beside it, unless that
takes more than `--most-gb` of memory. Run it with `OPENBLAS_NUM_THREADS=1`. Prints one JSON object.
"""

import argparse
import json
import resource
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import numpy as np

from bench.scoring import NOW, TODAY, Held, asked, release, us_per_valuation
from schemas.catalogue import COMMUNITIES, DEALS
from schemas.codes import PropertyType
from schemas.events import Community, Deal
from streams.runtime.stage import Change
from streams.scoring.hedonics import fit_hedonics
from streams.scoring.index import fit_index
from streams.scoring.market import Market
from streams.scoring.reference import ScoringView
from streams.scoring.stage import ScoringStage
from streams.scoring.training import Artefact, train

CITIES: Final = 30
DAYS: Final = 1_095
_PER_COMMUNITY: Final = 170
_DISTRICTS, _CIRCLES = 8, 5  # of a city; of a district
_AT_ONCE: Final = 100_000
_LIVE: Final = 100
_REQUESTS: Final = 4_000
_ROUNDS: Final = 5
_MB: Final = 2**20
_RENOVATIONS: Final = ("毛坯", "简装", "精装")
_TYPES: Final = ("板楼", "塔楼", "板塔结合")


@dataclass(frozen=True, slots=True, kw_only=True)
class Country:
    """Communities, and the log level of each."""

    communities: tuple[Community, ...]
    level: np.ndarray


def country(deals: int, rng: np.random.Generator) -> Country:
    """As many communities as deals ask for, spread over the cities."""
    count = max(CITIES * 20, deals // _PER_COMMUNITY)
    made = []
    for i in range(count):
        city, district = i % CITIES, (i // CITIES) % _DISTRICTS
        circle = (i // CITIES // _DISTRICTS) % _CIRCLES
        lng, lat = rng.normal((105 + city, 25 + city / 2), 0.08)
        made.append(
            Community(
                community_id=f"c{i:06d}",
                name=f"{i}号院",
                province=f"省{city}",
                city=f"市{city}",
                district=f"区{district}",
                business_circle=f"商圈{district}-{circle}",
                longitude=float(lng),
                latitude=float(lat),
                min_area_m2=40.0,
                max_area_m2=160.0,
            )
        )
    of_city = rng.normal(10.2, 0.4, CITIES)[np.arange(count) % CITIES]
    return Country(communities=tuple(made), level=of_city + rng.normal(0, 0.2, count))


def sold(land: Country, count: int, *, in_first: int | None = None) -> Iterator[Deal]:
    """Deals in the order of their days, made as they are asked for; all, or those of the first communities alone."""
    rng = np.random.default_rng(2)
    first = TODAY - timedelta(days=DAYS + 1)
    days = np.sort((DAYS * np.sqrt(rng.random(count))).astype(np.int64))
    for start in range(0, count, _AT_ONCE):
        day = days[start : start + _AT_ONCE]
        n = len(day)
        place = rng.integers(0, len(land.communities), n)
        total = np.array([6, 11, 18, 33])[rng.integers(0, 4, n)]
        floor = rng.integers(1, total + 1)
        area = rng.lognormal(4.4, 0.3, n).round(2)
        look = rng.integers(0, 3, n)
        price = np.exp(
            land.level[place]
            + 0.0002 * day
            - 0.1 * (np.log(area) - 4.4)
            + 0.03 * look
            - 0.04 * (floor == total)
            + rng.normal(0, 0.09, n)
        ).round(2)
        asked_for = np.arange(n) if in_first is None else np.flatnonzero(place < in_first)
        columns = (
            column[asked_for].tolist() for column in (start + np.arange(n), place, day, total, floor, area, look, price)
        )
        for number, community, *row in zip(*columns, strict=True):
            yield _deal(number, land.communities[community], first, *row)


def _deal(  # noqa: PLR0913, PLR0917 - one number of each column
    number: int,
    community: Community,
    first: date,
    day: int,
    total: int,
    floor: int,
    area: float,
    look: int,
    price: float,
) -> Deal:
    on = first + timedelta(days=day)
    return Deal(
        deal_id=f"deal-{number:09d}",
        community_id=community.community_id,
        community_name=community.name,
        city=community.city,
        district=community.district,
        business_circle=community.business_circle,
        deal_date=on,
        known_on=on,
        area_m2=area,
        unit_price=price,
        floor=floor,
        total_floors=total,
        built_year=1990 + int(community.community_id[-2:]) % 30,
        rooms=min(5, max(1, int(area // 35))),
        building_type=_TYPES[look],
        renovation=_RENOVATIONS[look],
        has_lift=total > 6,
        source="bench",
    )


def resident_mb() -> int:
    """Memory this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // _MB


def peak_mb() -> int:
    """The most it ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def seconds(work: Callable[[], object]) -> float | None:
    """CPU of `work`; `None` if it asks for more memory than is granted."""
    began = time.process_time()
    try:
        work()
    except MemoryError:
        return None
    return round(time.process_time() - began, 2)


def parts_of_training(market: Market) -> dict[str, float | None]:
    """Seconds that effects and index take on all deals; a model fits each three times, twice over."""
    rows, names = market.rows, market.places.cities.texts
    price = rows.log_price
    return {
        "effects_s": seconds(lambda: fit_hedonics(rows, market.vocabularies, group=rows.community, log_price=price)),
        "index_s": seconds(
            lambda: fit_index(day=rows.day, city=rows.city, names=names, group=rows.community, log_price=price)
        ),
    }


def batched(deals: Iterable[Deal], size: int) -> Iterator[list[Deal]]:
    """Deals in lists of a size."""
    each = iter(deals)
    while some := list(islice(each, size)):
        yield some


def live(view: ScoringView, deals: list[Deal]) -> dict[str, float]:
    """Milliseconds until a hundred live deals stand in the market, and until the model has followed them."""
    scorer = view.scorer(PropertyType.APARTMENT)
    spent = {"settled": 0.0, "followed": 0.0}
    for round_ in batched(deals, _LIVE):
        began = time.process_time()
        view.apply([Change(topic=DEALS, key=deal.deal_id, event=deal) for deal in round_])
        view.market(PropertyType.APARTMENT).settle()
        settled = time.process_time()
        scorer.book.follow()
        spent["settled"] += settled - began
        spent["followed"] += time.process_time() - settled
    return {name: round(total / (len(deals) / _LIVE) * 1e3, 1) for name, total in spent.items()}


def trained(communities: Sequence[Community], deals: Sequence[Deal]) -> tuple[Artefact, float]:
    """The model, and the CPU it took."""
    began = time.process_time()
    (artefact,) = train(deals, until=TODAY, communities=communities)
    return artefact, time.process_time() - began


def measured(count: int, learned: int) -> dict[str, Any]:
    """All figures."""
    land = country(count, np.random.default_rng(1))
    few = list(sold(land, count, in_first=max(CITIES, learned // _PER_COMMUNITY)))
    with ProcessPoolExecutor(1, get_context("spawn")) as apart:  # what training took must not count as scoring's memory
        artefact, train_s = apart.submit(trained, land.communities, few).result()
    view = ScoringView(Held(artefact))
    stage = ScoringStage(view, lambda: NOW)
    before = resident_mb()
    began = time.process_time()
    view.apply([Change(topic=COMMUNITIES, key=one.community_id, event=one) for one in land.communities])
    some_of_all: list[Deal] = []
    for some in batched(sold(land, count), 1_000):
        some_of_all += some[:: max(1, count // _REQUESTS)]
        view.apply([Change(topic=DEALS, key=deal.deal_id, event=deal) for deal in some])
    view.market(PropertyType.APARTMENT).settle()
    load_s, loaded = time.process_time() - began, resident_mb()
    view.apply([release(artefact)])
    began = time.process_time()
    view.scorer(PropertyType.APARTMENT).book.follow()
    follow_s, followed = time.process_time() - began, resident_mb()
    requests = [asked(number, deal) for number, deal in enumerate(some_of_all[-_REQUESTS:])]
    stage.handle(requests[:200])
    single, batch = us_per_valuation(stage, requests[:200], 1), us_per_valuation(stage, requests, 200)
    new = [replace(deal, deal_id=f"live-{deal.deal_id}", deal_date=TODAY, known_on=TODAY) for deal in some_of_all]
    return {
        "deals": count,
        "communities": len(land.communities),
        "train_s": round(train_s, 1),
        "learned": len(few),
        "load_s": round(load_s, 1),
        "model_takes_market_s": round(follow_s, 1),
        "mb": {"before": before, "with_market": loaded, "with_model": followed, "peak": peak_mb()},
        "us_per_valuation": {"single": single, "in_batches_of_200": batch},
        "ms_per_100_live_deals": live(view, new[: _ROUNDS * _LIVE]),
        "ms_per_100_corrections": live(view, some_of_all[: _ROUNDS * _LIVE]),
        "on_all_deals": parts_of_training(view.market(PropertyType.APARTMENT)),
        "mb_at_end": {"now": resident_mb(), "peak": peak_mb()},
    }


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--deals", type=int, default=200_000)
    options.add_argument("--learned", type=int, default=20_000)
    options.add_argument("--most-gb", type=int, default=12)
    chosen = options.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (chosen.most_gb * 2**30,) * 2)
    print(json.dumps(measured(chosen.deals, chosen.learned)))


if __name__ == "__main__":
    main()

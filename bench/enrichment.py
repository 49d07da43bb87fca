"""CPU of enrichment: µs per request through the stage, and µs per look-up, over a generated dictionary.

    .venv/bin/python bench/enrichment.py [--communities 30000] [--requests 5000]

Addresses are written in five ways (complete, without city, other spelling, mistyped, unknown name), so that the mean
holds fuzzy look-ups too. Prints one JSON object.
"""

import argparse
import json
import random
import sys
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from schemas.catalogue import COMMUNITIES, COVERAGE
from schemas.codes import Automation, CoverageStatus, Lane, ServiceType
from schemas.domain.divisions import divisions
from schemas.domain.normalise import normalise
from schemas.events import Accepted, Community, CoverageRow, Request
from streams.enrichment.parse import parse
from streams.enrichment.reference import EnrichmentView
from streams.enrichment.stage import EnrichmentStage
from streams.runtime.stage import Change

_NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)
_FIRST = "金银翠玉碧锦华丽阳光春秋江湖海山云天龙凤和康安泰新东南西北"
_SECOND = "水林园泉湾岸城景苑庭府台轩阁居源溪谷峰岭桥港"
_ENDINGS = ("小区", "花园", "家园", "苑", "公寓", "嘉园", "新村", "", "一期", "二区", "东里")
_CITIES = ("北京市", "杭州市", "上海市", "成都市", "南京市", "宁波市")


def dictionary(rng: random.Random, count: int) -> list[Community]:
    """Made-up communities over the counties of six cities; names repeat between districts as real ones do."""
    counties = [county for county in divisions().counties.values() if county.city in _CITIES]
    made = []
    for number in range(count):
        county = rng.choice(counties)
        stem = "".join((rng.choice(_FIRST), rng.choice(_SECOND), rng.choice(_FIRST + _SECOND)))[: rng.choice((2, 3, 3))]
        made.append(
            Community(
                community_id=f"c{number}",
                name=stem + rng.choice(_ENDINGS),
                province=county.province,
                city=county.city,
                district=county.name,
                total_floors=18,
                built_year=2005,
            )
        )
    return made


def written(rng: random.Random, community: Community) -> str:
    """One way to write an address in the community."""
    unit = f"{rng.randint(1, 30)}号楼{rng.randint(1, 4)}单元{rng.randint(1, 18)}0{rng.randint(1, 4)}室"
    name, place = community.name, community.city + community.district
    way = rng.random()
    if way < 0.70:
        return place + name + unit
    if way < 0.80:
        return community.district + name + unit
    if way < 0.88:
        return f"{place}中山路{rng.randint(1, 300)}号{name.removesuffix('小区')}{unit}"
    if way < 0.96:
        at = rng.randrange(len(name))
        return place + name[:at] + rng.choice(_SECOND) + name[at + 1 :] + unit
    return f"{place}从未见过的名字{unit}"


def accepted(number: int, address: str) -> Accepted:
    """An accepted request for an address."""
    request = Request(
        channel="NET_BANK",
        client_request_id=str(number),
        lane=Lane.BATCH,
        service_type=ServiceType.VALUATE,
        address=address,
        area_m2=Decimal("88.50"),
        value_date=date(2026, 11, 25),
        received_at=_NOW,
        deadline_at=_NOW + timedelta(seconds=10),
    )
    return Accepted(valuation_id=str(number), request=request, digest="", accepted_at=_NOW)


def coverage() -> list[Change]:
    """Every county of the six cities, active."""
    return [
        Change(
            topic=COVERAGE,
            key=county.code,
            event=CoverageRow(
                county_code=county.code,
                province=county.province,
                city=county.city,
                county=county.name,
                status=CoverageStatus.ACTIVE,
                automation=Automation.AUTO,
                property_types=("APARTMENT",),
                effective_from=date(2026, 1, 1),
                version="bench",
                source="bench",
            ),
        )
        for county in divisions().counties.values()
        if county.city in _CITIES
    ]


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--communities", type=int, default=30_000)
    options.add_argument("--requests", type=int, default=5_000)
    chosen = options.parse_args()
    rng = random.Random(1)
    communities = dictionary(rng, chosen.communities)
    view = EnrichmentView(divisions())
    view.apply(coverage())
    began = time.process_time()
    view.apply([Change(topic=COMMUNITIES, key=one.community_id, event=one) for one in communities])
    build_s = time.process_time() - began
    batch = [accepted(n, written(rng, rng.choice(communities))) for n in range(chosen.requests)]
    stage = EnrichmentStage(view, lambda: _NOW)
    stage.handle(batch[:100])
    began = time.process_time()
    for start in range(0, len(batch), 500):
        stage.handle(batch[start : start + 500])
    request_us = (time.process_time() - began) / len(batch) * 1e6
    parsed = [parse(normalise(one.request.address), view.divisions) for one in batch]
    look_ups = []
    for one in parsed:
        began = time.perf_counter()
        view.communities.find(one.heads, city=one.place.city, counties=one.place.counties)
        look_ups.append((time.perf_counter() - began) * 1e6)
    look_ups.sort()
    print(
        json.dumps(
            {
                "communities": len(view.communities),
                "build_s": round(build_s, 2),
                "us_per_request": round(request_us, 1),
                "us_per_look_up": round(sum(look_ups) / len(look_ups), 1),
                "us_look_up_p50": round(look_ups[len(look_ups) // 2], 1),
                "us_look_up_p99": round(look_ups[int(len(look_ups) * 0.99)], 1),
            }
        )
    )


if __name__ == "__main__":
    main()

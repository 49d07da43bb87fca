"""Enrichment over 30,000 and 300,000 made-up communities: memory, load time, µs a look-up and a request, a live change.

    .venv/bin/python bench/enrichment.py [--communities 30000 300000] [--requests 4000]

Addresses are typed as people type them (`producers/simulator/mistyping.py`, mixed), one in ten of a community that is
not in the dictionary. Times are CPU of one core. `hostile_ms` is the slowest of 5,000 hostile texts of
`tests/fakes/hostile.py`: no input may stall a stage. Each size runs in a process of its own, so that memory is its own.
Prints one JSON object a line.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from producers.simulator.mistyping import Kind, Named, Typist
from schemas.catalogue import COMMUNITIES, COVERAGE
from schemas.codes import Automation, CoverageStatus, Lane, ServiceType
from schemas.domain.divisions import divisions
from schemas.events import Accepted, Community, CoverageRow, Request
from streams.enrichment.parse import parse
from streams.enrichment.readings import arranged, doubtful, heads
from streams.enrichment.reference import EnrichmentView
from streams.enrichment.resolve import resolve
from streams.enrichment.stage import EnrichmentStage
from streams.runtime.stage import Change
from tests.fakes.hostile import hostile_texts

_NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)
_FIRST = (
    "金银翠玉碧锦华丽阳光春秋江湖海山云天龙凤和康安泰新东南西北嘉瑞福禄祥盛兴隆永恒"
    "世纪景明星月风雅馨怡静宁文武学府御尚品上善若水青绿蓝紫红"
)
_SECOND = "水林园泉湾岸城景庭府台轩阁居源溪谷峰岭桥港洲洋堡汇邸苑郡墅坊寓舍里村庄原野岛汀渡口门关塔寺庙井坝塘河浦滨堤"
_ENDINGS = ("小区", "花园", "家园", "苑", "公寓", "嘉园", "新村", "", "", "一期", "二区", "东里", "大厦", "新苑")
_CITIES = ("北京市", "杭州市", "上海市", "成都市", "南京市", "宁波市", "武汉市", "广州市", "西安市", "重庆市")
_UNKNOWN = 10  # every tenth address names a community that is not there
_HOSTILE = 5_000


def dictionary(rng: random.Random, count: int) -> list[Community]:
    """Made-up communities over the counties of ten cities; a third are named after a road, as in Shanghai."""
    counties = [county for county in divisions().counties.values() if county.city in _CITIES]
    made = []
    for number in range(count):
        county = rng.choice(counties)
        made.append(
            Community(
                community_id=f"c{number}",
                name=_name(rng),
                province=county.province,
                city=county.city,
                district=county.name,
                total_floors=18,
                built_year=2005,
            )
        )
    return made


def _name(rng: random.Random) -> str:
    stem = "".join(rng.choice(_FIRST + _SECOND) for _ in range(rng.choice((1, 2, 2, 3)))) + rng.choice(_SECOND)
    if rng.random() < 0.33:
        return f"{stem[:2]}路{rng.randint(1, 2500)}{rng.choice('弄号')}"
    return stem + rng.choice(_ENDINGS)


def accepted(number: int, address: str) -> Accepted:
    """An accepted request for an address."""
    request = Request(
        channel="NET_BANK",
        client_request_id=str(number),
        lane=Lane.BATCH,
        service_type=ServiceType.VALUATE,
        address=address[:200],
        area_m2=Decimal("88.50"),
        value_date=date(2026, 11, 25),
        received_at=_NOW,
        deadline_at=_NOW + timedelta(seconds=10),
    )
    return Accepted(valuation_id=str(number), request=request, digest="", accepted_at=_NOW)


def coverage() -> list[Change]:
    """Every county of the cities, active."""
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


def measure(count: int, requests: int) -> dict[str, Any]:
    """All figures of one size."""
    rng = random.Random(1)
    communities = dictionary(rng, count + count // _UNKNOWN)
    named = [Named(name=one.name, city=one.city, district=one.district) for one in communities]
    typist = Typist(named)
    chosen = [rng.choice(named[count:] if at % _UNKNOWN == 0 else named[:count]) for at in range(requests)]
    texts = [typist.write(one, Kind.MIXED, rng) for one in chosen]
    view = EnrichmentView(divisions())
    view.apply(coverage())
    before = _resident_mb()
    began = time.process_time()
    view.apply([Change(topic=COMMUNITIES, key=one.community_id, event=one) for one in communities[:count]])
    load_s = time.process_time() - began
    memory = _resident_mb() - before
    resolve(texts[0], view.communities, view.divisions)  # reads what is read once
    parsed = [parse(arranged(text, view.divisions), view.divisions) for text in texts]
    look_ups = _each_us(
        lambda one: view.communities.find(
            heads(one), city=one.place.city, counties=one.place.counties, doubtful=doubtful(one)
        ),
        parsed,
    )
    whole = _each_us(lambda text: resolve(text, view.communities, view.divisions), texts)
    changes = _each_us(
        lambda one: view.apply([Change(topic=COMMUNITIES, key=one.community_id, event=one)]), communities[count:]
    )
    hostile = _each_us(lambda text: resolve(text, view.communities, view.divisions), list(hostile_texts(1, _HOSTILE)))
    return {
        "communities": count,
        "load_s": round(load_s, 1),
        "index_mb": round(memory),
        "look_up_us_mean": _mean(look_ups),
        "look_up_us_p99": _p99(look_ups),
        "resolve_us_mean": _mean(whole),
        "resolve_us_p99": _p99(whole),
        "request_us_mean": _stage_us(view, texts),
        "live_put_us_mean": _mean(changes),
        "live_put_us_max": round(max(changes)),
        "hostile_ms_max": round(max(hostile) / 1000, 1),
    }


def _each_us(act: Callable[[Any], object], things: Sequence[Any]) -> list[float]:
    times = []
    for thing in things:
        began = time.thread_time()
        act(thing)
        times.append((time.thread_time() - began) * 1e6)
    return times


def _stage_us(view: EnrichmentView, texts: Sequence[str]) -> float:
    batch = [accepted(number, text) for number, text in enumerate(texts)]
    stage = EnrichmentStage(view, lambda: _NOW)
    stage.handle(batch[:100])
    began = time.process_time()
    for start in range(0, len(batch), 500):
        stage.handle(batch[start : start + 500])
    return round((time.process_time() - began) / len(batch) * 1e6, 1)


def _mean(times: Sequence[float]) -> float:
    return round(sum(times) / len(times), 1)


def _p99(times: Sequence[float]) -> float:
    return round(sorted(times)[int(0.99 * len(times))], 1)


def _resident_mb() -> float:
    status = Path("/proc/self/status")
    if not status.is_file():  # not Linux: the peak is the next best
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def main() -> None:
    """Measure each size in a process of its own."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--communities", type=int, nargs="+", default=[30_000, 300_000])
    options.add_argument("--requests", type=int, default=4_000)
    chosen = options.parse_args()
    if len(chosen.communities) == 1:
        print(json.dumps(measure(chosen.communities[0], chosen.requests)), flush=True)
        return
    for count in chosen.communities:
        command = [sys.executable, __file__, "--communities", str(count), "--requests", str(chosen.requests)]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()

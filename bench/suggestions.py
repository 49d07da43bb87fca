"""Suggestions while typing: µs per key stroke, memory and load time, over a made-up dictionary of all China.

    .venv/bin/python -m bench.suggestions [--communities 300000] [--queries 10000]

Every query is a beginning of something in the dictionary, as long as people have typed by then: characters, pinyin,
initials, a tail of a name, an address in progress, and the shortest and commonest beginnings there are (花园, 小区, h),
with and without a city. Times are of the processor, so that a busy machine does not blur them. Prints one JSON object.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from producers.gateway.suggestions.index import SuggestionIndex
from producers.gateway.suggestions.readings import Place
from schemas.domain.divisions import divisions
from schemas.domain.pinyin import initials, syllables
from schemas.events import Community

_FIRST = "望金银翠玉碧锦华丽阳光春秋江湖海山云天龙凤和康安泰新东南西北万科保利绿地中央紫荆香樟"
_ENDINGS = (
    "花园",
    "花园",
    "小区",
    "小区",
    "家园",
    "新村",
    "公寓",
    "苑",
    "里",
    "城",
    "府",
    "广场",
    "大厦",
    "一期",
    "二区",
    "南区",
)
_COMMON = ("花园", "小区", "家园", "阳光", "金", "h", "w", "hua", "jin", "xinhua")
_TOGETHER = 1_000  # records that the follower hands over at once


def dictionary(rng: random.Random, count: int) -> list[Community]:
    """Made-up communities over all counties; every sixth has another name, two in three say how large they are."""
    counties = list(divisions().counties.values())
    made = []
    for number in range(count):
        county = rng.choice(counties)
        made.append(
            Community(
                community_id=f"c{number}",
                name=_name(rng),
                aliases=(_name(rng),) if number % 6 == 0 else (),
                province=county.province,
                city=county.city,
                district=county.name,
                households=rng.choice((None, rng.randrange(50, 3_000), rng.randrange(50, 9_000))),
            )
        )
    return made


def _name(rng: random.Random) -> str:
    return "".join(rng.choices(_FIRST, k=rng.choice((2, 2, 3, 3, 4)))) + rng.choice(_ENDINGS)


def typed(rng: random.Random, communities: list[Community]) -> Iterator[tuple[str, Place | None]]:
    """What stands in the field at some key stroke, and the city the page knows."""
    while True:
        one = rng.choice(communities)
        here = Place(city=one.city)
        name, length = one.name, rng.randint(1, len(one.name))
        yield name[:length], rng.choice((None, here))
        yield initials(name)[:length], rng.choice((None, here))
        sound = "".join(syllables(name))
        yield sound[: rng.randint(1, len(sound))], rng.choice((None, here))
        yield name[1:3], None
        yield f"{one.city}{one.district}{name[:length]}", None
        yield rng.choice(_COMMON), rng.choice((None, here))


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--communities", type=int, default=300_000)
    options.add_argument("--queries", type=int, default=10_000)
    chosen = options.parse_args()
    rng = random.Random(1)
    communities = dictionary(rng, chosen.communities)
    index = SuggestionIndex(divisions())
    began = time.process_time()
    for start in range(0, len(communities), _TOGETHER):
        index.apply({one.community_id: one for one in communities[start : start + _TOGETHER]}, {})
    load_s = time.process_time() - began
    queries = typed(rng, communities)
    spent, found = np.empty(chosen.queries), 0
    for number in range(chosen.queries):
        text, near = next(queries)
        began = time.process_time()
        found += bool(index.suggest(text, near=near))
        spent[number] = (time.process_time() - began) * 1e6
    one = communities[len(communities) // 2]
    began = time.process_time()
    index.apply({one.community_id: one}, {})
    change_ms = (time.process_time() - began) * 1e3
    print(
        json.dumps(
            {
                "communities": len(index),
                "load_s": round(load_s, 1),
                "memory_mb": round(index.nbytes / 2**20, 1),
                "answered": round(found / chosen.queries, 3),
                "us_mean": round(float(spent.mean()), 1),
                "us_p50": round(float(np.percentile(spent, 50)), 1),
                "us_p99": round(float(np.percentile(spent, 99)), 1),
                "us_max": round(float(spent.max()), 1),
                "ms_per_change": round(change_ms, 2),
            }
        )
    )


if __name__ == "__main__":
    main()

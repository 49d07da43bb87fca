"""CPU of scoring: µs per valuation singly and in batches, over a generated market; and what loading and training cost.

    .venv/bin/python bench/scoring.py [--communities 3000] [--deals 60000] [--requests 4000]

Requests are half address and area alone, half with the attributes an inspection finds; spread over all communities.
Prints one JSON object.
"""

import argparse
import json
import random
import sys
import time
from dataclasses import fields
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import polars as pl

from producers.simulator.market import generate
from schemas.catalogue import COMMUNITIES, DEALS, MODELS_RELEASED
from schemas.codes import Automation, Lane, MatchLevel, ModelRole, PropertyType, ServiceType, Tradability
from schemas.events import (
    Attributes,
    Community,
    CoverageDecision,
    Deal,
    Enriched,
    ModelReleased,
    Request,
    ResolvedAddress,
)
from streams.runtime.stage import Change
from streams.scoring.reference import ScoringView
from streams.scoring.stage import ScoringStage
from streams.scoring.training import Artefact, train

NOW = datetime(2026, 11, 1, 8, tzinfo=UTC)
TODAY = date(2026, 11, 1)
_TOLD = (
    "floor",
    "total_floors",
    "floor_band",
    "built_year",
    "rooms",
    "halls",
    "building_type",
    "renovation",
    "has_lift",
)


def events(kind: type, frame: pl.DataFrame) -> list:
    """Rows of the market as events."""
    names = {field.name for field in fields(kind)}
    enums = {"property_type": PropertyType, "tradability": Tradability, "aliases": tuple, "property_types": tuple}
    return [
        kind(**{k: enums.get(k, lambda v: v)(v) for k, v in row.items() if k in names and v is not None})
        for row in frame.iter_rows(named=True)
    ]


def asked(number: int, deal: Deal) -> Enriched:
    """A request for a flat like one that was sold; every second one with all attributes."""
    told = {name: getattr(deal, name) for name in _TOLD} if number % 2 else {}
    return Enriched(
        valuation_id=str(number),
        request=Request(
            channel="bench",
            client_request_id=str(number),
            lane=Lane.BATCH,
            service_type=ServiceType.VALUATE,
            address="",
            area_m2=Decimal(str(deal.area_m2)),
            value_date=TODAY,
            received_at=NOW,
            deadline_at=NOW,
        ),
        address=ResolvedAddress(
            entered="",
            normalised="",
            match_level=MatchLevel.COMMUNITY,
            probability=1.0,
            city=deal.city,
            district=deal.district,
            community_id=deal.community_id,
        ),
        attributes=Attributes(property_type=PropertyType.APARTMENT, **told),
        coverage=CoverageDecision(county_code="", row_version="", automation=Automation.AUTO),
        enriched_at=NOW,
    )


class Held:
    """A store of one artefact."""

    def __init__(self, artefact: Artefact) -> None:
        self._content = artefact.content

    def fetch(self, _uri: str, _sha256: str) -> bytes:
        """The artefact, whatever is asked for."""
        return self._content


def release(artefact: Artefact) -> Change:
    event = ModelReleased(
        name=artefact.manifest["name"],
        version=artefact.manifest["version"],
        segment=artefact.segment,
        role=ModelRole.CHAMPION,
        uri="",
        sha256=artefact.sha256,
        feature_set_version=artefact.manifest["feature_set_version"],
        released_at=NOW,
        released_by="bench",
    )
    return Change(topic=MODELS_RELEASED, key=event.name, event=event)


def us_per_valuation(stage: ScoringStage, requests: list[Enriched], size: int) -> float:
    began = time.process_time()
    for start in range(0, len(requests), size):
        stage.handle(requests[start : start + size])
    return round((time.process_time() - began) / len(requests) * 1e6, 1)


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--communities", type=int, default=3_000)
    options.add_argument("--deals", type=int, default=60_000)
    options.add_argument("--requests", type=int, default=4_000)
    chosen = options.parse_args()
    market = generate(1, communities=chosen.communities, deals=chosen.deals, until=TODAY)
    deals = [deal for deal in events(Deal, market.deals) if deal.property_type is PropertyType.APARTMENT]
    communities = events(Community, market.communities)
    began = time.process_time()
    (artefact,) = train(deals, until=TODAY, communities=communities)
    train_s = time.process_time() - began
    view = ScoringView(Held(artefact))
    stage = ScoringStage(view, lambda: NOW)
    rng = random.Random(1)
    requests = [asked(number, deal) for number, deal in enumerate(rng.sample(deals, min(chosen.requests, len(deals))))]
    began = time.process_time()
    view.apply([Change(topic=COMMUNITIES, key=one.community_id, event=one) for one in communities])
    view.apply([Change(topic=DEALS, key=one.deal_id, event=one) for one in deals])
    view.apply([release(artefact)])
    stage.handle(requests[:1])
    load_s = time.process_time() - began
    singles = us_per_valuation(stage, requests[:300], 1)
    batches = {str(size): us_per_valuation(stage, requests, size) for size in (200, 500)}
    began = time.process_time()
    for number, deal in enumerate(deals[:20]):
        view.apply([Change(topic=DEALS, key=f"live{number}", event=deal)])
        view.market(PropertyType.APARTMENT).settle()
    live_ms = (time.process_time() - began) / 20 * 1e3
    print(
        json.dumps(
            {
                "deals": len(deals),
                "train_s": round(train_s, 1),
                "load_s": round(load_s, 2),
                "us_per_valuation_single": singles,
                "us_per_valuation_in_batches_of": batches,
                "ms_per_live_deal": round(live_ms, 2),
                "calibration": artefact.manifest["calibration"]["settings"]["area"]["ppe10"],
            }
        )
    )


if __name__ == "__main__":
    main()

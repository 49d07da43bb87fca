"""Commercial closings of Taipei through the whole pipeline. Prices are TWD: levels mean nothing, the way does.

Skipped where the data is absent.
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from infra.reference.mapping import read_mapping
from infra.reference.rows import read_rows
from schemas.codes import Automation, Lane, MatchLevel, PropertyType, ServiceType
from schemas.events import Attributes, CoverageDecision, Deal, Enriched, Request, ResolvedAddress
from streams.scoring.comparables import ComparableBook
from streams.scoring.market import market_of, places_of
from streams.scoring.model import unpack
from streams.scoring.reference import Scorer
from streams.scoring.training import train
from streams.scoring.valuation import value_batch

_EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
_CUT = date(2020, 6, 1)
_NOW = datetime(2020, 6, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def closings(shared_data):
    rows = read_rows(
        shared_data / "taipei_registered_deals.parquet",
        read_mapping(_EXAMPLES / "taipei-deals.toml"),
        today=date(2026, 11, 25),
    )
    return [row for row in rows if isinstance(row, Deal) and row.property_type is PropertyType.OFFICE]


def asked(deal):
    return Enriched(
        valuation_id=deal.deal_id,
        request=Request(
            channel="staff",
            client_request_id=deal.deal_id,
            lane=Lane.BATCH,
            service_type=ServiceType.VALUATE,
            address="某路",
            area_m2=Decimal(f"{deal.area_m2:.2f}"),
            value_date=_CUT,
            received_at=_NOW,
            deadline_at=_NOW,
        ),
        address=ResolvedAddress(
            entered="某路",
            normalised="某路",
            match_level=MatchLevel.COMMUNITY,
            probability=1.0,
            city=deal.city,
            district=deal.district,
            community_id=deal.community_id,
        ),
        attributes=Attributes(
            property_type=deal.property_type, floor=deal.floor, total_floors=deal.total_floors, has_lift=deal.has_lift
        ),
        coverage=CoverageDecision(county_code="", row_version="", automation=Automation.HUMAN_ONLY),
        enriched_at=_NOW,
    )


@pytest.mark.requirement("VM5")
def test_commercial_closings_train_a_segment_of_their_own_and_are_valued_with_all_doubt(closings):
    (artefact,) = train(closings, until=_CUT)
    assert artefact.segment == "OFFICE"
    model = unpack(artefact.content)
    scorer = Scorer(
        model=model,
        sha256=artefact.sha256,
        release="avm-office",
        book=ComparableBook(market_of(closings, places_of(())), model.layer),
    )
    later = [deal for deal in closings if deal.deal_date >= _CUT]
    valuations = value_batch([asked(deal) for deal in later], scorer)
    assert len(valuations) > 300
    for valuation in valuations:
        assert valuation.lower <= 0.81 * valuation.value
        assert valuation.upper >= 1.19 * valuation.value
        assert "RENTS_UNKNOWN" in valuation.limiting_factors
        assert valuation.comparables_text or len(valuation.comparables) >= 3
        assert valuation.income_value is None
    # One and a half closings a block: nearly all are valued by their district, which nobody should call sure.
    assert sum(valuation.model.fallback_level >= 4 for valuation in valuations) > len(valuations) / 2
    assert sum(valuation.p10 for valuation in valuations) / len(valuations) < 0.5

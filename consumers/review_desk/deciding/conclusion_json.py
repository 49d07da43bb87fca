"""Conclusions and edited comparables as JSON: how they are stored while they wait, and beside a decision."""

from collections.abc import Iterable, Mapping
from typing import Any

from consumers.review_desk.deciding.comparison import EditedComparable
from consumers.review_desk.deciding.decision import Conclusion, DeviationReason
from schemas.codes import LimitingFactor, ReviewOutcome
from schemas.events import Adjustment


def as_json(conclusion: Conclusion) -> dict[str, Any]:
    """A conclusion as it is stored while it waits for a second person."""
    return {
        "outcome": conclusion.outcome,
        "rationale": conclusion.rationale,
        "unit_price": conclusion.unit_price,
        "lower": conclusion.lower,
        "upper": conclusion.upper,
        "comparable_ids": list(conclusion.comparable_ids),
        "few_comparables_because": conclusion.few_comparables_because,
        "deviation_because": conclusion.deviation_because,
        "confirmed_community_id": conclusion.confirmed_community_id,
        "limiting_factors": list(conclusion.limiting_factors),
        "comparison": edits_as_json(conclusion.comparison),
    }


def conclusion_of(stored: Mapping[str, Any]) -> Conclusion:
    """Read back what `as_json` wrote."""
    because = stored["deviation_because"]
    return Conclusion(
        **dict(stored)
        | {
            "outcome": ReviewOutcome(stored["outcome"]),
            "comparable_ids": tuple(stored["comparable_ids"]),
            "deviation_because": None if because is None else DeviationReason(because),
            "limiting_factors": tuple(LimitingFactor(factor) for factor in stored["limiting_factors"]),
            "comparison": edits_from(stored["comparison"]),
        }
    )


def edits_from(stored: Iterable[Mapping[str, Any]]) -> tuple[EditedComparable, ...]:
    """Read back what `edits_as_json` wrote."""
    return tuple(
        EditedComparable(
            deal_id=str(line["deal_id"]),
            adjustments=tuple(Adjustment(factor=factor, share=share) for factor, share in line["adjustments"].items()),
            weight=float(line["weight"]),
        )
        for line in stored
    )


def edits_as_json(edits: Iterable[EditedComparable]) -> list[dict[str, Any]]:
    """The edits as they are stored: `{"deal_id", "adjustments": {factor: share}, "weight"}`."""
    return [
        {
            "deal_id": edit.deal_id,
            "adjustments": {adjustment.factor: adjustment.share for adjustment in edit.adjustments},
            "weight": edit.weight,
        }
        for edit in edits
    ]

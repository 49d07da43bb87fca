"""The figures that the demonstration ends with."""

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean, median
from typing import Any

from infra.cli.demo.answers import Answers, is_answered
from infra.cli.demo.questions import Question
from schemas.codes import Status
from schemas.domain.contract import DEVIATION
from schemas.events import Resulted

_WITHIN = float(DEVIATION.value)
_TO_ANSWER = "to_answer"  # request to first answer, topic to topic


def figures(
    asked: Mapping[str, Question],
    answers: Answers,
    *,
    summary: Mapping[str, Any],
    latencies: Sequence[Mapping[str, Any]],
    market: str,
    dead_letters: int,
) -> dict[str, Any]:
    """The demonstration's one object. `asked` by valuation id; `summary` and `latencies` (online) are the ledger's.

    A request is lost when it has no answer at all that ends it, or when the ledger knows it as lost.
    """
    results = {valuation_id: answers.of(valuation_id) for valuation_id in asked}
    answered = {key: result for key, result in results.items() if result is not None and is_answered(result)}
    lost = (asked.keys() - answered.keys()) | {str(one["valuation_id"]) for one in summary["lost"]}
    stages = {stage["stage"]: {k: round(stage[k], 1) for k in ("p50", "p95", "p99")} for stage in latencies}
    whole = {
        "requests": len(asked),
        "answered": len(answered),
        "lost": len(lost),
        "auto_ratio": round(summary["automatic_ratio"] or 0.0, 4),
        "by_status": dict(Counter(result.status.value for result in answered.values()).most_common()),
        "by_channel": dict(Counter(asked[key].channel for key in answered).most_common()),
        "by_way": dict(Counter(asked[key].way.value for key in answered).most_common()),
        "latency_ms": stages.pop(_TO_ANSWER, {"p50": None, "p95": None, "p99": None}),
        "stages": stages,
        "reports": answers.standing().reports,
        "dead_letters": dead_letters,
        "market": market,
    }
    whole |= addresses(
        [(asked[key], result) for key, result in answered.items() if asked[key].community_id is not None]
    )
    return whole | accuracy(
        [(asked[key], result) for key, result in answered.items() if asked[key].deal_unit_price is not None]
    )


def addresses(pairs: Sequence[tuple[Question, Resulted]]) -> dict[str, Any]:
    """Of the requests whose community is known: the shares led to a community, asked back, and led to a wrong one."""
    if not pairs:
        return {}
    found = [
        (question.community_id, result.address.community_id if result.address is not None else None, result.status)
        for question, result in pairs
    ]
    return {
        "resolved_share": round(fmean(led_to is not None for _, led_to, _ in found), 4),
        "wrong_confident_share": round(fmean(led_to not in {None, truth} for truth, led_to, _ in found), 4),
        "asked_back_share": round(fmean(status is Status.NEEDS_CLARIFICATION for _, _, status in found), 4),
    }


def accuracy(pairs: Sequence[tuple[Question, Resulted]]) -> dict[str, Any]:
    """Automatic values against the prices paid; empty where there are none.

    `within_10pct` and `mdape` after valuation.md's definitions: the deal price is the reference, nothing is trimmed.
    """
    automatic = [
        (result, question.deal_unit_price)
        for question, result in pairs
        if result.status is Status.COMPLETED_AUTO and question.deal_unit_price and result.unit_price
    ]
    if not automatic:
        return {}
    errors = [abs((result.unit_price or 0) / price - 1) for result, price in automatic]
    inside = [
        (result.lower or 0) <= price * float(result.area_m2 or 0) <= (result.upper or 0) for result, price in automatic
    ]
    return {
        "compared": len(automatic),
        "within_10pct": round(fmean(error <= _WITHIN for error in errors), 4),
        "mdape": round(median(errors), 4),
        "interval_coverage": round(fmean(inside), 4),
    }

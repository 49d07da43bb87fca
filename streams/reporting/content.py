"""What stands on a slip: an answer turned into texts and chart positions. Pure; the template only lays it out.

Every figure comes from the event as it is; nothing is computed again but what is a mere reading of it (the amount in
words, grouped digits, places on the chart).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.codes import ModelRole
from schemas.domain.channels import find
from schemas.domain.chinese_amount import in_words
from schemas.domain.confidence import confidence_grade
from schemas.domain.texts import PROPERTY_TYPE_TEXTS, TRADABILITY_TEXTS, limiting_factor_text
from schemas.domain.worktime import shanghai_date
from schemas.events import Attributes, Comparable, Resulted, Valuation
from streams.reporting import phrases
from streams.reporting.chart import chart
from streams.reporting.identity import content_digest, report_no, verification_code
from streams.reporting.numbers import NOTHING, day, instant, percent, signed_percent, signed_yuan, square_metres, yuan


@dataclass(frozen=True, slots=True, kw_only=True)
class SlipTerms:
    """What every slip of a deployment says of its issuer.

    `verification_url` is the page behind the QR code, without a slash at its end; where it is empty the QR code holds
    number and code alone.
    """

    contract_ref: str
    issuer: str
    verification_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Slip:
    """A slip before it is drawn: its numbers, and the content the template lays out."""

    report_no: str
    verification_code: str
    content: dict[str, Any]


def slip(result: Resulted, terms: SlipTerms) -> Slip:
    """The slip of an answer that has a value. Raises `ValueError` for one without."""
    if result.value is None or result.unit_price is None or result.area_m2 is None:
        raise ValueError(f"there is no slip without a value; valuation {result.valuation_id} is {result.status}")
    number = report_no(result)
    content = {
        "report_no": number,
        "contract_ref": terms.contract_ref,
        "issuer": terms.issuer,
        "issued_at": instant(result.resulted_at),
        "supersedes": result.supersedes,
        "synthetic": is_synthetic(result),
        "value": _value(result),
        "business": _business(result),
        "references": _references(result),
        "subject": _subject(result),
        "method": [*_method(result)],
        "comparables": [*_comparables(result)],
        "drivers": _drivers(result.valuation) if result.human is None else None,
        "chart": chart(result),
        "conditions": [*_conditions(result)],
    }
    digest = content_digest(content)
    code = verification_code(digest)
    url = f"{terms.verification_url}/{number}?code={code}" if terms.verification_url else f"{number} {code}"
    return Slip(
        report_no=number,
        verification_code=code,
        content=content | {"digest": digest, "verification_code": code, "verification_url": url},
    )


def is_synthetic(result: Resulted) -> bool:
    """Whether any market data behind the value is made up; the slip then says so in large letters."""
    valuation = result.valuation
    if valuation is None:
        return False
    sources = (*valuation.sources, *(comparable.source for comparable in valuation.comparables))
    return any("synthetic" in source.lower() for source in sources)


def _value(result: Resulted) -> dict[str, Any]:
    valuation = result.valuation
    by_model = valuation is not None and result.human is None
    bounded = result.lower is not None and result.upper is not None
    return {
        "total": yuan(result.value),
        "words": in_words(result.value or 0),
        "unit_price": yuan(result.unit_price),
        "range": f"{yuan(result.lower)} – {yuan(result.upper)}" if bounded else NOTHING,
        "coverage": percent(valuation.interval_coverage) if valuation and by_model else None,
        "confidence": f"{valuation.confidence} / 100" if valuation and by_model else None,
        "grade": confidence_grade(valuation.confidence) if valuation and by_model else None,
        "value_date": day(result.value_date),
        "valid_until": day(result.valid_until),
    }


def _business(result: Resulted) -> list[list[str]]:
    channel = find(result.channel)
    return [
        ["业务渠道", channel.name if channel else result.channel],
        ["业务品种", _in_words(phrases.PRODUCT, result.product)],
        ["业务阶段", _in_words(phrases.LOAN_STAGE, result.loan_stage)],
        ["经办机构", result.branch_code or NOTHING],
    ]


def _references(result: Resulted) -> list[list[str]]:
    """Numbers the channel gave; they may be long."""
    return [["业务编号", result.business_ref or NOTHING], ["渠道请求号", result.client_request_id]]


def _in_words(words: Mapping[str, str], code: str | None) -> str:
    """The words for a code; a code we have no words for as it was sent."""
    return NOTHING if code is None else words.get(code, code)


def _subject(result: Resulted) -> dict[str, Any]:
    address, attributes = result.address, result.attributes or Attributes()
    return {
        "entered": result.address_entered,
        "resolved": address.normalised if address else NOTHING,
        "match": phrases.MATCH_LEVEL[address.match_level] if address else NOTHING,
        "facts": [
            ["物业类型", PROPERTY_TYPE_TEXTS[attributes.property_type]],
            ["可上市交易", TRADABILITY_TEXTS[attributes.tradability]],
            ["建筑面积", f"{square_metres(result.area_m2 or 0)} ㎡"],
            ["所在楼层", _floor(attributes)],
            ["建成年代", f"{attributes.built_year} 年" if attributes.built_year else NOTHING],
            ["小区", (address and address.community_name) or NOTHING],
        ],
    }


def _floor(attributes: Attributes) -> str:
    floor = f"第 {attributes.floor} 层" if attributes.floor is not None else attributes.floor_band
    total = f"共 {attributes.total_floors} 层" if attributes.total_floors is not None else None
    return " / ".join(text for text in (floor, total) if text) or NOTHING


def _method(result: Resulted) -> Iterator[list[str]]:
    valuation, human = result.valuation, result.human
    if human is None:
        yield ["估值方法", phrases.METHOD_INCOME if valuation and valuation.income else phrases.METHOD_MODEL]
    else:
        approval = "，已双人复核" if human.four_eyes else ""
        yield ["估值方法", phrases.METHOD_PERSON if valuation else phrases.METHOD_PERSON_ALONE]
        yield ["估值人员", f"{phrases.GRADE.get(human.reviewer_grade, human.reviewer_grade)}{approval}"]
        yield ["估值日期", day(shanghai_date(human.decided_at))]
    if result.policy is not None:
        yield ["分流策略", f"{result.policy.version}（{result.policy.sha256[:8]}）"]
    if valuation is not None:
        yield from _income(valuation)
        model = valuation.model
        on_trial = phrases.MODEL_ON_TRIAL if model.role is ModelRole.CHALLENGER else ""
        yield ["估值模型", f"{model.name} {model.version}{on_trial}"]
        yield ["模型摘要", model.artefact_sha256[:16]]
        yield ["数据截至", day(valuation.data_as_of)]
        yield ["价格指数", valuation.index_version or NOTHING]


def _income(valuation: Valuation) -> Iterator[list[str]]:
    """收益法: of property that is let, where rents were known."""
    income = valuation.income
    if income is None:
        return
    assumed = "，假设" if income.term_assumed else ""
    yield ["收益法试算", f"{yuan(valuation.income_value)} 元（权重 {percent(income.weight)}）"]
    yield ["市场租金", f"{income.monthly_rent:.2f} 元/㎡·月（{income.rents} 宗）"]
    yield ["报酬率", f"{percent(income.rate)}，收益年限 {income.remaining_years:.1f} 年{assumed}"]


def _comparables(result: Resulted) -> Iterator[dict[str, Any]]:
    community_id = result.address.community_id if result.address else None
    rows = result.valuation.comparables if result.valuation else ()
    for place, row in enumerate(rows, start=1):
        yield _comparable(place, row, community_id)


def _comparable(place: int, row: Comparable, community_id: str | None) -> dict[str, Any]:
    return {
        "place": str(place),
        "community": row.community_name,
        "distance": _distance(row, community_id),
        "date": row.deal_date.isoformat(),
        "area": square_metres(row.area_m2),
        "unit_price": yuan(row.unit_price),
        "adjustments": [
            [phrases.factor(adjustment.factor), signed_percent(adjustment.share)] for adjustment in row.adjustments
        ],
        "adjusted": yuan(row.adjusted_unit_price),
        "weight": percent(row.weight),
    }


def _distance(row: Comparable, community_id: str | None) -> str:
    if row.community_id == community_id:
        return "同小区"
    return NOTHING if row.distance_m is None else f"{row.distance_m:,} m"


def _drivers(valuation: Valuation | None) -> dict[str, Any] | None:
    """What moved the unit price; only of a model's value, a reviewer's has no such parts."""
    if valuation is None or not valuation.reasons:
        return None
    return {
        "base": yuan(valuation.base_unit_price),
        "parts": [
            [phrases.driver(part), signed_yuan(part.unit_price_change), signed_percent(part.share)]
            for part in valuation.reasons
        ],
        "unit_price": yuan(valuation.unit_price),
    }


def _conditions(result: Resulted) -> Iterator[str]:
    factors = result.valuation.limiting_factors if result.valuation else ()
    weak = [limiting_factor_text(code) for code in factors]
    if weak:
        yield f"本次估值的限制因素：{'；'.join(weak)}。"
    if result.valuation is not None and result.valuation.comparables_text:
        yield f"可比实例不足三个的原因：{result.valuation.comparables_text}。"
    yield from phrases.STANDING_CONDITIONS

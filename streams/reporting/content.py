"""What stands on a report: an answer turned into texts and chart positions. Pure; the template only lays it out.

Every figure comes from the event as it is; nothing is computed again but what is a mere reading of it (the amount in
words, grouped digits, places on the chart).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from schemas.domain.channels import find
from schemas.domain.chinese_amount import in_words
from schemas.domain.confidence import confidence_grade
from schemas.domain.texts import PROPERTY_TYPE_TEXTS, SERVICE_TEXTS, TRADABILITY_TEXTS, limiting_factor_text
from schemas.events import Attributes, Resulted
from streams.reporting.audience import influences, is_for_staff, summary
from streams.reporting.chart import chart
from streams.reporting.evidence import comparables, drivers, method
from streams.reporting.fields import fields_of
from streams.reporting.identity import content_digest, report_no, superseded_no, verification_code
from streams.reporting.notices import notices, watermark
from streams.reporting.numbers import NOTHING, day, instant, percent, square_metres, yuan
from streams.reporting.texts import Texts
from streams.reporting.vouching import signatures, verification

SLIP: Final = "SLIP"
NOTE: Final = "NOTE"


@dataclass(frozen=True, slots=True, kw_only=True)
class SlipTerms:
    """What every report of a deployment says of its issuer, and in which words.

    `verification_url` is the page behind the QR code, without a slash at its end; where it is empty the QR code holds
    number and code alone.
    """

    contract_ref: str
    issuer: str
    verification_url: str
    texts: Texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Slip:
    """A report before it is drawn: its numbers, and the content the template lays out."""

    report_no: str
    verification_code: str
    content: dict[str, Any]


def slip(result: Resulted, terms: SlipTerms) -> Slip:
    """The report of an answer: with a value the slip, of a verification alone the note.

    Raises `ValueError` for an answer that has neither.
    """
    kind = kind_of(result)
    if kind is None:
        raise ValueError(f"there is no slip without a value; valuation {result.valuation_id} is {result.status}")
    number, texts, for_staff = report_no(result), terms.texts, is_for_staff(result)
    content = {
        "kind": kind,
        "title": texts.word("title", kind),
        "report_no": number,
        "contract_ref": terms.contract_ref,
        "issuer": terms.issuer,
        "issued_at": instant(result.resulted_at),
        "supersedes": superseded_no(result),
        "watermark": watermark(result, texts),
        "notices": notices(result, texts),
        "value": _value(result, for_staff=for_staff) if kind == SLIP else None,
        "business": _business(result, texts),
        "references": _references(result, texts),
        "subject": _subject(result, texts),
        "verification": verification(result.verification, texts, for_staff=for_staff),
        "method": [*method(result, texts, for_staff=for_staff)] if kind == SLIP else [],
        **_evidence(result, texts, for_staff=for_staff),
        "signatures": [*signatures(result.human, texts)],
        "conditions": [*_conditions(result, kind, texts, for_staff=for_staff)],
        "fields": fields_of(result, for_staff=for_staff),
    }
    digest = content_digest(content)
    code = verification_code(digest)
    url = f"{terms.verification_url}/{number}?code={code}" if terms.verification_url else f"{number} {code}"
    return Slip(
        report_no=number,
        verification_code=code,
        content=content | {"digest": digest, "verification_code": code, "verification_url": url},
    )


def kind_of(result: Resulted) -> str | None:
    """`SLIP`, `NOTE`, or `None` for an answer that nothing can be printed of."""
    if result.value is not None and result.unit_price is not None and result.area_m2 is not None:
        return SLIP
    return NOTE if result.value is None and result.verification is not None else None


def _evidence(result: Resulted, texts: Texts, *, for_staff: bool) -> dict[str, Any]:
    """What the value rests on: with all figures, or in words alone. Either way every key is there."""
    by_model = result.human is None
    return {
        "comparables": [*comparables(result, texts)] if for_staff else [],
        "comparables_summary": None if for_staff else summary(result, texts),
        "drivers": drivers(result.valuation, texts) if by_model and for_staff else None,
        "influences": [] if for_staff else [*influences(result, texts)],
        "chart": chart(result) if for_staff else None,
    }


def _value(result: Resulted, *, for_staff: bool) -> dict[str, Any]:
    valuation = result.valuation
    by_model = valuation is not None and result.human is None
    bounded = result.lower is not None and result.upper is not None
    return {
        "total": yuan(result.value),
        "words": in_words(result.value or 0),
        "unit_price": yuan(result.unit_price),
        "range": f"{yuan(result.lower)} – {yuan(result.upper)}" if bounded else NOTHING,
        "coverage": percent(valuation.interval_coverage) if valuation and by_model else None,
        "confidence": f"{valuation.confidence} / 100" if valuation and by_model and for_staff else None,
        "grade": confidence_grade(valuation.confidence) if valuation and by_model else None,
        "value_date": day(result.value_date),
        "valid_until": day(result.valid_until),
    }


def _business(result: Resulted, texts: Texts) -> list[list[str]]:
    channel = find(result.channel)
    return [
        texts.fact("channel", channel.name if channel else result.channel),
        texts.fact("service", SERVICE_TEXTS[result.service_type]),
        texts.fact("product", texts.code("product", result.product) if result.product else NOTHING),
        texts.fact("loan_stage", texts.code("loan_stage", result.loan_stage) if result.loan_stage else NOTHING),
        texts.fact("branch", result.branch_code or NOTHING),
    ]


def _references(result: Resulted, texts: Texts) -> list[list[str]]:
    """Numbers the channel gave; they may be long."""
    return [
        texts.fact("business_ref", result.business_ref or NOTHING),
        texts.fact("client_request_id", result.client_request_id),
    ]


def _subject(result: Resulted, texts: Texts) -> dict[str, Any]:
    address, attributes = result.address, result.attributes or Attributes()
    year = attributes.built_year
    area = NOTHING if result.area_m2 is None else square_metres(result.area_m2)
    return {
        "entered": result.address_entered,
        "resolved": address.normalised if address else NOTHING,
        "match": texts.word("match_level", address.match_level) if address else NOTHING,
        "facts": [
            texts.fact("property_type", PROPERTY_TYPE_TEXTS[attributes.property_type]),
            texts.fact("tradability", TRADABILITY_TEXTS[attributes.tradability]),
            texts.fact("area", texts.say("words", "square_metres", area=area)),
            texts.fact("floor", _floor(attributes, texts)),
            texts.fact("built_year", texts.say("words", "year", year=str(year)) if year else NOTHING),
            texts.fact("community", (address and address.community_name) or NOTHING),
        ],
    }


def _floor(attributes: Attributes, texts: Texts) -> str:
    floor, floors = attributes.floor, attributes.total_floors
    stated = attributes.floor_band if floor is None else texts.say("words", "floor", floor=str(floor))
    total = None if floors is None else texts.say("words", "total_floors", floors=str(floors))
    return " / ".join(text for text in (stated, total) if text) or NOTHING


def _conditions(result: Resulted, kind: str, texts: Texts, *, for_staff: bool) -> Iterator[str]:
    factors = result.valuation.limiting_factors if result.valuation else ()
    weak = [limiting_factor_text(code) for code in factors]
    if weak:
        yield texts.say("conditions", "weak", factors="；".join(weak))
    if result.valuation is not None and result.valuation.comparables_text:
        yield texts.say("conditions", "few_comparables", reason=result.valuation.comparables_text)
    if result.degraded_sources and for_staff:
        sources = "、".join(texts.code("source", one) for one in result.degraded_sources)
        yield texts.say("conditions", "degraded", sources=sources)
    elif result.degraded_sources:
        yield texts.say("conditions", "degraded_unnamed")
    if result.reused_from is not None and for_staff:
        yield texts.say("conditions", "reused", valuation_id=result.reused_from)
    elif result.reused_from is not None:
        yield texts.say("conditions", "reused_unnamed")
    yield from texts.standing[kind]

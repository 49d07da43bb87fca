"""The enrichment stage: gates in the order of the contract, then what is known of the house.

Order: resolve the address → coverage → eligibility → clarification. Candidates both in and out of coverage are asked
about first; a place out of coverage is out, whatever the title of the house.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime

from schemas.catalogue import ENRICHED
from schemas.codes import PropertyType, Reason, Status
from schemas.domain.worktime import shanghai_date
from schemas.events import Accepted, Attributes, Enriched, Problem
from streams.enrichment import names
from streams.enrichment.answer import answer
from streams.enrichment.attributes import attributes
from streams.enrichment.coverage import Cover
from streams.enrichment.eligibility import is_outside_mainland, refusal
from streams.enrichment.index import Entry
from streams.enrichment.reference import EnrichmentView
from streams.enrichment.resolve import Resolution, as_address, choose, resolve
from streams.runtime.stage import Outcome, Output


class EnrichmentStage:
    """Resolves addresses against the view it is given. Pure but for the clock, which stamps what it publishes."""

    name = "enrichment"

    def __init__(self, view: EnrichmentView, clock: Callable[[], datetime]) -> None:
        self._view = view
        self._clock = clock

    def handle(self, batch: Sequence[Accepted]) -> list[Outcome]:
        """One outcome for each accepted request, in order."""
        now = self._clock()
        return [enrich(accepted, self._view, now=now) for accepted in batch]


def enrich(accepted: Accepted, view: EnrichmentView, *, now: datetime) -> Outcome:
    """Pass a request on with its address and attributes, or answer it here."""
    request = accepted.request
    resolution = (
        resolve(request.address, view.communities, view.divisions)
        if request.chosen_community_id is None
        else choose(request.address, request.chosen_community_id, view.communities, view.divisions)
    )
    if resolution is None:
        return _impossible_choice(accepted, now)
    return (
        _outside_mainland(accepted, resolution, now)
        or _out_of_coverage(accepted, resolution, view, now)
        or _not_eligible(accepted, resolution, view, now)
        or _question(accepted, resolution, view, now)
        or _passed_on(accepted, resolution, view, now)
    )


def _impossible_choice(accepted: Accepted, now: datetime) -> Outcome:
    problem = Problem(
        field="chosen_community_id",
        code="NOT_OFFERED",
        message="所选小区不在候选列表中，请从最近一次返回的候选小区中选择。",
    )
    return answer(
        accepted, Status.REJECTED_INVALID, (Reason.FIELD_INVALID,), problem.message, now=now, problems=(problem,)
    )


def _outside_mainland(accepted: Accepted, resolution: Resolution, now: datetime) -> Outcome | None:
    if resolution.chosen is not None or not is_outside_mainland(resolution.parsed):
        return None
    return answer(
        accepted,
        Status.OUT_OF_COVERAGE,
        (Reason.OUTSIDE_MAINLAND,),
        "房屋位于境外或港澳台地区，不在服务范围内。",
        now=now,
        address=as_address(accepted.request.address, resolution),
    )


def _out_of_coverage(accepted: Accepted, resolution: Resolution, view: EnrichmentView, now: datetime) -> Outcome | None:
    covers = _covers(resolution, view, _day_of_receipt(accepted))
    if not covers or any(cover is not None for cover in covers):
        return None
    address = as_address(accepted.request.address, resolution)
    place = "".join(part for part in (address.city, address.district) if part)
    return answer(
        accepted,
        Status.OUT_OF_COVERAGE,
        (Reason.AREA_NOT_COVERED,),
        f"房屋所在地区（{place or '该地区'}）暂未开通估值服务（服务范围版本：{view.coverage.version or '未加载'}）。",
        now=now,
        address=address,
    )


def _not_eligible(accepted: Accepted, resolution: Resolution, view: EnrichmentView, now: datetime) -> Outcome | None:
    covers = _covers(resolution, view, _day_of_receipt(accepted))
    if not covers or any(cover is None for cover in covers):
        return None  # nothing known, or partly outside: the question comes first
    enabled = frozenset[PropertyType]().union(*(cover.property_types for cover in covers if cover is not None))
    known = _attributes(accepted, resolution)
    why = refusal(known.tradability, known.property_type, enabled)
    if why is None:
        return None
    address = as_address(accepted.request.address, resolution)
    return answer(accepted, Status.NOT_ELIGIBLE, (why.reason,), why.text, now=now, address=address)


def _question(accepted: Accepted, resolution: Resolution, view: EnrichmentView, now: datetime) -> Outcome | None:
    """Ask once. A second asking, or a request that goes to people anyway, is not asked where the city is known."""
    request = accepted.request
    nowhere = _cover(resolution, view, _day_of_receipt(accepted)) is None
    ask = resolution.is_ambiguous and (nowhere or not (request.force_manual or request.revision > 1))
    if not (ask or nowhere):
        return None
    address = as_address(request.address, resolution)
    if ask:
        choices = "；".join(f"{one.city}{one.district}{one.name}" for one in address.candidates)
        text = f"地址对应多个小区，请确认是哪一个：{choices}。"
        return answer(accepted, Status.NEEDS_CLARIFICATION, (Reason.ADDR_AMBIGUOUS,), text, now=now, address=address)
    if request.revision > 1:
        text = "补充后的地址仍无法识别所在城市，无法估值。请核对地址后重新提交。"
        return answer(accepted, Status.UNABLE_TO_VALUE, (Reason.ADDR_PARTIAL,), text, now=now, address=address)
    text = f"地址信息不完整，请补充：{'、'.join(_missing(resolution))}。"
    return answer(accepted, Status.NEEDS_CLARIFICATION, (Reason.ADDR_PARTIAL,), text, now=now, address=address)


def _passed_on(accepted: Accepted, resolution: Resolution, view: EnrichmentView, now: datetime) -> Outcome:
    cover = _cover(resolution, view, _day_of_receipt(accepted))
    if cover is None:  # the gates above have answered all of these
        raise LookupError(f"valuation {accepted.valuation_id} passed the coverage gate without a row")
    enriched = Enriched(
        valuation_id=accepted.valuation_id,
        request=accepted.request,
        address=as_address(accepted.request.address, resolution),
        attributes=_attributes(accepted, resolution),
        coverage=cover.decision,
        enriched_at=now,
        concerns=_concerns(resolution),
        reference_version=view.version,
    )
    return Outcome(outputs=(Output(topic=ENRICHED, lane=accepted.request.lane, event=enriched),))


def _attributes(accepted: Accepted, resolution: Resolution) -> Attributes:
    community = resolution.chosen.community if resolution.chosen else None
    return attributes(accepted.request, resolution.parsed, community)


def _concerns(resolution: Resolution) -> tuple[str, ...]:
    concerns: list[Reason] = []
    if resolution.is_ambiguous:
        concerns.append(Reason.ADDR_AMBIGUOUS)
    elif resolution.chosen is None:
        concerns.append(Reason.ADDR_UNKNOWN if _names_something(resolution) else Reason.ADDR_PARTIAL)
    return tuple(concerns)


def _names_something(resolution: Resolution) -> bool:
    """Whether something that may be a community or a road was written at all."""
    return any(names.is_telling(names.key_of_normalised(head)) for head in resolution.parsed.heads)


def _missing(resolution: Resolution) -> list[str]:
    place = resolution.parsed.place
    missing = [] if place.is_known else ["所在城市"]
    if place.county is None:
        missing.append("区县")
    if not _names_something(resolution):
        missing.append("小区名称或路名门牌")
    return missing


def _day_of_receipt(accepted: Accepted) -> date:
    """Coverage periods are days of the bank's calendar, which is China's; an instant of receipt is UTC."""
    return shanghai_date(accepted.request.received_at)


def _covers(resolution: Resolution, view: EnrichmentView, on: date) -> tuple[Cover | None, ...]:
    """The cover of every county the house may lie in (`None`: out); empty when not even the city is known."""
    place = resolution.parsed.place
    if resolution.chosen is not None:
        entries = [resolution.chosen]
    elif resolution.is_ambiguous or not place.is_known:
        entries = [match.entry for match in resolution.matches]
    else:
        entries = []  # one doubtful candidate does not outweigh the stated place
    if entries:
        return tuple(_cover_of(entry, view, on) for entry in entries)
    if place.counties:
        return tuple(view.coverage.county(county.code, on) for county in place.counties)
    return (view.coverage.city(place.city, on),) if place.city else ()


def _cover_of(entry: Entry, view: EnrichmentView, on: date) -> Cover | None:
    return view.coverage.county(entry.county.code, on) if entry.county else view.coverage.city(entry.city, on)


def _cover(resolution: Resolution, view: EnrichmentView, on: date) -> Cover | None:
    """The one cover that applies; `None` where the place is not known well enough to say."""
    if resolution.chosen is not None:
        return _cover_of(resolution.chosen, view, on)
    place = resolution.parsed.place
    if place.county is not None:
        return view.coverage.county(place.county.code, on)
    return view.coverage.city(place.city, on) if place.city else None

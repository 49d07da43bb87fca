"""The enrichment stage: gates in the order of the contract, then what is known of the house.

Order: resolve the address → coverage → eligibility → clarification → verification. Candidates both in and out of
coverage are asked about first; a place out of coverage is out, whatever the title of the house. What the desk has asked
about is not answered here any more: people have the case, and hear what the gates would have said.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from schemas.codes import (
    Automation,
    Occasion,
    PropertyType,
    Reason,
    ServiceType,
    Status,
    VerificationOutcome,
)
from schemas.domain.channels import channel
from schemas.domain.clarification import CLARIFICATION, question_text
from schemas.events import Accepted, CoverageDecision, Problem
from streams.enrichment.answer import answer
from streams.enrichment.eligibility import Refusal, is_outside_mainland, refusal
from streams.enrichment.findings import (
    attributes_of,
    names_something,
    passed_on,
    registered_for,
    timed_out,
)
from streams.enrichment.pieces import Piece
from streams.enrichment.readings import arranged
from streams.enrichment.reference import EnrichmentView
from streams.enrichment.resolve import Resolution, as_address, choose, resolve
from streams.enrichment.verification.house import stated_house
from streams.enrichment.verification.verify import verify
from streams.enrichment.whereabouts import city_of_branch, cover_of, covers_of, day_of_receipt
from streams.runtime.stage import Outcome

_NOT_CONFIRMED: Final = "地址未在规定时间内确认，本次申请已失效。如仍需估值，请核对地址后重新提交。"
_NO_DESK: Final = "无法确定房屋所在城市，不能安排人工估值，本次申请已失效。请补全地址后使用新的请求编号重新提交。"


class EnrichmentStage:
    """Resolves addresses against the view it is given. Pure but for the clock, which stamps what it publishes."""

    name = "enrichment"

    def __init__(self, view: EnrichmentView, clock: Callable[[], datetime]) -> None:
        self._view = view
        self._clock = clock

    def handle(self, batch: Sequence[Accepted]) -> list[Outcome]:
        """One outcome for each accepted request, in order."""
        now = self._clock()
        cut = _pieces(batch, self._view)
        return [enrich(accepted, self._view, pieces, now=now) for accepted, pieces in zip(batch, cut, strict=True)]


def _pieces(batch: Sequence[Accepted], view: EnrichmentView) -> Sequence[tuple[Piece, ...]]:
    """What the tagger says of every address as it will be parsed, asked once for all; nothing without a tagger."""
    if view.tagger is None:
        return [()] * len(batch)
    return view.tagger.pieces([arranged(one.request.address, view.divisions) for one in batch])


def enrich(accepted: Accepted, view: EnrichmentView, pieces: Sequence[Piece] = (), *, now: datetime) -> Outcome:
    """Pass a request on with its address and attributes, or answer it here."""
    resolution = _resolved(accepted, view, pieces)
    if resolution is None:
        return _impossible_choice(accepted, now)
    if accepted.request.occasion is Occasion.DESK_REPLY:
        return _back_to_people(accepted, resolution, view, pieces, now)
    return (
        _outside_mainland(accepted, resolution, now)
        or _out_of_coverage(accepted, resolution, view, now)
        or _not_eligible(accepted, resolution, view, now)
        or _expired(accepted, resolution, view, now)
        or _question(accepted, resolution, view, now)
        or _question_of_a_house_not_found(accepted, resolution, view, now)
        or _passed_on(accepted, resolution, view, pieces, now)
    )


def _resolved(accepted: Accepted, view: EnrichmentView, pieces: Sequence[Piece]) -> Resolution | None:
    """What the address means; `None` for a reply that chooses what was never offered.

    A choice that a reviewer made or asked for and that the dictionary does not know is none: people look again.
    """
    request, known = accepted.request, (view.communities, view.divisions)
    hint_city = city_of_branch(accepted, view)
    if request.chosen_community_id is not None:
        chosen = choose(request.address, request.chosen_community_id, *known, hint_city=hint_city, pieces=pieces)
        if chosen is not None or request.occasion is Occasion.ASKED:
            return chosen
    return resolve(request.address, *known, hint_city=hint_city, pieces=pieces)


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
    covers = covers_of(resolution, view, day_of_receipt(accepted))
    if not covers or any(cover is not None for cover in covers) or _may_be_a_name(resolution):
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


def _may_be_a_name(resolution: Resolution) -> bool:
    """南平16幢2301室: the shortened city is all that is written before the building, so it may be a name."""
    parsed = resolution.parsed
    return resolution.chosen is None and parsed.place.is_weak and not names_something(resolution)


def _ineligible(accepted: Accepted, resolution: Resolution, view: EnrichmentView) -> Refusal | None:
    covers = covers_of(resolution, view, day_of_receipt(accepted))
    if not covers or any(cover is None for cover in covers):
        return None  # nothing known, or partly outside: the question comes first
    enabled = frozenset[PropertyType]().union(*(cover.property_types for cover in covers if cover is not None))
    known = attributes_of(accepted, resolution, registered_for(resolution, view))
    return refusal(known.tradability, known.property_type, enabled)


def _not_eligible(accepted: Accepted, resolution: Resolution, view: EnrichmentView, now: datetime) -> Outcome | None:
    why = _ineligible(accepted, resolution, view)
    if why is None:
        return None
    address = as_address(accepted.request.address, resolution)
    return answer(accepted, Status.NOT_ELIGIBLE, (why.reason,), why.text, now=now, address=address)


def _expired(accepted: Accepted, resolution: Resolution, view: EnrichmentView, now: datetime) -> Outcome | None:
    """End a question that nobody answered in time, unless people can go on: they need a lane, and to know the city."""
    request = accepted.request
    if not timed_out(accepted):
        return None
    if channel(request.channel).has_manual_lane and cover_of(resolution, view, day_of_receipt(accepted)) is not None:
        return None
    if request.force_manual:  # nobody was asked, or the bank would not wait for the reply
        reason, text = Reason.ADDR_PARTIAL, _NO_DESK
    else:
        reason, text = Reason.CLARIFICATION_TIMEOUT, _NOT_CONFIRMED
    address = as_address(request.address, resolution)
    return answer(accepted, Status.EXPIRED, (reason,), text, now=now, address=address)


def _question(accepted: Accepted, resolution: Resolution, view: EnrichmentView, now: datetime) -> Outcome | None:
    """Ask once. A request that goes to people anyway is not asked where the city is known.

    Without candidates there is nothing to choose, so nothing to wait for: more of the address comes as a new request.
    """
    request = accepted.request
    nowhere = cover_of(resolution, view, day_of_receipt(accepted)) is None
    ask = resolution.is_ambiguous and (nowhere or not request.force_manual)
    if request.revision > 1 or not (ask or nowhere):
        return None
    address = as_address(request.address, resolution)
    if ask:
        text = question_text(f"{one.city}{one.district}{one.name}" for one in address.candidates)
        reason = Reason.ADDR_AMBIGUOUS
    else:
        text = f"地址信息不完整，请补充{'、'.join(_missing(resolution))}后使用新的请求编号重新提交。"
        reason = Reason.ADDR_PARTIAL
    due_at = CLARIFICATION.reply_by(now, channel(request.channel).profile) if address.candidates else None
    return answer(accepted, Status.NEEDS_CLARIFICATION, (reason,), text, now=now, address=address, due_at=due_at)


def _question_of_a_house_not_found(
    accepted: Accepted, resolution: Resolution, view: EnrichmentView, now: datetime
) -> Outcome | None:
    """A house that is to be verified and valued and that nobody knows: whether it is written right, once.

    It goes on when the time to reply is over, to people who are told so. One that goes to people anyway is not asked.
    """
    request = accepted.request
    if request.service_type is not ServiceType.VERIFY_AND_VALUATE or request.revision > 1 or request.force_manual:
        return None
    known = attributes_of(accepted, resolution, registered_for(resolution, view))
    house = stated_house(request, resolution, known)
    verification = verify(house, view.verification_sources, view.deliveries, now=now)
    if verification.outcome is not VerificationOutcome.NOT_FOUND:
        return None
    address = as_address(request.address, resolution)
    choices = [f"{one.city}{one.district}{one.name}" for one in address.candidates]
    ask = question_text(choices) if choices else "请核对房屋地址，如有误请使用新的请求编号重新提交。"
    return answer(
        accepted,
        Status.NEEDS_CLARIFICATION,
        (Reason.VERIFY_NOT_FOUND,),
        f"{verification.text}{ask}逾期未答复的，按现有信息继续办理。",
        now=now,
        address=address,
        due_at=CLARIFICATION.reply_by(now, channel(request.channel).profile),
        verification=verification,
    )


def _passed_on(
    accepted: Accepted, resolution: Resolution, view: EnrichmentView, pieces: Sequence[Piece], now: datetime
) -> Outcome:
    known = cover_of(resolution, view, day_of_receipt(accepted))
    if known is None:  # the gates above have answered all of these
        raise LookupError(f"valuation {accepted.valuation_id} passed the coverage gate without a row")
    return passed_on(accepted, resolution, known.decision, view, pieces=pieces, now=now)


def _back_to_people(
    accepted: Accepted, resolution: Resolution, view: EnrichmentView, pieces: Sequence[Piece], now: datetime
) -> Outcome:
    """What came of a question of the desk, as a case for the desk, wherever the house turns out to be."""
    known = cover_of(resolution, view, day_of_receipt(accepted))
    why = _ineligible(accepted, resolution, view)
    not_covered = CoverageDecision(county_code="", row_version=view.coverage.version, automation=Automation.HUMAN_ONLY)
    return passed_on(
        accepted,
        resolution,
        not_covered if known is None else known.decision,
        view,
        pieces=pieces,
        now=now,
        also=(*([Reason.AREA_NOT_COVERED] if known is None else []), *([why.reason] if why else [])),
    )


def _missing(resolution: Resolution) -> list[str]:
    place = resolution.parsed.place
    missing = [] if place.is_known else ["所在城市"]
    if place.county is None:
        missing.append("区县")
    if not names_something(resolution):
        missing.append("小区名称或路名门牌")
    return missing

"""What goes on to scoring about a house: its address, what is known of it, and what a person should look at."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from schemas.catalogue import ALIASES, ENRICHED
from schemas.codes import AliasSource, Occasion, Reason
from schemas.domain.aliases import confirmed_alias
from schemas.domain.channels import Profile, find
from schemas.events import Accepted, Attributes, CoverageDecision, Enriched, ResolvedAddress
from streams.enrichment import names
from streams.enrichment.attributes import attributes
from streams.enrichment.pieces import Piece
from streams.enrichment.reference import EnrichmentView
from streams.enrichment.registry import Registered
from streams.enrichment.resolve import MOST_CANDIDATES, Resolution, as_address, as_candidate, read, resolve
from streams.enrichment.verification.house import House, stated_house
from streams.enrichment.verification.verify import concerns, is_asked_for, verify
from streams.enrichment.whereabouts import city_of_branch
from streams.runtime.stage import Outcome, Output


def passed_on(  # noqa: PLR0913 - what goes on is made of these
    accepted: Accepted,
    resolution: Resolution,
    coverage: CoverageDecision,
    view: EnrichmentView,
    *,
    pieces: Sequence[Piece],
    now: datetime,
    also: tuple[str, ...] = (),
) -> Outcome:
    """The request with all that is known, and the name that a reply of the bank's staff has taught.

    `also`: further reasons for a person to look.
    """
    registered = registered_for(resolution, view)
    known = attributes_of(accepted, resolution, registered)
    service, house = accepted.request.service_type, stated_house(accepted.request, resolution, known)
    verification = None
    if is_asked_for(service) or registered.closest is not None:  # what people established is never contradicted unseen
        verification = verify(house, view.verification_sources, view.deliveries, now=now)
    doubts = () if verification is None else concerns(verification, service)
    enriched = Enriched(
        valuation_id=accepted.valuation_id,
        request=accepted.request,
        address=_for_people(accepted, resolution, view, pieces),
        attributes=known,
        coverage=coverage,
        enriched_at=now,
        concerns=(*_concerns(accepted, resolution, doubts), *also),
        reference_version=view.version,
        tags=registered.tags,
        verification=verification if is_asked_for(service) else None,
        degraded_sources=_degraded(house, view, now),
    )
    onwards = Output(topic=ENRICHED, lane=accepted.request.lane, event=enriched)
    return Outcome(outputs=(onwards, *_learned(accepted, resolution, view, pieces)))


def registered_for(resolution: Resolution, view: EnrichmentView) -> Registered:
    """What people established of the house; nothing while its community is not known."""
    if resolution.chosen is None:
        return Registered()
    unit = resolution.parsed.unit
    return view.registry.of(resolution.chosen.community.community_id, unit.building, unit.unit, unit.room)


def attributes_of(accepted: Accepted, resolution: Resolution, registered: Registered) -> Attributes:
    """What is known of the house, whether or not its community is."""
    community = resolution.chosen.community if resolution.chosen else None
    return attributes(accepted.request, resolution.parsed, community, registered)


def names_something(resolution: Resolution) -> bool:
    """Whether something that may be a community or a road was written at all."""
    return any(names.is_telling(names.key_of_normalised(head)) for head in resolution.parsed.heads)


def timed_out(accepted: Accepted) -> bool:
    """Whether the second asking is nobody's reply: a reply always names its choice."""
    return accepted.request.revision > 1 and accepted.request.chosen_community_id is None


def _for_people(
    accepted: Accepted, resolution: Resolution, view: EnrichmentView, pieces: Sequence[Piece]
) -> ResolvedAddress:
    """标准地址; where a person will have to find the community, with what is too unlikely to ask a customer about."""
    address = as_address(accepted.request.address, resolution)
    if resolution.chosen is not None:
        return address
    known, hint_city = (view.communities, view.divisions), city_of_branch(accepted, view)
    _, found = read(accepted.request.address, *known, hint_city=hint_city, pieces=pieces)
    offered = {candidate.community_id for candidate in address.candidates}
    more = [as_candidate(match) for match in found if match.entry.community.community_id not in offered]
    return replace(address, candidates=(*address.candidates, *more)[:MOST_CANDIDATES])


def _learned(
    accepted: Accepted, resolution: Resolution, view: EnrichmentView, pieces: Sequence[Piece]
) -> tuple[Output, ...]:
    """What a reply of the bank's own staff teaches: which community the written name means (a customer may guess).

    What a reviewer chose was taught when it was settled.
    """
    request, chosen = accepted.request, resolution.chosen
    channel = None if request.occasion is Occasion.RETURNED else find(request.channel)
    if chosen is None or request.chosen_community_id is None or not (channel and channel.profile is Profile.STAFF):
        return ()
    known, hint_city = (view.communities, view.divisions), city_of_branch(accepted, view)
    before = resolve(request.address, *known, hint_city=hint_city, pieces=pieces)
    alias = confirmed_alias(
        _for_people(accepted, before, view, pieces),
        chosen.community.community_id,
        source=AliasSource.STAFF_REPLY,
        confirmed_by=channel.code,
        confirmed_at=accepted.accepted_at,
        valuation_id=accepted.valuation_id,
    )
    return () if alias is None else (Output(topic=ALIASES, event=alias),)


def _concerns(accepted: Accepted, resolution: Resolution, doubts: Sequence[Reason]) -> tuple[str, ...]:
    """Why a person must look; `doubts` are those of the verification."""
    found: list[Reason] = []
    if resolution.is_ambiguous:
        found.append(Reason.ADDR_AMBIGUOUS)
    elif resolution.chosen is None:
        found.append(Reason.ADDR_UNKNOWN if names_something(resolution) else Reason.ADDR_PARTIAL)
    found += doubts
    was_asked_for = (
        resolution.is_ambiguous or Reason.VERIFY_NOT_FOUND in doubts or accepted.request.occasion is Occasion.DESK_REPLY
    )
    if was_asked_for and timed_out(accepted) and not accepted.request.force_manual:
        found.append(Reason.CLARIFICATION_TIMEOUT)
    return tuple(found)


def _degraded(house: House, view: EnrichmentView, now: datetime) -> tuple[str, ...]:
    """The sources this house is described by whose deliveries have failed too often."""
    asked = (name for source in view.verification_sources for name in source.asked(house))
    return view.deliveries.degraded(asked, now)

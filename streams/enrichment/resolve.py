"""From an entered address to a place, a community or a question: what the words say, checked against the dictionary."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from schemas.codes import MatchLevel
from schemas.domain.divisions import Divisions
from schemas.domain.normalise import normalise
from schemas.events import AddressPart, Candidate, ResolvedAddress
from streams.enrichment import names
from streams.enrichment.index import CommunityIndex, Entry, Match
from streams.enrichment.parse import ParsedAddress, Unit, parse

# At most 1 in 100 confident answers may be wrong (AD1): see docs/experiments/0001 for the curve behind both numbers.
ACCEPT = 0.85
ACCEPT_GAP = 0.3
# Below this a candidate is not worth a person's reading.
WORTH_ASKING = 0.1
MOST_CANDIDATES = 5
# A reply may choose what an older dictionary offered: the list is made longer than the one that was shown.
_MOST_CHOICES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What an address means. `chosen` is the one community, or `None`; `matches` are the candidates either way."""

    parsed: ParsedAddress
    chosen: Entry | None
    probability: float
    matches: tuple[Match, ...]

    @property
    def is_ambiguous(self) -> bool:
        """Whether two communities or more may be meant."""
        return self.chosen is None and len(self.matches) > 1


def resolve(entered: str, index: CommunityIndex, divisions: Divisions) -> Resolution:
    """Find the community of an entered address. Never raises, and never takes the nearest name for the right one."""
    parsed = parse(normalise(entered), divisions)
    found = _on_the_road(_find(parsed, index, MOST_CANDIDATES), parsed)
    matches = tuple(match for match in found if match.probability >= WORTH_ASKING)
    best = matches[0] if matches else None
    if best and best.probability >= ACCEPT and _gap(matches) >= ACCEPT_GAP:
        return Resolution(parsed=parsed, chosen=best.entry, probability=best.probability, matches=matches[:1])
    return Resolution(parsed=parsed, chosen=None, probability=best.probability if best else 0.0, matches=matches)


def choose(entered: str, community_id: str, index: CommunityIndex, divisions: Divisions) -> Resolution | None:
    """Resolve an address with the customer's choice among the candidates; `None` for what was never offered."""
    parsed = parse(normalise(entered), divisions)
    for match in _find(parsed, index, _MOST_CHOICES):
        if match.entry.community.community_id == community_id:
            return Resolution(parsed=parsed, chosen=match.entry, probability=1.0, matches=(match,))
    return None


def _find(parsed: ParsedAddress, index: CommunityIndex, limit: int) -> tuple[Match, ...]:
    place = parsed.place
    found = index.find(parsed.heads, city=place.city, counties=place.counties, limit=limit)
    if not (place.is_weak and place.parts) or (found and found[0].probability >= ACCEPT):
        return found
    # 朝阳雅筑, 北京新天地: the shortened city may be part of the name after all, if exactly that name exists.
    whole = [parsed.text[: len(parsed.text) - tail] for tail in _tails(parsed)]
    with_it = index.find_exact(whole, limit=limit)
    return max(found, with_it, key=lambda matches: matches[0].probability if matches else 0.0)


def _on_the_road(matches: tuple[Match, ...], parsed: ParsedAddress) -> tuple[Match, ...]:
    """Of namesakes, the one that stands at the stated road and number, where the dictionary knows that."""
    if len(matches) < 2 or not (parsed.road and parsed.number):  # noqa: PLR2004 - there is nothing to choose
        return matches
    stated = names.key_of_normalised(f"{parsed.road}{parsed.number}")
    there = [
        match for match in matches if match.entry.community.road and names.key(match.entry.community.road) == stated
    ]
    best = matches[0]
    alike = {match.probability for match in matches if match.matched_by == best.matched_by} == {best.probability}
    if len(there) != 1 or not alike:
        return matches
    return (replace(there[0], probability=min(0.99, best.probability * len(matches)), matched_by="name and road"),)


def _tails(parsed: ParsedAddress) -> Sequence[int]:
    """How many characters at the end each reading leaves out."""
    return [len(parsed.text) - parsed.text.find(head) - len(head) for head in parsed.heads if head in parsed.text] or [
        0
    ]


def _gap(matches: tuple[Match, ...]) -> float:
    return matches[0].probability - matches[1].probability if len(matches) > 1 else 1.0


def as_candidate(match: Match) -> Candidate:
    """The candidate as it is shown to whoever has to choose."""
    community = match.entry.community
    return Candidate(
        community_id=community.community_id,
        name=community.name,
        city=match.entry.city,
        district=match.entry.county.name if match.entry.county else community.district,
        probability=match.probability,
        matched_by=match.matched_by,
    )


def as_address(entered: str, resolution: Resolution) -> ResolvedAddress:
    """标准地址 of a resolution: the dictionary's word where it knows the community, the entered parts else."""
    parsed, entry = resolution.parsed, resolution.chosen
    community = entry.community if entry else None
    county = entry.county if entry else parsed.place.county
    city = entry.city if entry else parsed.place.city
    province = community.province if community else parsed.place.province
    district = county.name if county else community.district if community else None
    return ResolvedAddress(
        entered=entered,
        normalised=_written(city, district, parsed, entry),
        match_level=_level(resolution),
        probability=resolution.probability,
        province=county.province if county else province,
        city=city,
        district=district,
        town=parsed.town,
        road=parsed.road,
        community_id=community.community_id if community else None,
        community_name=community.name if community else None,
        building=parsed.unit.building,
        unit=parsed.unit.unit,
        room=parsed.unit.room,
        floor=parsed.unit.floor,
        longitude=community.longitude if community else None,
        latitude=community.latitude if community else None,
        candidates=tuple(map(as_candidate, resolution.matches)),
        parts=(*parsed.parts, *_community_part(entry, parsed)),
    )


def _written(city: str | None, district: str | None, parsed: ParsedAddress, entry: Entry | None) -> str:
    unit = parsed.unit
    if entry is None:
        return parsed.text
    road = f"{parsed.road}{parsed.number}" if parsed.road and parsed.number else ""
    if road and names.key_of_normalised(road) in entry.key:
        road = ""  # 学清路18号院 is the name itself
    pieces = (
        city,
        district if district != city else "",
        road,
        entry.community.name,
        unit.building,
        unit.unit,
        unit.room,
    )
    return "".join(piece for piece in pieces if piece)


def _level(resolution: Resolution) -> MatchLevel:
    parsed = resolution.parsed
    if resolution.chosen is not None:
        return _unit_level(parsed.unit)
    if not parsed.place.is_known:
        return MatchLevel.NONE
    return MatchLevel.ROAD if parsed.road else MatchLevel.DISTRICT


def _unit_level(unit: Unit) -> MatchLevel:
    if unit.building and unit.room:
        return MatchLevel.ROOM
    return MatchLevel.BUILDING if unit.building else MatchLevel.COMMUNITY


def _community_part(entry: Entry | None, parsed: ParsedAddress) -> tuple[AddressPart, ...]:
    if entry is not None:
        return (AddressPart(level="community", text=entry.community.name, origin="dictionary"),)
    return (AddressPart(level="community", text=parsed.heads[0], origin="rules"),) if parsed.heads else ()

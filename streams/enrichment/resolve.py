"""From an entered address to a place, a community or a question: what the words say, checked against the dictionary."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from schemas.codes import MatchLevel
from schemas.domain.divisions import County, Divisions
from schemas.events import AddressPart, Candidate, ResolvedAddress
from streams.enrichment import names
from streams.enrichment.chances import Path
from streams.enrichment.index import CommunityIndex, Entry, Match
from streams.enrichment.parse import ParsedAddress, Unit, parse
from streams.enrichment.pieces import Piece
from streams.enrichment.places import Place
from streams.enrichment.readings import arranged, doubtful, heads

# At most 1 in 100 confident answers may be wrong (AD1), names the dictionary lacks included: the curve behind this
# number is in docs/experiments/0001. Chances of all candidates add up to less than 1, so no rival is near.
ACCEPT = 0.93
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


def resolve(
    entered: str,
    index: CommunityIndex,
    divisions: Divisions,
    *,
    hint_city: str | None = None,
    pieces: Sequence[Piece] = (),
) -> Resolution:
    """Find the community of an entered address. Never raises, and never takes the nearest name for the right one.

    Args:
        entered: As the customer typed it.
        index: The dictionary.
        divisions: The official list.
        hint_city: The branch's city, full name: its communities are likelier where no city is written.
        pieces: What the tagger says of the `arranged` address; further readings of the name.
    """
    parsed, found = read(entered, index, divisions, hint_city=hint_city, pieces=pieces)
    matches = tuple(match for match in found if match.probability >= WORTH_ASKING)
    best = matches[0] if matches else None
    if best and best.probability >= ACCEPT:
        return _resolved(parsed, best, best.probability)
    return Resolution(parsed=parsed, chosen=None, probability=best.probability if best else 0.0, matches=matches)


def read(
    entered: str,
    index: CommunityIndex,
    divisions: Divisions,
    *,
    hint_city: str | None = None,
    pieces: Sequence[Piece] = (),
) -> tuple[ParsedAddress, tuple[Match, ...]]:
    """The parts of an address and all communities it may mean, worth asking about or not, the likeliest first."""
    parsed = parse(arranged(entered, divisions), divisions, pieces)
    return parsed, _on_the_road(_find(parsed, index, MOST_CANDIDATES, hint_city), parsed)


def choose(
    entered: str,
    community_id: str,
    index: CommunityIndex,
    divisions: Divisions,
    *,
    hint_city: str | None = None,
    pieces: Sequence[Piece] = (),
) -> Resolution | None:
    """Resolve an address with the customer's choice among the candidates; `None` for what was never offered."""
    parsed = parse(arranged(entered, divisions), divisions, pieces)
    for match in _find(parsed, index, _MOST_CHOICES, hint_city):
        if match.entry.community.community_id == community_id:
            return _resolved(parsed, match, 1.0)
    return None


def _resolved(parsed: ParsedAddress, match: Match, probability: float) -> Resolution:
    """With the unit that stands behind this name: 荣丰20083号楼 is `3幢` of 荣丰2008."""
    spelled = (match.entry.key, *match.entry.aliases)
    head = next((one.head for one in parsed.readings if names.key_of_normalised(one.head) in spelled), None)
    known = parsed if head is None else replace(parsed, unit=parsed.unit_behind(head))
    return Resolution(parsed=known, chosen=match.entry, probability=probability, matches=(match,))


def _find(parsed: ParsedAddress, index: CommunityIndex, limit: int, hint_city: str | None) -> tuple[Match, ...]:
    place = parsed.place
    if place.end == len(parsed.text):
        return ()  # 北京 is no 北京花园: nothing but divisions is written
    found = index.find(
        heads(parsed),
        province=place.province,
        city=place.city,
        counties=place.counties,
        hint_city=hint_city,
        doubtful=doubtful(parsed),
        limit=limit,
    )
    if not (place.is_weak and place.parts) or (found and found[0].matched_by == Path.NAME):
        return found
    # 朝阳雅筑, 北京新天地, 延安中路517弄: the shortened city may be part of the name after all, but is never left out.
    whole = [parsed.text[: len(parsed.text) - tail] for tail in _tails(parsed)]
    exactly = index.find_exact(whole, limit=limit)
    if exactly and (not found or exactly[0].matched_by == Path.NAME):
        return exactly
    anywhere = () if found else index.find(whole, city=None, hint_city=hint_city, limit=limit)
    return found or tuple(match for match in anywhere if not match.left_over)


def _on_the_road(matches: tuple[Match, ...], parsed: ParsedAddress) -> tuple[Match, ...]:
    """Of namesakes, the one that stands at the stated road and number, where the dictionary knows that."""
    if len(matches) < 2 or not (parsed.road and parsed.number):  # noqa: PLR2004 - there is nothing to choose
        return matches
    stated = names.key_of_normalised(f"{parsed.road}{parsed.number}")
    there = [
        match for match in matches if match.entry.community.road and names.key(match.entry.community.road) == stated
    ]
    best = matches[0]
    namesakes = [match for match in matches if match.matched_by == best.matched_by]
    if len(there) != 1 or {match.probability for match in namesakes} != {best.probability}:
        return matches
    chance = min(0.99, sum(match.probability for match in namesakes))
    return (replace(there[0], probability=chance, matched_by="name and road"),)


def _tails(parsed: ParsedAddress) -> Sequence[int]:
    """How many characters at the end each reading leaves out."""
    return [len(parsed.text) - parsed.text.find(head) - len(head) for head in parsed.heads if head in parsed.text] or [
        0
    ]


def county_of(entry: Entry | None, place: Place) -> County | None:
    """Where a house lies: in the county of its community, in the stated one where the dictionary does not say."""
    if entry is None:
        return place.county
    return entry.county or (place.county if entry.city == place.city else None)


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
    county = county_of(entry, parsed.place)
    city = entry.city if entry else parsed.place.city
    province = entry.province if entry else parsed.place.province
    district = county.name if county else (community.district or None) if community else None
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

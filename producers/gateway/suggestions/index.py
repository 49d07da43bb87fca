"""The communities that may be suggested, kept up to date while they are searched.

Searching belongs to the event loop, changing to one other thread. A search sees the tuple of segments of one moment;
its work is bounded: a fixed number of bisections, and one pass over what begins alike.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from producers.gateway.suggestions.highlight import Highlight, of_characters, of_initials, of_sounds
from producers.gateway.suggestions.keys import Keys, Span, character_codes, letter_codes
from producers.gateway.suggestions.readings import Place, Reading, readings
from producers.gateway.suggestions.segment import Row, Segment, merged, segment_of, weight_of
from schemas.domain.alias_rules import is_telling, may_be_shown
from schemas.domain.divisions import Divisions
from schemas.domain.normalise import normalise
from schemas.events import Community, CommunityAlias

_TIERS: Final = 4  # a segment at least this much larger than the next is left alone: few segments, few merges
_MOST_WHERES: Final = 500
_POOL: Final = 4  # looked at for each one that is wanted: some are dead, some are the same community again
_WHOLE, _BEGINS, _SOUNDS, _INSIDE = range(4)
_INSIDE_BIT: Final = 1 << 31

Where = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A community that may be meant. `alias` is the other name by which it was found; `highlight` lies in that one.

    Found by a name that is not shown, it has no alias and an empty highlight.
    """

    community_id: str
    name: str
    city: str
    district: str
    highlight: Highlight
    alias: str | None = None


@dataclass(frozen=True, slots=True, order=True)
class _Found:
    """A spelling that begins as asked: how, its rank, and where it stands."""

    how: int
    rank: int
    segment: int
    spelling: int
    kind: str = field(compare=False)


class SuggestionIndex:
    """Communities by the beginnings of their names, of what people call them, of their sound and its initials."""

    def __init__(self, divisions: Divisions) -> None:
        self._divisions = divisions
        self._segments: tuple[Segment, ...] = ()
        self._places: list[Place] = []
        self._place_numbers: dict[Place, int] = {}
        self._wheres: dict[tuple[str | None, str | None, int], Where] = {}
        self._meanings: dict[str, CommunityAlias] = {}
        self._confirmed: dict[str, dict[str, CommunityAlias]] = {}  # community -> key of an alias -> the alias

    def __len__(self) -> int:
        return sum(int(segment.alive.sum()) for segment in self._segments)

    @property
    def nbytes(self) -> int:
        """Bytes of all columns."""
        return sum(_nbytes(segment) for segment in self._segments)

    def name_of(self, community_id: str) -> str | None:
        """What a community is called; `None` where there is no such community."""
        row = self._find(community_id)
        return None if row is None else row.own[0]

    # ---- searching -----------------------------------------------------------------------------------------------

    def suggest(self, typed: str, *, near: Place | None = None, most: int = 8) -> tuple[Suggestion, ...]:
        """The communities whose name begins, or goes on, as typed; the likeliest first, at most so many.

        Whole names come before beginnings, those before what sounds like it, and that before what lies inside a name;
        within each the larger community first, then the shorter name. Communities of the place typed, or near, come
        before all others.
        """
        segments, found = self._segments, dict[str, Suggestion]()
        for reading in readings(typed, self._divisions, near.city if near else None):
            for where in self._stretches(reading, near):
                for suggestion in self._in(segments, reading.text, where, most):
                    found.setdefault(suggestion.community_id, suggestion)
                    if len(found) == most:
                        return tuple(found.values())
        return tuple(found.values())

    def _stretches(self, reading: Reading, near: Place | None) -> Iterator[Where | None]:
        """Where to look, nearest first; `None` is everywhere. A place that was typed is not left."""
        city = reading.city or (near.city if near and not reading.says_where else None)
        district = reading.district or (near.district if near and not reading.says_where else None)
        if district is not None:
            yield self._where(city, district)
        if city is not None:
            yield self._where(city, None)
        if not reading.says_where:
            yield None

    def _where(self, city: str | None, district: str | None) -> Where:
        """Which places count, by their numbers. Remembered: thousands of places, and people type in one of them."""
        places = self._places[:]
        key = (city, district, len(places))
        if key not in self._wheres:
            if len(self._wheres) >= _MOST_WHERES:
                self._wheres.clear()
            chosen = [(not city or one.city == city) and (not district or one.district == district) for one in places]
            self._wheres[key] = np.array(chosen, np.bool_)
        return self._wheres[key]

    def _in(self, segments: Sequence[Segment], text: str, where: Where | None, most: int) -> Iterator[Suggestion]:
        """Suggestions in order, each community once."""
        seen = set[str]()
        for one in sorted(self._candidates(segments, text, where, most * _POOL)):
            segment = segments[one.segment]
            row = int(segment.row_of[one.spelling])
            if not segment.alive[row]:
                continue
            community_id = segment.ids[row]
            if community_id in seen:
                continue
            suggestion = self._shown(segment, row, one, text)
            if suggestion is not None and not self._is_taken(segments, segment, row, one.spelling):
                seen.add(community_id)
                yield suggestion

    def _candidates(self, segments: Sequence[Segment], text: str, where: Where | None, most: int) -> Iterator[_Found]:
        is_typed_by_sound = text.isascii() and text.isalnum()
        for number, segment in enumerate(segments):
            codes = character_codes(text)
            yield from _best(number, segment.characters, segment.characters.span(codes), most, where, "characters")
            if is_typed_by_sound:
                letters = letter_codes(text)
                for keys, kind in ((segment.sounds, "sounds"), (segment.initials, "initials")):
                    yield from _best(number, keys, keys.span(letters), most, where, kind)

    def _shown(self, segment: Segment, row: int, one: _Found, text: str) -> Suggestion | None:
        spelling = segment.spellings[one.spelling]
        highlight = _HIGHLIGHTS[one.kind](spelling, text)
        if highlight is None:  # the keys hold only its first characters
            return None
        place = self._places[int(segment.place[row])]
        name_at = int(segment.first[row])
        is_shown = one.spelling < name_at + int(segment.shown[row])
        return Suggestion(
            community_id=segment.ids[row],
            name=spelling if one.spelling == name_at else segment.spellings[name_at],
            alias=spelling if one.spelling != name_at and is_shown else None,
            city=place.city,
            district=place.district or "",
            highlight=highlight if is_shown else _NOTHING,
        )

    def _is_taken(self, segments: Sequence[Segment], segment: Segment, row: int, spelling: int) -> bool:
        """Whether what people call it is another community's own name in that city: the resolver means that one."""
        if spelling < int(segment.first[row]) + int(segment.own[row]):
            return False
        alias, community_id = normalise(segment.spellings[spelling]), segment.ids[row]
        where = self._where(self._places[int(segment.place[row])].city, None)
        return any(
            other.is_name(owner)
            and other.ids[int(other.row_of[owner])] != community_id
            and normalise(other.spellings[owner]) == alias
            for other in segments
            for owner in _spelled_whole(other.characters, alias, where)
        )

    # ---- changing ------------------------------------------------------------------------------------------------

    def apply(self, communities: Mapping[str, Community | None], aliases: Mapping[str, CommunityAlias | None]) -> None:
        """Take in changes by key; `None` takes a community or an alias away. For one thread at a time."""
        touched = set(self._apply_aliases(aliases)) - communities.keys()
        rows = [self._row(community) for community in communities.values() if community is not None]
        rows += [self._again(row) for community_id in touched if (row := self._find(community_id)) is not None]
        older = self._segments
        if rows:
            self._segments = (*older, segment_of(rows))
        for segment in older:
            segment.kill((*communities, *touched))
        self._segments = _tiered(self._segments)

    def _apply_aliases(self, aliases: Mapping[str, CommunityAlias | None]) -> Iterator[str]:
        """Note what names mean, and give the communities that gained or lost one."""
        for key, alias in aliases.items():
            before = self._meanings.pop(key, None)
            if before is not None:
                self._confirmed[before.community_id].pop(key, None)
                yield before.community_id
            if alias is not None:
                self._meanings[key] = alias
                self._confirmed.setdefault(alias.community_id, {})[key] = alias
                yield alias.community_id

    def _row(self, community: Community) -> Row:
        own = tuple(dict.fromkeys(text for text in (community.name, *community.aliases) if text))[:_MOST_SPELLINGS]
        row = Row(
            community_id=community.community_id,
            own=own or (community.community_id,),
            place=self._place(Place(city=self._city(community.city), district=community.district or None)),
            weight=weight_of(community.households),
        )
        return self._again(row)

    def _again(self, row: Row) -> Row:
        """The row with all that people call it now."""
        aliases = [alias for alias in self._confirmed.get(row.community_id, {}).values() if self._fits(alias, row)]
        aliases = aliases[:_MOST_SPELLINGS]
        confirmed = dict.fromkeys(one.alias for one in aliases if may_be_shown(one.source))
        unshown = dict.fromkeys(one.alias for one in aliases if one.alias not in confirmed)
        return replace(row, confirmed=tuple(confirmed), unshown=tuple(unshown))

    def _fits(self, alias: CommunityAlias, row: Row) -> bool:
        """Whether the resolver takes it for a name of this community: one of that city, and more than 小区 or 南区."""
        is_here = self._city(alias.city) == self._places[row.place].city
        return is_here and alias.alias not in row.own and is_telling(alias.alias)

    def _city(self, name: str) -> str:
        return self._divisions.city(name) or name

    def _find(self, community_id: str) -> Row | None:
        for segment in reversed(self._segments):
            row = segment.row_with(community_id)
            if row is not None:
                return segment.row(row)
        return None

    def _place(self, place: Place) -> int:
        number = self._place_numbers.get(place)
        if number is None:
            self._places.append(place)
            number = self._place_numbers[place] = len(self._places) - 1
        return number


_MOST_SPELLINGS: Final = 100
_NOTHING: Final = Highlight(start=0, end=0)
_HIGHLIGHTS: Final = {"characters": of_characters, "sounds": of_sounds, "initials": of_initials}


def _best(segment: int, keys: Keys, span: Span, most: int, where: Where | None, kind: str) -> Iterator[_Found]:
    """The best whole names and the best of all that begin so."""
    if span.start == span.end:
        return
    whole = keys.best(span.start, span.whole_end, most, where)
    rest = keys.best(span.start, span.end, most, where)
    begins = _BEGINS if kind == "characters" else _SOUNDS
    for places, how in ((whole, _WHOLE), (rest, begins)):
        for rank, owner in zip(keys.rank[places].tolist(), keys.owner[places].tolist(), strict=True):
            is_inside = bool(rank & _INSIDE_BIT)
            yield _Found(_INSIDE if is_inside else how, rank & ~_INSIDE_BIT, segment, owner, kind)


def _spelled_whole(keys: Keys, text: str, where: Where) -> Iterator[int]:
    """Spellings in these places that end with the text or, beyond the packed characters, may do so."""
    span = keys.span(character_codes(text))
    inside = np.flatnonzero(where[keys.place[span.start : span.whole_end]])
    yield from keys.owner[span.start + inside].tolist()


def _tiered(segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
    """Merge the last two while they are of like size."""
    kept = tuple(segment for segment in segments if segment.alive.any())
    while len(kept) > 1 and int(kept[-2].alive.sum()) < _TIERS * int(kept[-1].alive.sum()):
        kept = (*kept[:-2], merged(kept[-2], kept[-1]))
    return kept


def _nbytes(segment: Segment) -> int:
    columns: list[npt.NDArray[Any]] = [segment.id_hashes, segment.by_hash, segment.first, segment.own, segment.shown]
    columns += [segment.place, segment.weight, segment.row_of, segment.alive]
    for texts in (segment.ids, segment.spellings):
        columns += [texts.block, texts.ends]
    for keys in (segment.characters, segment.sounds, segment.initials):
        columns += [keys.high, keys.low, keys.owner, keys.rank, keys.place]
    return sum(column.nbytes for column in columns)

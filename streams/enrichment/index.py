"""The community dictionary in memory: exact names and aliases, then names that share rare pairs of characters.

Plain dicts and lists, changed in place by the reference view between batches. A look-up costs tens of microseconds when
a spelling is known; otherwise the rarest character pairs of the written name lead to at most `_POSTINGS` entries, of
which the best `_RERANKED` are compared character by character. So no input, however long or common, can stall it.
"""

import heapq
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz

from schemas.domain.divisions import County, Divisions
from schemas.events import Community
from streams.enrichment import names

_POSTINGS = 1000
_RERANKED = 12
_FUZZY_HEADS = 2
_NO_RIVAL = 5.0
_MAX_RELATIVE_COST = 0.5  # more than half of the name mistyped is another name

# Probabilities of the exact paths: measured on seeded corruptions of 32,000 real names (docs/experiments/0001).
_BY_NAME = 0.99
_BY_ALIAS = 0.98
_BY_CORE = 0.94
_BY_PHASELESS = 0.85  # 望京花园二期 written, the dictionary knows 望京花园 as a whole
_BY_ONLY_PHASE = 0.6  # 望京花园 written, the dictionary knows its 二期 alone
_OTHER_DISTRICT = 0.55  # factor: the name is right, the stated district is not the dictionary's

# Logistic regression of "the best fuzzy candidate is right" on the same corruptions, one name in six unknown.
_INTERCEPT = -2.1
_PER_COST = -3.4
_PER_RELATIVE_COST = 5.5
_PER_GAP = 1.0
_PER_CHARACTER = 0.86
_PER_CHARACTER_BEFORE = -0.39
_PER_CHARACTER_AFTER = -1.1
_HOUSE_NUMBER = -1.0  # 安福路211号 and 福安路211号 are both real: set by hand, not fitted
_SAME_DISTRICT = 0.75


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A community as the index keeps it. `county` is `None` where the file's district is no county (亦庄开发区)."""

    community: Community
    city: str
    county: County | None
    key: str
    aliases: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A community the written name may mean, the chance that it does, and the rule that found it."""

    entry: Entry
    probability: float
    matched_by: str


@dataclass(frozen=True, slots=True)
class _Near:
    slot: int
    cost: float
    before: int  # characters left over before the name: mostly a road or a business circle
    after: int  # … behind it: mostly a phase or a wing
    length: int  # telling characters of the name
    has_number: bool

    @property
    def relative_cost(self) -> float:
        return self.cost / self.length


class CommunityIndex:
    """Communities by id and by any spelling of their name. Not thread-safe: it belongs to one stage."""

    def __init__(self, divisions: Divisions) -> None:
        self._divisions = divisions
        self._entries: list[Entry | None] = []
        self._slots: dict[str, int] = {}
        self._free: list[int] = []
        self._names: defaultdict[str, list[int]] = defaultdict(list)
        self._aliases: defaultdict[str, list[int]] = defaultdict(list)
        self._cores: defaultdict[str, list[int]] = defaultdict(list)
        self._phaseless: defaultdict[str, list[int]] = defaultdict(list)
        self._postings: defaultdict[tuple[str, str], list[int]] = defaultdict(list)

    def __len__(self) -> int:
        return len(self._slots)

    def get(self, community_id: str) -> Entry | None:
        """The community of that id, or `None`."""
        slot = self._slots.get(community_id)
        return None if slot is None else self._entries[slot]

    def put(self, community: Community) -> None:
        """Add a community or replace the one with its id. Putting the same one again changes nothing."""
        known = self.get(community.community_id)
        if known is not None and known.community == community:
            return
        self.remove(community.community_id)
        entry = self._entry(community)
        slot = self._free.pop() if self._free else len(self._entries)
        if slot == len(self._entries):
            self._entries.append(entry)
        else:
            self._entries[slot] = entry
        self._slots[community.community_id] = slot
        for place in self._places(entry):
            place.append(slot)

    def remove(self, community_id: str) -> None:
        """Forget a community; harmless when it is not there."""
        slot = self._slots.pop(community_id, None)
        entry = self._entries[slot] if slot is not None else None
        if slot is None or entry is None:
            return
        for place in self._places(entry):
            place.remove(slot)
        self._entries[slot] = None
        self._free.append(slot)

    def find(
        self, heads: Sequence[str], *, city: str | None, counties: Iterable[County] = (), limit: int = 5
    ) -> tuple[Match, ...]:
        """The communities that the readings of a name may mean, the likeliest first; empty: not in the dictionary.

        Args:
            heads: Normalised readings, the likeliest first, as `parse` gives them.
            city: Full name of the stated city; `None` searches all cities.
            counties: What the stated district may be; agreeing raises, disagreeing lowers the probability.
            limit: How many at most.
        """
        keys = self._keys(heads)
        codes = frozenset(county.code for county in counties)
        found = self._exact(keys, city, codes) or self._fuzzy(_distinct(keys)[:_FUZZY_HEADS], city, codes)
        return tuple(found[:limit])

    def find_exact(self, heads: Sequence[str], *, limit: int = 5) -> tuple[Match, ...]:
        """The communities of any city that carry one of the names, spelled as the dictionary or an alias has it."""
        return tuple(self._exact(self._keys(heads), None, frozenset())[:limit])

    def _keys(self, heads: Sequence[str]) -> list[str]:
        """The keys of readings that say anything, or that are a name as they stand (花园新区)."""
        keys = map(names.key_of_normalised, heads)
        return [spelled for spelled in keys if names.is_telling(spelled) or spelled in self._names]

    # ---- exact --------------------------------------------------------------------------------------------------

    def _exact(self, keys: Sequence[str], city: str | None, codes: frozenset[str]) -> list[Match]:
        elsewhere: list[Match] = []
        for look_up, probability, matched_by in (
            (self._by_name, _BY_NAME, "name"),
            (self._by_alias, _BY_ALIAS, "alias"),
            (self._by_core, _BY_CORE, "core"),
            (self._by_other_phase, _BY_PHASELESS, "phase"),
        ):
            for spelled in keys:
                slots = [slot for slot in look_up(spelled) if city is None or self._at(slot).city == city]
                agreeing = [slot for slot in slots if not codes or _agrees(self._at(slot), codes)]
                alone = _BY_ONLY_PHASE if matched_by == "phase" and spelled in self._phaseless else probability
                if agreeing:
                    return self._shared(agreeing, alone, matched_by)
                if slots and not elsewhere:  # perhaps a less exact spelling lies in the stated district
                    elsewhere = self._shared(slots, alone * _OTHER_DISTRICT, matched_by)
        return elsewhere

    def _by_name(self, spelled: str) -> Sequence[int]:
        return self._names.get(spelled, ())

    def _by_alias(self, spelled: str) -> Sequence[int]:
        return self._aliases.get(spelled, ())

    def _by_core(self, spelled: str) -> Sequence[int]:
        stem = names.core(spelled)
        found = [*self._cores.get(spelled, ()), *self._names.get(stem, ()), *self._cores.get(stem, ())]
        # 万科花园 is near 万科小区 by its stem, but as a whole name it is another one where both endings are telling.
        return tuple(dict.fromkeys(found))

    def _by_other_phase(self, spelled: str) -> Sequence[int]:
        whole = names.without_phase(spelled)
        if whole is None:
            return self._phaseless.get(spelled, ())
        return self._names.get(whole, ()) or self._cores.get(whole, ())

    def _shared(self, slots: Sequence[int], probability: float, matched_by: str) -> list[Match]:
        """All of one spelling, in the order of their ids, with the chance shared."""
        chance = round(probability / len(slots), 4)
        entries = sorted((self._at(slot) for slot in slots), key=lambda entry: entry.community.community_id)
        return [Match(entry=entry, probability=chance, matched_by=matched_by) for entry in entries]

    # ---- fuzzy --------------------------------------------------------------------------------------------------

    def _fuzzy(self, keys: Sequence[str], city: str | None, codes: frozenset[str]) -> list[Match]:
        best: dict[int, _Near] = {}
        for spelled in keys:
            for slot in self._sharing_grams(spelled, city or ""):
                near = self._near(slot, spelled)
                if near is not None and (slot not in best or near.relative_cost < best[slot].relative_cost):
                    best[slot] = near
        ranked = sorted(best.values(), key=lambda near: self._rank(near, codes))
        return [
            Match(
                entry=self._at(near.slot),
                probability=round(self._chance(ranked, place, codes), 4),
                matched_by="similar",
            )
            for place, near in enumerate(ranked)
        ]

    def _sharing_grams(self, spelled: str, city: str) -> list[int]:
        """The entries that share most of the rarest pairs and characters with a key."""
        lists = [
            postings
            for gram in (*names.grams(spelled), *set(spelled))
            if (postings := self._postings.get((city, gram)))
        ]
        lists.sort(key=len)
        total = len(self._slots) + 1
        weights: defaultdict[int, float] = defaultdict(float)
        seen = 0
        for postings in lists:
            seen += len(postings)
            if seen > _POSTINGS and weights:
                break
            weight = math.log(total / len(postings)) + 0.1
            for slot in postings[:_POSTINGS]:
                weights[slot] += weight
        return heapq.nlargest(_RERANKED, weights, key=lambda slot: (weights[slot], -slot))

    def _near(self, slot: int, spelled: str) -> _Near | None:
        best: _Near | None = None
        entry = self._at(slot)
        for name in (entry.key, *entry.aliases):
            near = _compare(slot, spelled, name)
            if near is not None and (best is None or near.relative_cost < best.relative_cost):
                best = near
        return best

    def _rank(self, near: _Near, codes: frozenset[str]) -> tuple[float, int, str]:
        entry = self._at(near.slot)
        bonus = 0.0 if not codes else -0.05 if _agrees(entry, codes) else 0.15
        return (
            near.relative_cost + 0.02 * near.before + 0.05 * near.after + bonus,
            -near.length,
            entry.community.community_id,
        )

    def _chance(self, ranked: Sequence[_Near], place: int, codes: frozenset[str]) -> float:
        near = ranked[place]
        rival = ranked[1 if place == 0 else 0].cost if len(ranked) > 1 else _NO_RIVAL
        agrees = bool(codes) and _agrees(self._at(near.slot), codes)
        score = (
            _INTERCEPT
            + _PER_COST * min(near.cost, 3.0)
            + _PER_RELATIVE_COST * near.relative_cost
            + _PER_GAP * max(-1.0, min(2.0, rival - near.cost))
            + _PER_CHARACTER * min(near.length, 7)
            + _PER_CHARACTER_BEFORE * near.before
            + _PER_CHARACTER_AFTER * near.after
            + (_HOUSE_NUMBER if near.has_number else 0.0)
            + (_SAME_DISTRICT if agrees else 0.0)
        )
        chance = 1 / (1 + math.exp(-score))
        return chance if agrees or not codes else chance * _OTHER_DISTRICT

    # ---- upkeep -------------------------------------------------------------------------------------------------

    def _at(self, slot: int) -> Entry:
        entry = self._entries[slot]
        if entry is None:  # pragma: no cover - a removed slot is in no list
            raise LookupError(f"slot {slot} of the community index is empty but still listed")
        return entry

    def _entry(self, community: Community) -> Entry:
        city = self._divisions.city(community.city) or community.city
        return Entry(
            community=community,
            city=city,
            county=self._divisions.county(city, community.district),
            key=names.key(community.name),
            aliases=tuple(dict.fromkeys(spelled for alias in community.aliases if (spelled := names.key(alias)))),
        )

    def _places(self, entry: Entry) -> Iterator[list[int]]:
        """Every list that holds the entry's slot."""
        yield self._names[entry.key]
        stem = names.core(entry.key)
        if stem != entry.key:
            yield self._cores[stem]
        whole = names.without_phase(entry.key)
        if whole is not None:
            yield self._phaseless[whole]
        for alias in entry.aliases:
            yield self._aliases[alias]
        spelled = (entry.key, *entry.aliases)
        for gram in {gram for name in spelled for gram in (*names.grams(name), *name)}:
            yield self._postings[("", gram)]
            yield self._postings[(entry.city, gram)]


def _agrees(entry: Entry, codes: frozenset[str]) -> bool:
    return entry.county is None or entry.county.code in codes


def _distinct(keys: Sequence[str]) -> list[str]:
    """Without readings that only add something at the end of another one."""
    return [one for one in keys if not any(one != other and one.startswith(other) for other in keys)]


def _compare(slot: int, spelled: str, name: str) -> _Near | None:
    """Cost of reading `spelled` as `name`, relative to the telling length of the name; `None`: another place."""
    segment, before, after = spelled, "", ""
    if len(spelled) > len(name) + 1:  # something unrecognised stands around the name
        alignment = fuzz.partial_ratio_alignment(name, spelled)
        if alignment is None:
            return None
        start, end = alignment.dest_start, alignment.dest_end
        segment, before, after = spelled[start:end], spelled[:start], spelled[end:]
    if names.ordinals(after) and names.without_phase(name + after) != name:
        return None  # 东花市大街|2号 is a house in the street, not the community named after it
    cost = names.difference(segment, name)
    length = names.telling_length(name)
    if cost is None or cost > _MAX_RELATIVE_COST * length:
        return None
    has_number = name[-1:] in ("号", "弄")
    return _Near(slot, cost, min(len(before), 10), min(len(after), 6), length, has_number)

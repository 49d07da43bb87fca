"""The community dictionary in memory: found by its exact names, by what one slip leaves of them, by sound and initials.

Changed in place by the reference view between batches; a change costs some ten microseconds and never a rebuild. A
look-up follows the signs of a written name (itself, without its ending or phase, with one character left out, its
syllables, its initials) to the few entries that share one. Where none is near enough, the rarest pairs of characters
lead to at most `_POSTINGS` entries. All lists are cut off, so no input, however long or common, can stall it.
"""

import heapq
import math
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from schemas.domain.divisions import County, Divisions
from schemas.domain.normalise import normalise
from schemas.domain.pinyin import initials_variants
from schemas.events import Community
from streams.enrichment import names
from streams.enrichment.chains import Chains
from streams.enrichment.chances import Evidence, Path, shares
from streams.enrichment.likeness import NO_SLIPS, Likeness, compare

_POSTINGS = 1000
_COMPARED = 24
_BY_GRAMS = 12
_FUZZY_HEADS = 3
_NEAR_ENOUGH = 1.2  # one slip: no other way of looking will find anything nearer
_SHORTEST_INITIALS = 3
_OTHER_ENDING = 0.9  # in characters: as bad as one mistyped
_BELONGS = 3  # characters: 融创外滩|188, 城市广场|B座

# What a sign is, written before it: one text may be the name of one community and the core of another.
_PHASE_LEFT_OUT = "phase"
_STREETS = frozenset("路街道巷同条里弄村")
_NAME, _ALIAS, _CORE, _WHOLE, _NEAR, _SOUND, _INITIALS = "nacwxsi"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A community as the index keeps it. `county` is `None` where the file's district is no county (亦庄开发区)."""

    community: Community
    province: str
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
    left_over: int = 0  # characters written around the name that nothing accounts for


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Where a name is looked for: stated province and city, what the stated district may be, and the branch's city."""

    province: str | None = None
    city: str | None = None
    counties: frozenset[str] = frozenset()
    hint_city: str | None = None


@dataclass(frozen=True, slots=True)
class _Reading:
    """The key of one reading, and what it leaves out of the longest one."""

    key: str
    before: str
    after: str


class CommunityIndex:
    """Communities by id and by any spelling of their name. Not thread-safe: it belongs to one stage."""

    def __init__(self, divisions: Divisions) -> None:
        self._divisions = divisions
        self._entries: list[Entry | None] = []
        self._slots: dict[str, int] = {}
        self._free: list[int] = []
        self._signs = Chains()
        self._postings: defaultdict[tuple[str, str], array[int]] = defaultdict(_no_slots)
        self._characters: Counter[str] = Counter()
        self._sources: Counter[str] = Counter()
        self._learned: defaultdict[str, dict[str | None, str]] = defaultdict(dict)

    def __len__(self) -> int:
        return len(self._slots)

    def get(self, community_id: str) -> Entry | None:
        """The community of that id, or `None`."""
        slot = self._slots.get(community_id)
        return None if slot is None else self._entries[slot]

    def get_at(self, slot: int) -> Entry:
        """The entry of a slot that `candidates` named. Raises LookupError for an empty one."""
        entry = self._entries[slot]
        if entry is None:
            raise LookupError(f"slot {slot} of the community index is empty but still listed")
        return entry

    @property
    def sources(self) -> tuple[str, ...]:
        """Who delivered the communities; `""` for those that do not say."""
        return tuple(self._sources)

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
        for sign in _signs(entry):
            self._signs.add(sign, slot)
        for place in self._places(entry):
            place.append(slot)
        self._characters.update(set(entry.key))
        self._sources[community.source] += 1

    def remove(self, community_id: str) -> None:
        """Forget a community; harmless when it is not there."""
        slot = self._slots.pop(community_id, None)
        entry = self._entries[slot] if slot is not None else None
        if slot is None or entry is None:
            return
        for sign in _signs(entry):
            self._signs.remove(sign, slot)
        for place in self._places(entry):
            place.remove(slot)
        self._characters.subtract(set(entry.key))
        source = entry.community.source
        self._sources[source] -= 1
        if not self._sources[source]:
            del self._sources[source]
        self._entries[slot] = None
        self._free.append(slot)

    def find(  # noqa: PLR0913 -- all that is said of where to look, keyword-only
        self,
        heads: Sequence[str],
        *,
        city: str | None,
        province: str | None = None,
        counties: Iterable[County] = (),
        hint_city: str | None = None,
        doubtful: Sequence[str] = (),
        limit: int = 5,
    ) -> tuple[Match, ...]:
        """The communities that the readings of a name may mean, the likeliest first; empty: not in the dictionary.

        Args:
            heads: Normalised readings, the likeliest first, as `parse` gives them.
            city: Full name of the stated city; `None` searches all cities of the province.
            province: Full name of the stated province; `None` searches all provinces.
            counties: What the stated district may be; agreeing raises, disagreeing lowers the probability.
            hint_city: The branch's city, full name: likelier than others where no city is stated, nothing else. One
                outside the stated province says nothing.
            doubtful: Further readings, looked at where `heads` lead to nothing sure.
            limit: How many at most.
        """
        same_ground = self._divisions.overlaps
        codes = frozenset(code for one in counties for code in (one.code, *same_ground.get(one.code, ())))
        says_something = city is None and hint_city is not None and self._is_of(hint_city, province)
        where = Where(province=province, city=city, counties=codes, hint_city=hint_city if says_something else None)
        return self.matches(self.candidates(heads, where, doubtful))[:limit]

    def find_exact(self, heads: Sequence[str], *, limit: int = 5) -> tuple[Match, ...]:
        """The communities of any city that carry one of the names, spelled as the dictionary or an alias has it."""
        return self.matches(list(self._exact(self._readings(heads), Where()).items()))[:limit]

    def matches(self, candidates: Sequence[tuple[int, Evidence]]) -> tuple[Match, ...]:
        """Candidates with their chances, the likeliest first; of equal ones in the order of their ids."""
        chances = shares([evidence for _, evidence in candidates])
        found = [
            Match(
                entry=self.get_at(slot),
                probability=round(chance, 4),
                matched_by=evidence.path.value,
                left_over=evidence.before + evidence.after,
            )
            for (slot, evidence), chance in zip(candidates, chances, strict=True)
        ]
        return tuple(sorted(found, key=lambda match: (-match.probability, match.entry.community.community_id)))

    def candidates(
        self, heads: Sequence[str], where: Where, doubtful: Sequence[str] = ()
    ) -> list[tuple[int, Evidence]]:
        """The slots worth weighing, with what speaks for each."""
        readings = self._readings(heads)
        found = self._exact(readings, where)
        if any(map(_is_sure, found.values())):
            return list(found.items())
        known = {reading.key for reading in readings}
        unsure = [reading for reading in self._readings(doubtful, heads) if reading.key not in known]
        for slot, evidence in self._exact(unsure, where).items():
            found.setdefault(slot, replace(evidence, is_doubtful=True))
        fuzzy = _distinct(readings)[:_FUZZY_HEADS]
        similar = self._similar(fuzzy, where) | self._by_initials([*readings, *unsure], where)
        if not found and not any(one.likeness.cost <= _NEAR_ENOUGH for one in similar.values()):
            similar |= self._further([*fuzzy, *_distinct(unsure)][:_FUZZY_HEADS], where)
        for slot, evidence in similar.items():
            exact = found.get(slot)
            if exact is None or _badness_of(evidence) < _badness_of(exact):
                found[slot] = evidence
        return heapq.nsmallest(_COMPARED, found.items(), key=lambda item: (item[1].likeness.cost, item[0]))

    def _readings(self, heads: Sequence[str], of: Sequence[str] = ()) -> list[_Reading]:
        """The readings that say anything, or that are a name as they stand (花园新区), within the longest `of` them."""
        keys = list(dict.fromkeys(map(names.key_of_normalised, heads)))
        whole = _whole(list(map(names.key_of_normalised, of)) or keys)
        return [
            _reading(spelled, whole)
            for spelled in keys
            if names.is_telling(spelled) or _as_initials(spelled) or self._signs.find(_NAME + spelled)
        ]

    # ---- learned aliases ------------------------------------------------------------------------------------------

    def put_alias(self, alias: str, community_id: str, city: str | None) -> None:
        """From now on `alias` means that community in `city` (`None`: anywhere), known already or not yet."""
        self._learned[names.key(alias)][city] = community_id

    def remove_alias(self, alias: str, city: str | None) -> None:
        """Forget a learned alias; harmless when it is not there."""
        spelled = names.key(alias)
        self._learned[spelled].pop(city, None)
        if not self._learned[spelled]:
            del self._learned[spelled]

    def _learned_slots(self, spelled: str) -> list[int]:
        if spelled not in self._learned:
            return []
        means = self._learned[spelled].items()
        found = ((city, self._slots.get(community_id)) for city, community_id in means)
        return [slot for city, slot in found if slot is not None and city in {None, self.get_at(slot).city}]

    # ---- exact --------------------------------------------------------------------------------------------------

    def _exact(self, readings: Sequence[_Reading], where: Where) -> dict[int, Evidence]:
        """Of each spelling the surest path; nothing less sure once a name agrees with the stated district."""
        found: dict[int, Evidence] = {}
        for look_up in (self._by_name, self._by_alias, self._by_core, self._by_phase):
            for reading in readings:
                for slot, path, ending in look_up(reading.key):
                    if slot not in found and self._is_in(slot, where):
                        like = Likeness(NO_SLIPS, 0.0, names.telling_length(self.get_at(slot).key))
                        found[slot] = self._evidence(slot, path, like, where, reading, ending)
                if any(one.district >= 0 for one in found.values()):
                    return found
        return found

    def _by_name(self, spelled: str) -> Iterator[tuple[int, Path, str]]:
        for slot in self._signs.find(_NAME + spelled):
            yield slot, Path.NAME, ""

    def _by_alias(self, spelled: str) -> Iterator[tuple[int, Path, str]]:
        for slot in (*self._learned_slots(spelled), *self._signs.find(_ALIAS + spelled)):
            yield slot, Path.ALIAS, ""

    def _by_core(self, spelled: str) -> Iterator[tuple[int, Path, str]]:
        stem = names.core(spelled)
        for slot in self._signs.find(_CORE + stem):
            yield slot, Path.CORE, _ending(spelled, stem, self.get_at(slot))
        for slot in self._signs.find(_CORE + spelled) if stem != spelled else ():
            yield slot, Path.CORE, "known"  # 翠苑花园 written, 翠苑花园小区 known

    def _by_phase(self, spelled: str) -> Iterator[tuple[int, Path, str]]:
        whole = names.without_phase(spelled)
        for slot in self._signs.find(_WHOLE + spelled):
            yield slot, Path.PHASE_MISSING, ""
        if whole is not None:
            for look_up in (self._by_name, self._by_alias, self._by_core):
                for slot, _, ending in look_up(whole):
                    yield slot, Path.PHASE_ADDED, ending

    # ---- fuzzy --------------------------------------------------------------------------------------------------

    def _similar(self, readings: Sequence[_Reading], where: Where) -> dict[int, Evidence]:
        """Entries one slip away from a reading, or of the same sound."""
        best: dict[int, Evidence] = {}
        for reading in readings:
            for slot in self._sharing_signs(reading.key, where):
                self._weigh(slot, reading, where, best)
        return best

    def _further(self, readings: Sequence[_Reading], where: Where) -> dict[int, Evidence]:
        """Entries that share rare pairs of characters with a reading."""
        best: dict[int, Evidence] = {}
        for reading in readings:
            for slot in self._sharing_grams(reading.key, where):
                self._weigh(slot, reading, where, best)
        return best

    def _by_initials(self, readings: Sequence[_Reading], where: Where) -> dict[int, Evidence]:
        best: dict[int, Evidence] = {}
        for reading in readings:
            letters = _as_initials(reading.key)
            like = Likeness(NO_SLIPS, 0.0, len(letters))
            for slot in self._found(_INITIALS + letters, where)[:_COMPARED] if letters else ():
                best.setdefault(slot, self._evidence(slot, Path.INITIALS, like, where, reading))
        return best

    def _weigh(self, slot: int, reading: _Reading, where: Where, best: dict[int, Evidence]) -> None:
        """Compare an entry by all its spellings; keep the nearest reading of it."""
        entry = self.get_at(slot)
        for name in (entry.key, *entry.aliases):
            for written, known, ending in _pairs(reading.key, name):
                like = compare(written, known)
                if like is not None and (
                    slot not in best or _badness(like, ending) < _badness(best[slot].likeness, best[slot].ending)
                ):
                    best[slot] = self._evidence(slot, Path.SIMILAR, like, where, reading, ending)

    def _sharing_signs(self, spelled: str, where: Where) -> list[int]:
        """The entries one slip away from a key, with or without its ending and phase, and those that sound like it."""
        found: dict[int, None] = {}
        for variant in _variants(spelled):
            for sign in (variant, *sorted(names.shortened(variant))):
                found.update(dict.fromkeys(self._found(_NEAR + sign, where)))
            found.update(dict.fromkeys(self._found(_SOUND + names.sounds(variant), where)))
        return list(found)[:_COMPARED]

    def _found(self, sign: str, where: Where) -> list[int]:
        slots = self._signs.find(sign)
        return [slot for slot in slots if self._is_in(slot, where)] if slots else slots

    def _sharing_grams(self, spelled: str, where: Where) -> list[int]:
        """The entries that share most of the rarest pairs of characters with a key."""
        city = where.city or ""
        lists = [postings for gram in sorted(names.grams(spelled)) if (postings := self._postings.get((city, gram)))]
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
        there = (slot for slot in weights if self._is_in(slot, where))
        return heapq.nlargest(_BY_GRAMS, there, key=lambda slot: (weights[slot], -slot))

    # ---- evidence -----------------------------------------------------------------------------------------------

    def _is_in(self, slot: int, where: Where) -> bool:
        if where.city is not None:
            return self.get_at(slot).city == where.city
        return where.province is None or self.get_at(slot).province == where.province

    def _is_of(self, city: str, province: str | None) -> bool:
        return province is None or self._divisions.cities.get(city, (province, city))[0] == province

    def _evidence(
        self, slot: int, path: Path, like: Likeness, where: Where, reading: _Reading, ending: str = ""
    ) -> Evidence:
        entry = self.get_at(slot)
        known = bool(where.counties) and entry.county is not None
        agrees = entry.county is not None and entry.county.code in where.counties
        after = like.after + reading.after
        if not ending and names.is_ending(after):
            ending, after = "written", ""  # 金臣别墅|社区
        has_phase = names.is_phase(after) or ending == _PHASE_LEFT_OUT
        return Evidence(
            path=path,
            likeness=like,
            before=names.unexplained_before(reading.before + like.before),
            after=names.unexplained_after(after),
            leaves_house=names.is_house(after),
            is_street=entry.key[-1:] in _STREETS,
            has_phase=has_phase,
            has_sisters=(has_phase or path is Path.PHASE_ADDED) and self._has_phases(entry),
            ending="" if ending == _PHASE_LEFT_OUT else ending,
            types=(names.says_a_type(_ending_of(reading.key)), names.says_a_type(_ending_of(entry.key))),
            district=(1 if agrees else -1) if known else 0,
            city_stated=where.city is not None,
            hint=0 if where.hint_city is None else 1 if entry.city == where.hint_city else -1,
            is_house_number=entry.key[-1:] in {"号", "弄"},
            known_pairs=tuple(len(self._postings.get(("", pair), ())) for pair in sorted(like.new_pairs)),
            known_characters=tuple(self._characters[character] for character in like.new_characters),
            digits=len(names.ordinals(entry.key)),
        )

    def _has_phases(self, entry: Entry) -> bool:
        """Whether the dictionary knows phases of a community beside the whole of it."""
        return any(self.get_at(slot).city == entry.city for slot in self._signs.find(_WHOLE + entry.key))

    # ---- upkeep -------------------------------------------------------------------------------------------------

    def _entry(self, community: Community) -> Entry:
        city = self._divisions.city(community.city) or community.city
        stated = self._divisions.provinces.get(community.province, community.province)
        return Entry(
            community=community,
            province=self._divisions.cities.get(city, (stated, city))[0],
            city=city,
            county=self._divisions.county(city, community.district),
            key=names.key(community.name),
            aliases=tuple(dict.fromkeys(spelled for alias in community.aliases if (spelled := names.key(alias)))),
        )

    def _places(self, entry: Entry) -> "Iterator[array[int]]":
        """Every posting list that holds the entry's slot."""
        for gram in {gram for name in (entry.key, *entry.aliases) for gram in names.grams(name)}:
            yield self._postings[("", gram)]
            yield self._postings[(entry.city, gram)]


def _no_slots() -> "array[int]":
    return array("i")


def _signs(entry: Entry) -> set[str]:
    """Every sign an entry is found under."""
    found = {_NAME + entry.key, *(_ALIAS + alias for alias in entry.aliases), _CORE + names.core(entry.key)}
    whole = names.without_phase(entry.key)
    if whole is not None:
        found.add(_WHOLE + whole)
    for name in (entry.key, *entry.aliases):
        for variant in {name, names.core(name)}:
            found.add(_SOUND + names.sounds(variant))
            found.update(_NEAR + sign for sign in (variant, *names.shortened(variant)))
    for name in (entry.community.name, *entry.community.aliases):
        found.update(_INITIALS + letters for letters in _initials(name))
    return found


def _initials(name: str) -> set[str]:
    """Initials of a name as it is written (嘉园二里, 18号院) and as it is compared, without its ending too."""
    written = normalise(name).replace("(", "").replace(")", "")
    spelled = names.key_of_normalised(written)
    return {letters for text in (written, spelled, names.core(spelled)) for letters in initials_variants(text)}


def _variants(spelled: str) -> tuple[str, ...]:
    whole = names.without_phase(spelled) or spelled
    return tuple(dict.fromkeys((spelled, names.core(spelled), whole, names.core(whole))))


def _pairs(spelled: str, name: str) -> Iterator[tuple[str, str, str]]:
    """Pairs to compare: as they stand, and without their endings; with who has an ending the other has not."""
    yield spelled, name, ""
    stem, known = names.core(spelled), names.core(name)
    if (stem != spelled or known != name) and names.is_telling(stem) and names.is_telling(known):
        ending, other = spelled.removeprefix(stem), name.removeprefix(known)
        yield stem, known, "" if ending == other else "both" if ending and other else "written" if ending else "known"
    whole = names.without_phase(spelled)
    if whole is not None and names.without_phase(name) is None:
        yield whole, name, _PHASE_LEFT_OUT


def _ending_of(spelled: str) -> str:
    return spelled.removeprefix(names.core(spelled))


def _ending(spelled: str, stem: str, entry: Entry) -> str:
    if spelled == stem:
        return "known" if entry.key != stem else ""
    return "both" if entry.key != stem else "written"


def _as_initials(spelled: str) -> str:
    """The key as the initials of a name (WJXY3Q); empty where it cannot be."""
    letters = spelled.lower()
    is_one = len(letters) >= _SHORTEST_INITIALS and letters.isascii() and letters.isalnum() and not letters.isdigit()
    return letters if is_one else ""


def _is_sure(one: Evidence) -> bool:
    """Whether nothing nearer can be found: the whole of what is written is the name, but for a generic ending."""
    if one.district < 0 or one.after or one.has_phase:
        return False
    return one.path in {Path.NAME, Path.ALIAS} or (one.path is Path.CORE and one.ending != "both" and not one.before)


def _badness(like: Likeness, ending: str) -> float:
    """罗马家园 is 罗马嘉园 mistyped rather than 罗马 with another ending."""
    return like.badness + (_OTHER_ENDING if ending == "both" else 0.0)


def _badness_of(one: Evidence) -> float:
    return _badness(one.likeness, one.ending) + 0.1 * (one.before + one.after)


def _distinct(readings: Sequence[_Reading]) -> list[_Reading]:
    """Without readings that only add a unit to the end of another one; a short number may belong to the name."""
    keys = [reading.key for reading in readings]
    return [one for one in readings if not any(_adds_a_unit(one.key, other) for other in keys)]


def _adds_a_unit(key: str, other: str) -> bool:
    return key.startswith(other) and len(key) > len(other) + _BELONGS


def _whole(keys: Sequence[str]) -> str:
    """The reading that a name has to account for: the first, without a shortened county that may begin it."""
    first = keys[0] if keys else ""
    for other in keys[1:2]:
        if first.endswith(other) and names.unexplained_before(first.removesuffix(other)):
            return other
    return first


def _reading(spelled: str, whole: str) -> _Reading:
    at = whole.rfind(spelled)  # 白塘路249号|白塘路249号院: the road comes first, the name after it
    if at >= 0:
        return _Reading(spelled, whole[:at], whole[at + len(spelled) :])
    missing = 0 if whole in spelled else max(0, len(whole) - len(spelled))
    return _Reading(spelled, "", "?" * missing)  # without the brackets in the middle

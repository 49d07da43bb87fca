"""An immutable part of the index: some communities, with every beginning by which they may be found.

New data becomes a new small segment; neighbours of like size are merged. Only `alive` changes: a community that came
anew, or left, is dead in the older segments.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2
from typing import Final

import numpy as np
import numpy.typing as npt

from producers.gateway.suggestions.highlight import spoken_forms
from producers.gateway.suggestions.keys import (
    CHARACTERS,
    LETTERS,
    Alphabet,
    Codes,
    Keys,
    character_codes,
    letter_codes,
    packed,
    sorted_keys,
)
from producers.gateway.suggestions.texts import Texts
from schemas.domain.normalise import normalise
from schemas.domain.pinyin import initials_variants, syllables

_SHORTEST_INSIDE: Final = 2  # the last character of a name tells nothing: half of them end in 园 or 苑
_LONGEST: Final = 63  # of a name; what is longer is cut in the index, not on the screen
_MOST_WEIGHT: Final = 4095


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A community to be found. `own` are its name and the dictionary's aliases, `confirmed` what people call it.

    By what is `unshown` it is found, too, but nobody sees that.
    """

    community_id: str
    own: tuple[str, ...]
    place: int
    weight: int
    confirmed: tuple[str, ...] = ()
    unshown: tuple[str, ...] = ()

    @property
    def spellings(self) -> tuple[str, ...]:
        """All of them, the name first."""
        return (*self.own, *self.confirmed, *self.unshown)


def weight_of(households: int | None) -> int:
    """How likely a community is meant: with the logarithm of its households, 0 where they are not known."""
    return min(_MOST_WEIGHT, round(256 * log2(1 + max(households or 0, 0))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Communities are rows; a row's spellings are `first[row]` to `first[row + 1]`, its name the first of them.

    The first `own[row]` of them are the dictionary's; the first `shown[row]` may be shown.
    """

    ids: Texts
    id_hashes: npt.NDArray[np.int64]  # sorted; `by_hash` are the rows in that order
    by_hash: npt.NDArray[np.int32]
    spellings: Texts
    first: npt.NDArray[np.int32]
    own: npt.NDArray[np.uint8]
    shown: npt.NDArray[np.uint8]
    place: npt.NDArray[np.uint32]
    weight: npt.NDArray[np.uint16]
    row_of: npt.NDArray[np.int32]  # of each spelling
    alive: npt.NDArray[np.bool_]
    characters: Keys
    sounds: Keys
    initials: Keys

    def __len__(self) -> int:
        return len(self.ids)

    def row_with(self, community_id: str) -> int | None:
        """The living row of a community; `None` when it is not in here."""
        wanted = hash(community_id)
        at = int(np.searchsorted(self.id_hashes, wanted))
        while at < len(self.id_hashes) and self.id_hashes[at] == wanted:
            row = int(self.by_hash[at])
            if self.alive[row] and self.ids[row] == community_id:
                return row
            at += 1
        return None

    def is_name(self, spelling: int) -> bool:
        """Whether it is the name of a living community, not one of its aliases."""
        row = int(self.row_of[spelling])
        return bool(self.alive[row]) and spelling == int(self.first[row])

    def kill(self, community_ids: Sequence[str]) -> None:
        """Strike these communities out, those that are here."""
        wanted = np.array([hash(community_id) for community_id in community_ids], np.int64)
        at = np.minimum(np.searchsorted(self.id_hashes, wanted), len(self.id_hashes) - 1)
        for index in np.flatnonzero(self.id_hashes[at] == wanted).tolist():
            row = self.row_with(community_ids[index])
            if row is not None:
                self.alive[row] = False

    def row(self, row: int) -> Row:
        """A row as it was put in."""
        start, end = int(self.first[row]), int(self.first[row + 1])
        spellings = tuple(self.spellings[index] for index in range(start, end))
        own, shown = int(self.own[row]), int(self.shown[row])
        return Row(
            community_id=self.ids[row],
            own=spellings[:own],
            confirmed=spellings[own:shown],
            unshown=spellings[shown:],
            place=int(self.place[row]),
            weight=int(self.weight[row]),
        )


def segment_of(rows: Sequence[Row]) -> Segment:
    """Build a segment; about 50 µs a community."""
    spelled = [(number, row, text) for number, row in enumerate(rows) for text in row.spellings]
    counts = [len(row.spellings) for row in rows]
    texts = [normalise(text)[:_LONGEST] for _, _, text in spelled]
    columns = _Columns(
        place=np.array([row.place for _, row, _ in spelled], np.uint32),
        rank=np.array([_rank(row.weight, text) for (_, row, _), text in zip(spelled, texts, strict=True)], np.uint32),
    )
    spoken = [[form[:_LONGEST] for form in spoken_forms(text)] for _, _, text in spelled]
    ids = Texts.of(row.community_id for row in rows)
    hashes = np.array([hash(row.community_id) for row in rows], np.int64)
    order = np.argsort(hashes, kind="stable")
    return Segment(
        ids=ids,
        id_hashes=hashes[order],
        by_hash=order.astype(np.int32),
        spellings=Texts.of(text for _, _, text in spelled),
        first=np.concatenate((np.zeros(1, np.int32), np.cumsum(counts, dtype=np.int32))),
        own=np.array([len(row.own) for row in rows], np.uint8),
        shown=np.array([len(row.own) + len(row.confirmed) for row in rows], np.uint8),
        place=np.array([row.place for row in rows], np.uint32),
        weight=np.array([row.weight for row in rows], np.uint16),
        row_of=np.array([number for number, _, _ in spelled], np.int32),
        alive=np.ones(len(rows), np.bool_),
        characters=columns.tails(texts),
        sounds=columns.variants([["".join(syllables(form)) for form in forms] for forms in spoken]),
        initials=columns.variants([[text for form in forms for text in initials_variants(form)] for forms in spoken]),
    )


def _rank(weight: int, text: str) -> int:
    """Heavier first, then shorter. The highest bit is kept for what lies inside a name."""
    return (_MOST_WEIGHT - weight) << 8 | min(len(text), 255)


_INSIDE: Final = np.uint32(1 << 31)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Columns:
    """Place and rank of each spelling, from which the columns of its keys are made."""

    place: npt.NDArray[np.uint32]
    rank: npt.NDArray[np.uint32]

    def tails(self, texts: Sequence[str]) -> Keys:
        """Keys of every text, one a spelling, and of its tails: what lies inside a name is the beginning of a tail."""
        lengths = np.array([len(text) for text in texts], np.int64)
        ends = np.cumsum(lengths)
        owner = np.repeat(np.arange(len(texts)), lengths)
        starts = np.arange(len(owner))
        is_inside = starts != (ends - lengths)[owner]
        kept = ~is_inside | (ends[owner] - starts >= _SHORTEST_INSIDE)
        codes = character_codes("".join(texts))
        return self._sorted(CHARACTERS, codes, starts[kept], ends[owner[kept]], owner[kept], is_inside[kept])

    def variants(self, texts: Sequence[Sequence[str]]) -> Keys:
        """Keys of what is typed by sound, of which a spelling may have several."""
        lengths = np.array([len(text) for variants in texts for text in variants], np.int64)
        owner = np.repeat(np.arange(len(texts)), [len(variants) for variants in texts])
        codes = letter_codes("".join(text for variants in texts for text in variants))
        ends = np.cumsum(lengths)
        return self._sorted(LETTERS, codes, ends - lengths, ends, owner, np.zeros(len(owner), np.bool_))

    def _sorted(
        self,
        alphabet: Alphabet,
        codes: Codes,
        starts: npt.NDArray[np.int64],
        ends: npt.NDArray[np.int64],
        owner: npt.NDArray[np.int64],
        is_inside: npt.NDArray[np.bool_],
    ) -> Keys:
        high, low = packed(alphabet, codes, starts, ends)
        rank = self.rank[owner] | np.where(is_inside, _INSIDE, np.uint32(0))
        return sorted_keys(
            alphabet, high=high, low=low, owner=owner.astype(np.int32), rank=rank, place=self.place[owner]
        )


def merged(one: Segment, other: Segment) -> Segment:
    """The living rows of both, `one` first."""
    left, right = _living(one), _living(other)
    ids = left.ids.followed_by(right.ids)
    hashes = np.concatenate((left.hashes, right.hashes))
    order = np.argsort(hashes, kind="stable")
    rows, spellings = len(left.ids), len(left.spellings)
    counts = np.concatenate((left.counts, right.counts))
    return Segment(
        ids=ids,
        id_hashes=hashes[order],
        by_hash=order.astype(np.int32),
        spellings=left.spellings.followed_by(right.spellings),
        first=np.concatenate((np.zeros(1, np.int32), np.cumsum(counts, dtype=np.int32))),
        own=np.concatenate((left.own, right.own)),
        shown=np.concatenate((left.shown, right.shown)),
        place=np.concatenate((left.place, right.place)),
        weight=np.concatenate((left.weight, right.weight)),
        row_of=np.concatenate((left.row_of, right.row_of + np.int32(rows))),
        alive=np.ones(len(ids), np.bool_),
        characters=_joined(left.keys[0], right.keys[0], spellings),
        sounds=_joined(left.keys[1], right.keys[1], spellings),
        initials=_joined(left.keys[2], right.keys[2], spellings),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Living:
    """What is left of a segment without its dead, numbered anew. `hashes` are in the order of rows."""

    ids: Texts
    hashes: npt.NDArray[np.int64]
    spellings: Texts
    counts: npt.NDArray[np.int32]
    own: npt.NDArray[np.uint8]
    shown: npt.NDArray[np.uint8]
    place: npt.NDArray[np.uint32]
    weight: npt.NDArray[np.uint16]
    row_of: npt.NDArray[np.int32]
    keys: tuple[Keys, Keys, Keys]


def _living(segment: Segment) -> _Living:
    alive = segment.alive.copy()
    spelled = alive[segment.row_of]
    row_number = np.cumsum(alive, dtype=np.int32) - np.int32(1)
    spelling_number = np.cumsum(spelled, dtype=np.int32) - np.int32(1)
    hashes = np.empty(len(segment), np.int64)
    hashes[segment.by_hash] = segment.id_hashes
    characters, sounds, initials = (
        _renumbered(keys, spelled, spelling_number) for keys in (segment.characters, segment.sounds, segment.initials)
    )
    return _Living(
        ids=segment.ids.kept(alive),
        hashes=hashes[alive],
        spellings=segment.spellings.kept(spelled),
        counts=np.diff(segment.first)[alive],
        own=segment.own[alive],
        shown=segment.shown[alive],
        place=segment.place[alive],
        weight=segment.weight[alive],
        row_of=row_number[segment.row_of[spelled]],
        keys=(characters, sounds, initials),
    )


def _renumbered(keys: Keys, spelled: npt.NDArray[np.bool_], number: npt.NDArray[np.int32]) -> Keys:
    kept = spelled[keys.owner]
    return Keys(
        alphabet=keys.alphabet,
        high=keys.high[kept],
        low=keys.low[kept],
        owner=number[keys.owner[kept]],
        rank=keys.rank[kept],
        place=keys.place[kept],
    )


def _joined(one: Keys, other: Keys, spellings: int) -> Keys:
    return sorted_keys(
        one.alphabet,
        high=np.concatenate((one.high, other.high)),
        low=np.concatenate((one.low, other.low)),
        owner=np.concatenate((one.owner, other.owner + np.int32(spellings))),
        rank=np.concatenate((one.rank, other.rank)),
        place=np.concatenate((one.place, other.place)),
    )

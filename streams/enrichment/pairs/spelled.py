"""An address as tokens that can be compared, each with its part in the address.

A number is one token, in digits however it was written (一号院, 01号院 → 1), and what counts buildings and floors is
written one way (3座, 3号楼 → 3幢; 3F, 3楼 → 3层). Levels are the tagger's; without one the rules cut the address.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from schemas.domain.divisions import divisions
from schemas.domain.normalise import normalise, number
from schemas.domain.pinyin import sound
from streams.enrichment.pairs.ground import Ground, ground
from streams.enrichment.parse import parse
from streams.enrichment.pieces import Piece, Tagger

ROLES: Final = {
    "division": ("prov", "city", "district"),
    "town": ("town", "devzone"),
    "village": ("community", "village_group"),
    "road": ("road", "subroad", "intersection"),
    "number": ("roadno", "subroadno"),
    "name": ("poi", "subpoi"),
    "unit": ("houseno", "cellno", "floorno", "roomno"),
    "rest": (),  # everything else: distances, remarks, what the tagger leaves out
}
"""What a piece does in an address, and the tagger's levels that do it."""

_ROLE_OF: Final = {level: role for role, levels in ROLES.items() for level in levels}
_TOKEN: Final = re.compile(r"[0-9]+|[A-Z]+|[〇零一二三四五六七八九十百]+|.", re.DOTALL)
_SIGNS: Final = frozenset("()-#")
_COUNTERS: Final = {"座": "幢", "房": "室", "F": "层", "楼": "层"}  # behind a number
_LEVELS_OF_RULES: Final = {
    "province": "prov",
    "building": "houseno",
    "unit": "cellno",
    "floor": "floorno",
    "room": "roomno",
    "number": "roadno",
}
_NAMED: Final = ("community", "village_group", "devzone", "poi", "subpoi")


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """`is_sign`: brackets, dashes: they part words and mean nothing by themselves."""

    text: str
    level: str
    role: str
    is_bracketed: bool

    @property
    def is_sign(self) -> bool:
        """Whether it only parts words."""
        return self.text in _SIGNS

    @property
    def is_number(self) -> bool:
        """Whether it is a number or a letter that numbers something (3, A)."""
        return self.text.isascii() and not self.is_sign


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelled:
    """An address, cut. `words` are the tokens without signs."""

    tokens: tuple[Token, ...]
    words: tuple[Token, ...]
    texts: tuple[str, ...]  # of all tokens
    sounds: tuple[str, ...]  # how they sound, without tones
    joined: str  # all words
    without_divisions: str
    outside: str  # words that stand in no bracket
    of_level: Mapping[str, str]
    last_name: str  # the last stretch of a name outside the brackets: what the address ends in
    names: str  # every piece that names something
    numbers: tuple[str, ...]
    numbers_of_role: Mapping[str, tuple[str, ...]]
    grams: tuple[frozenset[tuple[str, ...]], ...]  # of one, two and three tokens
    ground: Ground


def spell(addresses: Sequence[str], tagger: Tagger | None) -> list[Spelled]:
    """The addresses as they are compared. Never raises; an address of which nothing is readable has no token."""
    texts = [normalise(address) for address in addresses]
    pieces = tagger.pieces(texts) if tagger else [by_rules(text) for text in texts]
    return [spelled(text, of_text) for text, of_text in zip(texts, pieces, strict=True)]


def by_rules(text: str) -> tuple[Piece, ...]:
    """The pieces that rules alone see; what stands between them is taken for a name."""
    found, end = [], 0
    for part in parse(text, divisions()).parts:
        start = text.find(part.text, end)
        if start < 0:
            continue
        if start > end:
            found.append(Piece(level="poi", text=text[end:start], start=end, end=start))
        end = start + len(part.text)
        found.append(Piece(level=_LEVELS_OF_RULES.get(part.level, part.level), text=part.text, start=start, end=end))
    if end < len(text):
        found.append(Piece(level="poi", text=text[end:], start=end, end=len(text)))
    return tuple(found)


def spelled(text: str, pieces: Iterable[Piece]) -> Spelled:
    """A normalised address with its pieces."""
    tokens = _tokens(text, pieces)
    words = tuple(token for token in tokens if not token.is_sign)
    texts = tuple(token.text for token in tokens)
    numbered = tuple(token for token in words if token.is_number)
    levels = dict.fromkeys(token.level for token in words if token.level)
    return Spelled(
        tokens=tokens,
        words=words,
        texts=texts,
        sounds=tuple(map(_sound, texts)),
        joined="".join(token.text for token in words),
        without_divisions="".join(token.text for token in words if token.role != "division"),
        outside="".join(token.text for token in words if not token.is_bracketed),
        of_level={level: "".join(token.text for token in words if token.level == level) for level in levels},
        last_name=_last_name(tokens),
        names="".join(token.text for token in words if token.level in _NAMED),
        numbers=tuple(token.text for token in numbered),
        numbers_of_role={role: tuple(token.text for token in numbered if token.role == role) for role in ROLES},
        grams=tuple(frozenset(zip(*(texts[n:] for n in range(length)), strict=False)) for length in (1, 2, 3)),
        ground=ground(text),
    )


def _tokens(text: str, pieces: Iterable[Piece]) -> tuple[Token, ...]:
    levels = [""] * len(text)
    for piece in pieces:
        levels[piece.start : piece.end] = [piece.level] * (piece.end - piece.start)
    found: list[Token] = []
    depth = 0
    for match in _TOKEN.finditer(text):
        word, level = _canonical(match[0]), levels[match.start()]
        if word == "楼" and len(found) > 1 and found[-1].text == "号" and found[-2].is_number:
            word = "幢"  # 3号楼: one word with the 号 before it
            found.pop()
        elif word in _COUNTERS and found and found[-1].is_number:
            word = _COUNTERS[word]
        depth += word == "("
        role = _ROLE_OF.get(level, "rest")
        found.append(Token(text=word, level=level, role=role, is_bracketed=depth > 0))
        depth = max(0, depth - (word == ")"))
    return tuple(found)


def _canonical(word: str) -> str:
    if word.isascii() and word.isdigit():
        return word.lstrip("0") or "0"
    value = number(word) if word[0] in "〇零一二三四五六七八九十百" else None
    return word if value is None else str(value)


def _sound(word: str) -> str:
    return word if word.isascii() or len(word) > 1 else sound(word)


def _last_name(tokens: Sequence[Token]) -> str:
    is_name = [token.role == "name" and not token.is_bracketed for token in tokens]
    if True not in is_name:
        return ""
    end = len(is_name) - is_name[::-1].index(True)
    start = end - next((n for n, named in enumerate(is_name[end - 1 :: -1]) if not named), end)
    return "".join(token.text for token in tokens[start:end])

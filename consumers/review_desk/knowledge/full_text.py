"""Full-text search in Chinese without a parser for it: texts and queries become single characters and pairs of them.

PostgreSQL as it comes knows no Chinese words; the extensions that could help (pg_trgm, zhparser) are not to be had
everywhere. A text's `tsvector` holds each Chinese character, each pair of neighbours, and each word in
Latin letters or digits; a query asks for all of its pairs. What lies apart in the text and yet has all pairs is sorted
out afterwards by `contains`.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

_RUN: Final = re.compile(r"[\u3400-\u9fff]+|[0-9a-z.%/]+")
_MARKUP: Final = re.compile(r"[*#`]")  # of Markdown; an excerpt is plain text
_AROUND: Final = 24  # characters shown on each side of what was found


def normalised(text: str) -> str:
    """Full-width forms made plain, small letters."""
    return unicodedata.normalize("NFKC", text).casefold()


def terms(text: str) -> list[str]:
    """What a text is found by, sorted, each once."""
    found: set[str] = set()
    for run in _RUN.findall(normalised(text)):
        found.add(run) if run[0] < "\u3400" else found.update(run, _pairs(run))
    return sorted(found)


def query(text: str) -> str:
    """The `tsquery` for what was typed: everything in it must occur. Empty when nothing can be searched for."""
    wanted: list[str] = []
    for run in _RUN.findall(normalised(text)):
        pairs = [] if run[0] < "\u3400" else list(_pairs(run))
        wanted += pairs or [run]
    return " & ".join("'" + term.replace("\\", "\\\\").replace("'", "''") + "'" for term in dict.fromkeys(wanted))


def contains(text: str, typed: str) -> bool:
    """Whether each part of what was typed, as divided by blanks, occurs in the text as it stands."""
    plain = normalised(text)
    return all(part in plain for part in normalised(typed).split())


def excerpt(text: str, typed: str) -> str:
    """The place of the text where the first part of what was typed occurs; its beginning when it occurs nowhere."""
    plain, parts = " ".join(_MARKUP.sub("", text).split()), normalised(typed).split()
    at = normalised(plain).find(parts[0]) if parts else -1
    begin = max(0, at - _AROUND)
    end = max(at, 0) + (len(parts[0]) if parts else 0) + 2 * _AROUND
    return f"{'…' if begin else ''}{plain[begin:end]}{'…' if end < len(plain) else ''}"


def _pairs(run: str) -> Iterator[str]:
    return (run[n : n + 2] for n in range(len(run) - 1))

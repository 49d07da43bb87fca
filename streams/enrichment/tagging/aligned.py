"""The labels of an address in the normalised spelling that the stage gives to the tagger.

People label what was written (二十栋); the stage reads `20幢`. Training sees both.
"""

from difflib import SequenceMatcher

from schemas.domain.normalise import normalise
from streams.enrichment.tagging.labelled import LabelledAddress
from streams.enrichment.tagging.spans import OUTSIDE, Span, labels_of, spans
from streams.enrichment.tagging.tokens import tokenise


def normalised(address: LabelledAddress) -> LabelledAddress | None:
    """The same address and labels in the normalised spelling; `None` where the borders of a span are lost."""
    tokens = tokenise(normalise(address.text))
    if tuple(tokens) == address.tokens:
        return address
    tags = _tags(address)
    moved: list[str] = []
    spelled = [normalise(token) or token for token in address.tokens]  # what changed by itself is no difference
    matcher = SequenceMatcher(a=spelled, b=tokens, autojunk=False)
    for _, start, end, first, last in matcher.get_opcodes():
        if end - start == last - first:
            moved += tags[start:end]
        elif first == last:
            continue  # a stray mark is gone
        elif end > start and len(set(tags[start:end])) == 1:
            moved += [tags[start]] * (last - first)
        else:
            return None
    return LabelledAddress(split=address.split, tokens=tuple(tokens), labels=_labels(moved)) if tokens else None


def _tags(address: LabelledAddress) -> list[str]:
    """The number of its span and its tag, for every token; tokens of one span are alike, of two never."""
    found = [OUTSIDE] * len(address.tokens)
    for number, (start, end, tag) in enumerate(spans(address.labels)):
        found[start:end] = [f"{number} {tag}"] * (end - start)
    return found


def _labels(tags: list[str]) -> tuple[str, ...]:
    found: list[Span] = []
    start = 0
    for place in range(1, len(tags) + 1):
        if place == len(tags) or tags[place] != tags[start]:
            if tags[start] != OUTSIDE:
                found.append(Span(start, place, tags[start].partition(" ")[2]))
            start = place
    return labels_of(found, len(tags))

"""A multimap from texts to small numbers that stays compact: 12 bytes an entry, whatever the text.

A dict of lists costs ten times that for the several million signs under which 300,000 names are found. Here texts are
hashed into chains of entries in flat arrays. A text is recognised by its 64-bit hash alone: two texts fall together
once in 10^12 pairs, and whoever asks compares the names he is led to anyway.
"""

from array import array

_BITS = 22  # 16 MB; one entry a chain at 300,000 names; fixed, so that no change ever pauses for a rebuild
_HEADS = 1 << _BITS
_NONE = -1


class Chains:
    """Adding, removing and finding cost a microsecond. Entries of one text come newest first."""

    def __init__(self) -> None:
        self._heads = array("i", b"\xff" * (4 * _HEADS))
        self._following = array("i")
        self._marks = array("i")
        self._numbers = array("i")
        self._free = _NONE

    def add(self, text: str, number: int) -> None:
        """Put a number under a text. Adding it twice stores it twice."""
        hashed = hash(text)
        place, mark = hashed & (_HEADS - 1), (hashed >> _BITS) & 0x7FFFFFFF
        node = self._free
        if node == _NONE:
            self._following.append(self._heads[place])
            self._marks.append(mark)
            self._numbers.append(number)
            node = len(self._numbers) - 1
        else:
            self._free = self._following[node]
            self._following[node] = self._heads[place]
            self._marks[node] = mark
            self._numbers[node] = number
        self._heads[place] = node

    def remove(self, text: str, number: int) -> None:
        """Take a number from under a text, once; harmless when it is not there."""
        hashed = hash(text)
        place, mark = hashed & (_HEADS - 1), (hashed >> _BITS) & 0x7FFFFFFF
        before, node = _NONE, self._heads[place]
        while node != _NONE and not (self._numbers[node] == number and self._marks[node] == mark):
            before, node = node, self._following[node]
        if node == _NONE:
            return
        if before == _NONE:
            self._heads[place] = self._following[node]
        else:
            self._following[before] = self._following[node]
        self._following[node] = self._free
        self._free = node

    def find(self, text: str) -> list[int]:
        """The numbers under a text; empty when there are none."""
        hashed = hash(text)
        node = self._heads[hashed & (_HEADS - 1)]
        if node == _NONE:
            return []
        mark = (hashed >> _BITS) & 0x7FFFFFFF
        found = []
        while node != _NONE:
            if self._marks[node] == mark:
                found.append(self._numbers[node])
            node = self._following[node]
        return found

"""The last few of something, in the memory of one instance: a repeat is recognised here before anybody is asked."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Generic, TypeVar

V = TypeVar("V")


@dataclass(slots=True)
class Recent(Generic[V]):
    """By key, the oldest gives way. The first under a key stays."""

    capacity: int = 10_000
    _kept: OrderedDict[str, V] = field(default_factory=OrderedDict)

    def put(self, key: str, value: V) -> None:
        """Keep it, unless there is one under that key."""
        if key in self._kept:
            return
        self._kept[key] = value
        if len(self._kept) > self.capacity:
            self._kept.popitem(last=False)

    def get(self, key: str) -> V | None:
        """What is kept under the key."""
        return self._kept.get(key)

"""The last requests that one instance sent."""

from collections import OrderedDict
from dataclasses import dataclass, field

from schemas.codes import Action
from schemas.events import Requested


@dataclass(slots=True)
class Remembered:
    """The last requests sent by this instance: a repeat is answered at once, a clarification needs no look-up."""

    capacity: int = 10_000
    _requests: OrderedDict[str, Requested] = field(default_factory=OrderedDict)

    def put(self, requested: Requested) -> None:
        """Remember the first asking under its number; the oldest gives way."""
        if requested.action is not Action.VALUE or requested.valuation_id in self._requests:
            return
        self._requests[requested.valuation_id] = requested
        if len(self._requests) > self.capacity:
            self._requests.popitem(last=False)

    def forget(self, requested: Requested) -> None:
        """It was refused in favour of another under the same number."""
        if self._requests.get(requested.valuation_id) is requested:
            del self._requests[requested.valuation_id]

    def get(self, valuation_id: str) -> Requested | None:
        """The request, if it is remembered."""
        return self._requests.get(valuation_id)

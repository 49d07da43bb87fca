"""How often a pass is worth its while: the desk ticks each second, some of its passes only need every minute."""

from datetime import UTC, datetime, timedelta
from typing import Final

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class Pace:
    """Says when a pass is due again. The first time it is."""

    def __init__(self, every: timedelta) -> None:
        """`every`: the least time between two passes of this process."""
        self._every, self._last = every, _NEVER

    def is_due(self, now: datetime) -> bool:
        """Whether to do the pass now; then the next is due `every` later."""
        if now - self._last < self._every:
            return False
        self._last = now
        return True

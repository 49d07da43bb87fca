"""How long to wait for the next attempt, and when to give up."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from consumers.callbacks.endpoints import Mode

_JITTER = 0.25  # of each pause: callers that failed together do not come back together


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRules:
    """The first pause, doubled each time up to the longest one; given up after `give_up_after` in all.

    Raises `ValueError` if the pauses are not positive and in order.
    """

    first: timedelta
    longest: timedelta
    give_up_after: timedelta

    def __post_init__(self) -> None:
        if not timedelta(0) < self.first <= self.longest <= self.give_up_after:
            raise ValueError(
                f"pauses are longer than 0 and grow to the longest, not first {self.first}, longest {self.longest}, "
                f"give_up_after {self.give_up_after}"
            )


WEBHOOK_RETRIES = RetryRules(
    first=timedelta(seconds=5), longest=timedelta(minutes=10), give_up_after=timedelta(hours=24)
)
# A record lies on its topic until it is read: another copy helps only a reader that lost it.
TOPIC_RETRIES = RetryRules(first=timedelta(minutes=10), longest=timedelta(hours=4), give_up_after=timedelta(hours=24))


def pause(attempts: int, rules: RetryRules, draw: float) -> timedelta:
    """The pause after the `attempts`-th attempt failed (1 is the first); `draw` in [0, 1) shortens it by up to 25 %."""
    nominal = rules.first
    for _ in range(attempts - 1):
        if nominal >= rules.longest:
            break
        nominal = min(2 * nominal, rules.longest)
    return nominal * (1 - _JITTER * draw)


def awaited(mode: Mode | None, now: datetime) -> tuple[datetime | None, datetime | None]:
    """From when on something has to be done about what is told now, and when it is given up; `None`: nothing."""
    match mode:
        case Mode.WEBHOOK:
            return now, now + WEBHOOK_RETRIES.give_up_after
        case Mode.TOPIC_WITH_RECEIPT:
            return now + TOPIC_RETRIES.first, now + TOPIC_RETRIES.give_up_after
        case Mode.TOPIC | None:
            return None, None

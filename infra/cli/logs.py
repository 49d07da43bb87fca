"""How the processes of the house log: one line per event on standard error, its facts behind it."""

import logging
import sys

_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"
_OF_EVERY_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
# They tell every step of a start, a rebalance and a stop; what matters of it our own lines say.
_CHATTY = {
    "faust": logging.WARNING,
    "mode": logging.WARNING,
    "mode.timers": logging.ERROR,  # "timer is overlapping" on a busy machine
    "aiokafka": logging.WARNING,
    "streams.runtime.consumer": logging.WARNING,
    "httpx": logging.WARNING,  # a line for every request of ours
}


class WithFacts(logging.Formatter):
    """Appends what was given as `extra=`: `dead letters source=valuation.requests classes={'undecodable': 1}`."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the base class's name
        """See the base class."""
        facts = [f"{name}={value}" for name, value in vars(record).items() if name not in _OF_EVERY_RECORD]
        return " ".join((super().formatMessage(record), *facts))


def set_up() -> None:
    """Log to standard error from now on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(WithFacts(_FORMAT))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for name, level in _CHATTY.items():
        logging.getLogger(name).setLevel(level)

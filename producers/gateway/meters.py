"""What a gateway instance counts, for `/metrics`."""

from typing import Final

from infra.telemetry.metrics import Counter, Gauge, Metrics, Summary
from producers.gateway.board import AnswerBoard

ANSWERS: Final = "avm_gateway_answers_total"
SECONDS: Final = "avm_gateway_request_seconds"
SUGGESTING: Final = "avm_gateway_suggestion_seconds"
WAITERS: Final = "avm_gateway_waiting_callers"


class Meters:
    """Counts by HTTP status, times of valuations asked for, and callers waiting now."""

    def __init__(self, board: AnswerBoard) -> None:
        self._metrics = Metrics(room="gateway")
        self.answers = self._metrics.add(ANSWERS, Counter("status"), "Answers by HTTP status.")
        self.seconds = self._metrics.add(SECONDS, Summary(), "Seconds from a valuation's POST to its answer.")
        self.suggesting = self._metrics.add(SUGGESTING, Summary(), "Seconds to find suggestions for what was typed.")
        self._metrics.add(WAITERS, Gauge(lambda: board.waiters), "Callers waiting for a result now.")

    def text(self) -> str:
        """All of them in Prometheus' format."""
        return self._metrics.text()

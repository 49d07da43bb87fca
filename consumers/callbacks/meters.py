"""What the process counts, for `/metrics`. Labels are channels, outcomes and states: few, and never ids."""

from collections.abc import Callable, Mapping
from typing import Final

from infra.telemetry.metrics import Counter, LabelledGauge, Metrics, Summary

MADE: Final = "avm_callbacks_deliveries_total"
ATTEMPTS: Final = "avm_callbacks_attempts_total"
RECEIPTS: Final = "avm_callbacks_receipts_total"
PARKED_NOW: Final = "avm_callbacks_parked_deliveries"
PARKED: Final = "avm_callbacks_parked_total"
OPEN: Final = "avm_callbacks_open_deliveries"
OLDEST: Final = "avm_callbacks_oldest_open_seconds"
BREAKERS: Final = "avm_callbacks_breaker_open"
SECONDS: Final = "avm_callbacks_webhook_seconds"
RECONCILED: Final = "avm_callbacks_reconciliations_total"


class Meters:
    """Counters of one process, and what its tables say at the moment somebody looks (`watch`)."""

    def __init__(self) -> None:
        self._metrics = Metrics(room="callbacks")
        add = self._metrics.add
        self.made = add(MADE, Counter("channel"), "Deliveries made, by channel.")
        self.attempts = add(ATTEMPTS, Counter("outcome"), "Webhook attempts by outcome.")
        self.receipts = add(RECEIPTS, Counter("verdict"), "Receipts by what they came to.")
        self.parked = add(PARKED, Counter("channel"), "Deliveries given up, by channel.")
        self.seconds = add(SECONDS, Summary(), "Seconds of a webhook attempt.")
        self.reconciled = add(RECONCILED, Counter(), "Daily reconciliations made.")

    def watch(self, standing: Callable[[], Mapping[str, Mapping[str, float]]]) -> None:
        """Show `standing()`: metric name -> channel -> number, for the four gauges."""
        for name, says in _GAUGES.items():
            self._metrics.add(name, LabelledGauge("channel", _reader(standing, name)), says)

    def text(self) -> str:
        """All of them in Prometheus' format."""
        return self._metrics.text()


_GAUGES: Final = {
    OPEN: "Deliveries that a channel has not acknowledged.",
    OLDEST: "Age of the oldest of them.",
    PARKED_NOW: "Deliveries that were given up and wait for a person.",
    BREAKERS: "1 while a channel's endpoint is left alone.",
}


def _reader(standing: Callable[[], Mapping[str, Mapping[str, float]]], name: str) -> Callable[[], Mapping[str, float]]:
    return lambda: standing().get(name, {})

"""A few counters, gauges and rolling quantiles, readable as Prometheus text.

Small on purpose: the hot path pays one addition or one `deque.append`, and all sorting happens when someone looks.
Safe to read from another thread while the owner writes; each metric has one writing thread.
"""

from collections import Counter as Tally
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, TypeVar

QUANTILES: Final = (0.5, 0.95, 0.99)
_ROLLING: Final = 4096  # observations kept for quantiles: 40 s at 100/s, and sorted in about a millisecond
_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def _labelled(name: str, labels: Mapping[str, str]) -> str:
    if not labels:
        return name
    inside = ",".join(f'{key}="{value.translate(_ESCAPES)}"' for key, value in labels.items())
    return f"{name}{{{inside}}}"


class Counter:
    """Only grows. With a label, one number per value of it; label values must be few (classes, reasons), never ids."""

    def __init__(self, label: str | None = None) -> None:
        self._label = label
        self._counts: Tally[str] = Tally()

    def add(self, amount: int = 1, of: str = "") -> None:
        """Count `amount` more; `of` is the label's value."""
        self._counts[of] += amount

    @property
    def total(self) -> int:
        """Sum over all label values."""
        return sum(self._counts.copy().values())

    def by_label(self) -> dict[str, int]:
        """Count per label value."""
        return dict(self._counts)

    def samples(self, name: str) -> Iterator[tuple[str, float]]:
        """Yield the lines of this metric."""
        counts = self.by_label() or ({} if self._label else {"": 0})
        for value, count in sorted(counts.items()):
            yield _labelled(name, {self._label: value} if self._label else {}), count


class Gauge:
    """A number asked for when someone looks. `None` hides the line (nothing to say yet)."""

    def __init__(self, read: Callable[[], float | None]) -> None:
        self._read = read

    def samples(self, name: str) -> Iterator[tuple[str, float]]:
        """Yield the line of this metric, if it has a value."""
        value = self._read()
        if value is not None:
            yield name, value


class LabelledGauge:
    """A number per label value, asked for when someone looks."""

    def __init__(self, label: str, read: Callable[[], Mapping[str, float]]) -> None:
        self._label, self._read = label, read

    def samples(self, name: str) -> Iterator[tuple[str, float]]:
        """Yield one line per label value."""
        for value, number in sorted(self._read().items()):
            yield _labelled(name, {self._label: value}), number


class Summary:
    """Count and sum of everything, quantiles of the last few thousand observations."""

    def __init__(self) -> None:
        self.count = 0
        self.sum = 0.0
        self._recent: deque[float] = deque(maxlen=_ROLLING)

    def observe(self, value: float) -> None:
        """Take one observation."""
        self.count += 1
        self.sum += value
        self._recent.append(value)

    def observe_all(self, values: Iterable[float]) -> None:
        """Take several observations."""
        taken = list(values)
        self.count += len(taken)
        self.sum += sum(taken)
        self._recent.extend(taken)

    def quantiles(self) -> dict[float, float]:
        """Quantiles of recent observations; empty before the first."""
        ordered = sorted(self._recent.copy())
        if not ordered:
            return {}
        return {q: ordered[min(len(ordered) - 1, int(q * len(ordered)))] for q in QUANTILES}

    def samples(self, name: str) -> Iterator[tuple[str, float]]:
        """Yield quantiles, sum and count."""
        for quantile, value in self.quantiles().items():
            yield _labelled(name, {"quantile": str(quantile)}), value
        yield f"{name}_sum", self.sum
        yield f"{name}_count", self.count


Metric = Counter | Gauge | LabelledGauge | Summary
M = TypeVar("M", bound=Metric)
_KINDS: Final[Mapping[type[Metric], str]] = {
    Counter: "counter",
    Gauge: "gauge",
    LabelledGauge: "gauge",
    Summary: "summary",
}


class Metrics:
    """The metrics of one process, by name, with labels common to all of them (stage, lane)."""

    def __init__(self, **common: str) -> None:
        self._common = common
        self._metrics: dict[str, tuple[Metric, str]] = {}

    def add(self, name: str, metric: M, help_text: str) -> M:
        """Register `metric` under `name`; a second metric of the same name is a mistake and raises `ValueError`."""
        if name in self._metrics:
            message = f"metric {name} exists already"
            raise ValueError(message)
        self._metrics[name] = (metric, help_text)
        return metric

    def names(self) -> tuple[str, ...]:
        """Names registered so far."""
        return tuple(self._metrics)

    def text(self) -> str:
        """Everything in Prometheus' text format 0.0.4."""
        return "".join(f"{line}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        for name, (metric, help_text) in list(self._metrics.items()):
            yield f"# HELP {name} {help_text}"
            yield f"# TYPE {name} {_KINDS[type(metric)]}"
            for sample, value in metric.samples(name):
                yield f"{self._with_common(sample)} {value:.9g}"

    def _with_common(self, sample: str) -> str:
        name, brace, inside = sample.partition("{")
        common = _labelled("", self._common)[1:-1] if self._common else ""
        labels = ",".join(part for part in (common, inside.removesuffix("}") if brace else "") if part)
        return f"{name}{{{labels}}}" if labels else name

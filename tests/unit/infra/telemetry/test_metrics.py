"""Counters, gauges and rolling quantiles as Prometheus text."""

import json
import urllib.error
import urllib.request

import pytest

from infra.telemetry import names
from infra.telemetry.health import Health, HealthServer
from infra.telemetry.metrics import Counter, Gauge, LabelledGauge, Metrics, Summary


def test_a_counter_shows_zero_before_the_first_event_unless_it_has_a_label():
    metrics = Metrics()
    metrics.add("plain_total", Counter(), "h")
    metrics.add("by_class_total", Counter("class"), "h")
    assert "plain_total 0" in metrics.text().splitlines()
    assert not [line for line in metrics.text().splitlines() if line.startswith("by_class_total")]


def test_labels_are_common_ones_first_and_escaped():
    metrics = Metrics(stage="scoring")
    counter = metrics.add("dead_total", Counter("class"), "h")
    counter.add(2, of='a "quoted"\nclass')
    assert 'dead_total{stage="scoring",class="a \\"quoted\\"\\nclass"} 2' in metrics.text()
    assert counter.total == 2


def test_a_gauge_without_a_value_is_left_out():
    metrics = Metrics()
    metrics.add("age_seconds", Gauge(lambda: None), "h")
    metrics.add("size", Gauge(lambda: 3), "h")
    metrics.add("per_view", LabelledGauge("view", lambda: {"b": 2, "a": 1}), "h")
    samples = [line for line in metrics.text().splitlines() if not line.startswith("#")]
    assert samples == ["size 3", 'per_view{view="a"} 1', 'per_view{view="b"} 2']


def test_a_summary_gives_quantiles_sum_and_count():
    summary = Summary()
    assert summary.quantiles() == {}
    summary.observe_all(number / 100 for number in range(100))
    assert summary.quantiles() == {0.5: 0.5, 0.95: 0.95, 0.99: 0.99}
    assert (summary.count, round(summary.sum, 6)) == (100, 49.5)


def test_quantiles_forget_what_is_long_ago_but_sum_and_count_do_not():
    summary = Summary()
    summary.observe_all([100.0] * 10)
    summary.observe_all([1.0] * 5_000)
    assert summary.quantiles()[0.99] == 1.0
    assert summary.count == 5_010


def test_a_name_is_registered_once():
    metrics = Metrics()
    metrics.add("x", Counter(), "h")
    with pytest.raises(ValueError, match="exists"):
        metrics.add("x", Counter(), "h")


def test_telemetry_names_are_unique():
    values = [value for name, value in vars(names).items() if name.isupper()]
    assert len(values) == len(set(values))


def get(server: HealthServer, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_process_can_be_live_and_not_ready_and_says_why():
    state = Health(live=True, reasons=("reference data not loaded: reference.deals",), details={"stage": "scoring"})
    server = HealthServer(lambda: state, lambda: "x 1\n", port=0)
    server.start()
    try:
        assert get(server, "/live")[0] == 200
        status, body = get(server, "/health?verbose")
        assert status == 503
        assert json.loads(body) == {
            "ready": False,
            "live": True,
            "reasons": ["reference data not loaded: reference.deals"],
            "stage": "scoring",
        }
        assert get(server, "/metrics") == (200, "x 1\n")
        assert get(server, "/nothing")[0] == 404
    finally:
        server.stop()

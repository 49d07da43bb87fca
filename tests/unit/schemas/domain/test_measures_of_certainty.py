"""Curves, reliability, medians' intervals and the paired bootstrap, by hand."""

import numpy as np
import pytest

from schemas.domain.measures import fsd_check, median_interval, paired_bootstrap, reliability, risk_coverage


def test_a_risk_coverage_curve_takes_the_surest_first():
    errors, chances = [0.05, 0.2, 0.05, 0.2], [0.9, 0.2, 0.8, 0.7]
    assert risk_coverage(errors, chances, (0.25, 0.5, 0.75, 1.0)) == pytest.approx([1.0, 1.0, 2 / 3, 0.5])


def test_the_reliability_table_leaves_empty_bins_out():
    rows = reliability([0.91, 0.95, 1.0, 0.15], [True, True, False, False])
    assert [(row.n, row.forecast, row.observed) for row in rows] == [
        (1, 0.15, 0.0),
        (3, pytest.approx(2.86 / 3), pytest.approx(2 / 3)),
    ]
    assert rows[1].interval[0] < 2 / 3 < rows[1].interval[1]


def test_the_fsd_check_is_one_where_two_thirds_lie_within():
    rng = np.random.default_rng(1)
    log_error = 0.1 * rng.standard_normal(20_000)
    assert fsd_check(np.exp(log_error), np.ones(20_000), np.full(20_000, 0.1)) == pytest.approx(1, abs=0.02)
    assert fsd_check(np.exp(log_error), np.ones(20_000), np.full(20_000, 0.05)) == pytest.approx(2, abs=0.04)


def test_a_median_lies_in_its_interval_and_more_items_narrow_it():
    rng = np.random.default_rng(2)
    few, many = rng.standard_normal(40), rng.standard_normal(4_000)
    for values in (few, many):
        low, high = median_interval(values)
        assert low < np.median(values) < high
    assert np.ptp(median_interval(many)) < np.ptp(median_interval(few)) / 4
    assert median_interval([3.0, 1.0, 2.0]) == (1.0, 3.0)


def test_a_medians_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(3)
    drawn = [median_interval(rng.exponential(size=101)) for _ in range(1_000)]
    assert 0.93 < np.mean([low <= np.log(2) <= high for low, high in drawn]) < 0.98


def test_the_paired_bootstrap_finds_a_gain_and_no_gain():
    rng = np.random.default_rng(4)
    theirs, groups = rng.random(2_000) < 0.7, rng.integers(200, size=2_000)
    better = theirs | (rng.random(2_000) < 0.2)
    gain, (low, high) = paired_bootstrap(better, theirs, groups, seed=1)
    assert gain == pytest.approx(better.mean() - theirs.mean())
    assert 0 < low < gain < high
    assert paired_bootstrap(theirs, theirs, groups, seed=1) == (0.0, (0.0, 0.0))


def test_whole_groups_are_drawn():
    """Ten items that always err together are one observation: the interval is as wide as that of the groups."""
    rng = np.random.default_rng(5)
    of_group = rng.random(100) < 0.5
    items, groups = np.repeat(of_group, 10), np.repeat(np.arange(100), 10)
    _, (low, high) = paired_bootstrap(items, np.zeros(1_000), groups, seed=1)
    _, (alone_low, alone_high) = paired_bootstrap(items, np.zeros(1_000), np.arange(1_000), seed=1)
    assert (high - low) > 2.5 * (alone_high - alone_low)
